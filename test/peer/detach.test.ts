/** The end of TLS on a carrier that goes on: FTP's CCC (RFC 4217 §12.3). */
import { afterEach, describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { secure } from '../../src/peer/secure.ts';
import type { SecureLink } from '../../src/peer/secureLink.ts';
import { Plaintext, startTls } from '../../src/peer/startTls.ts';
import { type Link, type MemoryPairOptions, memoryPair } from '../../src/transport/index.ts';
import { VirtualClock } from '../support/clock.ts';
import { firstWrong, numbered, pause, Recorder } from '../transport/recorder.ts';
import { asClient, asServer, clientContext, securePair, serverContext } from './securePair.ts';

const opened: Link[] = [];
afterEach(() => {
  for (const link of opened.splice(0)) link.reset();
});

interface Ends {
  readonly raw: [Link, Link];
  readonly links: [SecureLink, SecureLink];
  readonly a: Recorder;
  readonly b: Recorder;
}

async function detachable(options: MemoryPairOptions = {}): Promise<Ends> {
  const raw = memoryPair(options);
  opened.push(...raw);
  const links = await securePair(raw, { detachable: true });
  return { raw, links, a: Recorder.start(links[0]), b: Recorder.start(links[1]) };
}

async function parted(ends: Ends): Promise<[Recorder, Recorder]> {
  await ends.a.until('closed', () => ends.a.isClosed);
  await ends.b.until('closed', () => ends.b.isClosed);
  expect([ends.a.closes, ends.b.closes]).toEqual([[undefined], [undefined]]);
  return [Recorder.start(ends.links[0].detach()), Recorder.start(ends.links[1].detach())];
}

const carriers: Record<string, MemoryPairOptions> = {
  'in one piece': {},
  'byte by byte': { chunk: () => 1 },
  'in messages': { messages: true },
};

describe('detach', () => {
  for (const [how, options] of Object.entries(carriers))
    test(`the carrier goes on in the clear where TLS ended, both ways (${how})`, async () => {
      const ends = await detachable(options);
      ends.links[0].send(utf8('CCC'));
      ends.links[0].closeWrite();
      await ends.b.until('end', () => ends.b.ended);
      ends.links[1].send(utf8('200'));
      ends.links[1].closeWrite();
      const [x, y] = await parted(ends);
      x.link.send(utf8('clear question'));
      await y.until('question', () => y.text === 'clear question');
      y.link.send(utf8('clear answer'));
      y.link.close();
      await x.until('end', () => x.ended);
      expect(x.text).toBe('clear answer');
      x.link.close();
      await x.until('closed', () => x.isClosed);
      await y.until('closed', () => y.isClosed);
      expect([x.closes, y.closes]).toEqual([[undefined], [undefined]]);
    });

  for (const [how, options] of Object.entries(carriers))
    test(`what the other end sent right behind its close_notify is not lost (${how})`, async () => {
      const ends = await detachable(options);
      ends.links[0].closeWrite();
      await ends.b.until('end', () => ends.b.ended);
      ends.links[1].closeWrite();
      await ends.b.until('closed', () => ends.b.isClosed);
      const y = Recorder.start(ends.links[1].detach());
      for (let at = 0; at < 100_000; at += 10_000) y.link.send(numbered(10_000, at));
      y.link.closeWrite();
      await pause(20); // it is on its way before the other end has asked for the link
      const x = Recorder.start(ends.links[0].detach());
      expect(x.received).toBe(0); // nothing from inside `start`
      await x.until('end', () => x.ended);
      expect([x.received, firstWrong(x.bytes)]).toEqual([100_000, -1]);
    });

  test('the bytes are the very bytes, though they look like a record', async () => {
    const ends = await detachable();
    ends.links[0].closeWrite();
    await ends.b.until('end', () => ends.b.ended);
    ends.links[1].closeWrite();
    const [x, y] = await parted(ends);
    const record = Uint8Array.of(23, 3, 3, 0, 5, 1, 2, 3, 4, 5);
    y.link.send(record.slice());
    await x.until('record', () => x.received === 10);
    expect(x.bytes).toEqual(record);
  });

  test('a sender in the clear is held back until the link is taken', async () => {
    const ends = await detachable();
    ends.links[0].closeWrite();
    await ends.b.until('end', () => ends.b.ended);
    ends.links[1].closeWrite();
    await ends.b.until('closed', () => ends.b.isClosed);
    const y = ends.links[1].detach();
    let sent = 0;
    while (sent < 10_000_000 && y.send(numbered(16_000))) {
      sent += 16_000;
      await Promise.resolve();
    }
    expect(sent).toBeLessThan(300_000);
  });

  test('a reset of the carrier reaches whoever has it now', async () => {
    const ends = await detachable();
    ends.links[0].closeWrite();
    ends.links[1].closeWrite();
    const [x, y] = await parted(ends);
    x.link.reset();
    await y.until('closed', () => y.isClosed);
    expect(y.closes[0]?.code).toBe('ERR_LINK_RESET');
    expect(ends.b.closes).toEqual([undefined]); // the TLS link's story was over
  });

  test('a carrier that failed before it was taken says so to the new reader', async () => {
    const ends = await detachable();
    ends.links[0].closeWrite();
    ends.links[1].closeWrite();
    await ends.a.until('closed', () => ends.a.isClosed);
    await ends.b.until('closed', () => ends.b.isClosed);
    ends.raw[1].reset();
    await pause(5);
    const x = Recorder.start(ends.links[0].detach());
    await x.until('closed', () => x.isClosed);
    expect(x.closes[0]?.code).toBe('ERR_LINK_RESET');
  });

  test('TLS can begin again on the same carrier', async () => {
    const ends = await detachable();
    ends.links[0].closeWrite();
    ends.links[1].closeWrite();
    await ends.a.until('closed', () => ends.a.isClosed);
    await ends.b.until('closed', () => ends.b.isClosed);
    const again: [Plaintext, Plaintext] = [
      new Plaintext(ends.links[0].detach()),
      new Plaintext(ends.links[1].detach()),
    ];
    again[0].send(utf8('AUTH TLS\r\n'));
    expect(await again[1].readLine()).toBe('AUTH TLS');
    const [x, y] = await Promise.all([
      startTls(again[0], { role: 'server', context: serverContext() }),
      startTls(again[1], { role: 'client', context: clientContext(), serverName: 'example.test' }),
    ]);
    const reader = Recorder.start(y);
    x.send(utf8('private again'));
    await reader.until('data', () => reader.text === 'private again');
  });
});

describe('detach is refused', () => {
  const refused = { code: 'ERR_SECURE_DETACH', fault: 'local' };
  const attempt = (link: SecureLink): unknown => {
    try {
      return link.detach();
    } catch (error) {
      return error;
    }
  };

  test('while either side has not closed, while data waits unread, and a second time', async () => {
    const ends = await detachable();
    const [client, server] = ends.links;
    expect(attempt(client)).toMatchObject({
      ...refused,
      message: expect.stringContaining('our own direction'),
    });
    ends.b.link.pause();
    client.send(utf8('unread'));
    client.closeWrite();
    server.closeWrite();
    await pause(10);
    expect(attempt(server)).toMatchObject({ ...refused, message: expect.stringContaining('not read up to') });
    ends.b.link.resume();
    await ends.b.until('closed', () => ends.b.isClosed);
    expect(attempt(server)).not.toBeInstanceOf(Error);
    expect(attempt(server)).toMatchObject({ ...refused, message: expect.stringContaining('before') });
  });

  test('where nobody asked for it: then the link below ends with TLS', async () => {
    const [client, server] = await securePair(memoryPair());
    const a = Recorder.start(client);
    Recorder.start(server).end = () => server.closeWrite();
    client.closeWrite();
    await a.until('closed', () => a.isClosed);
    expect(attempt(client)).toMatchObject({ ...refused, message: expect.stringContaining('detachable') });
  });

  test('after a cut: a truncated end is none', async () => {
    const ends = await detachable();
    ends.links[0].closeWrite();
    await ends.b.until('end', () => ends.b.ended);
    ends.raw[1].closeWrite(); // the carrier's end, without close_notify
    await ends.a.until('closed', () => ends.a.isClosed);
    expect(ends.a.closes).toMatchObject([{ code: 'ERR_TLS_TRUNCATED' }]);
    expect(attempt(ends.links[0])).toMatchObject(refused);
  });
});

test('close on a detachable link closes the carrier too', async () => {
  const clock = new VirtualClock();
  const raw = memoryPair();
  const [client, server] = await Promise.all([
    asClient(raw[0], { clock, detachable: true }),
    asServer(raw[1], { clock, detachable: true }),
  ]);
  const [a, b] = [Recorder.start(client), Recorder.start(server)];
  client.close();
  server.close();
  await a.until('closed', () => a.isClosed);
  await b.until('closed', () => b.isClosed);
  expect([a.closes, b.closes]).toEqual([[undefined], [undefined]]);
  expect(clock.pending).toBe(0);
});

test('a carrier that nobody takes back is closed by close, and cut by reset', async () => {
  const ends = await detachable();
  ends.links[0].closeWrite();
  ends.links[1].closeWrite();
  await ends.a.until('closed', () => ends.a.isClosed);
  await ends.b.until('closed', () => ends.b.isClosed);
  ends.links[0].close();
  const y = Recorder.start(ends.links[1].detach());
  await y.until('end', () => y.ended);
  const more = await detachable();
  more.links[0].closeWrite();
  more.links[1].closeWrite();
  await more.a.until('closed', () => more.a.isClosed);
  await more.b.until('closed', () => more.b.isClosed);
  more.links[0].reset();
  const z = Recorder.start(more.links[1].detach());
  await z.until('closed', () => z.isClosed);
  expect(z.closes[0]?.code).toBe('ERR_LINK_RESET');
});

test('the info of a secure link says what carries it', async () => {
  const [client] = await securePair(memoryPair());
  expect(client.info).toMatchObject({ kind: 'tls', via: { kind: 'memory' } });
  const inner = memoryPair();
  const [outer] = await securePair(inner);
  const twice = secure(outer, clientContext());
  twice.catch(() => {});
  expect(outer.info.via).toBe(inner[0].info);
  outer.reset();
});
