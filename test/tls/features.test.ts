/** What can be agreed beside certificates and shares: each from both sides, and refused where it must be. */
import { describe, expect, it } from 'vitest';
import { concat, equalBytes, utf8 } from '../../src/base/bytes.ts';
import { nobleProvider } from '../../src/crypto/noble.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import { parseCertificate, peerId, Refusal, verifyRawKey } from '../../src/identity/index.ts';
import { streamZlibCodec } from '../../src/peer/streamZlib.ts';
import { brotliCodec, zlibCodec } from '../../src/tls/compression.node.ts';
import {
  type CertificateCodec,
  ClientContext,
  type Credential,
  type PeerVerifier,
  type PresentedPeer,
  ServerContext,
} from '../../src/tls/index.ts';
import { decodeClientHello } from '../../src/tls/messages/clientHello.ts';
import { ExtensionType } from '../../src/tls/messages/codePoints.ts';
import { decodeEncryptedExtensions } from '../../src/tls/messages/encryptedExtensions.ts';
import { ExtensionBlock } from '../../src/tls/messages/extensionBlock.ts';
import * as ext from '../../src/tls/messages/extensions.ts';
import { ExternalPsk } from '../../src/tls/resumption.ts';
import type { Seam } from '../../src/tls/seam.ts';
import { SessionCache } from '../../src/tls/tickets/sessionCache.ts';
import { TicketCache } from '../../src/tls/tickets/ticketCache.ts';
import { DOMAIN, NOW, Pki } from '../support/pki.ts';
import { World } from '../support/resumption.ts';
import { End, fault, openPair, type Pair, type PairOptions, pair, pump } from '../support/tls.ts';

const pki = new Pki();
const providers = [node, nobleProvider()];

/** Plays a conversation to its end, good or bad. */
function played(options: PairOptions): Pair {
  const ends = pair(options);
  pump(ends);
  return ends;
}

/** A verifier that also notes what it was shown. */
function noting(verifier: PeerVerifier): PeerVerifier & { readonly seen: PresentedPeer[] } {
  const seen: PresentedPeer[] = [];
  return {
    seen,
    verify(presented) {
      seen.push(presented);
      return verifier.verify(presented);
    },
  };
}

function firstHello(options: PairOptions): ReturnType<typeof decodeClientHello> {
  const [record] = pair(options).client.connection.takeOutput();
  return decodeClientHello(record!.subarray(9));
}

describe.each(providers)('raw public keys on $name (RFC 7250)', (provider) => {
  const [serverKey, clientKey] = [provider.generateKey('p256'), provider.generateKey('ed25519')];
  const raw = (signer: Credential['signer']): Credential => ({ chain: [], signer });
  const only = (spki: Uint8Array): PeerVerifier => ({
    verify: ({ rawKey }) =>
      rawKey === undefined
        ? new Refusal('ERR_IDENTITY_NAME', 'wanted a raw key')
        : verifyRawKey(rawKey, { kind: 'key', id: peerId(spki) }),
  });
  const both = (change: PairOptions = {}): PairOptions => ({
    clientProvider: provider,
    serverProvider: provider,
    ...change,
    client: {
      credentials: [raw(clientKey)],
      certificateTypes: ['rawPublicKey'],
      verifier: only(serverKey.spki),
      ...change.client,
    },
    server: {
      credentials: [raw(serverKey)],
      certificateTypes: ['rawPublicKey'],
      verifier: only(clientKey.spki),
      ...change.server,
    },
  });

  it('authenticate both ends by key id, and no certificate goes over the wire', () => {
    const { client, server } = openPair(both());
    expect(client.connection.negotiated?.peer?.spki).toEqual(serverKey.spki);
    expect(server.connection.negotiated?.peer?.identity.keyId).toBe(peerId(clientKey.spki));
    expect(server.connection.negotiated?.peer?.leaf).toBeUndefined();
  });

  it('of somebody else are refused by the verifier', () => {
    const { client } = played(both({ client: { verifier: only(clientKey.spki) } }));
    expect(fault(client.error)).toMatch(/^ERR_TLS_PEER_REFUSED /);
  });

  it('go one way, certificates the other', () => {
    const options = both({
      client: { credentials: [pki.user('alice')] },
      server: { certificateTypes: ['x509'], verifier: pki.clientVerifier(provider) },
    });
    const { client, server } = openPair(options);
    expect(server.connection.negotiated?.peer?.leaf?.names.email).toEqual([`alice@${DOMAIN}`]);
    expect(client.connection.negotiated?.peer?.leaf).toBeUndefined();
  });

  it('are not shown to a client that did not ask for them', () => {
    const { server } = played(both({ client: { certificateTypes: ['x509'] } }));
    expect(fault(server.error)).toBe('ERR_TLS_HANDSHAKE_FAILURE handshake_failure local');
  });

  it('and nothing else are asked for: a server with certificates only says so (RFC 7250 §4.2)', () => {
    const { server } = played(both({ server: { credentials: [pki.server()] } }));
    expect(fault(server.error)).toBe('ERR_TLS_CERTIFICATE unsupported_certificate local');
  });

  it('are not asked of a client that has none', () => {
    const { server } = played(both({ client: { credentials: [pki.user('alice')] } }));
    expect(fault(server.error)).toBe('ERR_TLS_CERTIFICATE unsupported_certificate local');
  });

  it('resume, and the verifier sees the key again', () => {
    const [tickets, resumption] = [new TicketCache(), new SessionCache(provider)];
    const verifier = noting(only(clientKey.spki));
    const options = both({ client: { tickets }, server: { resumption, verifier } });
    keep(openPair(options));
    const { server } = openPair(options);
    expect(server.connection.negotiated?.resumed).toBe(true);
    expect(verifier.seen.map(({ resumed }) => resumed)).toEqual([false, true]);
    expect(server.connection.negotiated?.peer?.identity.keyId).toBe(peerId(clientKey.spki));
  });

  it('are spoken of when resuming, too: no client takes the session for one with a certificate', () => {
    const [tickets, resumption] = [new TicketCache(), new SessionCache(provider)];
    const options = both({ client: { tickets }, server: { resumption } });
    const said: number[] = [];
    const serverSeam: Seam = {
      rewrite(name, message) {
        if (name === 'encrypted_extensions')
          said.push(
            ...(decodeEncryptedExtensions(message.subarray(4)).get(ExtensionType.serverCertificateType) ??
              []),
          );
        return [message];
      },
    };
    keep(openPair({ ...options, serverSeam }));
    expect(openPair({ ...options, serverSeam }).client.connection.negotiated?.resumed).toBe(true);
    expect(said).toEqual([2, 2]);
  });
});

/** What a driver does with tickets. */
function keep({ client }: Pair): void {
  for (const event of client.events) if (event.type === 'ticket') event.store.put(event.key, event.ticket);
}

describe.each(providers)('an external key on $name (RFC 9258)', (provider) => {
  const key = node.random(32);
  const psk = (local: string, remote: string, secret: Uint8Array = key): ExternalPsk =>
    new ExternalPsk({ identity: utf8('shared'), key: secret, parties: { local, remote } });
  const never: PeerVerifier = {
    verify: () => new Refusal('ERR_IDENTITY_NAME', 'nobody is asked for certificates'),
  };
  const options = (client: ExternalPsk, server: ExternalPsk, change: PairOptions = {}): PairOptions => ({
    clientProvider: provider,
    serverProvider: provider,
    ...change,
    client: { verifier: never, credentials: [], externalPsks: [client], ...change.client },
    server: { verifier: never, credentials: [], externalPsks: [server], ...change.server },
  });

  it('stands for the certificates of both ends', () => {
    const { client, server } = openPair(options(psk('a', 'b'), psk('b', 'a')));
    expect(client.connection.negotiated?.psk?.identity).toEqual(utf8('shared'));
    expect(server.connection.negotiated).toMatchObject({ resumed: false, psk: { identity: utf8('shared') } });
    client.connection.write(utf8('hello'));
    pump({ client, server });
    expect(server.data).toEqual(utf8('hello'));
  });

  it('goes through a retry', () => {
    const retried = options(psk('a', 'b'), psk('b', 'a'), { server: { groups: ['secp256r1'] } });
    expect(openPair(retried).server.connection.negotiated?.helloRetried).toBe(true);
  });

  it('serves suites of either hash', () => {
    for (const suite of ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384'] as const) {
      const { client } = openPair(options(psk('a', 'b'), psk('b', 'a'), { server: { suites: [suite] } }));
      expect(client.connection.negotiated?.suite).toBe(suite);
    }
  });

  it('that differs is a binder that does not fit', () => {
    const { server } = played(options(psk('a', 'b'), psk('b', 'a', node.random(32))));
    expect(fault(server.error)).toBe('ERR_TLS_FINISHED decrypt_error local');
  });

  it('of other parties is no key at all: one’s own reflected hello is refused (lesson 26)', () => {
    const { server } = played(options(psk('a', 'b'), psk('a', 'b')));
    expect(server.connection.phase).toBe('failed');
    expect(fault(server.error)).toBe('ERR_TLS_HANDSHAKE_FAILURE handshake_failure local');
    expect(server.error?.message).toMatch(/^no pre-shared key in common/);
  });

  it('is passed over where the server has certificates and does not know it', () => {
    const { client } = openPair({ client: { externalPsks: [psk('a', 'b')] } });
    expect(client.connection.negotiated?.psk).toBeUndefined();
    expect(client.connection.negotiated?.peer).toBeDefined();
  });
});

describe('staples (RFC 9846 §4.5.1.1)', () => {
  const stapled = { ...pki.server(), ocsp: Uint8Array.of(0x30, 1, 0), scts: Uint8Array.of(0, 3, 0, 1, 7) };
  const user = { ...pki.user('alice'), ocsp: Uint8Array.of(0x30, 1, 1) };

  it('reach the verifier that asked, from both sides', () => {
    const [byClient, byServer] = [noting(pki.serverVerifier()), noting(pki.clientVerifier())];
    openPair({
      client: { verifier: byClient, credentials: [user], requestStatus: true },
      server: { verifier: byServer, credentials: [stapled], requestStatus: true },
    });
    expect(byClient.seen[0]).toMatchObject({ ocsp: stapled.ocsp, scts: stapled.scts, resumed: false });
    expect(byServer.seen[0]).toMatchObject({ ocsp: user.ocsp });
    expect(byServer.seen[0]).not.toHaveProperty('scts');
  });

  it('are there again when the session goes on', () => {
    const byClient = noting(pki.serverVerifier());
    const world = new World({
      client: { verifier: byClient, credentials: [user], requestStatus: true },
      server: { verifier: pki.clientVerifier(), credentials: [stapled] },
    });
    world.open();
    world.open();
    expect(byClient.seen[1]).toMatchObject({ ocsp: stapled.ocsp, scts: stapled.scts, resumed: true });
  });

  it('stay away from a client that did not ask', () => {
    const byClient = noting(pki.serverVerifier());
    openPair({
      client: { verifier: byClient, credentials: [pki.user('alice')] },
      server: { verifier: pki.clientVerifier(), credentials: [stapled] },
    });
    expect(byClient.seen[0]).not.toHaveProperty('ocsp');
  });
});

describe('certificate compression (RFC 8879)', () => {
  const counting = (codec: CertificateCodec): CertificateCodec & { calls: string[] } => {
    const calls: string[] = [];
    return {
      ...codec,
      calls,
      compress(message) {
        calls.push('compress');
        return codec.compress(message);
      },
      decompress(bytes, length) {
        calls.push('decompress');
        return codec.decompress(bytes, length);
      },
    };
  };

  it.each([zlibCodec, brotliCodec])('by $name carries both certificates', (codec) => {
    const counted = counting(codec);
    const { client, server } = openPair({
      client: { compression: [counted] },
      server: { compression: [counted] },
    });
    expect(counted.calls.sort()).toEqual(['compress', 'compress', 'decompress', 'decompress']);
    expect(client.connection.negotiated?.peer).toBeDefined();
    expect(server.connection.negotiated?.peer?.leaf?.names.email).toEqual([`alice@${DOMAIN}`]);
  });

  it('is done once per context and certificate', () => {
    const counted = counting(zlibCodec);
    const server = new ServerContext(
      {
        verifier: pki.clientVerifier(),
        credentials: [pki.server()],
        compression: [counted],
        clientCertificate: 'none',
      },
      node,
    );
    const client = new ClientContext({ verifier: pki.serverVerifier(), compression: [zlibCodec] }, node);
    for (let i = 0; i < 3; i++)
      pump({ client: new End(client.connect({ serverName: DOMAIN })), server: new End(server.accept()) });
    expect(counted.calls).toEqual(['compress']);
  });

  it('is not used with a peer that cannot undo it', () => {
    const counted = counting(zlibCodec);
    openPair({ client: { compression: [brotliCodec] }, server: { compression: [counted] } });
    expect(counted.calls).toEqual([]);
  });

  it.each([
    ['inflates to more than it claims', 50],
    ['inflates to less than it claims', 5000],
    ['claims more than a message may have', 70_000],
  ])('that %s is refused (lesson 14)', (_what, claimed) => {
    const lying = {
      client: { compression: [zlibCodec] },
      server: { compression: [zlibCodec] },
      serverSeam: {
        rewrite: (name: string, message: Uint8Array) => {
          if (name !== 'compressed_certificate') return [message as Uint8Array<ArrayBuffer>];
          const lie = new Uint8Array(message);
          lie.set([claimed >> 16, (claimed >> 8) & 255, claimed & 255], 6);
          return [lie];
        },
      },
    };
    expect(fault(played(lying).client.error)).toBe('ERR_TLS_CERTIFICATE bad_certificate local');
  });

  it('that inflates a thousandfold stops at its claim (lesson 14)', () => {
    const bomb = zlibCodec.compress(new Uint8Array(50_000_000)) as Uint8Array;
    expect(() => zlibCodec.decompress(bomb, 1000)).toThrow();
    expect(() =>
      brotliCodec.decompress(brotliCodec.compress(new Uint8Array(50_000)) as Uint8Array, 1000),
    ).toThrow();
  });

  it('by the platform’s streams speaks the same zlib, and stops at the claim', async () => {
    const message = concat(pki.server().chain);
    const compressed = await streamZlibCodec.compress(message);
    expect(zlibCodec.decompress(compressed, message.length)).toEqual(message);
    const back = await streamZlibCodec.decompress(zlibCodec.compress(message) as Uint8Array, message.length);
    expect(back).toEqual(message);
    const bomb = zlibCodec.compress(new Uint8Array(5_000_000)) as Uint8Array;
    await expect(streamZlibCodec.decompress(bomb, 1000)).rejects.toThrow(/more than the 1000 bytes/);
    await expect(streamZlibCodec.decompress(Uint8Array.of(1, 2, 3), 1000)).rejects.toThrow();
  });

  it('nobody offered is refused', () => {
    const { client } = played({
      client: { compression: [brotliCodec] },
      server: { compression: [{ ...zlibCodec, id: 2 }] },
    });
    expect(fault(client.error)).toBe('ERR_TLS_CERTIFICATE bad_certificate local'); // zlib bytes under brotli's number
    const { server } = played({
      server: { compression: [zlibCodec] },
      serverSeam: {
        rewrite: (name, message) => (name === 'certificate' ? [compressedOf(message)] : [message]),
      },
    });
    expect(server.events.at(-1)?.type).toBe('error');
  });
});

function compressedOf(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(message);
  copy[0] = 25;
  return copy;
}

describe('the choice of a credential', () => {
  const [ours, theirs] = [new Pki('ed25519', node), new Pki('p256', node, NOW, 'other.test')];
  const nameOf = (each: Pki): Uint8Array => each.roots[0]!.subject;

  it('follows the authorities that the server names (§4.3.4)', () => {
    const { server } = openPair({
      client: { credentials: [ours.user('alice'), theirs.user('bob')], verifier: pki.serverVerifier() },
      server: {
        certificateAuthorities: [nameOf(theirs)],
        verifier: theirs.clientVerifier(),
        credentials: [pki.server()],
      },
    });
    expect(server.connection.negotiated?.peer?.leaf?.names.email).toEqual(['bob@other.test']);
  });

  it('follows signature_algorithms_cert (§4.3.3)', () => {
    const { client } = openPair({
      serverName: 'other.test',
      client: {
        certificateSchemes: ['ecdsa_secp256r1_sha256'],
        verifier: theirs.serverVerifier(),
        credentials: [ours.user('alice')],
      },
      server: { credentials: [ours.server(), theirs.server()], verifier: ours.clientVerifier() },
    });
    expect(client.connection.negotiated?.peer?.leaf?.signatureAlgorithm.family).toBe('ecdsa');
  });

  it('is asked of the client’s chooser with what the server said (P9)', () => {
    const seen: unknown[] = [];
    const { server } = openPair({
      client: {
        credentials: [],
        chooseCredential(request) {
          seen.push(request);
          return theirs.user('bob', 'p256');
        },
        verifier: pki.serverVerifier(),
      },
      server: {
        certificateAuthorities: [nameOf(theirs)],
        verifier: theirs.clientVerifier(),
        credentials: [pki.server()],
      },
    });
    expect(seen).toMatchObject([{ authorities: [nameOf(theirs)] }]);
    expect(server.connection.negotiated?.peer?.leaf?.names.email).toEqual(['bob@other.test']);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('no card in the reader');
      },
    ],
    ['answers nonsense', () => 7],
    ['answers a raw key, which was not agreed on', () => ({ chain: [], signer: pki.user('alice').signer })],
    [
      'answers a key that is not the certificate’s',
      () => ({ ...pki.user('alice'), signer: pki.user('alice').signer }),
    ],
  ])('ends the handshake when the chooser %s', (_what, chooseCredential) => {
    const { client } = played({ client: { chooseCredential: chooseCredential as never } });
    expect(client.connection.phase).toBe('failed');
    expect(client.error?.alertFrom).not.toBe('peer');
  });

  it('of one that the server cannot read is told to us, not to the server', () => {
    const { client } = played({
      client: { chooseCredential: () => pki.user('alice', 'p256') },
      server: { schemes: ['ed25519'] },
    });
    expect(fault(client.error)).toBe('ERR_TLS_OP internal_error local');
  });

  it('of nothing is an empty certificate', () => {
    const { server } = played({ client: { chooseCredential: () => undefined } });
    expect(fault(server.error)).toBe('ERR_TLS_CERTIFICATE_REQUIRED certificate_required local');
  });
});

describe('record_size_limit (RFC 8449)', () => {
  const longest = (end: End): number => Math.max(...end.sent.flatMap(lengths));

  function lengths(bytes: Uint8Array): number[] {
    const all: number[] = [];
    for (let at = 0; at < bytes.length; ) {
      const length = (bytes[at + 3]! << 8) | bytes[at + 4]!;
      if (bytes[at] === 23) all.push(length);
      at += 5 + length;
    }
    return all;
  }

  it('of each side bounds what the other sends, the handshake included', () => {
    const ends = openPair({ client: { recordSizeLimit: 200 }, server: { recordSizeLimit: 300 } });
    ends.client.connection.write(new Uint8Array(2000));
    ends.server.connection.write(new Uint8Array(2000));
    pump(ends);
    expect(ends.server.data.length).toBe(2000);
    expect(longest(ends.server)).toBe(200 + 1 + 16);
    expect(longest(ends.client)).toBe(300 + 1 + 16);
  });

  it('holds for padding, too', () => {
    const ends = openPair({ client: { recordSizeLimit: 100 }, server: { padTo: 64 } });
    ends.server.connection.write(new Uint8Array(90));
    pump(ends);
    expect(ends.client.data.length).toBe(90);
    expect(longest(ends.server)).toBeLessThanOrEqual(100 + 1 + 16);
  });

  it('is answered by a server without a limit of its own with the most there is', () => {
    const { client } = openPair({ client: { recordSizeLimit: 100 } });
    expect(client.connection.phase).toBe('open');
  });

  it('of less than 64 bytes is refused', () => {
    const { server } = played({
      client: { recordSizeLimit: 100 },
      clientSeam: {
        shapeClientHello: (hello) => ({
          ...hello,
          extensions: new ExtensionBlock(
            hello.extensions.list.map((each) =>
              each.type === ExtensionType.recordSizeLimit ? ext.recordSizeLimit(63) : each,
            ),
          ),
        }),
      },
    });
    expect(fault(server.error)).toBe('ERR_TLS_ILLEGAL_PARAMETER illegal_parameter local');
  });
});

describe('padding', () => {
  it('hides the lengths of records up to its step', () => {
    const sizes = [1, 100, 400].map((size) => {
      const ends = openPair({ client: { padTo: 512 } });
      ends.client.connection.write(new Uint8Array(size));
      return ends.client.connection.outputSize;
    });
    expect(new Set(sizes).size).toBe(1);
  });
});

describe('GREASE (RFC 8701)', () => {
  const isGrease = (value: number): boolean => (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 255);

  it('is offered as suite, group, share, version and two extensions, and changes from hello to hello', () => {
    const hellos = Array.from({ length: 20 }, () => firstHello({}));
    for (const hello of hellos) {
      const { extensions } = hello;
      expect(isGrease(hello.cipherSuites[0]!)).toBe(true);
      expect(isGrease(ext.readU16List(extensions.get(ExtensionType.supportedGroups)!)[0]!)).toBe(true);
      expect(isGrease(ext.readOfferedShares(extensions.get(ExtensionType.keyShare)!)[0]!.group)).toBe(true);
      expect(isGrease(ext.readOfferedVersions(extensions.get(ExtensionType.supportedVersions)!)[0]!)).toBe(
        true,
      );
      expect(isGrease(ext.readU16List(extensions.get(ExtensionType.signatureAlgorithms)!)[0]!)).toBe(true);
      expect(extensions.list.filter(({ type }) => isGrease(type))).toHaveLength(2);
    }
    expect(new Set(hellos.map(({ cipherSuites }) => cipherSuites[0])).size).toBeGreaterThan(1);
  });

  it('is the same in the hello behind a retry', () => {
    const { client } = openPair({ server: { groups: ['secp256r1'] } });
    expect(client.connection.negotiated?.helloRetried).toBe(true);
  });

  it('can be left out', () => {
    const { cipherSuites } = firstHello({ client: { grease: false } });
    expect(cipherSuites.some(isGrease)).toBe(false);
  });

  it('chosen by a server is refused', () => {
    const { client } = played({
      serverSeam: {
        rewrite: (name, message) => {
          if (name !== 'encrypted_extensions') return [message];
          return [Uint8Array.of(8, 0, 0, 6, 0, 4, 0x1a, 0x1a, 0, 0)];
        },
      },
    });
    expect(fault(client.error)).toBe('ERR_TLS_UNSUPPORTED_EXTENSION unsupported_extension local');
  });
});

describe('a server that sends cookies', () => {
  it('retries every hello once and takes the same share again', () => {
    const { client, server } = openPair({ server: { retryCookie: true } });
    expect(client.connection.negotiated?.helloRetried).toBe(true);
    expect(server.connection.negotiated?.group).toBe(client.connection.negotiated?.group);
  });

  it('asks for another group in the same retry', () => {
    const { client } = openPair({ server: { retryCookie: true, groups: ['secp384r1'] } });
    expect(client.connection.negotiated?.group).toBe('secp384r1');
  });

  it('refuses a hello that comes back with another share', () => {
    let hellos = 0;
    const { server } = played({
      server: { retryCookie: true },
      clientSeam: {
        shapeClientHello: (hello) => {
          if (++hellos < 2) return hello;
          const other = { group: 0x1d, share: node.keyExchange('x25519').share };
          return {
            ...hello,
            extensions: new ExtensionBlock(
              hello.extensions.list.map((each) =>
                each.type === ExtensionType.keyShare ? ext.keyShareOffer([other]) : each,
              ),
            ),
          };
        },
      },
    });
    expect(fault(server.error)).toBe('ERR_TLS_ILLEGAL_PARAMETER illegal_parameter local');
  });
});

describe('tickets (RFC 9149)', () => {
  const given = (options: PairOptions): number => {
    const { client } = openPair(options);
    return client.events.filter(({ type }) => type === 'ticket').length;
  };
  const issuer = (): SessionCache => new SessionCache(node);

  it.each([
    [undefined, undefined, 2],
    [1, undefined, 1],
    [4, 4, 4],
    [4, undefined, 2],
    [0, 4, 0],
    [3, 0, 0],
  ])('come as many as client (%s) and server (%s) agree on: %s', (wanted, most, count) => {
    const client = { tickets: new TicketCache(), ...(wanted !== undefined && { ticketCount: wanted }) };
    const server = { resumption: issuer(), ...(most !== undefined && { ticketCount: most }) };
    expect(given({ client, server })).toBe(count);
  });

  it('are not sent to a client that cannot resume', () => {
    const { server } = openPair({ server: { resumption: issuer() } });
    expect(server.story).not.toContain('op issueTicket');
  });

  it('are dropped where the issuer fails, and the connection goes on', () => {
    const resumption = {
      onceOnly: false,
      issue: () => {
        throw new Error('no disk');
      },
      redeem: () => undefined,
    };
    const ends = openPair({ client: { tickets: new TicketCache() }, server: { resumption } });
    ends.client.connection.write(utf8('still here'));
    pump(ends);
    expect(ends.server.data).toEqual(utf8('still here'));
  });
});

describe('the certificate a peer sees', () => {
  it('is the one that was configured, whatever it came through', () => {
    const credential = pki.server('p256');
    const { client } = openPair({
      client: { compression: [zlibCodec], verifier: pki.serverVerifier(), credentials: [pki.user('alice')] },
      server: { compression: [zlibCodec], credentials: [credential], verifier: pki.clientVerifier() },
    });
    const leaf = client.connection.negotiated?.peer?.leaf;
    expect(equalBytes(leaf!.der, parseCertificate(credential.chain[0]!).der)).toBe(true);
  });
});
