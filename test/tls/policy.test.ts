/** A site's floor under every configuration (E15): what is against it cannot become a context, and it only ever narrows. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { provider as node } from '../../src/crypto/node.node.ts';
import { peerId, Refusal, VerifiedPeer, verifyRawKey } from '../../src/identity/index.ts';
import { type Credential, type PeerVerifier, TlsConfig, type TlsConfigInit } from '../../src/tls/index.ts';
import { Policy, type PolicyRules } from '../../src/tls/policy.ts';
import { ExternalPsk } from '../../src/tls/psk.ts';
import { anyPeer, keyPeer, Pki } from '../support/pki.ts';

const DAY = 86_400_000;
const pki = new Pki();
const server = pki.server(); // 90 days at most
const user = pki.user('alice'); // 7 days at most
const verifier = pki.clientVerifier();
const raw: Credential = { chain: [], signer: node.generateKey('ed25519') };

const external = new ExternalPsk({
  identity: Uint8Array.of(1),
  key: Uint8Array.from({ length: 32 }, (_, i) => i),
  parties: { local: 'a', remote: 'b' },
});

/** What the policy says to the configuration: nothing, or the refusal's text. */
function verdict(rules: PolicyRules, change: Partial<TlsConfigInit> = {}): string | undefined {
  const config = new TlsConfig({ verifier, credentials: [server], ...change });
  try {
    new Policy(rules).check(config);
    return undefined;
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_TLS_CONFIG', fault: 'config' });
    return (error as Error).message;
  }
}

const store = { put: () => {}, take: () => undefined };
const issuer = {
  onceOnly: true,
  issue: () => ({ ticket: new Uint8Array(1), lifetime: 1 }),
  redeem: () => undefined,
};

type Case = [
  what: string,
  rules: PolicyRules,
  good: Partial<TlsConfigInit>,
  bad: Partial<TlsConfigInit>,
  says: RegExp,
];
const CASES: Case[] = [
  [
    'suites',
    { suites: ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'] },
    { suites: ['TLS_CHACHA20_POLY1305_SHA256'] },
    { suites: ['TLS_AES_256_GCM_SHA384', 'TLS_AES_128_GCM_SHA256'] },
    /^suites: "TLS_AES_128_GCM_SHA256" is against the policy, which allows TLS_AES_256/,
  ],
  [
    'suites left open',
    { suites: ['TLS_AES_256_GCM_SHA384'] },
    { suites: ['TLS_AES_256_GCM_SHA384'] },
    {},
    /^suites: is left to the provider/,
  ],
  [
    'groups',
    { groups: ['secp384r1'] },
    { groups: ['secp384r1'] },
    { groups: ['x25519'] },
    /^groups: "x25519"/,
  ],
  [
    'schemes',
    { schemes: ['ed25519'] },
    { schemes: ['ed25519'] },
    { schemes: ['rsa_pss_rsae_sha256'] },
    /^schemes: "rsa_pss/,
  ],
  [
    'schemes of certificates',
    { schemes: ['ed25519'] },
    { schemes: ['ed25519'] },
    { schemes: ['ed25519'], certificateSchemes: ['rsa_pkcs1_sha256'] },
    /^certificateSchemes: "rsa_pkcs1/,
  ],
  ['a protocol', { requireAlpn: true }, { alpn: ['h2'] }, {}, /^alpn: is empty/],
  [
    'a protocol insisted on',
    { requireAlpn: true },
    { alpn: ['h2'] },
    { alpn: ['h2'], requireAlpn: false },
    /^requireAlpn: is false/,
  ],
  [
    'client certificates',
    { clientCertificate: 'request' },
    { clientCertificate: 'request' },
    { clientCertificate: 'none' },
    /^clientCertificate: "none" is against the policy, which asks for "request" at least/,
  ],
  [
    'client certificates always',
    { clientCertificate: 'require' },
    {},
    { clientCertificate: 'request' },
    /^clientCertificate: "request"/,
  ],
  [
    'kinds of keys',
    { credentialKeys: ['ed25519'] },
    {},
    { credentials: [pki.server('p256')] },
    /^credentials\[0\]\.signer: a p256 key/,
  ],
  [
    'lifetimes of our certificates',
    { maxCredentialLifetime: 8 * DAY },
    { credentials: [user] },
    { credentials: [user, keyPeer()] },
    /^credentials\[1\]\.chain: is valid for 366 days, and the policy allows 8 days/,
  ],
  [
    'raw keys without an end',
    { maxCredentialLifetime: DAY },
    { credentials: [] },
    { credentials: [raw] },
    /^credentials\[0\]: is a raw key, which never ends/,
  ],
  [
    'raw keys of ours',
    { allowRawKeys: false },
    {},
    { credentials: [raw] },
    /^credentials\[0\]: is a raw key, which the policy forbids/,
  ],
  [
    'raw keys of peers',
    { allowRawKeys: false },
    {},
    { certificateTypes: ['rawPublicKey', 'x509'] },
    /^certificateTypes: the policy forbids it/,
  ],
  [
    'credentials it cannot see',
    { credentialKeys: ['ed25519'] },
    {},
    { chooseCredential: () => undefined },
    /^chooseCredential: picks credentials/,
  ],
  [
    'early data',
    { allowEarlyData: false },
    {},
    { earlyData: 1, resumption: issuer },
    /^earlyData: the policy forbids it/,
  ],
  ['tickets', { allowTickets: false }, {}, { tickets: store }, /^tickets: the policy forbids it/],
  ['resumption', { allowTickets: false }, {}, { resumption: issuer }, /^resumption: the policy forbids it/],
  [
    'keys shared beforehand',
    { allowExternalPsks: false },
    {},
    { externalPsks: [external] },
    /^externalPsks: the policy forbids it/,
  ],
  ['key logs', { allowKeyLog: false }, {}, { keyLog: () => {} }, /^keyLog: the policy forbids it/],
];

describe('a policy', () => {
  for (const [what, rules, good, bad, says] of CASES)
    it(`about ${what} passes what fits and names field and rule of what does not`, () => {
      expect(verdict(rules, good)).toBeUndefined();
      expect(verdict(rules, bad)).toMatch(says);
      expect(verdict({}, bad)).toBeUndefined();
    });

  it('without rules passes everything, and a permission is no demand', () => {
    expect(verdict({})).toBeUndefined();
    expect(verdict({ allowEarlyData: true, allowTickets: true, requireAlpn: false })).toBeUndefined();
  });

  it('is frozen, and keeps no reference to what it was made of', () => {
    const suites: ('TLS_AES_256_GCM_SHA384' | 'TLS_AES_128_GCM_SHA256')[] = ['TLS_AES_256_GCM_SHA384'];
    const policy = new Policy({ suites });
    suites.push('TLS_AES_128_GCM_SHA256');
    expect(policy.rules.suites).toEqual(['TLS_AES_256_GCM_SHA384']);
    for (const part of [policy, policy.rules, policy.rules.suites]) expect(Object.isFrozen(part)).toBe(true);
  });

  const malformed: [Record<string, unknown>, RegExp][] = [
    [{ suites: [] }, /^policy\.suites: allows nothing/],
    [{ suites: ['TLS_NULL'] }, /^policy\.suites: "TLS_NULL" is not known/],
    [{ groups: 'x25519' }, /^policy\.groups: /],
    [{ requireAlpn: 'yes' }, /^policy\.requireAlpn: /],
    [{ allowEarlyData: 0 }, /^policy\.allowEarlyData: /],
    [{ clientCertificate: 'none' }, /^policy\.clientCertificate: /],
    [{ maxCredentialLifetime: 0 }, /^policy\.maxCredentialLifetime: /],
    [{ maxPeerLifetime: Number.NaN }, /^policy\.maxPeerLifetime: /],
    [{ assurances: ['trusted'] }, /^policy\.assurances: "trusted"/],
    [{ allowEarlydata: false }, /^policy\.allowEarlydata: is not a rule/],
    [{ toString: false }, /^policy\.toString: is not a rule/],
  ];
  for (const [rules, says] of malformed)
    it(`of ${JSON.stringify(rules)} is refused: a misspelt rule would be no rule`, () => {
      expect(() => new Policy(rules as PolicyRules)).toThrow(says);
    });
});

describe('rules about peers', () => {
  const rules: PolicyRules[] = [{ assurances: ['verified'] }, { maxPeerLifetime: DAY }];

  it.each(rules)('%o cover keys shared beforehand: no verifier is asked about who holds one', (rule) => {
    const guarded = { verifier: new Policy(rule).guard(verifier) };
    expect(verdict(rule, guarded)).toBeUndefined();
    expect(verdict(rule, { ...guarded, externalPsks: [external] })).toMatch(
      /^externalPsks: let peers in that no verifier is asked about/,
    );
  });

  it('know every kind of key', () => {
    expect(verdict({ credentialKeys: ['p521', 'ed25519'] })).toBeUndefined();
  });
});

describe('two policies together', () => {
  it('demand what both do', () => {
    const a = new Policy({
      suites: ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384'],
      allowTickets: true,
      maxPeerLifetime: 5,
    });
    const b = new Policy({
      suites: ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
      allowTickets: false,
      maxPeerLifetime: 9,
      requireAlpn: true,
      clientCertificate: 'request',
    });
    const rules = {
      suites: ['TLS_AES_256_GCM_SHA384'],
      allowTickets: false,
      maxPeerLifetime: 5,
      requireAlpn: true,
      clientCertificate: 'request',
    };
    expect(a.and(b).rules).toEqual(rules);
    expect(b.and(a).rules).toEqual(rules);
    expect(new Policy({ clientCertificate: 'require' }).and(b).rules.clientCertificate).toBe('require');
    expect(b.and(new Policy({ clientCertificate: 'require' })).rules.clientCertificate).toBe('require');
  });

  it('that nothing can fulfil are refused when they meet', () => {
    const a = new Policy({ groups: ['x25519'] });
    expect(() => a.and(new Policy({ groups: ['secp384r1'] }))).toThrow(/^policy\.groups: allows nothing/);
  });

  it('pass exactly what each passes', () => {
    const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
      fc.option(value, { nil: undefined });
    const rules = fc
      .record({
        suites: maybe(
          fc.subarray(['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384'] as const, { minLength: 1 }),
        ),
        clientCertificate: maybe(fc.constantFrom('require', 'request')),
        requireAlpn: maybe(fc.boolean()),
        allowKeyLog: maybe(fc.boolean()),
        maxCredentialLifetime: maybe(fc.constantFrom(DAY, 100 * DAY, 1000 * DAY)),
      })
      .map((given) => given as PolicyRules);
    const change = fc.record({
      suites: fc.subarray(['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384'] as const, { minLength: 1 }),
      clientCertificate: fc.constantFrom('require', 'request', 'none'),
      alpn: fc.constantFrom([], ['h2']),
      credentials: fc.constantFrom([server], [keyPeer()], []),
      keyLog: maybe(fc.constant(() => {})),
    });
    fc.assert(
      fc.property(rules, rules, change, (a, b, given) => {
        const config = new TlsConfig({ verifier, ...given } as TlsConfigInit);
        const passes = (policy: Policy): boolean => {
          try {
            policy.check(config);
            return true;
          } catch {
            return false;
          }
        };
        const [first, second] = [new Policy(a), new Policy(b)];
        let together: Policy;
        try {
          together = first.and(second);
        } catch {
          expect(passes(first) && passes(second)).toBe(false); // their suites have nothing in common
          return;
        }
        expect(passes(together)).toBe(passes(first) && passes(second));
      }),
    );
  });
});

describe('rules about peers', () => {
  const site = new Policy({ assurances: ['domain', 'pinned'], maxPeerLifetime: 100 * DAY });
  const presented = (credential: Credential) =>
    ({ role: 'client', chain: credential.chain, resumed: false }) as const;

  it('need a verifier that the policy guards', () => {
    expect(() => site.check(new TlsConfig({ verifier }))).toThrow(/^verifier: is not guarded by the policy/);
    site.check(new TlsConfig({ verifier: site.guard(verifier) }));
  });

  it('are kept by the guard of a stricter policy, not by that of a laxer one', () => {
    const passes = (by: PeerVerifier): boolean => {
      try {
        site.check(new TlsConfig({ verifier: by }));
        return true;
      } catch {
        return false;
      }
    };
    const strict = new Policy({ assurances: ['domain'], maxPeerLifetime: DAY });
    const lax = new Policy({ assurances: ['domain', 'tofu'], maxPeerLifetime: DAY });
    const long = new Policy({ assurances: ['domain'], maxPeerLifetime: 101 * DAY });
    const half = new Policy({ assurances: ['domain'] });
    const other = new Policy({ maxPeerLifetime: DAY });
    expect([strict, lax, long, half, other].map((policy) => passes(policy.guard(verifier)))).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
    expect(passes(half.guard(other.guard(verifier)))).toBe(true);
    expect(passes({ verify: strict.guard(verifier).verify })).toBe(false);
  });

  it('refuse a peer that is believed too lightly, or for too long', async () => {
    const believed = site.guard(verifier).verify(presented(user));
    expect(believed).toBeInstanceOf(VerifiedPeer);
    const light = site.guard(anyPeer()).verify(presented(keyPeer()));
    expect(light).toMatchObject({ code: 'ERR_IDENTITY_POLICY', alert: 'access_denied' });
    const short = new Policy({ maxPeerLifetime: DAY });
    expect(short.guard(verifier).verify(presented(user))).toMatchObject({
      message: "peer's key is valid for 7 days, allowed are 1 days",
    });
    const later: PeerVerifier = { verify: async (shown) => verifier.verify(shown) };
    expect(await short.guard(later).verify(presented(user))).toBeInstanceOf(Refusal);
    expect(await site.guard(later).verify(presented(user))).toBeInstanceOf(VerifiedPeer);
  });

  it('refuse a raw key where lifetimes are limited', () => {
    const { spki } = raw.signer;
    const byKey: PeerVerifier = { verify: () => verifyRawKey(spki, { kind: 'key', id: peerId(spki) }) };
    const policy = new Policy({ maxPeerLifetime: 1000 * DAY });
    expect(policy.guard(byKey).verify(presented(raw))).toMatchObject({
      message: expect.stringContaining('for ever, a raw key'),
    });
  });

  it('make no proof of what is none, and no refusal of a refusal', () => {
    const refusal = new Refusal('ERR_IDENTITY_NAME', 'another name');
    expect(site.guard({ verify: () => refusal }).verify(presented(user))).toBe(refusal);
    for (const nonsense of [undefined, null, {}, true]) {
      const strange = { verify: () => nonsense } as unknown as PeerVerifier;
      expect(site.guard(strange).verify(presented(user))).toBe(nonsense);
    }
    expect(() => site.guard({} as PeerVerifier)).toThrow(/^verifier: /);
  });
});
