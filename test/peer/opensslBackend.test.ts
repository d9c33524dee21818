/** OpenSSL behind our contexts: the suite of every secure link, and the limits its docstring names. */

import { connect, createSecureContext } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { deferred } from '../../src/base/deferred.ts';
import { withMlKem } from '../../src/crypto/mlkem.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { SUITES } from '../../src/crypto/suites.ts';
import { Refusal, type VerifiedPeer } from '../../src/identity/index.ts';
import { toDuplex } from '../../src/peer/duplex.node.ts';
import { secureWithOpenSsl } from '../../src/peer/opensslBackend.node.ts';
import { secure } from '../../src/peer/secure.ts';
import type { SecuredLink } from '../../src/peer/secureTypes.ts';
import {
  ClientContext,
  type Credential,
  type PeerVerifier,
  type PresentedPeer,
  ServerContext,
  type TlsConfigInit,
} from '../../src/tls/index.ts';
import { SessionCache, TicketCache } from '../../src/tls/resumption.ts';
import { type Link, type MemoryPairOptions, memoryPair } from '../../src/transport/index.ts';
import { CARRIERS } from '../support/carriers.ts';
import { VirtualClock } from '../support/clock.ts';
import { DOMAIN } from '../support/pki.ts';
import { linkSuite } from '../transport/linkSuite.ts';
import { firstWrong, numbered, pause, Recorder } from '../transport/recorder.ts';
import { type Backends, clientContext, pki, secureSuite, serverContext } from './secureSuite.ts';

const openssl = secureWithOpenSsl;
const pairings: Readonly<Record<string, Backends>> = {
  'OpenSSL to ours': { client: openssl },
  'ours to OpenSSL': { server: openssl },
  'OpenSSL to OpenSSL': { client: openssl, server: openssl },
};
for (const [who, backends] of Object.entries(pairings)) {
  secureSuite(`tcp, ${who}`, 'tcp', CARRIERS['tcp']!, backends);
  secureSuite(`websocket, ${who}`, 'websocket', CARRIERS['websocket']!, backends);
  secureSuite(`stdio, ${who}`, 'stdio', CARRIERS['stdio']!, backends);
}

/** Both ends over a pair of links in memory. */
async function sealed(backends: Backends, options: MemoryPairOptions = {}): Promise<{ a: Link; b: Link }> {
  const [a, b] = await secured(backends, memoryPair(options));
  return { a, b };
}

function secured(
  { client = secure, server = secure }: Backends,
  [near, far]: readonly [Link, Link],
  configs: { client?: Partial<TlsConfigInit>; server?: Partial<TlsConfigInit> } = {},
): Promise<[SecuredLink, SecuredLink]> {
  return Promise.all([
    client(near, clientContext(configs.client), { serverName: DOMAIN }),
    server(far, serverContext(configs.server), {}),
  ]);
}

const traits = { inFlight: 2 * 1024 * 1024, resetShows: true, pauses: true };
for (const [who, backends] of Object.entries(pairings)) {
  linkSuite(`TLS over memory, ${who}`, () => sealed(backends), traits);
  linkSuite(`TLS over messages, ${who}`, () => sealed(backends, { messages: true }), traits);
  linkSuite(
    `TLS over memory in odd chunks, ${who}`,
    () => sealed(backends, { chunk: (n) => (n * 7) % 613 }),
    traits,
  );
}

describe('the contexts mean the same', () => {
  for (const [who, backends] of Object.entries(pairings)) {
    test.each(SUITES.map(({ name }) => name))(
      `${who}: %s, and the key log of both ends agrees`,
      async (suite) => {
        const lines: Record<string, string[]> = { client: [], server: [] };
        const [client, server] = await secured(backends, memoryPair(), {
          client: { suites: [suite], keyLog: (line) => lines['client']!.push(line) },
          server: { keyLog: (line) => lines['server']!.push(line) },
        });
        expect([client.negotiated.suite, server.negotiated.suite]).toEqual([suite, suite]);
        expect(client.negotiated).toMatchObject({ group: 'x25519', helloRetried: false, resumed: false });
        expect(client.negotiated.peerScheme).toBe('ecdsa_secp256r1_sha256');
        expect(client.exportKey('EXPORTER-a', utf8('x'), 40)).toEqual(
          server.exportKey('EXPORTER-a', utf8('x'), 40),
        );
        expect(client.exportKey('EXPORTER-a')).not.toEqual(client.exportKey('EXPORTER-b'));
        await pause(5);
        expect(lines['client']!.toSorted()).toEqual(lines['server']!.toSorted());
        expect(lines['client']!.every((line) => /^[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]+$/.test(line))).toBe(true);
      },
    );

    test(`${who}: a retry with another group is seen at both ends`, async () => {
      const [client, server] = await secured(backends, memoryPair(), {
        client: { groups: ['x25519', 'secp384r1'] },
        server: { groups: ['secp384r1'] },
      });
      for (const { negotiated } of [client, server])
        expect(negotiated).toMatchObject({ group: 'secp384r1', helloRetried: true });
    });

    test(`${who}: no common protocol is refused, by either side's rule`, async () => {
      await expect(outcomes(backends, { server: { alpn: ['other/1'] } })).resolves.toMatchObject([
        { code: 'ERR_TLS_ALERT', alert: 'no_application_protocol' },
        { code: 'ERR_TLS_ALPN' },
      ]);
      const [silent] = await outcomes(backends, { server: { alpn: [] } });
      expect(silent).toMatchObject({ code: 'ERR_TLS_ALPN' });
      const [, unasked] = await outcomes(backends, { client: { alpn: [] } });
      expect(unasked).toMatchObject({ code: 'ERR_TLS_ALPN' });
      const [client] = await secured(backends, memoryPair(), {
        client: { requireAlpn: false },
        server: { alpn: [] },
      });
      expect(client.negotiated.alpn).toBeUndefined();
    });

    test(`${who}: a client without a certificate meets the server's policy`, async () => {
      const without = { credentials: [] };
      const [, refused] = await outcomes(backends, { client: without });
      expect(refused).toMatchObject({ code: 'ERR_TLS_CERTIFICATE_REQUIRED' });
      for (const clientCertificate of ['request', 'none'] as const) {
        const ends = await secured(backends, memoryPair(), {
          client: without,
          server: { clientCertificate },
        });
        expect(ends[1].negotiated.peer).toBeUndefined();
      }
      const [, shown] = await secured(backends, memoryPair(), { server: { clientCertificate: 'request' } });
      expect(shown.negotiated.peer?.leaf?.names.email).toEqual([`alice@${DOMAIN}`]);
      const [, unasked] = await secured(backends, memoryPair(), { server: { clientCertificate: 'none' } });
      expect(unasked.negotiated.peer).toBeUndefined();
    });
  }

  test('the hybrid group, where OpenSSL has it (3.5); elsewhere the configuration is refused', async () => {
    const hybrid = clientContext().config.with({ groups: ['X25519MLKEM768'] });
    const context = new ClientContext(hybrid, withMlKem(provider));
    const [a, b] = memoryPair();
    const dialling = secureWithOpenSsl(a, context, { serverName: DOMAIN });
    const serving = secure(b, new ServerContext(serverContext().config, withMlKem(provider)));
    serving.catch(() => {});
    if (hasHybrid()) {
      expect((await dialling).negotiated.group).toBe('X25519MLKEM768');
      expect((await serving).negotiated.group).toBe('X25519MLKEM768');
    } else
      await expect(dialling).rejects.toMatchObject({
        code: 'ERR_TLS_CONFIG',
        message: expect.stringContaining('OpenSSL refuses'),
      });
  });

  function hasHybrid(): boolean {
    try {
      createSecureContext({ ecdhCurve: 'X25519MLKEM768' });
      return true;
    } catch {
      return false;
    }
  }

  test('OpenSSL answers the KeyUpdate our engine asks for', async () => {
    const [a, b] = memoryPair();
    const [client, server] = await Promise.all([
      secure(a, clientContext(), { serverName: DOMAIN }),
      secureWithOpenSsl(b, serverContext()),
    ]);
    const [x, y] = [Recorder.start(client), Recorder.start(server)];
    client.connection.updateKeys(true);
    client.send(utf8('under new keys'));
    await y.until('data', () => y.text === 'under new keys');
    server.send(utf8('and theirs'));
    await x.until('data', () => x.text === 'and theirs');
    client.connection.updateKeys(true); // which the answer allows
  });
});

/** What each end says, a link or an error; a client that was done before it was refused says what its link ended with. */
async function outcomes(
  { client = secure, server = secure }: Backends,
  configs: { client?: Partial<TlsConfigInit>; server?: Partial<TlsConfigInit> },
): Promise<unknown[]> {
  const [near, far] = memoryPair();
  const said = async (end: Promise<SecuredLink>): Promise<unknown> => {
    try {
      const recorder = Recorder.start(await end);
      await recorder.until('closed', () => recorder.isClosed);
      return recorder.closes[0];
    } catch (error) {
      return error;
    }
  };
  return Promise.all([
    said(client(near, clientContext(configs.client), { serverName: DOMAIN })),
    said(server(far, serverContext(configs.server), {})),
  ]);
}

describe('nothing passes before the verifier has spoken', () => {
  interface Patient {
    readonly verifier: PeerVerifier;
    /** Resolves when it was asked, with what answers it. */
    readonly asked: Promise<(answer: VerifiedPeer | Refusal | Error) => void>;
    presented?: PresentedPeer;
  }

  function patient(): Patient {
    const asked = deferred<(answer: VerifiedPeer | Refusal | Error) => void>();
    const made: Patient = {
      verifier: {
        verify: (presented) => {
          made.presented = presented;
          const answer = deferred<VerifiedPeer | Refusal>();
          asked.resolve((value) => {
            if (value instanceof Error && !(value instanceof Refusal)) answer.reject(value);
            else answer.resolve(value as VerifiedPeer | Refusal);
          });
          return answer.promise;
        },
      },
      asked: asked.promise,
    };
    return made;
  }

  const judged = (presented: PresentedPeer): VerifiedPeer | Refusal =>
    pki.clientVerifier().verify(presented) as VerifiedPeer | Refusal;

  test('what a client sends at once waits for the answer about it', async () => {
    const judge = patient();
    const [a, b] = memoryPair();
    const serving = secureWithOpenSsl(b, serverContext({ verifier: judge.verifier }));
    let isServed = false;
    serving.then(() => (isServed = true));
    const client = Recorder.start(await secure(a, clientContext(), { serverName: DOMAIN }));
    client.link.send(utf8('let me in'));
    const decide = await judge.asked;
    await pause(20);
    expect(isServed).toBe(false);
    expect(judge.presented).toMatchObject({
      role: 'client',
      serverName: DOMAIN,
      alpn: 'q2q-test/1',
      resumed: false,
    });
    expect(judge.presented!.chain.map((der) => der.length)).toEqual(
      clientContext().config.credentials[0]!.chain.map((der) => der.length),
    );
    decide(judged(judge.presented!));
    const server = Recorder.start(await serving);
    await server.until('data', () => server.text === 'let me in');
  });

  const refusal = (presented: PresentedPeer): Refusal =>
    pki.elsewhere().clientVerifier().verify(presented) as Refusal;
  const wrong: Record<string, [(presented: PresentedPeer) => VerifiedPeer | Refusal | Error, string]> = {
    refuses: [refusal, 'ERR_TLS_PEER_REFUSED'],
    fails: [() => new Error('directory is down'), 'ERR_TLS_OP'],
    'answers nonsense': [() => true as never, 'ERR_TLS_OP'],
    'answers about somebody else': [
      () => judged({ role: 'client', chain: pki.user('bob').chain, resumed: false }),
      'ERR_TLS_OP',
    ],
  };
  for (const [how, [answer, code]] of Object.entries(wrong))
    test(`a server whose verifier ${how} cuts the connection, and sends nothing`, async () => {
      const judge = patient();
      const [a, b] = memoryPair();
      const serving = secureWithOpenSsl(b, serverContext({ verifier: judge.verifier }));
      const client = Recorder.start(await secure(a, clientContext(), { serverName: DOMAIN }));
      client.link.send(utf8('let me in'));
      (await judge.asked)(answer(judge.presented!));
      await expect(serving).rejects.toMatchObject({ code });
      await client.until('closed', () => client.isClosed);
      expect(client.events).toEqual(['closed']);
      expect(client.closes[0]).toBeDefined();
    });

  test('a client whose verifier refuses cuts the connection: the server’s first words are read by nobody', async () => {
    const judge = patient();
    const [a, b] = memoryPair();
    const dialling = secureWithOpenSsl(a, clientContext({ verifier: judge.verifier }), {
      serverName: DOMAIN,
    });
    const server = Recorder.start(await secure(b, serverContext()));
    server.link.send(utf8('220 welcome'));
    (await judge.asked)(refusal(judge.presented!));
    await expect(dialling).rejects.toMatchObject({ code: 'ERR_TLS_PEER_REFUSED' });
    await server.until('closed', () => server.isClosed);
    expect(server.received).toBe(0);
    expect(server.closes[0]).toBeDefined();
  });

  test('a verifier that hangs runs into the deadline, or into an abort', async () => {
    for (const how of ['timeout', 'abort'] as const) {
      const judge = patient();
      const clock = new VirtualClock();
      const controller = new AbortController();
      const [a, b] = memoryPair();
      const options = { serverName: DOMAIN, clock, signal: controller.signal };
      const dialling = secureWithOpenSsl(a, clientContext({ verifier: judge.verifier }), options);
      dialling.catch(() => {});
      const server = Recorder.start(await secure(b, serverContext()));
      await judge.asked;
      if (how === 'timeout') clock.advance(10_000);
      else controller.abort(new Error('enough'));
      await expect(dialling).rejects.toMatchObject(
        how === 'timeout' ? { code: 'ERR_SECURE_TIMEOUT' } : { message: 'enough' },
      );
      await server.until('closed', () => server.isClosed);
      expect(clock.pending).toBe(0);
    }
  });
});

test('a key log that throws ends the handshake', async () => {
  const keyLog = (): void => {
    throw new Error('disk full');
  };
  const [client] = await outcomes({ client: secureWithOpenSsl }, { client: { keyLog } });
  expect(client).toMatchObject({ code: 'ERR_TLS_INTERNAL', message: expect.stringContaining('disk full') });
});

describe('a peer that is wrong', () => {
  test('one that speaks no TLS gets an alert and a typed error', async () => {
    const [a, b] = memoryPair();
    const stranger = Recorder.start(a);
    const serving = secureWithOpenSsl(b, serverContext());
    a.send(utf8('GET / HTTP/1.1\r\n\r\n'));
    await expect(serving).rejects.toMatchObject({ name: 'TlsError', fault: 'remote' });
    await stranger.until('gone', () => stranger.ended || stranger.isClosed);
  });

  test('one that goes away in the handshake', async () => {
    const [a, b] = memoryPair();
    const dialling = secureWithOpenSsl(a, clientContext(), { serverName: DOMAIN });
    b.start({ data: () => b.closeWrite(), drain() {}, end() {}, closed() {} });
    await expect(dialling).rejects.toMatchObject({ code: 'ERR_TLS_TRUNCATED' });
    const [c, d] = memoryPair();
    const again = secureWithOpenSsl(c, clientContext(), { serverName: DOMAIN });
    d.start({ data: () => d.reset(), drain() {}, end() {}, closed() {} });
    await expect(again).rejects.toMatchObject({ code: 'ERR_LINK_RESET' });
  });

  test('one whose record was changed: typed, and told to the other end', async () => {
    const raw = memoryPair();
    const [client, server] = await secured({ server: secureWithOpenSsl }, raw);
    const [x, y] = [Recorder.start(client), Recorder.start(server)];
    // node:tls loses an alert made while its tickets are being written: turns of the loop get them out, time does not.
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    raw[0].send(Uint8Array.of(23, 3, 3, 0, 32, ...new Uint8Array(32)));
    await y.until('closed', () => y.isClosed);
    expect(y.closes).toMatchObject([{ code: 'ERR_TLS_RECORD_MAC' }]);
    await x.until('closed', () => x.isClosed);
    expect(x.closes).toMatchObject([{ code: 'ERR_TLS_ALERT', alert: 'bad_record_mac', alertFrom: 'peer' }]);
  });

  test('one that has no TLS 1.3', async () => {
    const [a, b] = memoryPair();
    const serving = secureWithOpenSsl(b, serverContext());
    const old = connect({ socket: toDuplex(a), maxVersion: 'TLSv1.2', rejectUnauthorized: false });
    old.on('error', () => {});
    await expect(serving).rejects.toMatchObject({ code: 'ERR_TLS_PROTOCOL_VERSION' });
  });
});

describe('what OpenSSL cannot do is refused by name, before a byte is sent', () => {
  const [credential] = clientContext().config.credentials as [Credential];
  const { sign, ...publicHalf } = {
    kind: credential.signer.kind,
    spki: credential.signer.spki,
    schemes: credential.signer.schemes,
    sign: credential.signer.sign.bind(credential.signer),
  };
  const inHardware: Credential = { ...credential, signer: { ...publicHalf, sign } };
  const rawKey: Credential = { chain: [], signer: credential.signer };
  const clients: [string, Partial<TlsConfigInit>, RegExp][] = [
    ['a key that cannot be exported', { credentials: [inHardware] }, /^credentials\[0\]\.signer: .*exported/],
    ['a raw public key', { credentials: [rawKey] }, /^credentials\[0\]: .*raw/],
    [
      'two keys of a kind',
      { credentials: [credential, credential] },
      /^credentials\[1\]: .*credentials\[0\]/,
    ],
    ['a key that `schemes` rules out', { schemes: ['ed25519'] }, /^credentials\[0\]: .*schemes/],
    ['a chosen credential', { chooseCredential: () => undefined }, /^chooseCredential/],
    ['raw keys only', { certificateTypes: ['rawPublicKey'] }, /^certificateTypes/],
    ['staples', { requestStatus: true }, /^requestStatus/],
    ['a record size limit', { recordSizeLimit: 1000 }, /^recordSizeLimit/],
    ['padding', { padTo: 64 }, /^padTo/],
    ['tiny records', { maxPlaintext: 100 }, /^maxPlaintext/],
  ];
  for (const [what, change, message] of clients)
    test(what, async () => {
      const [a, b] = memoryPair();
      const wire = Recorder.start(b);
      const dialling = secureWithOpenSsl(a, clientContext(change), { serverName: DOMAIN });
      await expect(dialling).rejects.toMatchObject({
        code: 'ERR_TLS_CONFIG',
        fault: 'config',
        message: expect.stringMatching(message),
        hint: expect.stringContaining('secure'),
      });
      await wire.until('closed', () => wire.isClosed);
      expect(wire.received).toBe(0);
    });

  test('a context chosen by SNI, a stateless retry, and a carrier that is wanted back', async () => {
    const chooser = new ServerContext(serverContext().config, provider, { choose: () => serverContext() });
    await expect(secureWithOpenSsl(memoryPair()[0], chooser)).rejects.toMatchObject({
      code: 'ERR_TLS_CONFIG',
    });
    const retrying = serverContext({ retryCookie: true });
    await expect(secureWithOpenSsl(memoryPair()[0], retrying)).rejects.toMatchObject({
      code: 'ERR_TLS_CONFIG',
    });
    const detachable = secureWithOpenSsl(memoryPair()[0], clientContext(), { detachable: true });
    await expect(detachable).rejects.toThrow('detachable');
  });

  test('what only saves time is left out: tickets, early data, compression', async () => {
    const tickets = new TicketCache();
    const server = serverContext({ resumption: new SessionCache(provider), earlyData: 100 });
    const client = clientContext({ tickets, earlyData: 100 });
    for (let i = 0; i < 2; i++) {
      const [a, b] = memoryPair();
      const [x, y] = await Promise.all([
        secureWithOpenSsl(a, client, { serverName: DOMAIN }),
        secureWithOpenSsl(b, server),
      ]);
      expect([x.negotiated.resumed, y.negotiated.resumed]).toEqual([false, false]);
      expect(y.negotiated.earlyData).toBe('none');
      x.reset();
    }
    expect(tickets.size).toBe(0);
  });
});

test('OpenSSL resumes nothing behind our back: a client with its tickets is judged anew', async () => {
  const tickets = new TicketCache();
  let judged = 0;
  const verifier: PeerVerifier = {
    verify: (presented) => {
      judged++;
      return pki.clientVerifier().verify(presented);
    },
  };
  const [client, server] = [clientContext({ tickets }), serverContext({ verifier })];
  for (let i = 1; i <= 2; i++) {
    const [a, b] = memoryPair();
    const [x, y] = await Promise.all([
      secure(a, client, { serverName: DOMAIN }),
      secureWithOpenSsl(b, server),
    ]);
    const [reader] = [Recorder.start(x), Recorder.start(y)];
    y.send(utf8('hello'));
    await reader.until('data', () => reader.text === 'hello');
    expect(tickets.size).toBeGreaterThan(0); // there was something to resume with
    expect([x.negotiated.resumed, y.negotiated.resumed, judged]).toEqual([false, false, i]);
    x.reset();
  }
});

test('a link through OpenSSL carries a channel’s TLS, and is carried by one', async () => {
  const [outer, outerFar] = await secured({ client: secureWithOpenSsl }, memoryPair());
  const [inner, innerFar] = await secured({ server: secureWithOpenSsl }, [outer, outerFar]);
  const [x, y] = [Recorder.start(inner), Recorder.start(innerFar)];
  x.link.send(numbered(300_000));
  x.link.closeWrite();
  await y.until('end', () => y.ended);
  expect([y.received, firstWrong(y.bytes)]).toEqual([300_000, -1]);
  y.link.close();
  await x.until('closed', () => x.isClosed);
  expect(inner.stats).toMatchObject({ plaintextOut: 300_000 });
  expect(innerFar.stats).toMatchObject({ plaintextIn: 300_000, recordsIn: 0 });
  expect(innerFar.stats.wireIn).toBeGreaterThan(300_000);
});
