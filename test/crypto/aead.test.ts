import { gcm } from '@noble/ciphers/aes.js';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, fromHex, hex, utf8 } from '../../src/base/bytes.ts';
import type { AeadName } from '../../src/crypto/suites.ts';
import { pairs, providers } from './providers.ts';

const GCM_TEXT =
  'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39';
const GCM_DATA = 'feedfacedeadbeeffeedfacedeadbeefabaddad2';

/** Test cases 4 and 16 of the GCM submission; RFC 8439 §2.8.2. */
const PUBLISHED = [
  {
    name: 'aes-128-gcm',
    key: 'feffe9928665731c6d6a8f9467308308',
    nonce: 'cafebabefacedbaddecaf888',
    data: GCM_DATA,
    text: GCM_TEXT,
    sealed:
      '42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091' +
      '5bc94fbc3221a5db94fae95ae7121a47',
  },
  {
    name: 'aes-256-gcm',
    key: 'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308',
    nonce: 'cafebabefacedbaddecaf888',
    data: GCM_DATA,
    text: GCM_TEXT,
    sealed:
      '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662' +
      '76fc6ece0f4e1768cddf8853bb2d551b',
  },
  {
    name: 'chacha20-poly1305',
    key: '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f',
    nonce: '070000004041424344454647',
    data: '50515253c0c1c2c3c4c5c6c7',
    text: hex(
      utf8(
        "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
      ),
    ),
    sealed:
      'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6' +
      'a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116' +
      '1ae10b594f09e26a7e902ecbd0600691',
  },
] as const;

const NAMES: readonly AeadName[] = ['aes-128-gcm', 'aes-256-gcm', 'chacha20-poly1305'];

function keyFor(name: AeadName): Uint8Array {
  return new Uint8Array(name === 'aes-128-gcm' ? 16 : 32).fill(0x42);
}

const nonces = fc.uint8Array({ minLength: 12, maxLength: 12 });
const bytes = (maxLength: number) => fc.uint8Array({ maxLength });

describe.each(providers)('an AEAD of $name', (provider) => {
  it.each(PUBLISHED)('seals the published text of $name', (v) => {
    const out = new Uint8Array(v.sealed.length / 2);
    provider.aead(v.name, fromHex(v.key)).seal(fromHex(v.nonce), fromHex(v.data), [fromHex(v.text)], out, 0);
    expect(hex(out)).toBe(v.sealed);
  });

  it.each(NAMES)('gives for %s what the plain one-shot twin gives', (name) => {
    fc.assert(
      fc.property(nonces, bytes(40), bytes(700), (nonce, data, text) => {
        const key = keyFor(name);
        const out = new Uint8Array(text.length + 16);
        provider.aead(name, key).seal(nonce, data, [text], out, 0);
        const twin = name === 'chacha20-poly1305' ? chacha20poly1305 : gcm;
        expect(hex(out)).toBe(hex(twin(key, nonce, data).encrypt(text)));
      }),
      { numRuns: 30 },
    );
  });

  it.each(NAMES)('refuses for %s any flipped bit of text, tag, nonce or additional data', (name) => {
    const aead = provider.aead(name, keyFor(name));
    const parts = [
      fc.nat(),
      fc.nat(7),
      bytes(300),
      nonces,
      fc.uint8Array({ minLength: 1, maxLength: 20 }),
    ] as const;
    fc.assert(
      fc.property(...parts, (where, bit, text, nonce, data) => {
        const sealed = new Uint8Array(text.length + 16);
        aead.seal(nonce, data, [text], sealed, 0);
        const places = [sealed, nonce, data].flatMap((array) =>
          [...array.keys()].map((at) => ({ array, at })),
        );
        const { array, at } = places[where % places.length]!;
        array[at]! ^= 1 << bit;
        expect(aead.open(nonce, data, sealed, 0, sealed.length)).toBe(-1);
      }),
      { numRuns: 60 },
    );
  });

  it.each(NAMES)('refuses for %s ciphertexts shorter than a tag', (name) => {
    const aead = provider.aead(name, keyFor(name));
    for (let length = 0; length < 16; length++)
      expect(aead.open(new Uint8Array(12), new Uint8Array(5), new Uint8Array(20), 2, 2 + length)).toBe(-1);
  });

  it.each(NAMES)('seals and opens for %s records of the full size at every alignment', (name) => {
    const aead = provider.aead(name, keyFor(name));
    const text = provider.random(2 ** 14 + 1);
    for (let at = 4; at < 8; at++) {
      const slot = new Uint8Array(at + text.length + 16 + 3).fill(0xee);
      const end = aead.seal(new Uint8Array(12), new Uint8Array(5), [text], slot, at);
      expect(aead.open(new Uint8Array(12), new Uint8Array(5), slot, at, end)).toBe(at + text.length);
      expect(hex(slot.subarray(at, at + text.length))).toBe(hex(text));
    }
  });

  it.each(NAMES)('throws RangeError for %s when key, nonce or room have the wrong size', (name) => {
    expect(() => provider.aead(name, new Uint8Array(24))).toThrow(RangeError);
    const aead = provider.aead(name, keyFor(name));
    const [none, text] = [new Uint8Array(0), new Uint8Array(10)];
    expect(() => aead.seal(new Uint8Array(11), none, [text], new Uint8Array(26), 0)).toThrow(RangeError);
    expect(() => aead.seal(new Uint8Array(12), none, [text], new Uint8Array(25), 0)).toThrow(RangeError);
    expect(() => aead.seal(new Uint8Array(12), none, [text], new Uint8Array(9), 0)).toThrow(RangeError);
    expect(() => aead.open(new Uint8Array(16), none, new Uint8Array(26), 0, 26)).toThrow(RangeError);
  });

  it.each(NAMES)('keeps for %s its own copy of the key, and refuses to work once destroyed', (name) => {
    const key = keyFor(name);
    const aead = provider.aead(name, key);
    const [one, two] = [new Uint8Array(16), new Uint8Array(16)];
    const none = new Uint8Array(0);
    aead.seal(new Uint8Array(12), none, [], one, 0);
    key.fill(0);
    aead.seal(new Uint8Array(12), none, [], two, 0);
    expect(hex(two)).toBe(hex(one));
    aead.destroy();
    aead.destroy();
    expect(() => aead.seal(new Uint8Array(12), none, [], two, 0)).toThrow(/destroyed/);
    expect(() => aead.open(new Uint8Array(12), none, two, 0, 16)).toThrow(/destroyed/);
  });

  it('names a record limit within RFC 9846 §5.5', () => {
    expect(provider.aead('aes-128-gcm', new Uint8Array(16)).recordLimit).toBe(2 ** 24);
    expect(provider.aead('aes-256-gcm', new Uint8Array(32)).recordLimit).toBe(2 ** 24);
    const { recordLimit } = provider.aead('chacha20-poly1305', new Uint8Array(32));
    expect(Number.isSafeInteger(recordLimit) && recordLimit < 2 ** 48).toBe(true);
  });
});

describe.each(pairs)('what is sealed from $pair', ({ one, other }) => {
  it.each(NAMES)('opens in place for %s, however the text is split and wherever the record lies', (name) => {
    const sealer = one.aead(name, keyFor(name));
    const opener = other.aead(name, keyFor(name));
    const texts = fc.array(bytes(400), { maxLength: 5 });
    fc.assert(
      fc.property(nonces, bytes(30), texts, fc.nat(70), fc.nat(9), (nonce, data, parts, at, behind) => {
        const text = concat(parts);
        const slot = new Uint8Array(at + text.length + 16 + behind).fill(0xee);
        const end = sealer.seal(nonce, data, parts, slot, at);
        expect(end).toBe(at + text.length + 16);
        expect(opener.open(nonce, data, slot, at, end)).toBe(end - 16);
        expect(hex(slot.subarray(at, end - 16))).toBe(hex(text));
        const around = [...slot.subarray(0, at), ...slot.subarray(end)];
        expect(around.every((byte) => byte === 0xee)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });
});
