/** Invites: one line that survives mail clients, and says clearly when it did not. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { base64url } from '../../src/base/base64.ts';
import { formatInvite, type Invite, parseInvite } from '../../src/peer/invite.ts';

const invite: Invite = {
  domain: 'example.org',
  url: 'wss://relay.example.org/',
  user: 'alice',
  rootPin: new Uint8Array(32).fill(7),
  id: new Uint8Array(8).fill(8),
  secret: new Uint8Array(16).fill(9),
  expires: Date.UTC(2026, 11, 1),
};
const line = formatInvite(invite);
const malformed = expect.objectContaining({ code: 'ERR_PEER_INVITE_MALFORMED' });

describe('an invite', () => {
  test('is one short line and reads back as it was', () => {
    expect(line).toMatch(/^q2q-invite:[A-Za-z0-9_-]+$/);
    expect(line.length).toBeLessThan(250);
    expect(parseInvite(line)).toEqual(invite);
  });

  test('forgives white space and line breaks that a mail client put in', () => {
    expect(parseInvite(`  ${line.slice(0, 60)}\r\n  ${line.slice(60)}\n`)).toEqual(invite);
  });

  test('cut short anywhere is malformed', () => {
    for (let length = 0; length < line.length; length++)
      expect(() => parseInvite(line.slice(0, length))).toThrow(malformed);
  });

  test('with any character changed is malformed', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 11, max: line.length - 1 }),
        fc.constantFrom(...'AZaz09-_'),
        (at, char) => {
          fc.pre(line[at] !== char);
          expect(() => parseInvite(line.slice(0, at) + char + line.slice(at + 1))).toThrow(malformed);
        },
      ),
    );
  });

  test.each([
    ['', 'empty'],
    ['hello', 'does not begin with'],
    ['q2q-invite', 'does not begin with'],
    ['Q2Q-INVITE:AAAA', 'does not begin with'],
    ['q2q-invite:', 'cut short'],
    ['q2q-invite:****', 'does not belong'],
    [`q2q-invite:${'A'.repeat(2_000)}`, 'characters'],
  ])('%j is refused with a reason', (text, reason) => {
    expect(() => parseInvite(text)).toThrow(reason);
  });

  test('of a later version says to update', () => {
    const later = withChecksum(Uint8Array.of(0x91, 2)); // MessagePack [2]
    expect(() => parseInvite(`q2q-invite:${base64url(later)}`)).toThrow(/version 2/);
  });

  test.each<Partial<Invite>>([
    { domain: 'not a domain' },
    { domain: 'EXAMPLE.org' },
    { user: 'a@b' },
    { user: '../alice' },
    { url: 'no url' },
    { rootPin: new Uint8Array(31) },
    { secret: new Uint8Array(15) },
    { id: new Uint8Array(9) },
  ])('that holds %j is malformed', (change) => {
    expect(() => parseInvite(formatInvite({ ...invite, ...change }))).toThrow(malformed);
  });
});

/** CRC-32 from its definition, as a twin of the one in the code. */
function withChecksum(body: Uint8Array): Uint8Array {
  let crc = 0xffffffff;
  for (const byte of body)
    for (let bit = 0; bit < 8; bit++) {
      const low = (crc ^ (byte >> bit)) & 1;
      crc = (crc >>> 1) ^ (low ? 0xedb88320 : 0);
    }
  crc = ~crc >>> 0;
  return Uint8Array.of(...body, crc >>> 24, crc >>> 16, crc >>> 8, crc);
}
