/** External keys through the importer of RFC 9258, and nobody's own hello for the other's (lesson 26). */
import { createHash, createHmac } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, concat, hex, utf8 } from '../../src/base/bytes.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import { SUITES } from '../../src/crypto/suites.ts';
import { TlsConfig } from '../../src/tls/index.ts';
import { ExternalPsk, type ExternalPskInit, type PskHash } from '../../src/tls/psk.ts';
import { EarlySchedule } from '../../src/tls/schedule/schedule.ts';
import { providers } from '../crypto/providers.ts';

const KEY: Bytes = Uint8Array.from({ length: 32 }, (_, i) => i);
const HASHES = ['sha256', 'sha384'] as const;

const psk = (change: Partial<ExternalPskInit> = {}): ExternalPsk =>
  new ExternalPsk({
    identity: utf8('sensor 7'),
    key: KEY,
    parties: { local: 'alice', remote: 'bob' },
    ...change,
  });

/** From Python's hmac and hashlib, by the formulas of RFC 9258 §5.1 and RFC 9846 §7.1 written out. */
const VECTORS: readonly { hash: PskHash; target: PskHash; identity: string; key: string }[] = [
  {
    hash: 'sha256',
    target: 'sha256',
    identity: '000873656e736f722037000a05616c69636503626f6203040001',
    key: 'f0a005c2253436aaa143abfc49e0dd504a96c80733085a072cbb40088566ebf0',
  },
  {
    hash: 'sha256',
    target: 'sha384',
    identity: '000873656e736f722037000a05616c69636503626f6203040002',
    key:
      '3243128486623fbce08ea8dc382f730835daba276816bb8a58785789e9deaeeb' + 'c4c6f1935b2cdd67d00ce11bef269ee8',
  },
  {
    hash: 'sha384',
    target: 'sha256',
    identity: '000873656e736f722037000a05616c69636503626f6203040001',
    key: '5adfeb279e0246dd3f175a8a231eb0137b864102f48dbe688dc2394b0a85819d',
  },
  {
    hash: 'sha384',
    target: 'sha384',
    identity: '000873656e736f722037000a05616c69636503626f6203040002',
    key:
      'da3e6868dc95eeda6574dc399113b144c2093758dd271eb5300d9bfa0b7ed61c' + '35f5930845337ad399cc82d1df907052',
  },
];

describe.each(providers)('the importer on $name', (provider) => {
  it.each(VECTORS)('derives a $target key from a $hash one', ({ hash, target, identity, key }) => {
    const [imported] = psk({ hash }).importFor(provider, 'client', [target]);
    expect(hex(imported!.identity)).toBe(identity);
    expect(hex(imported!.key.expose())).toBe(key);
    expect(imported!.hash).toBe(target);
  });

  it('takes a context of the peer’s making', () => {
    const parties = { role: 'server', context: utf8('ctx') } as const;
    const [imported] = psk({ parties }).importFor(provider, 'server', ['sha256']);
    expect(hex(imported!.identity)).toBe('000873656e736f722037000363747803040001');
    expect(hex(imported!.key.expose())).toBe(
      '7cacae0191f5a71056c4b5bf2a60eed8e944d29f1ec380b42a8b92b883ed6857',
    );
  });
});

/** The importer once more, by node:crypto alone. */
function twin(key: Uint8Array, identity: Uint8Array, hash: PskHash, length: number): Buffer {
  const size = hash === 'sha256' ? 32 : 48;
  const extracted = createHmac(hash, Buffer.alloc(size)).update(key).digest();
  const label = utf8('tls13 derived psk');
  const info = concat([
    Uint8Array.of(0, length, label.length),
    label,
    Uint8Array.of(size),
    createHash(hash).update(identity).digest(),
  ]);
  const one = createHmac(hash, extracted).update(info).update(Uint8Array.of(1)).digest();
  const two = createHmac(hash, extracted).update(one).update(info).update(Uint8Array.of(2)).digest();
  return Buffer.concat([one, two]).subarray(0, length);
}

describe('an external key', () => {
  it('agrees with another implementation, whatever the key and names', () => {
    const name = fc.string({ minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 80 }),
        fc.uint8Array({ minLength: 1, maxLength: 40 }),
        fc.tuple(name, name).filter(([a, b]) => a !== b),
        fc.constantFrom(...HASHES),
        (key, identity, [local, remote], hash) => {
          fc.pre(new Set(key).size > 1);
          const one = psk({ key, identity, hash, parties: { local, remote } });
          for (const { identity: id, key: derived, hash: target } of one.importFor(node, 'client', HASHES))
            expect(hex(derived.expose())).toBe(
              twin(key, id, hash, target === 'sha256' ? 32 : 48).toString('hex'),
            );
        },
      ),
    );
  });

  it('is the same for the two that hold it, and only when each has its role', () => {
    const alice = psk();
    const bob = psk({ parties: { local: 'bob', remote: 'alice' } });
    const dialled = alice.importFor(node, 'client', HASHES);
    const answered = bob.importFor(node, 'server', HASHES);
    expect(dialled.map(({ identity }) => hex(identity))).toEqual(
      answered.map(({ identity }) => hex(identity)),
    );
    expect(dialled.map(({ key }) => hex(key.expose()))).toEqual(answered.map(({ key }) => hex(key.expose())));
  });

  it('is another when the holder answers itself: a reflected hello names a key unknown (lesson 26)', () => {
    const asClient = psk().importFor(node, 'client', HASHES);
    const asServer = psk().importFor(node, 'server', HASHES);
    for (const one of asClient)
      for (const other of asServer) {
        expect(hex(one.identity)).not.toBe(hex(other.identity));
        expect(hex(one.key.expose())).not.toBe(hex(other.key.expose()));
      }
  });

  it('with a context of the peer’s making is for one role', () => {
    const one = psk({ parties: { role: 'client', context: utf8('x') } });
    expect(one.importFor(node, 'client', ['sha256'])).toHaveLength(1);
    expect(one.importFor(node, 'server', ['sha256'])).toEqual([]);
  });

  it('names cannot be cut elsewhere: (ab, c) is not (a, bc)', () => {
    const [one, other] = [
      ['ab', 'c'],
      ['a', 'bc'],
    ].map(([local, remote]) => psk({ parties: { local: local!, remote: remote! } }));
    const identity = (key: ExternalPsk): string =>
      hex(key.importFor(node, 'client', ['sha256'])[0]!.identity);
    expect(identity(one!)).not.toBe(identity(other!));
  });

  it.each<[string, Partial<ExternalPskInit>]>([
    ['identity of 0 bytes', { identity: new Uint8Array(0) }],
    ['identity of 1025 bytes', { identity: new Uint8Array(1025) }],
    ['identity is not bytes', { identity: 'x' as unknown as Uint8Array }],
    ['key of 15 bytes', { key: KEY.subarray(0, 15) }],
    ['key of 1025 bytes', { key: new Uint8Array(1025) }],
    ['key is not bytes', { key: 'secret, secret, secret' as unknown as Uint8Array }],
    ['key is one byte over and over', { key: new Uint8Array(32) }],
    ['hash "md5" is not sha256 or sha384', { hash: 'md5' as PskHash }],
    ['hash "toString" is not', { hash: 'toString' as PskHash }],
    ['parties are missing', { parties: undefined as unknown as ExternalPskInit['parties'] }],
    ['parties are both "me"', { parties: { local: 'me', remote: 'me' } }],
    ['parties are both', { parties: { local: '\ud800', remote: '\ud801' } }],
    ['parties.local is not a name', { parties: { local: '', remote: 'bob' } }],
    ['parties.remote is not a name', { parties: { local: 'a', remote: 'é'.repeat(128) } }],
    ['parties.role "both" is not', { parties: { role: 'both' as 'client', context: KEY } }],
    ['parties.context is not bytes', { parties: { role: 'client' } as ExternalPskInit['parties'] }],
  ])('is refused when %s', (problem, change) => {
    expect(() => psk(change)).toThrow(
      expect.objectContaining({
        code: 'ERR_TLS_CONFIG',
        message: expect.stringContaining(`externalPsks: ${problem}`),
      }),
    );
  });

  it('is refused twice in one configuration: a server could not tell which was meant', () => {
    const verifier = { verify: () => new Error('nobody') };
    const config = (...externalPsks: ExternalPsk[]): TlsConfig =>
      new TlsConfig({ verifier, externalPsks } as never);
    const others = { parties: { local: 'a', remote: 'b' } };
    expect(() => config(psk({}), psk({ key: node.random(32) }))).toThrow('externalPsks: names a key twice');
    expect(config(psk({}), psk(others)).externalPsks.length).toBe(2);
  });

  it('is copied, frozen, and cannot be printed', () => {
    const key = new Uint8Array(32).map((_, i) => 200 + i);
    const one = psk({ key });
    const before = hex(one.importFor(node, 'client', ['sha256'])[0]!.key.expose());
    key.fill(0);
    const [imported] = one.importFor(node, 'client', ['sha256']);
    expect(hex(imported!.key.expose())).toBe(before);
    expect([one, one.parties, imported].every((value) => Object.isFrozen(value))).toBe(true);
    const text = [one, imported].map((value) => inspect(value, { depth: 9 }) + JSON.stringify(value)).join();
    expect(text).toContain('[secret]');
    expect(text).not.toMatch(/200,\s*201/);
    expect(text).not.toContain(`${imported!.key.expose()[0]}, ${imported!.key.expose()[1]}`);
  });

  it('has a binder of its own kind (RFC 9258 §5.2)', () => {
    const transcript = new Uint8Array(32);
    const binders = (['resumption', 'external', 'imported'] as const).map((kind) =>
      hex(new EarlySchedule(node, SUITES[0]!, KEY).binder(kind, transcript)),
    );
    expect(new Set(binders).size).toBe(3);
  });
});
