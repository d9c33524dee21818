import { describe, expect, it } from 'vitest';
import { provider as node } from '../../src/crypto/node.node.ts';
import { ClientContext, ServerContext, TlsConfig, type TlsConfigInit } from '../../src/tls/index.ts';
import { Pki } from '../support/pki.ts';
import { override } from '../support/scriptedProvider.ts';

const pki = new Pki();
const credential = pki.server();
const verifier = pki.clientVerifier();
const full: TlsConfigInit = {
  verifier,
  credentials: [credential],
  alpn: ['a', 'b'],
  suites: ['TLS_AES_128_GCM_SHA256'],
  groups: ['x25519'],
  schemes: ['ed25519'],
  clientCertificate: 'request',
  compatibility: false,
  maxPlaintext: 1024,
  requireAlpn: false,
  keyLog: () => {},
};

describe('TlsConfig', () => {
  it('is frozen, through and through, and keeps no reference to what it was made of', () => {
    const alpn = ['a'];
    const config = new TlsConfig({ ...full, alpn });
    alpn.push('b');
    expect(config.alpn).toEqual(['a']);
    for (const part of [config, config.alpn, config.credentials, config.credentials[0], config.suites])
      expect(Object.isFrozen(part)).toBe(true);
  });

  it('equals a configuration of the same content and no other', () => {
    const config = new TlsConfig(full);
    expect(config.equals(new TlsConfig({ ...full, credentials: [{ ...credential }] }))).toBe(true);
    const others: Partial<TlsConfigInit>[] = [
      { verifier: pki.clientVerifier() },
      { credentials: [] },
      { credentials: [pki.server()] },
      { alpn: ['b', 'a'] },
      { suites: ['TLS_AES_256_GCM_SHA384'] },
      { groups: ['secp256r1'] },
      { schemes: ['ecdsa_secp256r1_sha256'] },
      { clientCertificate: 'require' },
      { compatibility: true },
      { maxPlaintext: 2048 },
      { requireAlpn: true },
      { keyLog: () => {} },
    ];
    for (const change of others) expect(config.equals(config.with(change))).toBe(false);
    expect(config.with({}).equals(config)).toBe(true);
  });

  it('changes by making another', () => {
    const config = new TlsConfig(full);
    const changed = config.with({ alpn: ['c'] });
    expect(config.alpn).toEqual(['a', 'b']);
    expect(changed.alpn).toEqual(['c']);
    expect(changed.maxPlaintext).toBe(1024);
  });

  const faults: [string, Record<string, unknown>, RegExp][] = [
    ['no verifier', { verifier: undefined }, /^verifier: /],
    ['a verifier that verifies nothing', { verifier: {} }, /^verifier: /],
    ['no chain', { credentials: [{ signer: credential.signer }] }, /^credentials\[0\]\.chain: /],
    [
      'a chain of text',
      { credentials: [{ chain: ['x'], signer: credential.signer }] },
      /^credentials\[0\]\.chain\[0\]: /,
    ],
    [
      'a chain too long',
      { credentials: [{ ...credential, chain: Array(65).fill(credential.chain[0]) }] },
      /^credentials\[0\]\.chain: /,
    ],
    [
      'a chain too big',
      { credentials: [{ ...credential, chain: [new Uint8Array(65_000).fill(0x30)] }] },
      /^credentials\[0\]: of 65000 bytes/,
    ],
    [
      'a leaf that cannot be read',
      { credentials: [{ chain: [Uint8Array.of(0x30)], signer: credential.signer }] },
      /^credentials\[0\]\.chain: /,
    ],
    [
      'the key of another certificate',
      { credentials: [{ chain: credential.chain, signer: pki.server().signer }] },
      /^credentials\[0\]\.signer: /,
    ],
    [
      'an empty staple',
      { credentials: [{ ...credential, ocsp: new Uint8Array(0) }] },
      /^credentials\[0\]\.ocsp: /,
    ],
    [
      'timestamps that are no list',
      { credentials: [{ ...credential, scts: Uint8Array.of(0, 1, 0) }] },
      /^credentials\[0\]\.scts: /,
    ],
    [
      'an authority that is no name',
      { certificateAuthorities: [Uint8Array.of(1)] },
      /^certificateAuthorities\[0\]: /,
    ],
    ['a certificate type of its own', { certificateTypes: ['pgp'] }, /^certificateTypes: /],
    ['no certificate type', { certificateTypes: [] }, /^certificateTypes: /],
    ['a ticket store that cannot take', { tickets: {} }, /^tickets: /],
    ['an issuer that cannot redeem', { resumption: {} }, /^resumption: /],
    ['too many tickets', { ticketCount: 9 }, /^ticketCount: /],
    ['early data without end', { earlyData: 2 ** 20 }, /^earlyData: /],
    [
      'early data under tickets that can be used twice',
      { earlyData: 1, resumption: { onceOnly: false, issue() {}, redeem() {} } },
      /^earlyData: needs an issuer/,
    ],
    ['a codec without a number', { compression: [{ compress() {}, decompress() {} }] }, /^compression: /],
    ['a codec that only compresses', { compression: [{ id: 1, compress() {} }] }, /^compression: /],
    ['a record limit too small', { recordSizeLimit: 63 }, /^recordSizeLimit: /],
    ['padding to nothing', { padTo: 0 }, /^padTo: /],
    ['a policy that cannot check', { policy: {} }, /^policy: /],
    ['a chooser that is no function', { chooseCredential: {} }, /^chooseCredential: /],
    ['grease that is text', { grease: 'yes' }, /^grease: /],
    ['no signer', { credentials: [{ chain: credential.chain }] }, /^credentials\[0\]\.signer: /],
    ['an empty protocol name', { alpn: [''] }, /^alpn: /],
    ['a protocol name with a space', { alpn: ['a b'] }, /^alpn: /],
    ['a protocol named twice', { alpn: ['a', 'a'] }, /^alpn: /],
    ['an unknown suite', { suites: ['TLS_RSA_WITH_NULL_MD5'] }, /^suites: /],
    ['no suite', { suites: [] }, /^suites: /],
    ['an unknown group', { groups: ['secp256k1'] }, /^groups: /],
    ['a group named twice', { groups: ['x25519', 'x25519'] }, /^groups: /],
    ['an unknown scheme', { schemes: ['rsa_pkcs1_sha1'] }, /^schemes: /],
    ['an unknown policy', { clientCertificate: 'maybe' }, /^clientCertificate: /],
    ['text for a boolean', { requireAlpn: 'false' }, /^requireAlpn: /],
    ['a record size of zero', { maxPlaintext: 0 }, /^maxPlaintext: /],
    ['a record size above the standard’s', { maxPlaintext: 16_385 }, /^maxPlaintext: /],
    ['a key log that is no function', { keyLog: 'keys.txt' }, /^keyLog: /],
  ];
  for (const [what, change, message] of faults)
    it(`refuses ${what}, naming the field`, () => {
      expect(() => new TlsConfig({ ...full, ...change } as TlsConfigInit)).toThrow(
        expect.objectContaining({
          code: 'ERR_TLS_CONFIG',
          fault: 'config',
          message: expect.stringMatching(message),
        }),
      );
    });
});

describe('contexts', () => {
  it('refuse what the provider cannot do', () => {
    const poor = override(node, { supports: { ...node.supports, groups: ['x25519'] } });
    expect(() => new ClientContext({ verifier, groups: ['secp384r1'] }, poor)).toThrow(
      /^groups: .*secp384r1/,
    );
  });

  it('take the provider’s order of suites', () => {
    const slow = override(node, {
      supports: { ...node.supports, aeads: ['chacha20-poly1305', 'aes-128-gcm'] },
    });
    const [hello] = new ClientContext({ verifier, grease: false }, slow).connect().takeOutput();
    expect(Buffer.from(hello!).toString('hex')).toContain('000413031301');
  });

  it('take the provider’s order of groups, without the one that nobody needs', () => {
    const hybrid = override(node, {
      supports: { ...node.supports, groups: ['secp384r1', 'secp521r1', 'x25519'] },
    });
    const offered = (init: object): string =>
      Buffer.from(
        new ClientContext({ verifier, grease: false, ...init }, hybrid).connect().takeOutput()[0]!,
      ).toString('hex');
    expect(offered({})).toContain('000a000600040018001d');
    expect(offered({ groups: ['x25519', 'secp521r1'] })).toContain('000a00060004001d0019');
  });

  it('refuse to serve without a certificate', () => {
    expect(() => new ServerContext({ verifier }, node)).toThrow(/^credentials: /);
  });
});
