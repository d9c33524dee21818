/** The example handshakes of RFC 8448, byte for byte: what we send and what we make of what is sent to us. */
import { constants, createPublicKey, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Bytes, concat, fromHex, hex } from '../../src/base/bytes.ts';
import { Secret } from '../../src/base/secret.ts';
import type { CryptoProvider, Signer } from '../../src/crypto/provider.ts';
import type { SchemeName } from '../../src/crypto/suites.ts';
import { type Certificate, parseCertificate } from '../../src/identity/index.ts';
import { provePeer } from '../../src/identity/proofs.ts';
import { ClientContext, type PeerVerifier, ServerContext, type TlsConfigInit } from '../../src/tls/index.ts';
import { type ClientHello, decodeClientHello } from '../../src/tls/messages/clientHello.ts';
import { ExtensionType } from '../../src/tls/messages/codePoints.ts';
import { ExtensionBlock } from '../../src/tls/messages/extensionBlock.ts';
import type { Seam } from '../../src/tls/seam.ts';
import type { TicketIssuer } from '../../src/tls/tickets/issuer.ts';
import { decodeSession, encodeSession } from '../../src/tls/tickets/session.ts';
import { SessionTicket } from '../../src/tls/tickets/sessionTicket.ts';
import type { TicketStore } from '../../src/tls/tickets/store.ts';
import { providers } from '../crypto/providers.ts';
import { override, scripted } from '../support/scriptedProvider.ts';
import { End } from '../support/tls.ts';
import {
  CLIENT_AUTH,
  CLIENT_AUTH_SCHEDULE,
  COMPATIBILITY,
  RESUMED,
  RESUMED_SCHEDULE,
  RETRY,
  RETRY_SCHEDULE,
  SIMPLE,
  SIMPLE_SCHEDULE,
} from '../vectors/rfc8448.ts';

const SUITES = ['TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_256_GCM_SHA384'] as const;
const CERTIFICATE = fromHex(SIMPLE.certificate);

/** The RFC's certificate proves nothing to anybody (RSA-1024, self-signed, expired): its proof is made by hand. */
const verifier: PeerVerifier = {
  verify: ({ chain }) =>
    provePeer({ keyId: 'rfc8448', assurance: 'anonymous', expiresAt: 0 }, [parseCertificate(chain[0]!)]),
};

/** Every room of ours refuses RSA-1024, rightly; here the leaf is read and its signature checked in spite of that. */
function tolerant(provider: CryptoProvider): CryptoProvider {
  return override(provider, {
    verify: (scheme, spki, message, signature) => {
      if (scheme !== 'rsa_pss_rsae_sha256') return provider.verify(scheme, spki, message, signature);
      const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
      const padding = constants.RSA_PKCS1_PSS_PADDING;
      return verify('sha256', message, { key, padding, saltLength: 32 }, signature);
    },
  });
}

/** Gives the RFC's signature when asked to sign exactly what the RFC signed. */
function signerOf(
  signed: string,
  signature: string,
  certificate: Uint8Array = CERTIFICATE,
  scheme: SchemeName = 'rsa_pss_rsae_sha256',
): Signer {
  return {
    kind: scheme === 'rsa_pss_rsae_sha256' ? 'rsa' : 'p256',
    spki: parseCertificate(certificate).spki,
    schemes: [scheme],
    sign: (_scheme, message) => {
      expect(hex(message)).toBe(signed);
      return fromHex(signature);
    },
  };
}

/** Made of keys: these stay ours. */
const OURS: readonly number[] = [ExtensionType.keyShare, ExtensionType.preSharedKey];

/** Extensions we do not send, in the RFC's order; random, session id, suites, key share and binders stay ours. */
function shapedLike(...records: string[]): Seam {
  const hellos = records.map((record) => decodeClientHello(fromHex(record).subarray(9)));
  return {
    shapeClientHello: (ours: ClientHello): ClientHello => {
      const list = hellos
        .shift()!
        .extensions.list.map((extension) =>
          OURS.includes(extension.type)
            ? ours.extensions.list.find(({ type }) => type === extension.type)!
            : extension,
        );
      return { ...ours, extensions: new ExtensionBlock(list) };
    },
  };
}

function readLeaf(der: Uint8Array): Certificate {
  const leaf = parseCertificate(der);
  return { ...leaf, keyKind: leaf.keyKind ?? 'rsa' };
}

function client(provider: CryptoProvider, seam: Seam, config: Partial<TlsConfigInit> = {}): End {
  const context = new ClientContext(
    { verifier, suites: SUITES, compatibility: false, grease: false, recordSizeLimit: 16_384, ...config },
    tolerant(provider),
  );
  return new End(context.connectThrough({ serverName: 'server' }, { readLeaf, ...seam }));
}

function server(
  provider: CryptoProvider,
  signer: Signer,
  encryptedExtensions: string,
  seam: Seam = {},
  config: Partial<TlsConfigInit> = {},
): End {
  const credentials = [{ chain: [CERTIFICATE], signer }];
  const context = new ServerContext(
    { verifier, suites: SUITES, credentials, clientCertificate: 'none', ...config },
    tolerant(provider),
  );
  const rewrite: Seam['rewrite'] = (name, message) =>
    name === 'encrypted_extensions' ? [fromHex(encryptedExtensions)] : [message];
  return new End(context.acceptThrough({ rewrite, readLeaf, ...seam }));
}

function sends(end: End): string {
  return hex(concat(end.connection.takeOutput()));
}

function receives(end: End, ...records: string[]): void {
  for (const record of records) end.connection.feed(fromHex(record));
  end.settleAll();
  expect(end.error).toBeUndefined();
}

function secretsOf(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(lines.map((line) => line.split(' ')).map(([label, , secret]) => [label, secret]));
}

describe.each(providers)('RFC 8448 §3 on $name: simple 1-RTT handshake', (provider) => {
  it('as the client', () => {
    const lines: string[] = [];
    const us = client(
      scripted(provider, { randoms: [SIMPLE.clientRandom], privateKeys: [SIMPLE.clientPrivateKey] }),
      shapedLike(SIMPLE.clientHelloRecord),
      { tickets: holding(undefined), keyLog: (line) => lines.push(line) },
    );
    expect(sends(us)).toBe(SIMPLE.clientHelloRecord);
    receives(us, SIMPLE.serverHelloRecord, SIMPLE.serverFlightRecord);
    expect(us.story).toEqual(['op verifyPeer', 'handshake']);
    expect(secretsOf(lines)).toMatchObject({
      CLIENT_HANDSHAKE_TRAFFIC_SECRET: SIMPLE_SCHEDULE.clientHandshakeTraffic,
      SERVER_HANDSHAKE_TRAFFIC_SECRET: SIMPLE_SCHEDULE.serverHandshakeTraffic,
      CLIENT_TRAFFIC_SECRET_0: SIMPLE_SCHEDULE.clientApplicationTraffic,
      SERVER_TRAFFIC_SECRET_0: SIMPLE_SCHEDULE.serverApplicationTraffic,
    });
    expect(sends(us)).toBe(SIMPLE.clientFinishedRecord);
    receives(us, SIMPLE.newSessionTicketRecord);
    const [ticket] = us.events.flatMap((event) => (event.type === 'ticket' ? [event.ticket] : []));
    expect(ticket).toMatchObject({ lifetime: 30, ageAdd: AGE_ADD, maxEarlyData: 1024 });
    expect(hex(ticket!.ticket)).toBe(RESUMED.ticket);
    expect(hex(ticket!.psk.expose())).toBe(RESUMED_SCHEDULE.psk);
    us.connection.write(fromHex(SIMPLE.payload));
    expect(sends(us)).toBe(SIMPLE.clientDataRecord);
    receives(us, SIMPLE.serverDataRecord);
    expect(hex(us.data)).toBe(SIMPLE.payload);
    us.connection.closeWrite();
    expect(sends(us)).toBe(SIMPLE.clientAlertRecord);
    receives(us, SIMPLE.serverAlertRecord);
    expect(us.connection.phase).toBe('closed');
  });

  it('as the server', () => {
    const us = server(
      scripted(provider, { randoms: [SIMPLE.serverRandom], privateKeys: [SIMPLE.serverPrivateKey] }),
      signerOf(SIMPLE.serverSigned, SIMPLE.serverSignature),
      SIMPLE.encryptedExtensions,
      { afterHandshake: [fromHex(SIMPLE.newSessionTicket)] },
    );
    receives(us, SIMPLE.clientHelloRecord);
    expect(sends(us)).toBe(SIMPLE.serverHelloRecord + SIMPLE.serverFlightRecord);
    receives(us, SIMPLE.clientFinishedRecord);
    expect(us.story).toEqual(['op sign', 'handshake']);
    expect(sends(us)).toBe(SIMPLE.newSessionTicketRecord);
    receives(us, SIMPLE.clientDataRecord);
    expect(hex(us.data)).toBe(SIMPLE.payload);
    us.connection.write(fromHex(SIMPLE.payload));
    expect(sends(us)).toBe(SIMPLE.serverDataRecord);
    receives(us, SIMPLE.clientAlertRecord);
    us.connection.closeWrite();
    expect(sends(us)).toBe(SIMPLE.serverAlertRecord);
    expect(us.connection.phase).toBe('closed');
  });
});

describe.each(providers)('RFC 8448 §4 on $name: resumed 0-RTT handshake', (provider) => {
  it('as the client', () => {
    const lines: string[] = [];
    const us = client(
      scripted(provider, { randoms: [RESUMED.clientRandom], privateKeys: [RESUMED.clientPrivateKey] }),
      shapedLike(RESUMED.clientHelloRecord),
      { tickets: holding(ticketOfSimple()), earlyData: 1024, keyLog: (line) => lines.push(line) },
    );
    expect(us.connection.writeEarly(fromHex(RESUMED.earlyData))).toBe(6);
    expect(sends(us)).toBe(RESUMED.clientHelloRecord + RESUMED.earlyDataRecord);
    receives(us, RESUMED.serverHelloRecord, RESUMED.serverFlightRecord);
    expect(us.story).toEqual(['op verifyPeer', 'handshake']);
    expect(us.connection.negotiated).toMatchObject({ resumed: true, earlyData: 'accepted' });
    expect(secretsOf(lines)).toEqual({
      CLIENT_EARLY_TRAFFIC_SECRET: RESUMED_SCHEDULE.clientEarlyTraffic,
      CLIENT_HANDSHAKE_TRAFFIC_SECRET: RESUMED_SCHEDULE.clientHandshakeTraffic,
      SERVER_HANDSHAKE_TRAFFIC_SECRET: RESUMED_SCHEDULE.serverHandshakeTraffic,
      CLIENT_TRAFFIC_SECRET_0: RESUMED_SCHEDULE.clientApplicationTraffic,
      SERVER_TRAFFIC_SECRET_0: RESUMED_SCHEDULE.serverApplicationTraffic,
      EXPORTER_SECRET: RESUMED_SCHEDULE.exporter,
    });
    expect(sends(us)).toBe(RESUMED.endOfEarlyDataRecord + RESUMED.clientFinishedRecord);
    us.connection.write(fromHex(RESUMED.payload));
    expect(sends(us)).toBe(RESUMED.clientDataRecord);
    receives(us, RESUMED.serverDataRecord);
    expect(hex(us.data)).toBe(RESUMED.payload);
    us.connection.closeWrite();
    expect(sends(us)).toBe(RESUMED.clientAlertRecord);
    receives(us, RESUMED.serverAlertRecord);
    expect(us.connection.phase).toBe('closed');
  });

  it('as the server', () => {
    const state = issueInSimple(provider);
    const issuer: TicketIssuer = {
      onceOnly: true,
      issue: () => undefined,
      redeem: (ticket) => {
        expect(hex(ticket)).toBe(RESUMED.ticket);
        return { state, age: AGE };
      },
    };
    const us = server(
      scripted(provider, { randoms: [RESUMED.serverRandom], privateKeys: [RESUMED.serverPrivateKey] }),
      signerOf('', ''),
      RESUMED.encryptedExtensions,
      {},
      { resumption: issuer, earlyData: 1024, ticketCount: 0 },
    );
    receives(us, RESUMED.clientHelloRecord, RESUMED.earlyDataRecord);
    expect(us.story).toEqual(['op redeemTicket', 'earlyData']);
    expect(us.events.flatMap((event) => (event.type === 'earlyData' ? [hex(event.bytes)] : []))).toEqual([
      RESUMED.earlyData,
    ]);
    expect(sends(us)).toBe(RESUMED.serverHelloRecord + RESUMED.serverFlightRecord);
    receives(us, RESUMED.endOfEarlyDataRecord, RESUMED.clientFinishedRecord, RESUMED.clientDataRecord);
    expect(us.connection.negotiated).toMatchObject({ resumed: true, earlyData: 'accepted' });
    expect(hex(us.data)).toBe(RESUMED.payload);
    us.connection.write(fromHex(RESUMED.payload));
    expect(sends(us)).toBe(RESUMED.serverDataRecord);
    receives(us, RESUMED.clientAlertRecord);
    us.connection.closeWrite();
    expect(sends(us)).toBe(RESUMED.serverAlertRecord);
    expect(us.connection.phase).toBe('closed');
  });
});

/** Milliseconds between §3's ticket and §4's hello, by its obfuscated_ticket_age. */
const AGE = 6;
const AGE_ADD = 0xfad6aac5;

/** What a client has left of §3. */
function ticketOfSimple(): SessionTicket {
  return new SessionTicket({
    suite: 'TLS_AES_128_GCM_SHA256',
    psk: new Secret(fromHex(RESUMED_SCHEDULE.psk)),
    ticket: fromHex(RESUMED.ticket),
    ageAdd: AGE_ADD,
    lifetime: 30,
    maxEarlyData: 1024,
    serverName: 'server',
    chain: [CERTIFICATE],
    peerScheme: 'rsa_pss_rsae_sha256',
    expiresAt: Number.MAX_SAFE_INTEGER,
  });
}

function holding(ticket: SessionTicket | undefined): TicketStore {
  return { put: () => undefined, take: () => ticket && { ticket, age: AGE } };
}

/** What a server has left of §3: it goes through it, and makes the ticket there. */
function issueInSimple(provider: CryptoProvider): Bytes {
  let state: Bytes | undefined;
  const issuer: TicketIssuer = {
    onceOnly: true,
    issue: (given) => {
      state = given;
      return { ticket: fromHex(RESUMED.ticket), lifetime: 30 };
    },
    redeem: () => undefined,
  };
  const randoms = [SIMPLE.serverRandom, AGE_ADD.toString(16)];
  const us = server(
    scripted(provider, { randoms, privateKeys: [SIMPLE.serverPrivateKey] }),
    signerOf(SIMPLE.serverSigned, SIMPLE.serverSignature),
    SIMPLE.encryptedExtensions,
    {},
    { resumption: issuer, earlyData: 1024, ticketCount: 1 },
  );
  receives(us, SIMPLE.clientHelloRecord);
  sends(us);
  receives(us, SIMPLE.clientFinishedRecord);
  expect(us.story).toEqual(['op sign', 'op issueTicket', 'handshake']);
  // Our ticket_nonce has one byte, the RFC's two: the key that follows from it is put in by hand.
  const session = decodeSession(state!)!;
  return encodeSession({ ...session, psk: new Secret(fromHex(RESUMED_SCHEDULE.psk)) });
}

describe.each(providers)('RFC 8448 §5 on $name: HelloRetryRequest', (provider) => {
  it('as the client', () => {
    const lines: string[] = [];
    const us = client(
      scripted(provider, {
        randoms: [RETRY.clientRandom],
        privateKeys: [RETRY.clientPrivateKey, RETRY.clientRetryPrivateKey],
      }),
      shapedLike(RETRY.clientHelloRecord, RETRY.clientHello2Record),
      { keyLog: (line) => lines.push(line) },
    );
    expect(sends(us)).toBe(RETRY.clientHelloRecord);
    receives(us, RETRY.helloRetryRequestRecord);
    expect(sends(us)).toBe(RETRY.clientHello2Record);
    receives(us, RETRY.serverHelloRecord, RETRY.serverFlightRecord);
    expect(secretsOf(lines)).toEqual({
      CLIENT_HANDSHAKE_TRAFFIC_SECRET: RETRY_SCHEDULE.clientHandshakeTraffic,
      SERVER_HANDSHAKE_TRAFFIC_SECRET: RETRY_SCHEDULE.serverHandshakeTraffic,
      CLIENT_TRAFFIC_SECRET_0: RETRY_SCHEDULE.clientApplicationTraffic,
      SERVER_TRAFFIC_SECRET_0: RETRY_SCHEDULE.serverApplicationTraffic,
      EXPORTER_SECRET: RETRY_SCHEDULE.exporter,
    });
    expect(sends(us)).toBe(RETRY.clientFinishedRecord);
    expect(us.connection.negotiated).toMatchObject({ group: 'secp256r1', helloRetried: true });
    us.connection.closeWrite();
    expect(sends(us)).toBe(RETRY.clientAlertRecord);
    receives(us, RETRY.serverAlertRecord);
  });

  it('echoes the cookie without being shaped', () => {
    const us = client(provider, {});
    sends(us);
    receives(us, RETRY.helloRetryRequestRecord);
    expect(sends(us)).toContain(RETRY.cookie);
  });

  it('as the server', () => {
    const us = server(
      scripted(provider, { randoms: [RETRY.serverRandom], privateKeys: [RETRY.serverPrivateKey] }),
      signerOf(RETRY.serverSigned, RETRY.serverSignature),
      RETRY.encryptedExtensions,
      { retryCookie: fromHex(RETRY.cookie) },
      { groups: ['secp256r1'] },
    );
    receives(us, RETRY.clientHelloRecord);
    expect(sends(us)).toBe(RETRY.helloRetryRequestRecord);
    receives(us, RETRY.clientHello2Record);
    expect(sends(us)).toBe(RETRY.serverHelloRecord + RETRY.serverFlightRecord);
    receives(us, RETRY.clientFinishedRecord, RETRY.clientAlertRecord);
    expect(us.story).toEqual(['op sign', 'handshake', 'end']);
    us.connection.closeWrite();
    expect(sends(us)).toBe(RETRY.serverAlertRecord);
  });
});

describe.each(providers)('RFC 8448 §6 on $name: client authentication', (provider) => {
  const serverCertificate = fromHex(CLIENT_AUTH.serverCertificate);
  const clientCertificate = fromHex(CLIENT_AUTH.clientCertificate);

  it('as the client', () => {
    const lines: string[] = [];
    const signer = signerOf(CLIENT_AUTH.clientSigned, CLIENT_AUTH.clientSignature, clientCertificate);
    const us = client(
      scripted(provider, {
        randoms: [CLIENT_AUTH.clientRandom],
        privateKeys: [CLIENT_AUTH.clientPrivateKey],
      }),
      shapedLike(CLIENT_AUTH.clientHelloRecord),
      { credentials: [{ chain: [clientCertificate], signer }], keyLog: (line) => lines.push(line) },
    );
    expect(sends(us)).toBe(CLIENT_AUTH.clientHelloRecord);
    receives(us, CLIENT_AUTH.serverHelloRecord, CLIENT_AUTH.serverFlightRecord);
    expect(us.story).toEqual(['op verifyPeer', 'op sign', 'handshake']);
    expect(secretsOf(lines)).toEqual({
      CLIENT_HANDSHAKE_TRAFFIC_SECRET: CLIENT_AUTH_SCHEDULE.clientHandshakeTraffic,
      SERVER_HANDSHAKE_TRAFFIC_SECRET: CLIENT_AUTH_SCHEDULE.serverHandshakeTraffic,
      CLIENT_TRAFFIC_SECRET_0: CLIENT_AUTH_SCHEDULE.clientApplicationTraffic,
      SERVER_TRAFFIC_SECRET_0: CLIENT_AUTH_SCHEDULE.serverApplicationTraffic,
      EXPORTER_SECRET: CLIENT_AUTH_SCHEDULE.exporter,
    });
    expect(sends(us)).toBe(CLIENT_AUTH.clientFlightRecord);
    us.connection.closeWrite();
    expect(sends(us)).toBe(CLIENT_AUTH.clientAlertRecord);
    receives(us, CLIENT_AUTH.serverAlertRecord);
    expect(us.connection.phase).toBe('closed');
  });

  it('as the server', () => {
    const signer = signerOf(
      CLIENT_AUTH.serverSigned,
      CLIENT_AUTH.serverSignature,
      serverCertificate,
      'ecdsa_secp256r1_sha256',
    );
    const given = new Map<string, string>([
      ['encrypted_extensions', CLIENT_AUTH.encryptedExtensions],
      ['certificate_request', CLIENT_AUTH.certificateRequest],
    ]);
    const us = server(
      scripted(provider, {
        randoms: [CLIENT_AUTH.serverRandom],
        privateKeys: [CLIENT_AUTH.serverPrivateKey],
      }),
      signer,
      CLIENT_AUTH.encryptedExtensions,
      { rewrite: (name, message) => [given.has(name) ? fromHex(given.get(name)!) : message] },
      { credentials: [{ chain: [serverCertificate], signer }], clientCertificate: 'require' },
    );
    receives(us, CLIENT_AUTH.clientHelloRecord);
    expect(sends(us)).toBe(CLIENT_AUTH.serverHelloRecord + CLIENT_AUTH.serverFlightRecord);
    receives(us, CLIENT_AUTH.clientFlightRecord);
    expect(us.story).toEqual(['op sign', 'op verifyPeer', 'handshake']);
    receives(us, CLIENT_AUTH.clientAlertRecord);
    us.connection.closeWrite();
    expect(sends(us)).toBe(CLIENT_AUTH.serverAlertRecord);
    expect(us.connection.phase).toBe('closed');
  });
});

describe.each(providers)('RFC 8448 §7 on $name: compatibility mode', (provider) => {
  it('as the client', () => {
    const us = client(
      scripted(provider, {
        randoms: [COMPATIBILITY.clientRandom, COMPATIBILITY.sessionId],
        privateKeys: [COMPATIBILITY.clientPrivateKey],
      }),
      shapedLike(COMPATIBILITY.clientHelloRecord),
      { compatibility: true },
    );
    expect(sends(us)).toBe(COMPATIBILITY.clientHelloRecord);
    receives(us, COMPATIBILITY.serverHelloRecord, COMPATIBILITY.serverFlightRecords);
    expect(sends(us)).toBe(COMPATIBILITY.clientFinishedRecords);
    us.connection.closeWrite();
    expect(sends(us)).toBe(COMPATIBILITY.clientAlertRecord);
    receives(us, COMPATIBILITY.serverAlertRecord);
  });

  it('as the server', () => {
    const us = server(
      scripted(provider, {
        randoms: [COMPATIBILITY.serverRandom],
        privateKeys: [COMPATIBILITY.serverPrivateKey],
      }),
      signerOf(COMPATIBILITY.serverSigned, COMPATIBILITY.serverSignature),
      COMPATIBILITY.encryptedExtensions,
    );
    receives(us, COMPATIBILITY.clientHelloRecord);
    expect(sends(us)).toBe(COMPATIBILITY.serverHelloRecord + COMPATIBILITY.serverFlightRecords);
    receives(us, COMPATIBILITY.clientFinishedRecords, COMPATIBILITY.clientAlertRecord);
    us.connection.closeWrite();
    expect(sends(us)).toBe(COMPATIBILITY.serverAlertRecord);
  });
});
