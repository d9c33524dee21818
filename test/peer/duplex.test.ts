import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import { PassThrough, Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, test } from 'vitest';
import { toDuplex } from '../../src/peer/duplex.node.ts';
import { type Link, memoryPair } from '../../src/transport/index.ts';
import { firstWrong, numbered, pause, Recorder } from '../transport/recorder.ts';
import { securePair } from './securePair.ts';

const kinds: Record<string, () => Promise<readonly [Link, Link]>> = {
  memory: () => Promise.resolve(memoryPair()),
  tls: () => securePair(memoryPair()),
};

for (const [kind, connect] of Object.entries(kinds))
  describe(`a Node Duplex over ${kind}`, () => {
    test('pipelines a few megabytes there and back, with half-close', async () => {
      const [a, b] = await connect();
      const here = toDuplex(a);
      const there = toDuplex(b);
      const echo = pipeline(there, new PassThrough(), there);
      const source = Readable.from(
        (function* () {
          for (let at = 0; at < 4_000_000; at += 50_000) yield Buffer.from(numbered(50_000, at));
        })(),
      );
      const chunks: Buffer[] = [];
      here.on('data', (chunk: Buffer) => chunks.push(chunk));
      const ended = once(here, 'end');
      await pipeline(source, new Transform({ transform: (chunk, _e, done) => done(null, chunk) }), here, {
        end: true,
      }).catch((error) => {
        throw error;
      });
      await ended;
      await echo;
      expect(firstWrong(new Uint8Array(Buffer.concat(chunks)))).toBe(-1);
      expect(Buffer.concat(chunks).length).toBe(4_000_000);
    });

    test('a reader that stops holds the writer back', async () => {
      const [a, b] = await connect();
      const here = toDuplex(a);
      const there = toDuplex(b);
      let written = 0;
      while (written < 20_000_000 && here.write(Buffer.alloc(16_000))) {
        written += 16_000;
        await pause(0);
      }
      expect(written).toBeLessThan(1_000_000);
      expect(there.readableLength).toBeLessThan(200_000);
      here.on('error', () => {});
      there.on('error', () => {});
      here.destroy(new Error('done'));
    });

    test('destroy without an error closes, with one resets', async () => {
      for (const error of [undefined, new Error('no')]) {
        const [a, b] = await connect();
        const here = toDuplex(a);
        const there = Recorder.start(b);
        here.on('error', () => {});
        here.write('hello');
        await there.until('hello', () => there.received === 5);
        here.destroy(error);
        there.end = () => there.link.close();
        await there.until('closed', () => there.isClosed);
        expect(there.closes[0] === undefined).toBe(error === undefined);
      }
    });

    test('a reset at the other end destroys it with the reason', async () => {
      const [a, b] = await connect();
      const here = toDuplex(a);
      here.write('x');
      Recorder.start(b);
      b.reset();
      const [error] = await once(here, 'error');
      expect(error).toMatchObject({ code: 'ERR_LINK_RESET' });
      expect(here.destroyed).toBe(true);
    });

    test('HTTP runs over it', async () => {
      const [a, b] = await connect();
      const server = createServer((request, response) => {
        let length = 0;
        request.on('data', (chunk: Buffer) => (length += chunk.length));
        request.on('end', () => response.end(`got ${length}`));
      });
      server.emit('connection', toDuplex(b));
      const request = httpRequest({
        createConnection: () => toDuplex(a) as never,
        method: 'POST',
        path: '/',
      });
      request.end(Buffer.alloc(100_000));
      const [response] = await once(request, 'response');
      let text = '';
      for await (const chunk of response) text += chunk;
      expect(text).toBe('got 100000');
      server.close();
    });
  });
