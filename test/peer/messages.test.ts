/** Control messages: what is written is what is read, and nothing else is read at all. */
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { concat } from '../../src/base/bytes.ts';
import { MAX_MESSAGE } from '../../src/peer/limits.ts';
import {
  type ControlMessage,
  decodeMessage,
  encodeMessage,
  isToPeer,
  MessageReader,
} from '../../src/peer/messages.ts';

const id = fc.maxSafeNat();
const label = (max: number) => fc.stringMatching(/^[ -~]*$/).map((text) => text.slice(0, max));
const named = (max: number) => label(max).map((text) => text || 'x');
const bin = (minLength: number, maxLength: number) =>
  fc.uint8Array({ minLength, maxLength }).map((bytes) => Uint8Array.from(bytes));
const chain = fc.array(bin(1, 900), { maxLength: 4 });
const keyId = fc.constant('a'.repeat(56));

const message: fc.Arbitrary<ControlMessage> = fc.oneof(
  fc.record({ type: fc.constant('hello' as const), instance: bin(16, 16), software: label(64) }),
  fc.record({
    type: fc.constant('listen' as const),
    id,
    protocols: fc.array(named(255), { minLength: 1, maxLength: 8 }),
    description: label(200),
  }),
  fc.record({ type: fc.constant('unlisten' as const), id, listener: id }),
  fc.record({
    type: fc.constant('dial' as const),
    id,
    to: named(330),
    protocol: named(255),
    first: fc.boolean(),
  }),
  fc.record({ type: fc.constant('cancel' as const), id }),
  fc.record({ type: fc.constant('connect' as const), id, offer: id }),
  fc.record({ type: fc.constant('answer' as const), id, allow: fc.boolean() }),
  fc.record({ type: fc.constant('renew' as const), id }),
  fc.record({
    type: fc.constant('enrol' as const),
    id,
    invite: bin(8, 8),
    secret: bin(16, 16),
    csr: bin(1, 900),
    device: label(64),
  }),
  fc.record({
    type: fc.constant('login' as const),
    id,
    user: named(64),
    password: named(256),
    csr: bin(1, 900),
    device: label(64),
  }),
  fc.record({ type: fc.constant('devices' as const), id }),
  fc.record({ type: fc.constant('revoke' as const), id, keyId }),
  fc.record({ type: fc.constant('user_ca' as const), id, csr: bin(1, 900) }),
  fc.record({ type: fc.constant('adopt' as const), id, chain }),
  fc.record({
    type: fc.constant('device_list' as const),
    id,
    devices: fc.array(
      fc.record({
        ...{ keyId, label: label(64), by: fc.constantFrom('invite' as const, 'authority' as const) },
        ...{ since: id, lastSeen: id, revoked: fc.boolean() },
      }),
      { maxLength: 64 },
    ),
  }),
  fc.record({ type: fc.constant('bundle' as const), bundle: bin(1, 2_000) }),
  fc.record({
    type: fc.constant('welcome' as const),
    domain: named(253),
    address: named(330),
    observed: label(64),
  }),
  fc.record({ type: fc.constant('listening' as const), id, listener: id }),
  fc.record({ type: fc.constant('done' as const), id }),
  fc.record({
    type: fc.constant('offers' as const),
    id,
    offers: fc.array(fc.record({ offer: id, description: label(200), keyId, node: id }), { maxLength: 32 }),
  }),
  fc.record({ type: fc.constant('token' as const), id, token: bin(16, 16) }),
  fc.record({ type: fc.constant('certificate' as const), id, chain }),
  fc.record({
    type: fc.constant('failed' as const),
    id,
    code: fc.constantFrom('not_found' as const, 'busy' as const),
  }),
  fc.record({ type: fc.constant('incoming' as const), id, from: named(330), protocol: named(255), chain }),
  fc.record({ type: fc.constant('path' as const), id, token: bin(16, 16) }),
);

describe('control messages', () => {
  test('come out of any fragmentation as they went in', () => {
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 700 })),
        (sent, cuts) => {
          const wire = concat(sent.map(encodeMessage));
          const reader = new MessageReader();
          const received: ControlMessage[] = [];
          for (let at = 0, turn = 0; at < wire.length; turn++) {
            const size = cuts[turn % (cuts.length || 1)] ?? wire.length;
            reader.push(wire.slice(at, at + size));
            at += size;
            for (let next = reader.next(); next !== undefined; next = reader.next()) received.push(next);
          }
          expect(received).toEqual(sent);
          expect(reader.partial).toBe(false);
        },
      ),
    );
  });

  test('never come out of garbage as anything but a typed error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          decodeMessage(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_PEER_PROTOCOL' });
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('with one byte changed are read as a message or refused, never anything else', () => {
    fc.assert(
      fc.property(message, fc.nat(), fc.integer({ min: 1, max: 255 }), (sent, at, change) => {
        const body = encodeMessage(sent).slice(2);
        body[at % body.length]! ^= change;
        try {
          expect(typeof isToPeer(decodeMessage(body))).toBe('boolean');
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_PEER_PROTOCOL' });
        }
      }),
      { numRuns: 1_000 },
    );
  });

  const packr = new Packr({ useRecords: false });
  const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);
  test.each<[string, unknown]>([
    ['an unknown type', [99, 1]],
    ['a type that is no number', ['dial', 1]],
    ['too few fields', [5]],
    ['too many fields', [5, 1, 2]],
    ['a negative id', [5, -1]],
    ['a fraction as id', [5, 1.5]],
    ['an id above 2^53', [5, 2n ** 60n]],
    ['a map', { type: 'cancel', id: 1 }],
    ['a map as a field', [5, { id: 1 }]],
    ['a date as a field', [5, new Date(0)]],
    ['a string where bytes belong', [1, 'x'.repeat(16), '']],
    ['a short instance', [1, new Uint8Array(15), '']],
    ['a description with a line break', [2, 1, ['a'], 'x\ny']],
    ['no protocol at all', [2, 1, [], '']],
    ['nesting', [2, 1, deep(200), '']],
    ['a failure nobody knows', [70, 1, 'because']],
    ['an offer of three fields', [67, 1, [[1, '', 'a'.repeat(56)]]]],
  ])('refuse %s', (_, value) => {
    expect(() => decodeMessage(Uint8Array.from(packr.pack(value)))).toThrow(
      expect.objectContaining({ code: 'ERR_PEER_PROTOCOL' }),
    );
  });

  test('refuse ten thousand nested arrays without recursion', () => {
    expect(() => decodeMessage(new Uint8Array(10_000).fill(0x91))).toThrow(
      expect.objectContaining({ code: 'ERR_PEER_PROTOCOL' }),
    );
  });

  test('refuse an array that announces four billion values before any memory is taken', () => {
    expect(() => decodeMessage(Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff))).toThrow(
      expect.objectContaining({ code: 'ERR_PEER_PROTOCOL' }),
    );
  });

  test.each([0, MAX_MESSAGE + 1, 0xffff])('of %i bytes are refused at their length', (length) => {
    const reader = new MessageReader();
    reader.push(Uint8Array.of(length >> 8, length));
    expect(() => reader.next()).toThrow(expect.objectContaining({ code: 'ERR_PEER_PROTOCOL' }));
  });
});
