import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { base64url } from '../../src/base/base64.ts';
import { type Bytes, concat, utf8 } from '../../src/base/bytes.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import { integer, sequence, utf8String } from '../../src/identity/der.ts';
import {
  createCsr,
  DomainAuthority,
  formatDeviceGrant,
  formatDeviceRequest,
  IdentityError,
  identityFromChain,
  parseDeviceGrant,
  parseDeviceRequest,
  Trust,
  UserAuthority,
  VerifiedPeer,
  verifyPeer,
} from '../../src/identity/index.ts';
import { NOW } from './maker.ts';

const org = DomainAuthority.create(node, 'example.org', NOW);
const caKey = node.generateKey('ed25519');
const alice = UserAuthority.load(node, {
  chain: org.issueUserCa({ spki: caKey.spki, user: 'alice', now: NOW }),
  key: caKey,
});
const phone = node.generateKey('ed25519');
const request = formatDeviceRequest({ device: 'phone', csr: createCsr(phone) });
const chain = alice.issueDevice({ spki: phone.spki, device: 'phone', now: NOW });
const relay = 'wss://relay.example.org/q2q';
const grant = formatDeviceGrant({ chain, roots: [org.root], relay });

/** The line around any body. */
function line(prefix: string, body: Uint8Array): string {
  return prefix + base64url(concat([body, sha256(concat([utf8(prefix), body])).subarray(0, 4)]));
}

const REFUSED = expect.objectContaining({ code: 'ERR_IDENTITY_DEVICE_CODE' }) as Error;

/** `unit: 'binary'` says the same, and takes seconds to begin. */
const ANY_CHARACTER = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));

describe('a device is added by two lines of text', () => {
  test('the new device asks, an old one grants', () => {
    const asked = parseDeviceRequest(node, request);
    expect(asked).toEqual({ device: 'phone', csr: createCsr(phone), spki: phone.spki });
    const granted = parseDeviceGrant(
      formatDeviceGrant({
        chain: alice.issueDevice({ spki: asked.spki, device: asked.device, now: NOW }),
        roots: [org.root],
        relay,
      }),
    );
    expect(granted).toMatchObject({ name: 'alice@example.org', domain: 'example.org', relay });
    expect(granted.roots).toEqual([org.root]);
    expect(identityFromChain(granted.chain, phone)).toMatchObject({
      name: 'alice@example.org',
      device: 'phone',
    });
    const trust = Trust.of([granted]);
    const proof = verifyPeer(granted.chain, { kind: 'anyPeer' }, trust, 'client', NOW, node);
    expect(proof).toBeInstanceOf(VerifiedPeer);
  });

  test('that fit a QR code and survive copying', () => {
    expect(request).toMatch(/^q2q-device:[\w-]+$/);
    expect(request.length).toBeLessThan(300);
    expect(grant).toMatch(/^q2q-grant:[\w-]+$/);
    expect(grant.length).toBeLessThan(2500);
    const wrapped = `  ${grant.replace(/(.{60})/g, '$1\r\n  ')}\n`;
    expect(parseDeviceGrant(wrapped)).toEqual(parseDeviceGrant(grant));
    expect(parseDeviceRequest(node, ` ${request}\n`).device).toBe('phone');
  });
});

describe('a code is refused when', () => {
  const body = (...parts: Bytes[]): Bytes => sequence(...parts);
  const csr = createCsr(phone);
  const bad = node.generateKey('p256');
  const stolen = createCsr(bad).slice();
  stolen[stolen.length - 1]! ^= 1;

  test.each<[string, string, RegExp]>([
    ['it is empty', '', /does not begin/],
    ['it is the other kind', grant, /does not begin with "q2q-device:"/],
    ['it is cut short', request.slice(0, -3), /cut short/],
    ['it has a letter that does not belong', `${request.slice(0, -1)}!`, /does not belong/],
    ['it is nothing but the prefix', 'q2q-device:', /checksum/],
    ['it is far too long', `q2q-device:${'a'.repeat(5000)}`, /at most 4096/],
    ['it is endless', ' '.repeat(9000), /at most 4096/],
    ['it is of a version to come', line('q2q-device:', body(integer(2), utf8String('x'), csr)), /version 2/],
    ['its label is none', line('q2q-device:', body(integer(1), utf8String('a b'), csr)), /label/],
    [
      'its label would repaint a terminal',
      line('q2q-device:', body(integer(1), utf8String('\u001b[2J'), csr)),
      /label/,
    ],
    ['it says too much', line('q2q-device:', body(integer(1), utf8String('x'), csr, integer(1))), /too many/],
    ['it is not DER', line('q2q-device:', utf8('hello')), /form we know/],
    [
      'its request does not prove its key',
      line('q2q-device:', body(integer(1), utf8String('x'), stolen)),
      /not signed|form we know/,
    ],
  ])('%s', (_, text, why) => {
    expect(() => parseDeviceRequest(node, text)).toThrow(REFUSED);
    expect(() => parseDeviceRequest(node, text)).toThrow(why);
  });

  const root = org.root.der;
  test.each<[string, Bytes[], RegExp]>([
    ['it names no relay', [utf8String('https://x.org'), sequence(...chain), sequence(root)], /relay/],
    [
      'its relay has a line break',
      [utf8String('wss://x\n.org'), sequence(...chain), sequence(root)],
      /relay/,
    ],
    ['it has no chain', [utf8String(relay), sequence(), sequence(root)], /certificate of a user/],
    ['its chain is a server’s', [utf8String(relay), sequence(root), sequence(root)], /certificate of a user/],
    ['it has no root', [utf8String(relay), sequence(...chain), sequence()], /no root/],
    ['its root is a leaf', [utf8String(relay), sequence(...chain), sequence(chain[0]!)], /no root/],
    [
      'it has too many roots',
      [utf8String(relay), sequence(...chain), sequence(root, root, root, root, root)],
      /more than 4/,
    ],
    [
      'its chain is too long',
      [utf8String(relay), sequence(...Array<Bytes>(9).fill(root)), sequence(root)],
      /more than 8/,
    ],
    ['its certificate is none', [utf8String(relay), sequence(sequence()), sequence(root)], /form we know/],
  ])('%s (grant)', (_, parts, why) => {
    const text = line('q2q-grant:', sequence(integer(1), ...parts));
    expect(() => parseDeviceGrant(text)).toThrow(REFUSED);
    expect(() => parseDeviceGrant(text)).toThrow(why);
  });

  test('it is not one to be read again', () => {
    expect(() => formatDeviceRequest({ device: 'a/b', csr })).toThrow(/label/);
    expect(() => formatDeviceGrant({ chain: [], roots: [org.root], relay })).toThrow(REFUSED);
    expect(() => formatDeviceGrant({ chain, roots: [], relay })).toThrow(REFUSED);
    expect(() => formatDeviceGrant({ chain, roots: [org.root], relay: 'file:///etc' })).toThrow(REFUSED);
  });
});

describe('properties', () => {
  test('one wrong character is always noticed', () => {
    fc.assert(
      fc.property(fc.nat(request.length - 1), fc.constantFrom(...'abcXYZ019-_'), (at, char) => {
        fc.pre(request[at] !== char);
        const changed = request.slice(0, at) + char + request.slice(at + 1);
        expect(() => parseDeviceRequest(node, changed)).toThrow(REFUSED);
      }),
      { numRuns: 300 },
    );
  });

  test('any text is refused with our error', () => {
    const text = fc.oneof(
      fc.string({ unit: ANY_CHARACTER, maxLength: 200 }),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => line('q2q-grant:', bytes)),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => line('q2q-grant:', sequence(integer(1), bytes))),
    );
    fc.assert(
      fc.property(text, (hostile) => {
        for (const read of [parseDeviceGrant, (one: string) => parseDeviceRequest(node, one)])
          expect(() => read(hostile)).toThrow(IdentityError);
      }),
      { numRuns: 200 },
    );
  });
});
