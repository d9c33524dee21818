import { afterEach, describe, expect, test } from 'vitest';
import { equalBytes, utf8 } from '../../src/base/bytes.ts';
import { Refusal } from '../../src/identity/index.ts';
import { secure } from '../../src/peer/secure.ts';
import type { SecureLink } from '../../src/peer/secureLink.ts';
import { type PeerVerifier, TlsError } from '../../src/tls/index.ts';
import { type Link, memoryPair } from '../../src/transport/index.ts';
import { connectTcp, connectWs, listenTcp, listenWebSocket } from '../../src/transport/node.node.ts';
import { VirtualClock } from '../support/clock.ts';
import { keyPeer } from '../support/pki.ts';
import { linkSuite } from '../transport/linkSuite.ts';
import { firstWrong, numbered, pause, Recorder } from '../transport/recorder.ts';
import {
  asClient,
  asServer,
  clientConfig,
  clientContext,
  securePair,
  serverConfig,
  serverContext,
} from './securePair.ts';

const sealed = async ([a, b]: readonly [Link, Link]): Promise<{ a: Link; b: Link }> => {
  const [client, server] = await securePair([a, b]);
  return { a: client, b: server };
};

async function tcpPair(): Promise<{ links: [Link, Link]; dispose: () => unknown }> {
  const accepted: Link[] = [];
  const listener = await listenTcp({ host: '127.0.0.1', port: 0 }, (link) => accepted.push(link));
  const a = await connectTcp({ host: '127.0.0.1', port: listener.port });
  while (accepted.length === 0) await pause(1);
  return { links: [a, accepted[0]!], dispose: () => listener.close() };
}

async function wsPair(): Promise<{ links: [Link, Link]; dispose: () => unknown }> {
  const accepted: Link[] = [];
  const listener = await listenWebSocket({ host: '127.0.0.1', port: 0 }, (link) => accepted.push(link));
  const a = await connectWs(listener.address);
  while (accepted.length === 0) await pause(1);
  return { links: [a, accepted[0]!], dispose: () => listener.close() };
}

const memoryTraits = { inFlight: 512 * 1024, resetShows: true, pauses: true };
linkSuite('tls over memory', () => sealed(memoryPair()), memoryTraits);
linkSuite(
  'tls over memory in odd chunks',
  () => sealed(memoryPair({ chunk: (n) => (n * 7) % 613 })),
  memoryTraits,
);
linkSuite('tls over messages', () => sealed(memoryPair({ messages: true })), memoryTraits);
linkSuite(
  'tls, the server sending',
  async () => {
    const { a, b } = await sealed(memoryPair());
    return { a: b, b: a };
  },
  memoryTraits,
);
linkSuite(
  'tls over tls',
  async () => {
    const [a, b] = await securePair(memoryPair());
    return sealed([b, a]); // roles the other way round in the inner one
  },
  { ...memoryTraits, inFlight: 1024 * 1024 },
);
linkSuite(
  'tls over tcp',
  async () => {
    const { links, dispose } = await tcpPair();
    return { ...(await sealed(links)), dispose };
  },
  { inFlight: 16 * 1024 * 1024, resetShows: true, pauses: true },
);
linkSuite(
  'tls over ws',
  async () => {
    const { links, dispose } = await wsPair();
    return { ...(await sealed(links)), dispose };
  },
  { inFlight: 16 * 1024 * 1024, resetShows: true, pauses: true },
);

describe('secure', () => {
  const opened: Link[] = [];
  afterEach(() => {
    for (const link of opened.splice(0)) link.reset();
  });

  function pairOfLinks(...options: Parameters<typeof memoryPair>): [Link, Link] {
    const links = memoryPair(...options);
    opened.push(...links);
    return links;
  }

  async function open(): Promise<{ a: Recorder; b: Recorder; client: SecureLink; server: SecureLink }> {
    const [client, server] = await securePair(pairOfLinks());
    return { a: Recorder.start(client), b: Recorder.start(server), client, server };
  }

  test('both sides know the proved peer before the first byte', async () => {
    const [client, server] = await securePair(pairOfLinks());
    expect(client.negotiated.peer?.leaf?.names.dns).toContain('example.test');
    expect(server.negotiated.peer?.leaf?.names.email).toContain('alice@example.test');
    expect(client.negotiated.suite).toBe(server.negotiated.suite);
    expect(client.info).toMatchObject({ kind: 'tls', messages: false, halfClose: true });
    const context = new Uint8Array(0);
    expect(
      equalBytes(
        client.connection.exportKey('x', context, 32),
        server.connection.exportKey('x', context, 32),
      ),
    ).toBe(true);
  });

  test('data sent with the last flight of the handshake waits for start', async () => {
    const [a, b] = pairOfLinks();
    const server = asServer(b);
    const client = await asClient(a);
    client.send(utf8('early'));
    const link = await server;
    await pause(5);
    const recorder = Recorder.start(link);
    expect(recorder.received).toBe(0);
    await recorder.until('data', () => recorder.text === 'early');
  });

  test('ten thousand one-byte sends make few records', async () => {
    const { a, b, client } = await open();
    const before = client.stats.recordsOut;
    for (let i = 0; i < 10_000; i++) a.link.send(numbered(4).slice(0, 1));
    await b.until('all', () => b.received === 10_000);
    expect(client.stats.recordsOut - before).toBe(1);
  });

  test('bulk fills its records', async () => {
    const { a, b, client, server } = await open();
    const before = client.stats.recordsOut;
    for (let at = 0; at < 1_638_400; at += 16_384) a.link.send(numbered(16_384, at));
    await b.until('all', () => b.received === 1_638_400);
    expect(firstWrong(b.bytes)).toBe(-1);
    expect(client.stats.recordsOut - before).toBeLessThanOrEqual(Math.ceil(1_638_400 / 16_320) + 2);
    expect(server.stats.plaintextIn).toBe(1_638_400);
    expect(client.stats.plaintextOut).toBe(1_638_400);
    expect(client.stats.wireOut).toBe(server.stats.wireIn);
    expect(server.stats.recordsIn).toBeLessThanOrEqual(server.stats.plaintextIn);
  });

  test('bulk fills its records when it is sent as room comes, too', async () => {
    const { a, b, client } = await open();
    const before = client.stats.recordsOut;
    const total = 64 * 65_536;
    let at = 0;
    let drains = -1;
    a.drain = () => {
      drains++;
      for (let room = true; room && at < total; at += 65_536) room = a.link.send(numbered(65_536, at));
    };
    a.drain();
    await b.until('all', () => b.received === total);
    expect(drains).toBeGreaterThan(10);
    expect(firstWrong(b.bytes)).toBe(-1);
    expect(client.stats.recordsOut - before).toBeLessThanOrEqual(Math.ceil(total / 16_320) + 2);
  });

  test('one send of 8 MiB arrives whole', async () => {
    const { a, b } = await open();
    expect(a.link.send(numbered(8 * 1024 * 1024))).toBe(false);
    a.link.closeWrite();
    await b.until('end', () => b.ended);
    expect(b.received).toBe(8 * 1024 * 1024);
    expect(firstWrong(b.bytes)).toBe(-1);
  });

  test('sends from inside data, drain and end keep their order', async () => {
    const { a, b } = await open();
    b.onData = (chunk) => void b.link.send(chunk.slice());
    b.end = () => {
      b.link.send(utf8('bye'));
      b.link.closeWrite();
    };
    a.link.send(numbered(100_000));
    a.link.closeWrite();
    await a.until('end', () => a.ended);
    expect(a.received).toBe(100_003);
    await a.until('closed', () => a.isClosed);
    expect(a.closes).toEqual([undefined]);
  });

  test('key updates in both directions go unnoticed', async () => {
    const { a, b, client, server } = await open();
    for (let at = 0; at < 200_000; at += 1000) {
      a.link.send(numbered(1000, at));
      b.link.send(numbered(1000, at));
      if (at % 50_000 === 0) {
        client.connection.updateKeys(true);
        server.connection.updateKeys();
        await pause(1);
      }
    }
    await a.until('all', () => a.received === 200_000);
    await b.until('all', () => b.received === 200_000);
    expect([firstWrong(a.bytes), firstWrong(b.bytes)]).toEqual([-1, -1]);
  });
});

describe('a handshake that fails', () => {
  async function outcome(promise: Promise<SecureLink>): Promise<unknown> {
    try {
      return await promise;
    } catch (error) {
      return error;
    }
  }

  const failing: Record<string, PeerVerifier['verify']> = {
    throws: () => {
      throw new Error('broken verifier');
    },
    rejects: () => Promise.reject(new Error('broken verifier')),
    'answers nonsense': () => true as never,
  };

  for (const [how, verify] of Object.entries(failing))
    for (const side of ['client', 'server'] as const)
      test(`a ${side}'s verifier that ${how} fails closed, on both sides, with an alert`, async () => {
        const [a, b] = memoryPair();
        const verifier = { verify };
        const client = outcome(asClient(a, {}, clientContext(side === 'client' ? { verifier } : {})));
        const server = outcome(asServer(b, {}, serverContext(side === 'server' ? { verifier } : {})));
        const [here, there] = side === 'client' ? [client, server] : [server, client];
        expect(await here).toMatchObject({ code: 'ERR_TLS_OP' });
        const peer = await there;
        // A client is done before the server has seen its certificate: it learns of the refusal afterwards.
        if (peer instanceof TlsError)
          expect(peer).toMatchObject({ code: 'ERR_TLS_ALERT', alertFrom: 'peer' });
        else {
          const late = Recorder.start(peer as SecureLink);
          await late.until('closed', () => late.isClosed);
          expect(late.closes[0]).toMatchObject({ code: 'ERR_TLS_ALERT', alertFrom: 'peer' });
          expect(late.closes.length).toBe(1);
        }
      });

  test('a verifier that hangs runs into the deadline; the other side gets an alert', async () => {
    const clock = new VirtualClock();
    const [a, b] = memoryPair();
    const verifier = { verify: () => new Promise<never>(() => {}) };
    const client = outcome(asClient(a, { clock }, clientContext({ verifier })));
    const server = outcome(asServer(b));
    await pause(20);
    clock.advance(9_999);
    await pause(5);
    clock.advance(1);
    expect(await client).toMatchObject({ code: 'ERR_SECURE_TIMEOUT' });
    expect(await server).toMatchObject({ code: 'ERR_TLS_ALERT' });
  });

  test('an answer that comes after the deadline is ignored', async () => {
    const clock = new VirtualClock();
    const [a, b] = memoryPair();
    let answer!: (value: never) => void;
    const verifier = { verify: () => new Promise<never>((resolve) => (answer = resolve)) };
    const client = outcome(asClient(a, { clock, timeout: 100 }, clientContext({ verifier })));
    const server = outcome(asServer(b));
    await pause(20);
    clock.advance(100);
    expect(await client).toMatchObject({ code: 'ERR_SECURE_TIMEOUT' });
    answer(undefined as never);
    await server;
  });

  test('a refused peer: the refusal is the cause, the peer learns the alert only', async () => {
    const [a, b] = memoryPair();
    const client = outcome(asClient(a, {}, clientContext({ credentials: [keyPeer()] })));
    const server = (await outcome(asServer(b))) as TlsError;
    expect(server.code).toBe('ERR_TLS_PEER_REFUSED');
    expect(server.cause).toBeInstanceOf(Refusal);
    const late = await client;
    const recorder = Recorder.start(late as SecureLink);
    await recorder.until('closed', () => recorder.isClosed);
    expect(recorder.closes[0]).toMatchObject({ code: 'ERR_TLS_ALERT', alertFrom: 'peer' });
    expect(recorder.closes[0]?.cause).toBe(undefined);
  });

  test('something that is not TLS: both sides end', async () => {
    const [a, b] = memoryPair();
    const stranger = Recorder.start(a);
    const server = outcome(asServer(b));
    a.send(utf8('GET / HTTP/1.1\r\n\r\n'));
    expect(await server).toBeInstanceOf(TlsError);
    await stranger.until('alert and end', () => stranger.ended || stranger.isClosed);
    expect(stranger.bytes[0]).toBe(21); // an alert record came first
  });

  test('a link that ends in the middle is an error', async () => {
    const [a, b] = memoryPair();
    const client = outcome(asClient(a));
    b.start({ data: () => b.closeWrite(), drain() {}, end() {}, closed() {} });
    expect(await client).toMatchObject({ code: 'ERR_TLS_TRUNCATED' });
  });

  test('a link that is reset in the middle gives its own error', async () => {
    const [a, b] = memoryPair();
    const client = outcome(asClient(a));
    b.start({ data: () => b.reset(), drain() {}, end() {}, closed() {} });
    expect(await client).toMatchObject({ code: 'ERR_LINK_RESET' });
  });

  test('abort rejects with the reason and ends the link', async () => {
    const [a, b] = memoryPair();
    const peer = Recorder.start(b);
    const controller = new AbortController();
    const client = outcome(asClient(a, { signal: controller.signal }));
    await pause(5);
    controller.abort(new Error('enough'));
    expect(await client).toMatchObject({ message: 'enough' });
    await peer.until('end', () => peer.ended || peer.isClosed);
    const aborted = memoryPair();
    await expect(asClient(aborted[0], { signal: controller.signal })).rejects.toThrow('enough');
  });
});

describe('the end of a secure link', () => {
  async function over(clock = new VirtualClock()): Promise<{
    clock: VirtualClock;
    raw: [Link, Link];
    a: Recorder;
    b: Recorder;
  }> {
    const raw = memoryPair();
    const [client, server] = await Promise.all([
      secure(raw[0], clientContext(), { serverName: 'example.test', clock, closeTimeout: 2000 }),
      secure(raw[1], serverContext(), { clock }),
    ]);
    return { clock, raw, a: Recorder.start(client), b: Recorder.start(server) };
  }

  test('a carrier that ends without close_notify is a truncation, never an end', async () => {
    const { a, raw } = await over();
    raw[1].closeWrite();
    await a.until('closed', () => a.isClosed);
    expect(a.closes).toMatchObject([{ code: 'ERR_TLS_TRUNCATED' }]);
    expect(a.ended).toBe(false);
  });

  test('a carrier that is reset gives its own error, once', async () => {
    const { a, b, raw } = await over();
    raw[1].reset();
    await a.until('closed', () => a.isClosed);
    await b.until('closed', () => b.isClosed);
    expect(a.closes).toMatchObject([{ code: 'ERR_LINK_RESET' }]);
    expect(b.closes.length).toBe(1);
  });

  test('a damaged record is fatal: the data before it arrives, the alert reaches the other end', async () => {
    const { a, b, raw, clock } = await over();
    a.link.send(utf8('good'));
    await b.until('good', () => b.text === 'good');
    raw[0].send(new Uint8Array([23, 3, 3, 0, 32, ...new Uint8Array(32)])); // not made by the engine
    await b.until('closed', () => b.isClosed);
    await a.until('closed', () => a.isClosed);
    expect(b.closes).toMatchObject([{ code: 'ERR_TLS_RECORD_MAC', alertFrom: 'local' }]);
    expect(a.closes).toMatchObject([{ code: 'ERR_TLS_ALERT', alert: 'bad_record_mac', alertFrom: 'peer' }]);
    await pause(5);
    expect(clock.pending).toBe(0);
  });

  test('the data before a failure reaches a reader that was paused', async () => {
    const { a, b, raw } = await over();
    b.link.pause();
    a.link.send(utf8('good'));
    await pause(5);
    raw[0].send(new Uint8Array([23, 3, 3, 0, 32, ...new Uint8Array(32)]));
    await pause(5);
    b.link.resume();
    await b.until('closed', () => b.isClosed);
    expect(b.text).toBe('good');
    expect(b.events.at(-1)).toBe('closed');
  });

  test('a peer that never answers close_notify: the deadline ends it, with the reason', async () => {
    const { a, b, clock } = await over();
    b.link.pause(); // its application never looks
    a.link.send(utf8('last words'));
    a.link.close();
    await pause(10);
    expect(a.isClosed).toBe(false);
    clock.advance(2000);
    await a.until('closed', () => a.isClosed);
    expect(a.closes).toMatchObject([{ code: 'ERR_SECURE_CLOSE_TIMEOUT' }]);
    await pause(5);
    expect(a.closes.length).toBe(1);
  });

  test('closing with a full link below flushes as long as it moves', async () => {
    const { a, b, clock } = await over();
    b.link.pause();
    a.link.send(numbered(300_000));
    a.link.close();
    await pause(5);
    clock.advance(1999);
    b.link.resume();
    await b.until('end', () => b.ended);
    expect(b.received).toBe(300_000);
    b.link.close();
    await a.until('closed', () => a.isClosed);
    expect(a.closes).toEqual([undefined]);
  });

  test('close from both sides at once is clean, and leaves no timer behind', async () => {
    const { a, b, clock } = await over();
    a.link.send(utf8('x'));
    a.link.close();
    b.link.close();
    await a.until('closed', () => a.isClosed);
    await b.until('closed', () => b.isClosed);
    expect([a.closes, b.closes]).toEqual([[undefined], [undefined]]);
    expect(clock.pending).toBe(0);
  });

  test('reset inside data stops at that chunk', async () => {
    const { a, b } = await over();
    b.onData = () => b.link.reset();
    for (let i = 0; i < 10; i++) a.link.send(numbered(20_000));
    await b.until('closed', () => b.isClosed);
    expect(b.chunks.length).toBe(1);
    await a.until('closed', () => a.isClosed);
    expect(a.closes[0]?.code).toBe('ERR_LINK_RESET');
  });

  test('a paused reader stops the sender at every layer', async () => {
    const { a, b } = await over();
    b.link.pause();
    let sent = 0;
    while (sent < 100_000_000 && a.link.send(numbered(16_000))) {
      sent += 16_000;
      await Promise.resolve();
    }
    expect(sent).toBeLessThan(400_000);
    expect(a.link.buffered).toBeLessThan(200_000);
  });
});

test('a context is not used up: two handshakes from one', async () => {
  const client = clientContext(clientConfig);
  const server = serverContext(serverConfig);
  for (let i = 0; i < 2; i++) {
    const [a, b] = memoryPair();
    const [x, y] = await Promise.all([asClient(a, {}, client), asServer(b, {}, server)]);
    x.reset();
    y.reset();
  }
});
