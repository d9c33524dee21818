/** X25519MLKEM768 around either provider, judged by Wycheproof and by its own halves. */
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { describe, expect, it, type TestContext } from 'vitest';
import { concat, fromHex, hex } from '../../src/base/bytes.ts';
import { withMlKem } from '../../src/crypto/mlkem.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { pairs, providers } from './providers.ts';
import { mlKemDecapsulation, mlKemEncapsulation, mlKemKeyPairs, type Outcome } from './wycheproof.ts';

const HYBRID = 'X25519MLKEM768';
const ZERO_X25519 = new Uint8Array(32);

describe.each(pairs)('X25519MLKEM768 from $pair', ({ one, other }) => {
  const [client, server] = [withMlKem(one), withMlKem(other)];

  it('gives both ends the same secret, ML-KEM’s half before X25519’s', () => {
    const offered = client.keyExchange(HYBRID);
    expect(offered.share.length).toBe(1184 + 32);
    const answer = server.encapsulate(HYBRID, offered.share)!;
    expect(answer.share.length).toBe(1088 + 32);
    expect(answer.secret.length).toBe(64);
    expect(hex(offered.agree(answer.share)!)).toBe(hex(answer.secret));
    const classical = offered.companion!.agree(answer.share.subarray(1088))!;
    expect(hex(answer.secret.subarray(32))).toBe(hex(classical));
  });

  it('offers its X25519 key alone as well, to those who know no more', () => {
    const offered = client.keyExchange(HYBRID);
    const { companion } = offered;
    expect(companion!.group).toBe('x25519');
    expect(hex(companion!.share)).toBe(hex(offered.share.subarray(1184)));
    const answer = other.encapsulate('x25519', companion!.share)!;
    expect(hex(companion!.agree(answer.share)!)).toBe(hex(answer.secret));
  });
});

describe.each(providers)('$name with ML-KEM', (plain) => {
  const provider = withMlKem(plain);

  it('prefers the hybrid, and has all else as before', () => {
    expect(provider.supports).toEqual({ ...plain.supports, groups: [HYBRID, ...plain.supports.groups] });
    expect(withMlKem(provider).supports.groups).toEqual(provider.supports.groups);
    expect(Object.keys(provider).sort()).toEqual(Object.keys(plain).sort());
    expect(Object.isFrozen(provider)).toBe(true);
    expect(provider.keyExchange('secp256r1').companion).toBeUndefined();
    const { share } = provider.keyExchange('x25519');
    expect(plain.encapsulate('x25519', share)!.share.length).toBe(32);
  });

  it('replays an exchange whose keys are given', () => {
    const seed = fromHex('0123456789abcdef'.repeat(8));
    const x25519 = new Uint8Array(32).fill(5);
    const offered = provider.keyExchange(HYBRID, concat([seed, x25519]));
    const { publicKey } = ml_kem768.keygen(seed);
    expect(hex(offered.share)).toBe(hex(publicKey) + hex(plain.keyExchange('x25519', x25519).share));
    const given = concat([new Uint8Array(32).fill(6), new Uint8Array(32).fill(7)]);
    const [first, second] = [given, given].map((key) => provider.encapsulate(HYBRID, offered.share, key)!);
    expect(hex(first!.share)).toBe(hex(second!.share));
    expect(hex(offered.agree(first!.share)!)).toBe(hex(first!.secret));
  });

  it('makes another share and another answer each time', () => {
    const offered = provider.keyExchange(HYBRID);
    expect(hex(provider.keyExchange(HYBRID).share)).not.toBe(hex(offered.share));
    const [first, second] = [1, 2].map(() => provider.encapsulate(HYBRID, offered.share)!);
    expect(hex(first!.share.subarray(0, 1088))).not.toBe(hex(second!.share.subarray(0, 1088)));
    expect(hex(first!.share.subarray(1088))).not.toBe(hex(second!.share.subarray(1088)));
  });

  it('throws RangeError for given keys of another length', () => {
    const { share } = provider.keyExchange(HYBRID);
    for (const length of [0, 63, 64, 95, 97])
      expect(() => provider.keyExchange(HYBRID, new Uint8Array(length))).toThrow(RangeError);
    for (const length of [0, 32, 63, 65])
      expect(() => provider.encapsulate(HYBRID, share, new Uint8Array(length))).toThrow(RangeError);
  });

  it('answers undefined to shares of the client that are wrong in length or in either half', () => {
    const { share } = provider.keyExchange(HYBRID);
    const overflow = share.slice();
    overflow.set([0xff, 0xff, 0xff], 300); // two coefficients of 4095, above 3328
    const lowOrder = concat([share.subarray(0, 1184), ZERO_X25519]);
    const shares = [
      overflow,
      lowOrder,
      share.subarray(1),
      concat([share, new Uint8Array(1)]),
      new Uint8Array(0),
    ];
    for (const bad of shares) expect(provider.encapsulate(HYBRID, bad)).toBeUndefined();
    expect(provider.encapsulate(HYBRID, share)).toBeDefined();
  });

  it('answers undefined to shares of the server that are wrong in length or in their X25519 half', () => {
    const offered = provider.keyExchange(HYBRID);
    const { share } = provider.encapsulate(HYBRID, offered.share)!;
    const lowOrder = concat([share.subarray(0, 1088), ZERO_X25519]);
    for (const bad of [lowOrder, share.subarray(1), concat([share, new Uint8Array(1)]), new Uint8Array(0)])
      expect(offered.agree(bad)).toBeUndefined();
  });

  it('comes to another secret over a damaged ciphertext, and does not say so (FIPS 203 §6.3)', () => {
    const offered = provider.keyExchange(HYBRID);
    const { share, secret } = provider.encapsulate(HYBRID, offered.share)!;
    share[17]! ^= 1;
    const other = offered.agree(share)!;
    expect(hex(other.subarray(0, 32))).not.toBe(hex(secret.subarray(0, 32)));
    expect(hex(other.subarray(32))).toBe(hex(secret.subarray(32)));
  });

  it('refuses to agree once destroyed, its X25519 half too', () => {
    const offered = provider.keyExchange(HYBRID);
    const { share } = provider.encapsulate(HYBRID, offered.share)!;
    offered.destroy();
    offered.destroy();
    expect(() => offered.agree(share)).toThrow(/destroyed/);
    expect(() => offered.companion!.agree(share.subarray(1088))).toThrow(/destroyed/);
  });

  it('changes nothing in the shares it is given', () => {
    const offered = provider.keyExchange(HYBRID);
    const theirs = offered.share.slice();
    const { share } = provider.encapsulate(HYBRID, theirs)!;
    expect(hex(theirs)).toBe(hex(offered.share));
    const answer = share.slice();
    offered.agree(answer);
    expect(hex(answer)).toBe(hex(share));
  });
});

describe.each(providers)('$name with ML-KEM and Wycheproof agree', (plain: CryptoProvider) => {
  const provider = withMlKem(plain);
  const agrees = ({ cases, wrong }: Outcome): void => {
    expect(wrong).toEqual([]);
    expect(cases).toBeGreaterThan(50);
  };

  it('on mlkem_768_test.json', (context: TestContext) => {
    agrees(mlKemDecapsulation(context, provider, 'mlkem_768_test.json'));
  });

  it('on mlkem_768_encaps_test.json', (context: TestContext) => {
    agrees(mlKemEncapsulation(context, provider, 'mlkem_768_encaps_test.json'));
  });

  it('on mlkem_768_keygen_seed_test.json', (context: TestContext) => {
    agrees(mlKemKeyPairs(context, provider, 'mlkem_768_keygen_seed_test.json'));
  });
});
