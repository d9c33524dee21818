/** What TLS promises over any carrier and with any engine, through `secureClient` and `secureServer`. */
import { afterEach, describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { provider } from '../../src/crypto/node.node.ts';
import type { SecureOptions } from '../../src/peer/secure.ts';
import {
  type Acceptor,
  type Securing,
  secureClient,
  secureServer,
} from '../../src/peer/secureEndpoints.node.ts';
import type { SecuredLink } from '../../src/peer/secureTypes.ts';
import type { TlsConfigInit } from '../../src/tls/index.ts';
import { ClientContext, ServerContext } from '../../src/tls/index.ts';
import type { Link, LinkHandler, LinkInfo } from '../../src/transport/index.ts';
import { ThroughLink } from '../../src/transport/throughLink.ts';
import type { Carrier } from '../support/carriers.ts';
import { DOMAIN, Pki } from '../support/pki.ts';
import { firstWrong, numbered, pause, Recorder } from '../transport/recorder.ts';

export const pki: Pki = new Pki('p256', provider, Date.now());
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
export const clientContext = (change: Partial<TlsConfigInit> = {}): ClientContext =>
  new ClientContext({ ...clientConfig, ...change }, provider);
export const serverContext = (change: Partial<TlsConfigInit> = {}): ServerContext =>
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
    let room = true;
    for (const part of bytes instanceof Uint8Array ? [bytes] : bytes) {
      if (this.cutAfter === 0) return false;
      const piece = part.subarray(0, this.cutAfter);
      this.cutAfter -= piece.length;
      room = this.below.send(piece);
      if (this.cutAfter === 0) this.below.close();
    }
    return room;
  }
}

export interface Backends {
  readonly client?: Securing<ClientContext, SecuredLink>;
  readonly server?: Securing<ServerContext, SecuredLink>;
}

interface Meeting {
  readonly client: SecuredLink;
  readonly server: SecuredLink;
  /** What the server sends by. */
  readonly below: Scissors;
}

async function meetOver(carrier: Carrier, backends: Backends, options: SecureOptions): Promise<Meeting> {
  if (carrier.dispose) cleanup.push(carrier.dispose);
  let below!: Scissors;
  let accepted!: (link: SecuredLink) => void;
  const served = new Promise<SecuredLink>((resolve) => (accepted = resolve));
  const cuttable: Acceptor = (onLink) =>
    withoutTls(carrier)((link) => {
      below = new Scissors(link);
      onLink(below);
    });
  const listen = secureServer<SecuredLink>(cuttable, {
    context: serverContext(),
    ...(backends.server && { backend: backends.server }),
  });
  const listener = await listen(accepted);
  cleanup.push(() => listener.close());
  const dial = secureClient<SecuredLink>(carrier.dial(listener.address), {
    context: clientContext(),
    serverName: DOMAIN,
    ...(backends.client && { backend: backends.client }),
    ...options,
  });
  const [client, server] = await Promise.all([dial(), served]);
  cleanup.push(
    () => client.reset(),
    () => server.reset(),
  );
  return { client, server, below };
}

/** The carrier's listener without TLS, from what `secureServer` takes. */
function withoutTls({ listen }: Carrier): Acceptor {
  return secureServer<Link>(listen, { context: serverContext(), backend: (link) => Promise.resolve(link) });
}

/** What every secure link promises, over `carrier` and with these engines at the ends. */
export function secureSuite(
  name: string,
  via: LinkInfo['kind'],
  carrier: () => Carrier,
  backends: Backends = {},
): void {
  const meet = (options: SecureOptions = {}): Promise<Meeting> => meetOver(carrier(), backends, options);

  describe(`TLS over ${name}`, () => {
    test('both ends know each other, what was agreed and what carries it', async () => {
      const { client, server } = await meet();
      expect(client.negotiated).toMatchObject({ role: 'client', alpn: 'q2q-test/1', serverName: DOMAIN });
      expect(client.negotiated.peer?.leaf?.names.dns).toEqual([DOMAIN]);
      expect(server.negotiated.peer?.leaf?.names.email).toEqual([`alice@${DOMAIN}`]);
      expect(client.exportKey('EXPORTER-test')).toEqual(server.exportKey('EXPORTER-test'));
      expect(client.info).toMatchObject({ kind: 'tls', halfClose: true, via: { kind: via } });
      expect(client.info.remote).toBe(client.info.via?.remote);
      expect(client.info.remote).toBeTruthy();
    });

    test('a megabyte each way at once, in order, every byte value', async () => {
      const { client, server } = await meet();
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
      const { client, server } = await meet();
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
      const { client, server } = await meet();
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
        const { client, server, below } = await meet();
        const [a, b] = [Recorder.start(client), Recorder.start(server)];
        await pause(30); // tickets, where there are any, are not what is cut
        below.cutAfter = bytes;
        b.link.send(numbered(1000)); // one record: 1000 + 22 bytes
        await pause(10);
        b.link.send(numbered(1000));
        b.link.close();
        await a.until('closed', () => a.isClosed);
        expect(a.ended).toBe(false);
        expect(a.received).toBe(bytes === 700 ? 0 : bytes === 1022 ? 1000 : 2000);
        expect(['ERR_TLS_TRUNCATED', 'ERR_LINK_RESET', 'ERR_LINK_CLOSED']).toContain(a.closes[0]?.code);
      });

    test('reset inside data: nothing more is delivered, and the other end sees a failure', async () => {
      const { client, server } = await meet();
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
      const { client, server } = await meet({ closeTimeout: 150 });
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
      const stranger = pki.elsewhere().user('mallory', 'p256');
      const row = carrier();
      if (row.dispose) cleanup.push(row.dispose);
      const served: Link[] = [];
      const listen = secureServer<SecuredLink>(row.listen, {
        context: serverContext(),
        onFailure: (error) => failures.push(error),
        ...(backends.server && { backend: backends.server }),
      });
      const listener = await listen((link) => served.push(link));
      cleanup.push(() => listener.close());
      const dial = secureClient<SecuredLink>(row.dial(listener.address), {
        context: clientContext({ credentials: [stranger] }),
        serverName: DOMAIN,
        ...(backends.client && { backend: backends.client }),
      });
      const a = Recorder.start(await dial());
      a.link.send(utf8('let me in'));
      await a.until('closed', () => a.isClosed);
      expect(a.ended).toBe(false);
      if (backends.server === undefined)
        expect(a.closes).toMatchObject([{ code: 'ERR_TLS_ALERT', alert: 'unknown_ca', alertFrom: 'peer' }]);
      else expect(a.closes[0]).toBeDefined();
      expect(failures).toMatchObject([{ code: 'ERR_TLS_PEER_REFUSED' }]);
      expect(served).toEqual([]);
    });
  });
}
