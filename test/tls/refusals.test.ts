/** Peers that break the rules of the handshake, each with the alert they see for it. */
import { describe, expect, it } from 'vitest';
import { type Bytes, fromHex, utf8 } from '../../src/base/bytes.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import { parseCertificate, Refusal } from '../../src/identity/index.ts';
import type { PeerVerifier } from '../../src/tls/index.ts';
import { encodeCertificate } from '../../src/tls/messages/certificate.ts';
import { encodeCertificateRequest } from '../../src/tls/messages/certificateRequest.ts';
import { encodeCertificateVerify } from '../../src/tls/messages/certificateVerify.ts';
import {
  type ClientHello,
  decodeClientHello,
  encodeClientHello,
} from '../../src/tls/messages/clientHello.ts';
import { ExtensionType, type HandshakeName } from '../../src/tls/messages/codePoints.ts';
import { encodeEncryptedExtensions } from '../../src/tls/messages/encryptedExtensions.ts';
import { type Extension, ExtensionBlock } from '../../src/tls/messages/extensionBlock.ts';
import * as ext from '../../src/tls/messages/extensions.ts';
import { encodeMessage } from '../../src/tls/messages/handshake.ts';
import {
  decodeServerHello,
  encodeServerHello,
  RETRY_RANDOM,
  type ServerHello,
} from '../../src/tls/messages/serverHello.ts';
import type { Seam } from '../../src/tls/seam.ts';
import { keyPeer, Pki } from '../support/pki.ts';
import { override } from '../support/scriptedProvider.ts';
import { fault, type Pair, type PairOptions, pair, pump } from '../support/tls.ts';

/** Replaces the `nth` message of a name. */
function replace(name: HandshakeName, by: (message: Bytes) => Bytes, nth = 1): Seam {
  let count = 0;
  return { rewrite: (sent, message) => [sent === name && ++count === nth ? by(message) : message] };
}

function played(options: PairOptions): Pair {
  const ends = pair(options);
  pump(ends);
  return ends;
}

/** The victim's error, and that the other side was told. */
function expectRefusal(ends: Pair, victim: 'client' | 'server', code: string, alert: string): void {
  const other = victim === 'client' ? 'server' : 'client';
  expect(fault(ends[victim].error)).toBe(`${code} ${alert} local`);
  expect(fault(ends[other].error)).toBe(`ERR_TLS_ALERT ${alert} peer`);
  expect(ends[victim].connection.phase).toBe('failed');
}

type HelloChange = (hello: ServerHello) => Partial<ServerHello>;

const changeServerHello = (change: HelloChange, nth = 1): Seam =>
  replace(
    'server_hello',
    (message) => {
      const hello = decodeServerHello(message.subarray(4));
      return encodeServerHello({ ...hello, ...change(hello) });
    },
    nth,
  );

function withExtension({ extensions }: ServerHello | ClientHello, extension: Extension): ExtensionBlock {
  const rest = extensions.list.filter(({ type }) => type !== extension.type);
  return new ExtensionBlock([...rest, extension]);
}

function without({ extensions }: ServerHello | ClientHello, type: number): ExtensionBlock {
  return new ExtensionBlock(extensions.list.filter((extension) => extension.type !== type));
}

describe('a client refuses a ServerHello', () => {
  const u16 = (type: number, value: number): Extension => ({
    type,
    data: Uint8Array.of(value >> 8, value & 255),
  });
  const sentinel = (tail: string): Bytes => fromHex(`${'ab'.repeat(24)}${tail}`);
  const cases: [string, HelloChange, string, string][] = [
    [
      'with another session id',
      () => ({ sessionIdEcho: new Uint8Array(32) }),
      'ILLEGAL_PARAMETER',
      'illegal_parameter',
    ],
    [
      'with a suite that was not offered',
      () => ({ cipherSuite: 0x1304 }),
      'ILLEGAL_PARAMETER',
      'illegal_parameter',
    ],
    ['with a TLS 1.2 suite', () => ({ cipherSuite: 0xc02f }), 'ILLEGAL_PARAMETER', 'illegal_parameter'],
    [
      'without supported_versions: that is TLS 1.2',
      (h) => ({ extensions: without(h, ExtensionType.supportedVersions) }),
      'PROTOCOL_VERSION',
      'protocol_version',
    ],
    [
      'of TLS 1.2 with the downgrade sentinel (lesson 19)',
      (h) => ({
        random: sentinel('444f574e47524401'),
        extensions: without(h, ExtensionType.supportedVersions),
      }),
      'DOWNGRADE',
      'illegal_parameter',
    ],
    [
      'of TLS 1.1 with the downgrade sentinel',
      (h) => ({
        random: sentinel('444f574e47524400'),
        extensions: without(h, ExtensionType.supportedVersions),
      }),
      'DOWNGRADE',
      'illegal_parameter',
    ],
    [
      'that chooses TLS 1.2 in supported_versions',
      (h) => ({ extensions: withExtension(h, u16(ExtensionType.supportedVersions, 0x0303)) }),
      'ILLEGAL_PARAMETER',
      'illegal_parameter',
    ],
    [
      'without a key share',
      (h) => ({ extensions: without(h, ExtensionType.keyShare) }),
      'MISSING_EXTENSION',
      'missing_extension',
    ],
    [
      'with a share of a group we sent none for',
      (h) => ({
        extensions: withExtension(h, ext.keyShareAnswer({ group: 0x17, share: new Uint8Array(65) })),
      }),
      'ILLEGAL_PARAMETER',
      'illegal_parameter',
    ],
    [
      'with a short share',
      (h) => ({
        extensions: withExtension(h, ext.keyShareAnswer({ group: 0x1d, share: new Uint8Array(31).fill(9) })),
      }),
      'ILLEGAL_PARAMETER',
      'illegal_parameter',
    ],
    [
      'with a low-order point (lesson 30)',
      (h) => ({
        extensions: withExtension(h, ext.keyShareAnswer({ group: 0x1d, share: new Uint8Array(32) })),
      }),
      'ILLEGAL_PARAMETER',
      'illegal_parameter',
    ],
    [
      'with an extension that was not offered',
      (h) => ({ extensions: withExtension(h, { type: 0xfafa, data: new Uint8Array(0) }) }),
      'UNSUPPORTED_EXTENSION',
      'unsupported_extension',
    ],
    [
      'with an extension of another message',
      (h) => ({ extensions: withExtension(h, ext.alpn(['a'])) }),
      'ILLEGAL_PARAMETER',
      'illegal_parameter',
    ],
    [
      'with a cookie',
      (h) => ({ extensions: withExtension(h, ext.cookie(new Uint8Array(4))) }),
      'ILLEGAL_PARAMETER',
      'illegal_parameter',
    ],
    [
      'with bytes behind an extension’s content',
      (h) => ({
        extensions: withExtension(h, { type: ExtensionType.supportedVersions, data: Uint8Array.of(3, 4, 0) }),
      }),
      'DECODE',
      'decode_error',
    ],
  ];
  for (const [what, change, code, alert] of cases)
    it(what, () => {
      const ends = played({ serverSeam: changeServerHello(change) });
      // The server has gone on to encrypt and still hears the alert, in the clear.
      expectRefusal(ends, 'client', `ERR_TLS_${code}`, alert);
    });

  it('with compression', () => {
    const seam = replace('server_hello', (message) => {
      message[4 + 2 + 32 + 1 + 32 + 2] = 1;
      return message;
    });
    expectRefusal(played({ serverSeam: seam }), 'client', 'ERR_TLS_DECODE', 'decode_error');
  });

  it('with a legacy_version that is not TLS 1.2', () => {
    const seam = replace('server_hello', (message) => {
      message[5] = 2;
      return message;
    });
    expectRefusal(played({ serverSeam: seam }), 'client', 'ERR_TLS_PROTOCOL_VERSION', 'protocol_version');
  });

  it('with an extension twice (lesson 32)', () => {
    const seam = replace('server_hello', (message) => {
      const { random, sessionIdEcho, extensions } = decodeServerHello(message.subarray(4));
      const [first] = extensions.list;
      return encodeMessage('server_hello', (w) => {
        w.u16(0x0303).bytes(random);
        w.vector(1, () => w.bytes(sessionIdEcho));
        w.u16(0x1301).u8(0);
        w.vector(2, () => {
          for (const { type, data } of [first!, first!]) w.u16(type).vector(2, () => w.bytes(data));
        });
      });
    });
    expectRefusal(played({ serverSeam: seam }), 'client', 'ERR_TLS_ILLEGAL_PARAMETER', 'illegal_parameter');
  });
});

describe('a client refuses a HelloRetryRequest (lesson 20)', () => {
  const retry =
    (extensions: Extension[], change: Partial<ServerHello> = {}): HelloChange =>
    () => ({
      random: RETRY_RANDOM,
      extensions: new ExtensionBlock([...extensions, ext.supportedVersionChosen]),
      ...change,
    });
  const cases: [string, HelloChange][] = [
    ['that changes nothing', retry([])],
    ['for a group it did not offer', retry([ext.keyShareRetry(0x19)])],
    ['for the group whose share it sent', retry([ext.keyShareRetry(0x1d)])],
    ['for an unknown group', retry([ext.keyShareRetry(0xfafa)])],
    ['with a suite it did not offer', retry([ext.keyShareRetry(0x17)], { cipherSuite: 0x1305 })],
    ['with another session id', retry([ext.keyShareRetry(0x17)], { sessionIdEcho: new Uint8Array(0) })],
  ];
  for (const [what, change] of cases)
    it(what, () => {
      const ends = played({ serverSeam: changeServerHello(change) });
      expect(fault(ends.client.error)).toBe('ERR_TLS_ILLEGAL_PARAMETER illegal_parameter local');
    });

  it('that is the second', () => {
    const again = changeServerHello(retry([ext.keyShareRetry(0x18)]), 2);
    const ends = played({ server: { groups: ['secp256r1'] }, serverSeam: again });
    expect(fault(ends.client.error)).toBe('ERR_TLS_UNEXPECTED_MESSAGE unexpected_message local');
    expect(ends.client.error?.message).toBe('got a second HelloRetryRequest');
  });

  it('whose suite the ServerHello then changes', () => {
    const other = changeServerHello(() => ({ cipherSuite: 0x1302 }), 2);
    const ends = played({ server: { groups: ['secp256r1'] }, serverSeam: other });
    expectRefusal(ends, 'client', 'ERR_TLS_ILLEGAL_PARAMETER', 'illegal_parameter');
  });

  it('with an empty cookie', () => {
    const empty = { type: ExtensionType.cookie, data: Uint8Array.of(0, 0) };
    const ends = played({ serverSeam: changeServerHello(retry([empty])) });
    expect(fault(ends.client.error)).toBe('ERR_TLS_DECODE decode_error local');
  });
});

describe('a client refuses', () => {
  const cases: [string, HandshakeName, () => Bytes, string, string][] = [
    [
      'EncryptedExtensions with a key share',
      'encrypted_extensions',
      () => encodeEncryptedExtensions(new ExtensionBlock([ext.keyShareRetry(0x1d)])),
      'ILLEGAL_PARAMETER',
      'illegal_parameter',
    ],
    [
      'EncryptedExtensions with an unknown extension',
      'encrypted_extensions',
      () => encodeEncryptedExtensions(new ExtensionBlock([{ type: 0x1a1a, data: new Uint8Array(0) }])),
      'UNSUPPORTED_EXTENSION',
      'unsupported_extension',
    ],
    [
      'EncryptedExtensions with trailing bytes',
      'encrypted_extensions',
      () => encodeMessage('encrypted_extensions', (w) => w.u16(0).u8(0)),
      'DECODE',
      'decode_error',
    ],
    [
      'CertificateRequest without signature_algorithms',
      'certificate_request',
      () => encodeCertificateRequest(new ExtensionBlock([])),
      'MISSING_EXTENSION',
      'missing_extension',
    ],
    [
      'CertificateRequest with a context',
      'certificate_request',
      () => encodeMessage('certificate_request', (w) => w.u8(1).u8(1).u16(0)),
      'ILLEGAL_PARAMETER',
      'illegal_parameter',
    ],
    [
      'CertificateRequest with a key share',
      'certificate_request',
      () => encodeCertificateRequest(new ExtensionBlock([ext.keyShareRetry(0x1d)])),
      'ILLEGAL_PARAMETER',
      'illegal_parameter',
    ],
    [
      'sixty-five certificates',
      'certificate',
      () => encodeCertificate({ entries: Array(65).fill(Uint8Array.of(1)) }),
      'CERTIFICATE',
      'bad_certificate',
    ],
    [
      'a certificate with an extension it did not ask for',
      'certificate',
      () =>
        encodeMessage('certificate', (w) =>
          w.u8(0).vector(3, () => w.vector(3, () => w.u8(1)).vector(2, () => w.u16(5).u16(0))),
        ),
      'UNSUPPORTED_EXTENSION',
      'unsupported_extension',
    ],
    [
      'a certificate of no bytes',
      'certificate',
      () => encodeMessage('certificate', (w) => w.u8(0).vector(3, () => w.u24(0).u16(0))),
      'DECODE',
      'decode_error',
    ],
    [
      'a foreign valid chain (lesson 2)',
      'certificate',
      () => encodeCertificate({ entries: keyPeer().chain }),
      'SIGNATURE',
      'decrypt_error',
    ],
    [
      'a signature of another scheme than the key’s (lesson 3)',
      'certificate_verify',
      () => encodeCertificateVerify(0x0403, new Uint8Array(70)),
      'ILLEGAL_PARAMETER',
      'illegal_parameter',
    ],
    [
      'a signature by PKCS #1',
      'certificate_verify',
      () => encodeCertificateVerify(0x0401, new Uint8Array(256)),
      'ILLEGAL_PARAMETER',
      'illegal_parameter',
    ],
    [
      'a signature of an unknown scheme',
      'certificate_verify',
      () => encodeCertificateVerify(0xfefe, new Uint8Array(64)),
      'ILLEGAL_PARAMETER',
      'illegal_parameter',
    ],
    [
      'a wrong signature',
      'certificate_verify',
      () => encodeCertificateVerify(0x0807, new Uint8Array(64)),
      'SIGNATURE',
      'decrypt_error',
    ],
    [
      'an empty signature',
      'certificate_verify',
      () => encodeCertificateVerify(0x0807, new Uint8Array(0)),
      'SIGNATURE',
      'decrypt_error',
    ],
    [
      'a wrong Finished',
      'finished',
      () => encodeMessage('finished', (w) => w.bytes(new Uint8Array(32))),
      'FINISHED',
      'decrypt_error',
    ],
    [
      'a short Finished',
      'finished',
      () => encodeMessage('finished', (w) => w.bytes(new Uint8Array(31))),
      'FINISHED',
      'decrypt_error',
    ],
  ];
  for (const [what, name, lie, code, alert] of cases)
    it(what, () => {
      expectRefusal(played({ serverSeam: replace(name, lie) }), 'client', `ERR_TLS_${code}`, alert);
    });

  it('a signature of a scheme it did not offer, though the key fits', () => {
    const pki = new Pki();
    const p256 = pki.server('p256');
    const stubborn = {
      ...p256,
      signer: { ...p256.signer, schemes: ['ed25519'] as const, sign: () => new Uint8Array(64) },
    };
    const ends = played({
      client: { schemes: ['ed25519'] },
      server: {
        credentials: [
          { chain: stubborn.chain, signer: { ...stubborn.signer, kind: 'p256', spki: p256.signer.spki } },
        ],
      },
      pki,
    });
    expectRefusal(ends, 'client', 'ERR_TLS_ILLEGAL_PARAMETER', 'illegal_parameter');
  });
});

describe.each(['client', 'server'] as const)('a %s refuses a leaf', (victim) => {
  const seamed = (seam: Seam): PairOptions =>
    victim === 'client' ? { clientSeam: seam } : { serverSeam: seam };

  it('whose key usage forbids signing', () => {
    const keyUsage = new Set(['keyAgreement'] as const);
    const ends = played(seamed({ readLeaf: (der) => ({ ...parseCertificate(der), keyUsage }) }));
    expectRefusal(ends, victim, 'ERR_TLS_CERTIFICATE', 'unsupported_certificate');
  });

  for (const [what, der, code, alert] of [
    ['that is not DER at all', utf8('GARBAGE'), 'DECODE', 'decode_error'],
    ['that is DER but no certificate', Uint8Array.of(0x30, 0), 'CERTIFICATE', 'bad_certificate'],
  ] as const)
    it(what, () => {
      const lie = replace('certificate', () => encodeCertificate({ entries: [der] }));
      const ends = played(victim === 'client' ? { serverSeam: lie } : { clientSeam: lie });
      expectRefusal(ends, victim, `ERR_TLS_${code}`, alert);
    });
});

describe('a server refuses', () => {
  const cases: [string, HandshakeName, () => Bytes, string, string][] = [
    [
      'a foreign valid chain',
      'certificate',
      () => encodeCertificate({ entries: keyPeer().chain }),
      'SIGNATURE',
      'decrypt_error',
    ],
    [
      'a signature of another scheme than the key’s',
      'certificate_verify',
      () => encodeCertificateVerify(0x0403, new Uint8Array(70)),
      'ILLEGAL_PARAMETER',
      'illegal_parameter',
    ],
    [
      'a wrong signature',
      'certificate_verify',
      () => encodeCertificateVerify(0x0807, new Uint8Array(64)),
      'SIGNATURE',
      'decrypt_error',
    ],
    [
      'a wrong Finished',
      'finished',
      () => encodeMessage('finished', (w) => w.bytes(new Uint8Array(32))),
      'FINISHED',
      'decrypt_error',
    ],
    [
      'a certificate context it did not send',
      'certificate',
      () => encodeMessage('certificate', (w) => w.u8(1).u8(9).u24(0)),
      'ILLEGAL_PARAMETER',
      'illegal_parameter',
    ],
  ];
  for (const [what, name, lie, code, alert] of cases)
    it(what, () => {
      expectRefusal(played({ clientSeam: replace(name, lie) }), 'server', `ERR_TLS_${code}`, alert);
    });
});

describe('an unknown extension twice is a decode_error (lesson 32)', () => {
  /** Appends it to the block that ends a message and starts at `at`. */
  const doubled = (message: Bytes, at: number): Bytes => {
    const twice = fromHex('ffff0000ffff0000');
    const bytes = new Uint8Array([...message, ...twice]);
    const view = new DataView(bytes.buffer);
    view.setUint16(2, view.getUint16(2) + twice.length);
    view.setUint16(at, view.getUint16(at) + twice.length);
    return bytes;
  };

  it('in EncryptedExtensions', () => {
    const seam = replace('encrypted_extensions', (message) => doubled(message, 4));
    expectRefusal(played({ serverSeam: seam }), 'client', 'ERR_TLS_DECODE', 'decode_error');
  });

  it('in a ClientHello', () => {
    const suites = 4 + 2 + 32 + 1 + 32;
    const seam = replace('client_hello', (message) =>
      doubled(message, suites + 2 + ((message[suites]! << 8) | message[suites + 1]!) + 2),
    );
    expectRefusal(played({ clientSeam: seam }), 'server', 'ERR_TLS_DECODE', 'decode_error');
  });
});

describe('a server refuses a ClientHello', () => {
  type Change = (hello: ClientHello) => Partial<ClientHello>;
  const shaped = (change: Change): Seam => ({
    shapeClientHello: (hello) => ({ ...hello, ...change(hello) }),
  });
  const drop =
    (type: number): Change =>
    (hello) => ({ extensions: without(hello, type) });
  const put =
    (extension: Extension): Change =>
    (hello) => ({ extensions: withExtension(hello, extension) });
  const share = (group: number, length: number): ext.KeyShare => ({
    group,
    share: new Uint8Array(length).fill(9),
  });
  const cases: [string, Change, string, string][] = [
    [
      'without supported_versions',
      drop(ExtensionType.supportedVersions),
      'PROTOCOL_VERSION',
      'protocol_version',
    ],
    [
      'that offers only TLS 1.2',
      put({ type: ExtensionType.supportedVersions, data: Uint8Array.of(2, 3, 3) }),
      'PROTOCOL_VERSION',
      'protocol_version',
    ],
    [
      'with an odd list of versions',
      put({ type: ExtensionType.supportedVersions, data: Uint8Array.of(3, 3, 4, 3) }),
      'DECODE',
      'decode_error',
    ],
    [
      'without signature_algorithms',
      drop(ExtensionType.signatureAlgorithms),
      'MISSING_EXTENSION',
      'missing_extension',
    ],
    [
      'without supported_groups',
      drop(ExtensionType.supportedGroups),
      'MISSING_EXTENSION',
      'missing_extension',
    ],
    ['without a key share extension', drop(ExtensionType.keyShare), 'MISSING_EXTENSION', 'missing_extension'],
    [
      'with two shares for a group (lesson 30)',
      put(ext.keyShareOffer([share(0x1d, 32), share(0x1d, 32)])),
      'ILLEGAL_PARAMETER',
      'illegal_parameter',
    ],
    [
      'with a share for a group it does not list',
      put(ext.keyShareOffer([share(0x19, 133)])),
      'ILLEGAL_PARAMETER',
      'illegal_parameter',
    ],
    [
      'with a low-order point',
      put(ext.keyShareOffer([{ group: 0x1d, share: new Uint8Array(32) }])),
      'ILLEGAL_PARAMETER',
      'illegal_parameter',
    ],
    [
      'with a point off the curve',
      put(ext.keyShareOffer([share(0x17, 65)])),
      'ILLEGAL_PARAMETER',
      'illegal_parameter',
    ],
    [
      'without a common suite',
      () => ({ cipherSuites: [0x1304, 0xc02f] }),
      'HANDSHAKE_FAILURE',
      'handshake_failure',
    ],
    [
      'without a common group',
      (h) => ({
        extensions: withExtension(
          { ...h, extensions: withExtension(h, ext.supportedGroups([0x1e])) },
          ext.keyShareOffer([]),
        ),
      }),
      'HANDSHAKE_FAILURE',
      'handshake_failure',
    ],
    [
      'that accepts none of its signatures',
      put(ext.signatureAlgorithms([0x0804])),
      'HANDSHAKE_FAILURE',
      'handshake_failure',
    ],
    [
      'that says of its own certificates that they are X.509, which goes without saying (RFC 7250 §4.1)',
      put(ext.certificateTypesOffer(ExtensionType.clientCertificateType, [0])),
      'ILLEGAL_PARAMETER',
      'illegal_parameter',
    ],
    [
      'that has no certificates of a type we accept',
      put(ext.certificateTypesOffer(ExtensionType.clientCertificateType, [2, 5])),
      'CERTIFICATE',
      'unsupported_certificate',
    ],
    ['with a session id too long', () => ({ sessionId: new Uint8Array(33) }), 'DECODE', 'decode_error'],
    [
      'with two host names',
      put({ type: ExtensionType.serverName, data: fromHex('0008 00 0001 61 00 0001 62') }),
      'ILLEGAL_PARAMETER',
      'illegal_parameter',
    ],
    [
      'with a NUL in the host name',
      put({ type: ExtensionType.serverName, data: fromHex('0006 00 0003 610062') }),
      'ILLEGAL_PARAMETER',
      'illegal_parameter',
    ],
    [
      'with an empty protocol name',
      put({ type: ExtensionType.alpn, data: fromHex('0001 00') }),
      'DECODE',
      'decode_error',
    ],
    [
      'with pre_shared_key before the end (lesson 22)',
      (h) => ({
        extensions: new ExtensionBlock([
          { type: ExtensionType.preSharedKey, data: new Uint8Array(4) },
          ...h.extensions.list,
        ]),
      }),
      'ILLEGAL_PARAMETER',
      'illegal_parameter',
    ],
    [
      'with an extension of another message',
      put({ type: ExtensionType.oidFilters, data: new Uint8Array(2) }),
      'ILLEGAL_PARAMETER',
      'illegal_parameter',
    ],
  ];
  for (const [what, change, code, alert] of cases)
    it(what, () => {
      const ends = played({ clientSeam: shaped(change), server: { alpn: ['a'], requireAlpn: false } });
      expectRefusal(ends, 'server', `ERR_TLS_${code}`, alert);
    });

  it('with compression', () => {
    const seam = replace('client_hello', (message) => {
      const { cipherSuites } = decodeClientHello(message.subarray(4));
      message[4 + 2 + 32 + 33 + 2 + 2 * cipherSuites.length + 1] = 1;
      return message;
    });
    expectRefusal(played({ clientSeam: seam }), 'server', 'ERR_TLS_ILLEGAL_PARAMETER', 'illegal_parameter');
  });

  const seconds: [string, Change][] = [
    ['another random', () => ({ random: new Uint8Array(32) })],
    ['another session id', () => ({ sessionId: new Uint8Array(32) })],
    ['another list of suites', (h) => ({ cipherSuites: [...h.cipherSuites].reverse() })],
    ['another name', put(ext.serverName('evil.test'))],
    ['another extension', put({ type: 0x1234, data: new Uint8Array(1) })],
    ['an extension less', drop(ExtensionType.serverName)],
    ['the share of another group', put(ext.keyShareOffer([share(0x1d, 32)]))],
    ['no share', put(ext.keyShareOffer([]))],
    [
      'two shares',
      (h) => ({
        extensions: withExtension(
          h,
          ext.keyShareOffer([{ group: 0x17, share: new Uint8Array(65) }, share(0x1d, 32)]),
        ),
      }),
    ],
    ['a cookie nobody gave it', put(ext.cookie(new Uint8Array(8)))],
    ['early data', put({ type: ExtensionType.earlyData, data: new Uint8Array(0) })],
  ];
  for (const [what, change] of seconds)
    it(`that comes second with ${what} (lesson 20)`, () => {
      const seam = replace(
        'client_hello',
        (message) => {
          const hello = decodeClientHello(message.subarray(4));
          return encodeClientHello({ ...hello, ...change(hello) });
        },
        2,
      );
      const ends = played({ clientSeam: seam, server: { groups: ['secp256r1'] } });
      expectRefusal(ends, 'server', 'ERR_TLS_ILLEGAL_PARAMETER', 'illegal_parameter');
    });

  for (const [what, cookie] of [
    ['without', undefined],
    ['with another', ext.cookie(Uint8Array.of(9))],
  ] as const)
    it(`that comes second ${what} cookie`, () => {
      const seam = replace(
        'client_hello',
        (message) => {
          const hello = decodeClientHello(message.subarray(4));
          const extensions = cookie ? withExtension(hello, cookie) : without(hello, ExtensionType.cookie);
          return encodeClientHello({ ...hello, extensions });
        },
        2,
      );
      const serverSeam = { retryCookie: Uint8Array.of(1, 2, 3) };
      const ends = played({ clientSeam: seam, serverSeam, server: { groups: ['secp256r1'] } });
      expectRefusal(ends, 'server', 'ERR_TLS_ILLEGAL_PARAMETER', 'illegal_parameter');
    });

  it('never for GREASE and unknown code points', () => {
    const seam = shaped((hello) => ({
      cipherSuites: [0x0a0a, ...hello.cipherSuites, 0xffff],
      extensions: new ExtensionBlock([
        { type: 0x1a1a, data: new Uint8Array(0) },
        ...hello.extensions.list.map((extension) => {
          if (extension.type === ExtensionType.supportedGroups)
            return ext.supportedGroups([0x2a2a, 0x1d, 0x17]);
          if (extension.type === ExtensionType.supportedVersions)
            return { ...extension, data: Uint8Array.of(6, 0x3a, 0x3a, 3, 4, 3, 3) };
          if (extension.type === ExtensionType.signatureAlgorithms)
            return ext.signatureAlgorithms([0x0a0b, 0x0807, 0x0403]);
          if (extension.type === ExtensionType.keyShare)
            return ext.keyShareOffer([share(0x2a2a, 1), ...ext.readOfferedShares(extension.data)]);
          return extension;
        }),
        { type: 0x4a4a, data: Uint8Array.of(0) },
      ]),
    }));
    const ends = played({ client: { grease: false }, clientSeam: seam });
    expect(ends.server.connection.phase).toBe('open');
  });
});

describe('a client tolerates', () => {
  const unknown = { type: 0x7a7a, data: Uint8Array.of(1, 2) };

  it('a server of the wild that sends twenty certificates too many', () => {
    const pki = new Pki();
    const { chain, signer } = pki.server();
    const long = { chain: [...chain, ...Array(20).fill(chain[0]!)], signer };
    const ends = played({ pki, server: { credentials: [long] } });
    expect([ends.client.connection.phase, ends.client.error]).toEqual(['open', undefined]);
  });

  it('unknown extensions in CertificateRequest', () => {
    const request = new ExtensionBlock([unknown, ext.signatureAlgorithms([0x0a0a, 0x0807])]);
    const seam = replace('certificate_request', () => encodeCertificateRequest(request));
    expect(played({ serverSeam: seam }).server.connection.phase).toBe('open');
  });

  it('tickets, with unknown extensions in them', () => {
    const ticket = encodeMessage('new_session_ticket', (w) => {
      w.u32(3600).u32(1).u8(0).u16(1).u8(9);
      new ExtensionBlock([unknown]).write(w);
    });
    const ends = played({ serverSeam: { afterHandshake: [ticket, ticket] } });
    expect(ends.client.connection.phase).toBe('open');
    expect(ends.client.error).toBeUndefined();
  });

  it('no malformed ticket', () => {
    for (const fill of ['040000020000', '0400000d000000000000000000000000 0000']) {
      const ends = played({ serverSeam: { afterHandshake: [fromHex(fill)] } });
      expectRefusal(ends, 'client', 'ERR_TLS_DECODE', 'decode_error');
    }
  });
});

describe('identity', () => {
  const alerts = [
    ['ERR_IDENTITY_UNKNOWN_ISSUER', 'unknown_ca'],
    ['ERR_IDENTITY_EXPIRED', 'certificate_expired'],
    ['ERR_IDENTITY_SIGNATURE', 'bad_certificate'],
    ['ERR_IDENTITY_DENIED', 'certificate_revoked'],
    ['ERR_IDENTITY_KEY_USAGE', 'unsupported_certificate'],
    ['ERR_IDENTITY_NO_CERTIFICATE', 'certificate_required'],
  ] as const;
  for (const [code, alert] of alerts)
    for (const victim of ['client', 'server'] as const)
      it(`refused by the ${victim} as ${code} is ${alert} to the peer`, () => {
        const verifier: PeerVerifier = { verify: () => new Refusal(code, 'because') };
        const ends = played({ [victim]: { verifier } });
        expectRefusal(ends, victim, 'ERR_TLS_PEER_REFUSED', alert);
        expect(ends[victim].error?.cause).toMatchObject({ code });
      });

  it('is not asked about before the peer has proved its key', () => {
    let asked = 0;
    const verifier: PeerVerifier = {
      verify: () => {
        asked++;
        return new Refusal('ERR_IDENTITY_NAME', 'no');
      },
    };
    played({
      client: { verifier },
      serverSeam: replace('certificate_verify', () => encodeCertificateVerify(0x0807, new Uint8Array(64))),
    });
    expect(asked).toBe(0);
  });

  const wrong: [string, unknown][] = [
    ['true', true],
    ['nothing', undefined],
    ['a look-alike', { identity: {}, leaf: {}, chain: [] }],
    ['an Error', new Error('trust store is gone')],
  ];
  for (const [what, answer] of wrong)
    it(`fails closed when the verifier answers with ${what} (lesson 29)`, () => {
      const verifier = { verify: () => answer } as unknown as PeerVerifier;
      expectRefusal(played({ client: { verifier } }), 'client', 'ERR_TLS_OP', 'internal_error');
      expectRefusal(played({ server: { verifier } }), 'server', 'ERR_TLS_OP', 'internal_error');
    });

  it('fails closed when the verifier throws', () => {
    const verifier: PeerVerifier = {
      verify: () => {
        throw new Error('trust store is gone');
      },
    };
    expectRefusal(played({ server: { verifier } }), 'server', 'ERR_TLS_OP', 'internal_error');
  });

  it('fails closed when the proof is about another certificate', () => {
    const pki = new Pki();
    const other = pki.server().chain;
    const honest = pki.serverVerifier();
    const verifier: PeerVerifier = { verify: (presented) => honest.verify({ ...presented, chain: other }) };
    expectRefusal(played({ client: { verifier }, pki }), 'client', 'ERR_TLS_OP', 'internal_error');
  });
});

describe('a provider that fails', () => {
  it('ends the connection with internal_error and keeps the cause', () => {
    const broken = override(node, {
      encapsulate: () => {
        throw new Error('no entropy');
      },
    });
    const ends = played({ serverProvider: broken });
    expectRefusal(ends, 'server', 'ERR_TLS_INTERNAL', 'internal_error');
    expect(ends.server.error?.message).toContain('no entropy');
  });
});
