/** A configuration as a value (E1): every field takes part in equality, everything is frozen, bytes are its own. */
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import { type CertificateCodec, TlsConfig, type TlsConfigInit } from '../../src/tls/index.ts';
import { Policy } from '../../src/tls/policy.ts';
import { ExternalPsk, SessionCache, TicketCache } from '../../src/tls/resumption.ts';
import { Pki } from '../support/pki.ts';

const pki = new Pki();
const verifier = pki.clientVerifier();
const credential = pki.server();
const codec: CertificateCodec = {
  name: 'zlib',
  id: 1,
  compress: (bytes) => bytes.slice(),
  decompress: (bytes) => bytes.slice(),
};
const psk = new ExternalPsk({
  identity: utf8('id'),
  key: node.random(32),
  parties: { local: 'us', remote: 'them' },
});

/** A value of each field that is not what a bare configuration has. */
const CHANGES: Required<TlsConfigInit> = {
  verifier: pki.serverVerifier(),
  credentials: [credential],
  chooseCredential: () => undefined,
  alpn: ['h2'],
  requireAlpn: false,
  suites: ['TLS_AES_128_GCM_SHA256'],
  groups: ['x25519'],
  schemes: ['ed25519'],
  certificateSchemes: ['ed25519'],
  certificateAuthorities: [Uint8Array.of(0x30, 0)],
  certificateTypes: ['rawPublicKey'],
  requestStatus: true,
  compression: [codec],
  clientCertificate: 'none',
  tickets: new TicketCache(),
  resumption: new SessionCache(node),
  ticketCount: 1,
  earlyData: 5,
  externalPsks: [psk],
  retryCookie: true,
  compatibility: false,
  grease: false,
  maxPlaintext: 100,
  recordSizeLimit: 100,
  padTo: 16,
  policy: new Policy({}),
  keyLog: () => {},
};

/** What the caller made, and is not ours to freeze. */
const GIVEN: ReadonlySet<string> = new Set(['signer', 'verifier', 'compression']);

const bare = new TlsConfig({ verifier });

describe('a configuration', () => {
  it('has a line in the table for every field', () => {
    expect(Object.keys(CHANGES).sort()).toEqual(Object.keys(bare).sort());
  });

  for (const [field, value] of Object.entries(CHANGES))
    it(`is another one with another ${field}, and the same with the same`, () => {
      const changed = bare.with({ [field]: value });
      expect([bare.equals(changed), changed.equals(bare)]).toEqual([false, false]);
      expect(changed.equals(bare.with({ [field]: value }))).toBe(true);
      expect(changed.with({}).equals(changed)).toBe(true);
    });

  it('is compared by content where there is content: lists, bytes, credentials', () => {
    const copy = (bytes: Uint8Array): Uint8Array => bytes.slice();
    const a = bare.with({
      credentials: [credential],
      certificateAuthorities: [Uint8Array.of(0x30, 0)],
      alpn: ['x', 'y'],
    });
    const b = bare.with({
      credentials: [{ chain: credential.chain.map(copy), signer: credential.signer }],
      certificateAuthorities: [Uint8Array.of(0x30, 0)],
      alpn: ['x', 'y'],
    });
    expect(a.equals(b)).toBe(true);
    expect(a.equals(b.with({ credentials: [{ ...credential, ocsp: Uint8Array.of(0x30, 0) }] }))).toBe(false);
    expect(a.equals(b.with({ alpn: ['y', 'x'] }))).toBe(false);
  });

  it('is frozen as far as values freeze', () => {
    const whole = new TlsConfig(CHANGES);
    const thawed: string[] = [];
    const walk = (value: unknown, path: string): void => {
      if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
      const isPlain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
      if (!isPlain && value !== whole) return; // collaborators have a life of their own
      if (!Object.isFrozen(value)) thawed.push(path);
      for (const [key, inner] of Object.entries(value)) if (!GIVEN.has(key)) walk(inner, `${path}.${key}`);
    };
    walk(whole, 'config');
    expect(thawed).toEqual([]);
  });

  it('keeps its own copy of bytes', () => {
    const der = credential.chain[0]!.slice();
    const name = Uint8Array.of(0x30, 0);
    const config = bare.with({
      credentials: [{ chain: [der], signer: credential.signer }],
      certificateAuthorities: [name],
    });
    der.fill(0);
    name.fill(0);
    expect(config.credentials[0]!.chain[0]).toEqual(credential.chain[0]);
    expect(config.certificateAuthorities[0]).toEqual(Uint8Array.of(0x30, 0));
  });
});
