import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/base/secret.ts';
import { SCHEMES, SUITES } from '../../../src/crypto/suites.ts';
import { decodeSession, encodeSession, type Session } from '../../../src/tls/tickets/session.ts';

const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });
const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength });
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });

/** Everything but the key, whose length is the suite's. */
const sessions = fc.record({
  contextId: bytes(32, 32),
  suite: fc.constantFrom(...SUITES),
  ageAdd: u32,
  since: u32,
  maxEarlyData: u32,
  serverName: optional(fc.string({ unit: 'grapheme', maxLength: 40 })),
  alpn: optional(fc.string({ minLength: 1, maxLength: 20 })),
  chain: fc.array(bytes(1, 300), { maxLength: 6 }),
  rawKey: optional(bytes(1, 2000)),
  peerScheme: optional(fc.constantFrom(...SCHEMES.map(({ name }) => name))),
  localScheme: optional(fc.constantFrom(...SCHEMES.map(({ name }) => name))),
});

const withKey = (session: Omit<Session, 'psk'>): Session => ({
  ...session,
  psk: new Secret(Uint8Array.from({ length: session.suite.hashLength }, (_, i) => i + 1)),
});

/** A session with its key in the open. */
const shown = (session: Session | undefined): unknown =>
  session && { ...session, psk: [...session.psk.expose()] };

describe('a session', () => {
  it('is read back as it was written, and its bytes are zeroed', () => {
    fc.assert(
      fc.property(sessions, (fields) => {
        const session = withKey(fields);
        const state = encodeSession(session);
        expect(shown(decodeSession(state))).toEqual(shown(session));
        expect(state.every((byte) => byte === 0)).toBe(true);
      }),
    );
  });

  it('is in one place while it is written: the buffer never grows', () => {
    fc.assert(
      fc.property(sessions, (fields) => {
        const state = encodeSession(withKey(fields));
        const shown = [...fields.chain, fields.rawKey ?? new Uint8Array(0)];
        expect(state.buffer.byteLength).toBe(shown.reduce((sum, { length }) => sum + length + 3, 1024));
      }),
    );
  });

  it('is none when anything is cut off, added or changed beyond sense; whatever it is, it is zeroed', () => {
    fc.assert(
      fc.property(sessions, fc.nat(), fc.integer({ min: 1, max: 255 }), (fields, where, flip) => {
        const whole = encodeSession(withKey(fields));
        const at = where % whole.length;
        expect(decodeSession(whole.slice(0, at))).toBeUndefined();
        expect(decodeSession(new Uint8Array([...whole, 0]))).toBeUndefined();
        const changed = new Uint8Array(whole);
        changed[at]! ^= flip;
        decodeSession(changed);
        expect(changed.every((byte) => byte === 0)).toBe(true);
      }),
    );
  });

  it('of another version of this code is none', () => {
    const state = encodeSession(
      withKey({
        contextId: new Uint8Array(32),
        suite: SUITES[0]!,
        ageAdd: 0,
        since: 0,
        maxEarlyData: 0,
        chain: [],
      }),
    );
    state[0]! += 1;
    expect(decodeSession(state)).toBeUndefined();
  });
});
