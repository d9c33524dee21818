/** What a secure link makes of its carrier: few records, one pause for both causes, nothing kept while idle. */
import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { provider } from '../../src/crypto/node.node.ts';
import type { SecureLink } from '../../src/peer/secureLink.ts';
import { Session } from '../../src/peer/session.ts';
import { type Link, type LinkHandler, memoryPair } from '../../src/transport/index.ts';
import { ThroughLink } from '../../src/transport/throughLink.ts';
import { VirtualClock } from '../support/clock.ts';
import { firstWrong, numbered, pause, Recorder } from '../transport/recorder.ts';
import { asClient, asServer, securePair } from './securePair.ts';

/** Writes down what is asked of the carrier. */
class Watched extends ThroughLink {
  readonly calls: string[] = [];
  sends = 0;

  override start(handler: LinkHandler): void {
    this.below.start(handler);
  }

  override send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    this.sends++;
    return this.below.send(bytes);
  }

  override pause(): void {
    this.calls.push('pause');
    this.below.pause();
  }

  override resume(): void {
    this.calls.push('resume');
    this.below.resume();
  }
}

async function watched(...options: Parameters<typeof memoryPair>): Promise<{
  links: [SecureLink, SecureLink];
  a: Recorder;
  b: Recorder;
  below: [Watched, Watched];
}> {
  const [near, far] = memoryPair(...options);
  const below: [Watched, Watched] = [new Watched(near), new Watched(far)];
  const links = await securePair(below);
  for (const each of below) each.calls.length = each.sends = 0;
  return { links, a: Recorder.start(links[0]), b: Recorder.start(links[1]), below };
}

describe('small writes', () => {
  test('ten thousand one-byte sends of one turn are one record, in one send below', async () => {
    const { links, b, below } = await watched();
    const before = links[0].stats.recordsOut;
    const bytes = numbered(10_000);
    for (let i = 0; i < bytes.length; i++) links[0].send(bytes.slice(i, i + 1));
    await b.until('all', () => b.received === 10_000);
    expect(firstWrong(b.bytes)).toBe(-1);
    expect(links[0].stats.recordsOut - before).toBe(1);
    expect(below[0].sends).toBe(1);
  });

  test('leave in the turn they were made in: latency pays nothing for it', async () => {
    const { links, below } = await watched();
    for (let turn = 1; turn <= 5; turn++) {
      links[0].send(utf8('a'));
      links[0].send(utf8('b'));
      expect(below[0].sends).toBe(turn - 1);
      await Promise.resolve();
      expect(below[0].sends).toBe(turn);
    }
  });

  test('are flushed by closeWrite and close at once, before close_notify', async () => {
    for (const how of ['closeWrite', 'close'] as const) {
      const { links, b, below } = await watched();
      links[0].send(utf8('last '));
      links[0].send(utf8('words'));
      links[0][how]();
      expect(below[0].sends).toBeGreaterThan(0);
      await b.until('end', () => b.ended);
      expect(b.text).toBe('last words');
    }
  });

  test('more than a record does not wait for the end of the turn', async () => {
    const { links, below } = await watched({ capacity: 10_000_000 });
    for (let i = 0; i < 100; i++) links[0].send(numbered(1000));
    expect(below[0].sends).toBeGreaterThan(0);
  });
});

describe('large and mixed writes', () => {
  test('one send of 64 MiB arrives whole', async () => {
    const { links, b } = await watched({ capacity: 1024 * 1024 });
    const size = 64 * 1024 * 1024;
    const sent = numbered(size);
    expect(links[0].send(sent)).toBe(false);
    links[0].closeWrite();
    await b.until('end', () => b.ended, 14_000);
    expect(b.received).toBe(size);
    expect(Buffer.compare(Buffer.concat(b.chunks), sent)).toBe(0);
    expect(links[0].stats.recordsOut).toBeLessThan(size / 16_384 + 10);
  });

  test('small ones between large ones keep their order', async () => {
    const { links, b } = await watched({ capacity: 30_000 });
    let at = 0;
    for (let i = 0; i < 300; i++) {
      const size = i % 3 === 0 ? 40_000 : 4;
      links[0].send(numbered(size, at));
      at += size;
      if (i % 7 === 0) await Promise.resolve();
    }
    await b.until('all', () => b.received === at);
    expect(firstWrong(b.bytes)).toBe(-1);
  });

  test('text is no bytes: it is refused, not guessed at', async () => {
    const { links } = await watched();
    expect(() => links[0].send('text' as never)).toThrow(
      new TypeError('got string, wanted Uint8Array to send'),
    );
    expect(() => links[0].send([new Uint8Array(1), 7 as never])).toThrow(TypeError);
  });
});

describe('backpressure', () => {
  test('of the reader and of an answer that is awaited pause the carrier once, and resume it once', async () => {
    const { links, a, b, below } = await watched();
    links[1].pause();
    links[1].pause();
    let sent = 0;
    while (sent < 50_000_000 && links[0].send(numbered(16_000, sent))) {
      sent += 16_000;
      await Promise.resolve();
    }
    await pause(5);
    links[1].pause();
    await pause(5);
    expect(below[1].calls).toEqual(['pause']);
    expect(b.received).toBe(0);
    const drained = a.drains;
    links[1].resume();
    links[1].resume();
    await b.until('all', () => b.received >= sent);
    expect(below[1].calls).toEqual(['pause', 'resume']);
    expect(a.drains).toBe(drained + 1);
    expect(firstWrong(b.bytes)).toBe(-1);
  });

  test('pauses and resumes of the carrier alternate, whatever the reader does', async () => {
    const { links, b, below } = await watched({ capacity: 20_000 });
    let turn = 0;
    b.onData = () => {
      if (++turn % 3 === 0) {
        links[1].pause();
        setTimeout(() => links[1].resume(), turn % 2);
      }
    };
    for (let at = 0; at < 1_000_000; at += 16_000) links[0].send(numbered(16_000, at));
    await b.until('all', () => b.received >= 1_000_000, 10_000);
    const { calls } = below[1];
    expect(calls.length).toBeGreaterThan(2);
    expect(calls.every((call, i) => call === (i % 2 === 0 ? 'pause' : 'resume'))).toBe(true);
  });
});

test('a deadline of close that runs out says what it waited for', async () => {
  for (const stuck of ['flush', 'answer'] as const) {
    const clock = new VirtualClock();
    const [near, far] = memoryPair();
    const [client, server] = await Promise.all([
      asClient(near, { clock, closeTimeout: 500 }),
      asServer(far, { clock }),
    ]);
    server.pause();
    Recorder.start(server);
    const a = Recorder.start(client);
    if (stuck === 'flush') client.send(numbered(4_000_000));
    client.send(utf8('last words'));
    client.close();
    await pause(5);
    clock.advance(500);
    await a.until('closed', () => a.isClosed);
    expect(a.closes[0]).toMatchObject({
      code: 'ERR_SECURE_CLOSE_TIMEOUT',
      message: expect.stringContaining(stuck === 'flush' ? 'took no data' : 'did not close'),
    });
    server.reset();
  }
});

test('a channel and the TLS in it say what carries them, down to the carrier', async () => {
  const [near, far] = memoryPair();
  const random = (length: number): Uint8Array => provider.random(length);
  const [dialler, listener] = [new Session(near, { random }), new Session(far, { random })];
  const accepted = new Promise<Link>((resolve) => {
    listener.onIncoming((incoming) => resolve(incoming.accept()));
  });
  const [client] = await Promise.all([asClient(dialler.open('x')), accepted.then((link) => asServer(link))]);
  expect(client.info).toMatchObject({ kind: 'tls', via: { kind: 'channel', via: { kind: 'memory' } } });
  dialler.destroy();
  listener.destroy();
});
