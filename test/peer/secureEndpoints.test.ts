/** One suite of behaviour for TLS over every carrier, through `secureClient` and `secureServer`. */
import { afterEach, describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { provider } from '../../src/crypto/node.node.ts';
import {
  type Acceptor,
  type SecureClientOptions,
  type SecureServerOptions,
  secureClient,
  secureServer,
} from '../../src/peer/secureEndpoints.node.ts';
import type { SecuredLink } from '../../src/peer/secureTypes.ts';
import type { TlsConfigInit } from '../../src/tls/index.ts';
import { ClientContext, ServerContext } from '../../src/tls/index.ts';
import { type Link, type LinkHandler, memoryPair } from '../../src/transport/index.ts';
import { ThroughLink } from '../../src/transport/throughLink.ts';
import { CARRIERS, type Carrier } from '../support/carriers.ts';
import { DOMAIN, Pki } from '../support/pki.ts';
import { firstWrong, numbered, pause, Recorder } from '../transport/recorder.ts';

const pki = new Pki('p256', provider, Date.now());
const clientConfig: TlsConfigInit = {
  verifier: pki.serverVerifier(),
  credentials: [pki.user('alice', 'p256')],
  alpn: ['q2q-test/1'],
};
const serverConfig: TlsConfigInit = {
  verifier: pki.clientVerifier(),
  credentials: [pki.server('p256')],
  alpn: ['q2q-test/1'],
};
const clientContext = (change: Partial<TlsConfigInit> = {}): ClientContext =>
  new ClientContext({ ...clientConfig, ...change }, provider);
const serverContext = (change: Partial<TlsConfigInit> = {}): ServerContext =>
  new ServerContext({ ...serverConfig, ...change }, provider);

let cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of cleanup.reverse()) await each();
  cleanup = [];
});

/** The server's carrier, which a test may cut in two. */
class Scissors extends ThroughLink {
  cutAfter = Number.POSITIVE_INFINITY;

  override start(handler: LinkHandler): void {
    this.below.start(handler);
  }

  override send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    for (const part of bytes instanceof Uint8Array ? [bytes] : bytes) {
      if (this.cutAfter === 0) return false;
      const piece = part.subarray(0, this.cutAfter);
      this.cutAfter -= piece.length;
      this.below.send(piece);
      if (this.cutAfter === 0) this.below.close();
    }
    return true;
  }
}

interface Meeting {
  readonly client: Link & SecuredLink;
  readonly server: Link & SecuredLink;
  readonly below: Scissors;
}

async function meet(
  carrier: Carrier,
  client: Partial<SecureClientOptions> = {},
  server: Partial<SecureServerOptions> = {},
): Promise<Meeting> {
  if (carrier.dispose) cleanup.push(carrier.dispose);
  let below!: Scissors;
  let accepted!: (link: SecuredLink) => void;
  const served = new Promise<SecuredLink>((resolve) => (accepted = resolve));
  const wrapped: Acceptor = (onLink) =>
    secureListen(carrier)((link) => {
      below = new Scissors(link);
      onLink(below);
    });
  const listener = await secureServer(wrapped, { context: serverContext(), ...server })(accepted);
  cleanup.push(() => listener.close());
  const dial = secureClient(carrier.dial(listener.address), {
    context: clientContext(),
    serverName: DOMAIN,
    ...client,
  });
  const [near, far] = await Promise.all([dial(), served]);
  cleanup.push(
    () => near.reset(),
    () => far.reset(),
  );
  return { client: near, server: far, below };
}

/** The carrier's listener without TLS, from what `secureServer` takes. */
function secureListen({ listen }: Carrier): Acceptor {
  return secureServer<Link>(listen, { context: serverContext(), backend: (link) => Promise.resolve(link) });
}

for (const [name, carrier] of Object.entries(CARRIERS))
  describe(`TLS over ${name}`, () => {
    test('both ends know each other, what was agreed and what carries it', async () => {
      const { client, server } = await meet(carrier());
      expect(client.negotiated).toMatchObject({ role: 'client', alpn: 'q2q-test/1', serverName: DOMAIN });
      expect(client.negotiated.peer?.leaf?.names.dns).toEqual([DOMAIN]);
      expect(server.negotiated.peer?.leaf?.names.email).toEqual([`alice@${DOMAIN}`]);
      expect(client.exportKey('EXPORTER-test')).toEqual(server.exportKey('EXPORTER-test'));
      const kinds: Record<string, string> = {
        tcp: 'tcp',
        'unix socket': 'unix',
        websocket: 'websocket',
        stdio: 'stdio',
        subprocess: 'process',
        pty: 'process',
      };
      expect(client.info).toMatchObject({ kind: 'tls', halfClose: true, via: { kind: kinds[name] } });
      expect(client.info.remote).toBe(client.info.via?.remote);
      expect(client.info.remote).toBeTruthy();
    });

    test('a megabyte each way at once, in order, every byte value', async () => {
      const { client, server } = await meet(carrier());
      const [a, b] = [Recorder.start(client), Recorder.start(server)];
      for (let at = 0; at < 1_000_000; at += 10_000) {
        a.link.send(numbered(10_000, at));
        b.link.send(numbered(10_000, at));
      }
      await a.until('all', () => a.received === 1_000_000);
      await b.until('all', () => b.received === 1_000_000);
      expect([firstWrong(a.bytes), firstWrong(b.bytes)]).toEqual([-1, -1]);
    });

    test('one direction ends, the other goes on: half-close over whatever carries it', async () => {
      const { client, server } = await meet(carrier());
      const [a, b] = [Recorder.start(client), Recorder.start(server)];
      a.link.send(numbered(40_000));
      a.link.closeWrite();
      await b.until('end', () => b.ended);
      expect(b.received).toBe(40_000);
      b.link.send(utf8('the sum'));
      await a.until('answer', () => a.text === 'the sum');
      b.link.closeWrite();
      await a.until('closed', () => a.isClosed);
      await b.until('closed', () => b.isClosed);
      expect([a.closes, b.closes]).toEqual([[undefined], [undefined]]);
    });

    test('a megabyte, then close: all of it arrives, then the end', async () => {
      const { client, server } = await meet(carrier());
      const [a, b] = [Recorder.start(client), Recorder.start(server)];
      a.link.send(numbered(1_000_000));
      a.link.close();
      await b.until('end', () => b.ended);
      expect([b.received, firstWrong(b.bytes)]).toEqual([1_000_000, -1]);
      b.link.close();
      await a.until('closed', () => a.isClosed);
      await b.until('closed', () => b.isClosed);
      expect([a.closes, b.closes]).toEqual([[undefined], [undefined]]);
    });

    for (const [where, bytes] of [
      ['in the middle of a record', 700],
      ['between two records', 1022],
      ['right before close_notify', 2044],
    ] as const)
      test(`a carrier cut ${where} is an error, never an end`, async () => {
        const { client, server, below } = await meet(carrier());
        const [a, b] = [Recorder.start(client), Recorder.start(server)];
        await pause(30); // tickets, where there are any, are not what is cut
        below.cutAfter = bytes;
        b.link.send(numbered(1000)); // one record: 1000 + 22 bytes
        await Promise.resolve();
        await Promise.resolve();
        b.link.send(numbered(1000));
        b.link.close();
        await a.until('closed', () => a.isClosed);
        expect(a.ended).toBe(false);
        expect(a.received).toBe(bytes === 700 ? 0 : bytes === 1022 ? 1000 : 2000);
        expect(['ERR_TLS_TRUNCATED', 'ERR_LINK_RESET', 'ERR_LINK_CLOSED']).toContain(a.closes[0]?.code);
      });

    test('reset inside data: nothing more is delivered, and the other end sees a failure', async () => {
      const { client, server } = await meet(carrier());
      const [a, b] = [Recorder.start(client), Recorder.start(server)];
      a.onData = () => a.link.reset();
      b.link.send(numbered(200_000));
      await a.until('closed', () => a.isClosed);
      expect(a.chunks.length).toBe(1);
      await b.until('closed', () => b.isClosed);
      expect(b.ended).toBe(false);
      expect(b.closes[0]).toBeDefined();
    });

    test('an end that never answers close_notify: the deadline says so', async () => {
      const { client, server } = await meet(carrier(), { closeTimeout: 150 });
      const a = Recorder.start(client);
      server.pause();
      Recorder.start(server);
      server.pause();
      a.link.send(utf8('last words'));
      a.link.close();
      await a.until('closed', () => a.isClosed);
      expect(a.closes).toMatchObject([{ code: 'ERR_SECURE_CLOSE_TIMEOUT' }]);
    });

    test('a stranger is refused: the listener is told, and serves nobody', async () => {
      const failures: Error[] = [];
      const stranger = new Pki('p256', provider, Date.now(), 'elsewhere.test').user('mallory', 'p256');
      const row = carrier();
      if (row.dispose) cleanup.push(row.dispose);
      const served: Link[] = [];
      const listener = await secureServer(row.listen, {
        context: serverContext(),
        onFailure: (error) => failures.push(error),
      })((link) => served.push(link));
      cleanup.push(() => listener.close());
      const context = clientContext({ credentials: [stranger] });
      const link = await secureClient(row.dial(listener.address), { context, serverName: DOMAIN })();
      const a = Recorder.start(link);
      a.link.send(utf8('let me in'));
      await a.until('closed', () => a.isClosed);
      expect(a.closes).toMatchObject([{ code: 'ERR_TLS_ALERT', alert: 'unknown_ca', alertFrom: 'peer' }]);
      expect(failures).toMatchObject([{ code: 'ERR_TLS_PEER_REFUSED' }]);
      expect(served).toEqual([]);
    });
  });

describe('secureClient and secureServer', () => {
  test('nest: TLS in TLS, with an identity of its own in each layer', async () => {
    const inner = new Pki('ed25519', provider, Date.now(), 'inner.test');
    const innerServer = new ServerContext(
      { verifier: inner.clientVerifier(), credentials: [inner.server()] },
      provider,
    );
    const innerClient = new ClientContext(
      { verifier: inner.serverVerifier(), credentials: [inner.user('ivy')] },
      provider,
    );
    const accepted: SecuredLink[] = [];
    const listen = secureServer(secureServer('tcp://127.0.0.1:0', { context: serverContext() }), {
      context: innerServer,
    });
    const listener = await listen((link) => accepted.push(link));
    cleanup.push(() => listener.close());
    const dial = secureClient(
      secureClient(listener.address, { context: clientContext(), serverName: DOMAIN }),
      { context: innerClient, serverName: 'inner.test' },
    );
    const link = await dial();
    const a = Recorder.start(link);
    while (accepted.length === 0) await pause(1);
    const b = Recorder.start(accepted[0]!);
    a.link.send(utf8('wrapped twice'));
    await b.until('data', () => b.text === 'wrapped twice');
    expect(accepted[0]!.negotiated.peer?.leaf?.names.email).toEqual(['ivy@inner.test']);
    expect(link.info.via).toMatchObject({ kind: 'tls', via: { kind: 'tcp' } });
    a.link.close();
    b.link.close();
    await a.until('closed', () => a.isClosed);
    expect(a.closes).toEqual([undefined]);
  });

  test('a dial that is aborted rejects with the reason, before and in the handshake', async () => {
    const controller = new AbortController();
    const dial = secureClient(() => Promise.resolve(memoryPair()[0]), { context: clientContext() });
    const dialling = dial({ signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 20);
    await expect(dialling).rejects.toThrow('enough');
    await expect(dial({ signal: controller.signal })).rejects.toThrow('enough');
  });

  test('a link that is there serves one dial', async () => {
    const dial = secureClient(memoryPair()[0], { context: clientContext(), timeout: 20 });
    await expect(dial()).rejects.toMatchObject({ code: 'ERR_SECURE_TIMEOUT' });
    await expect(dial()).rejects.toMatchObject({ code: 'ERR_LINK_CLOSED' });
  });

  test('no more handshakes than the limit at a time: one too many is reset, and told', async () => {
    const failures: Error[] = [];
    const pairs = [memoryPair(), memoryPair(), memoryPair()];
    const acceptor: Acceptor = (onLink) => {
      for (const [, far] of pairs) onLink(far);
      return Promise.resolve({ port: 0, address: '', close: () => Promise.resolve() });
    };
    const served: SecuredLink[] = [];
    const options = { context: serverContext(), maxHandshakes: 2, onFailure: (e: Error) => failures.push(e) };
    await secureServer(acceptor, options)((link) => served.push(link));
    const cut = Recorder.start(pairs[2]![0]);
    await cut.until('closed', () => cut.isClosed);
    expect(failures).toMatchObject([{ code: 'ERR_LINK_REFUSED' }]);
    for (const [near] of pairs.slice(0, 2))
      await secureClient(near, { context: clientContext(), serverName: DOMAIN })();
    while (served.length < 2) await pause(1);
  });

  test.each(['tcp://nowhere', 'wss://127.0.0.1:0', 'carrier pigeon'])(
    '%s is no address to listen on',
    async (address) => {
      const listen = secureServer(address, { context: serverContext() });
      await expect(listen(() => {})).rejects.toMatchObject({ code: 'ERR_LINK_ADDRESS' });
    },
  );
});
