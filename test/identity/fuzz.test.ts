/**
 * Any bytes into every parser end in bounded time, in a value or in our error; what we write is read back to the same bytes;
 * one flipped bit anywhere in a chain is refused. `test/slow/identityFuzz.test.ts` goes on for longer,
 * and where `$Q2Q_LONG` is set every bit is flipped.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Bytes } from '../../src/base/bytes.ts';
import { provider } from '../../src/crypto/node.node.ts';
import {
  createCsr,
  DomainAuthority,
  type Expected,
  formatPem,
  parseBundle,
  parseCertificate,
  parseCsr,
  parsePeerId,
  parsePem,
  peerId,
  Refusal,
  Trust,
  UserAuthority,
  verifyPeer,
} from '../../src/identity/index.ts';
import { endOf, inputs, rewritten, TARGETS } from '../support/identityFuzz.ts';
import { sized } from '../support/sized.ts';
import { NOW } from './maker.ts';

describe('any bytes end in a value or in our error, soon', () => {
  test.each(TARGETS)('$name', (target) => {
    for (const seed of target.seeds) expect(endOf(target, seed)).toBe('fine');
    const ends = new Map<string, number>();
    fc.assert(
      fc.property(inputs(target), (input) => {
        const end = endOf(target, input);
        ends.set(end, (ends.get(end) ?? 0) + 1);
      }),
      { numRuns: 300 },
    );
    // A fuzzer whose inputs all end alike has gone blind.
    expect(ends.size, JSON.stringify([...ends])).toBeGreaterThan(
      target.name.startsWith('host') || target.name === 'leaf of a chain' || target.name === 'public key'
        ? 0
        : 1,
    );
  });
});

describe('what we write is read back', () => {
  const authority = DomainAuthority.create(provider, 'example.org', NOW);

  test('element by element to the same bytes', () => {
    for (const { seeds } of TARGETS) for (const seed of seeds) expect(rewritten(seed) ?? seed).toEqual(seed);
  });

  test('certificates say what they were issued for', () => {
    const user = fc.stringMatching(/^[a-z0-9._+-]{1,64}$/);
    const device = fc.option(fc.stringMatching(/^[a-z0-9]{1,32}$/), { nil: undefined });
    fc.assert(
      fc.property(user, device, fc.nat(300), (name, label, days) => {
        const { spki } = provider.generateKey('ed25519');
        const now = NOW + days * 86_400_000;
        const [der] = authority.issueUser({
          spki,
          user: name,
          now,
          ...(label === undefined ? {} : { device: label }),
        });
        const certificate = parseCertificate(der!);
        expect(certificate.der).toEqual(der);
        expect(certificate.spki).toEqual(spki);
        expect(certificate.names.email).toEqual([`${name}@example.org`]);
        expect(certificate.names.uri).toEqual(
          label === undefined ? [] : [`q2q://example.org/${name}/${label}`],
        );
      }),
      { numRuns: 30 },
    );
  });

  test('requests, bundles, PEM and key ids', () => {
    const key = provider.generateKey('p256');
    expect(parseCsr(provider, createCsr(key)).spki).toEqual(key.spki);
    expect(parsePeerId(peerId(key.spki))).toBe(peerId(key.spki));
    const denied = fc.uniqueArray(
      fc
        .constantFrom('p256', 'ed25519', 'p384')
        .map((kind) => peerId(provider.generateKey(kind as 'p256').spki)),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), denied, (sequence, ids) => {
        const deniedKeys = ids.map((keyId) => ({ keyId, until: NOW + 1000 }));
        const bundle = parseBundle(authority.bundle({ sequence, now: NOW, deniedKeys }));
        expect(bundle).toMatchObject({ domain: 'example.org', sequence, issuedAt: NOW });
        expect([...bundle.deniedKeys].map(({ keyId }) => keyId).sort()).toEqual([...ids].sort());
        expect(bundle.roots.map(({ der }) => der)).toEqual([authority.root.der]);
      }),
      { numRuns: 20 },
    );
    fc.assert(
      fc.property(
        fc.stringMatching(/^[A-Z0-9]{1,9}( [A-Z0-9]{1,9})?$/),
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        (label, bytes) => {
          const pem = formatPem(label, bytes);
          expect(parsePem(pem)).toEqual([{ label, der: new Uint8Array(bytes) }]);
        },
      ),
    );
  });
});

describe('one flipped bit anywhere in a whole chain is refused', () => {
  /** Thousands of chains a kind: every seventh bit, which is another one of each byte, or all of them. */
  const STEP = sized(7, 1);
  const ALICE: Expected = { kind: 'name', name: 'alice@example.org' };

  /** Leaf, user CA and the domain's root, which is held, not shown. */
  function chainOf(kind: 'ed25519' | 'p256'): { readonly chain: readonly Bytes[]; readonly trust: Trust } {
    const domain = DomainAuthority.create(provider, 'example.org', NOW, kind);
    const caKey = provider.generateKey(kind);
    const chain = domain.issueUserCa({ spki: caKey.spki, user: 'alice', now: NOW });
    const own = UserAuthority.load(provider, { chain, key: caKey });
    const device = own.issueDevice({ spki: provider.generateKey(kind).spki, device: 'phone', now: NOW });
    return {
      chain: device.map((der) => new Uint8Array(der)),
      trust: Trust.of([{ domain: 'example.org', roots: [domain.root] }]),
    };
  }

  test.each(['ed25519', 'p256'] as const)('%s', { timeout: 120_000 }, (kind) => {
    const { chain, trust } = chainOf(kind);
    expect(verifyPeer(chain, ALICE, trust, 'client', NOW, provider)).not.toBeInstanceOf(Refusal);
    const accepted: string[] = [];
    let bits = 0;
    for (const [index, der] of chain.entries())
      for (let bit = 0; bit < der.length * 8; bit += STEP) {
        const flipped = der.slice();
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        const shown = chain.map((one, i) => (i === index ? flipped : one));
        const answer = verifyPeer(shown, ALICE, trust, 'client', NOW, provider);
        if (!(answer instanceof Refusal)) accepted.push(`bit ${bit} of certificate ${index}`);
        bits++;
      }
    console.log(`${kind}: ${bits} bits of ${chain.length} certificates flipped, ${accepted.length} accepted`);
    expect(accepted).toEqual([]);
  });
});
