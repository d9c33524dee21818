import { p521 } from '@noble/curves/nist.js';
import { describe, expect, it } from 'vitest';
import { fromHex, hex } from '../../src/base/bytes.ts';
import { provider as noble } from '../../src/crypto/noble.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import type { CurveGroup } from '../../src/crypto/suites.ts';
import { pairs, providers } from './providers.ts';

const GROUPS: readonly CurveGroup[] = ['x25519', 'secp256r1', 'secp384r1', 'secp521r1'];
const SCALARS: Readonly<Record<CurveGroup, number>> = {
  x25519: 32,
  secp256r1: 32,
  secp384r1: 48,
  secp521r1: 66,
};

function groupsOf(...providers: readonly CryptoProvider[]): readonly CurveGroup[] {
  return GROUPS.filter((group) => providers.every((provider) => provider.supports.groups.includes(group)));
}

describe.each(pairs)('key agreement from $pair', ({ one, other }) => {
  const groups = groupsOf(one, other);

  it.each(groups)('gives both ends the same %s secret', (group) => {
    const [alice, bob] = [one.keyExchange(group), other.keyExchange(group)];
    const secret = alice.agree(bob.share)!;
    expect(secret.length).toBe(SCALARS[group]);
    expect(hex(bob.agree(alice.share)!)).toBe(hex(secret));
  });

  it.each(groups)('answers a %s share with one of its own and the same secret', (group) => {
    const offered = one.keyExchange(group);
    const answer = other.encapsulate(group, offered.share)!;
    expect(hex(offered.agree(answer.share)!)).toBe(hex(answer.secret));
  });
});

describe.each(providers)('key agreement of $name', (provider) => {
  const groups = groupsOf(provider);

  it('gives the result of RFC 7748 §5.2 for its private key', () => {
    const privateKey = fromHex('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4');
    const share = fromHex('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c');
    expect(hex(provider.keyExchange('x25519', privateKey).agree(share)!)).toBe(
      'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
    );
  });

  it.each(groups)('makes another %s share each time', (group) => {
    expect(hex(provider.keyExchange(group).share)).not.toBe(hex(provider.keyExchange(group).share));
  });

  it.each(groups)('answers undefined to %s shares of another length or from another curve', (group) => {
    const own = provider.keyExchange(group);
    const shares = groups.filter((name) => name !== group).map((name) => provider.keyExchange(name).share);
    for (const share of [
      ...shares,
      new Uint8Array(0),
      own.share.subarray(1),
      new Uint8Array([...own.share, 0]),
    ])
      for (const answer of [own.agree(share), provider.encapsulate(group, share)])
        expect(answer).toBeUndefined();
  });

  it('answers undefined to X25519 shares of low order, whose secret would be zero', () => {
    const own = provider.keyExchange('x25519');
    for (const share of [
      '00'.repeat(32),
      `01${'00'.repeat(31)}`,
      'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
      '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
      `ec${'ff'.repeat(30)}7f`,
      `ed${'ff'.repeat(30)}7f`,
    ])
      expect(own.agree(fromHex(share))).toBeUndefined();
  });

  it.each(groups.filter((group) => group !== 'x25519'))(
    'answers undefined to %s points that TLS does not allow',
    (group) => {
      const own = provider.keyExchange(group);
      const peer = provider.keyExchange(group).share;
      const size = (peer.length - 1) / 2;
      const offCurve = peer.slice();
      offCurve[peer.length - 1]! ^= 1;
      const compressed = new Uint8Array([2 + (peer[peer.length - 1]! & 1), ...peer.subarray(1, 1 + size)]);
      const hybrid = new Uint8Array([6 + (peer[peer.length - 1]! & 1), ...peer.subarray(1)]);
      const notReduced = new Uint8Array(peer.length).fill(0xff);
      notReduced[0] = 4;
      const origin = new Uint8Array(peer.length);
      origin[0] = 4;
      for (const share of [offCurve, compressed, hybrid, notReduced, origin, new Uint8Array([0])])
        expect(own.agree(share)).toBeUndefined();
    },
  );

  it.each(groups)('throws RangeError for a private %s key of the wrong length or range', (group) => {
    const size = SCALARS[group];
    expect(() => provider.keyExchange(group, new Uint8Array(size - 1).fill(1))).toThrow(RangeError);
    expect(() => provider.keyExchange(group, new Uint8Array(size + 1).fill(1))).toThrow(RangeError);
    if (group === 'x25519') return;
    expect(() => provider.keyExchange(group, new Uint8Array(size))).toThrow(RangeError);
    expect(() => provider.keyExchange(group, new Uint8Array(size).fill(0xff))).toThrow(RangeError);
  });

  it.each(groups)('answers with a given %s key where one is given, and a fresh one elsewhere', (group) => {
    const { share } = provider.keyExchange(group);
    const privateKey = new Uint8Array(SCALARS[group]).fill(1);
    const answer = provider.encapsulate(group, share, privateKey)!;
    expect(hex(answer.share)).toBe(hex(provider.keyExchange(group, privateKey).share));
    expect(hex(provider.encapsulate(group, share)!.share)).not.toBe(
      hex(provider.encapsulate(group, share)!.share),
    );
  });

  it('survives garbage collection at any moment of thousands of X25519 exchanges', () => {
    // Keys from generateKeyPairSync deadlocked Node 20 here within a second: see nodeKeys.node.ts.
    const peer = provider.keyExchange('x25519').share;
    for (let i = 0; i < (provider.name === 'node' ? 3000 : 30); i++)
      expect(provider.keyExchange('x25519').agree(peer)!.length).toBe(32);
  });

  it.each(groups)('refuses to agree on %s once destroyed', (group) => {
    const own = provider.keyExchange(group);
    const peer = provider.keyExchange(group).share;
    own.destroy();
    own.destroy();
    expect(() => own.agree(peer)).toThrow(/destroyed/);
  });
});

it('P-521 of the node provider agrees with noble’s arithmetic, which no page loads', () => {
  for (let i = 0; i < 3; i++) {
    const secret = p521.utils.randomSecretKey();
    const own = node.keyExchange('secp521r1');
    const theirs = p521.getPublicKey(secret, false);
    const shared = p521.getSharedSecret(secret, own.share, true).slice(1);
    expect(hex(own.agree(theirs)!)).toBe(hex(shared));
    expect(hex(node.keyExchange('secp521r1', secret).share)).toBe(hex(theirs));
  }
});

it.each([
  [noble, 'secp521r1'],
  [noble, 'X25519MLKEM768'],
  [node, 'X25519MLKEM768'],
] as const)('$0.name says that it has no %s', (provider, group) => {
  const refused = expect.objectContaining({ code: 'ERR_CRYPTO_UNSUPPORTED' });
  expect(provider.supports.groups).not.toContain(group);
  expect(() => provider.keyExchange(group)).toThrow(refused);
  expect(() => provider.encapsulate(group, new Uint8Array(1216))).toThrow(refused);
});
