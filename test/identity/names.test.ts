import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex } from '../../src/base/bytes.ts';
import { constraintViolation, formatIp, matchesDns, parseIp, uriHost } from '../../src/identity/names.ts';
import { constraints, make, type Named, san, usage } from './maker.ts';

describe('host names (RFC 9525 §6)', () => {
  test.each([
    ['example.org', 'example.org', true],
    ['EXAMPLE.org', 'example.org', true],
    ['*.example.org', 'a.example.org', true],
    ['*.example.org', 'example.org', false],
    ['*.example.org', 'a.b.example.org', false],
    ['*.example.org', '.example.org', false],
    ['*.org', 'example.org', false],
    ['*', 'localhost', false],
    ['a*.example.org', 'ab.example.org', false],
    ['*a.example.org', 'ba.example.org', false],
    ['a.*.org', 'a.example.org', false],
    ['*.*.org', 'a.b.org', false],
    ['example.org.', 'example.org', false],
    ['example.org\0.evil.example', 'example.org', false],
    ['example.com', 'example.org', false],
    ['notexample.org', 'example.org', false],
    ['', 'example.org', false],
    ['127.0.0.1', 'example.org', false],
  ])('%s against %s: %s', (pattern, host, expected) => {
    expect(matchesDns(pattern, host)).toBe(expected);
  });
});

describe('addresses', () => {
  test.each([
    ['127.0.0.1', '7f000001'],
    ['0.0.0.0', '00000000'],
    ['::', '00'.repeat(16)],
    ['::1', `${'00'.repeat(15)}01`],
    ['2001:db8::8a2e:370:7334', '20010db80000000000008a2e03707334'],
    ['::ffff:192.0.2.1', `${'00'.repeat(10)}ffffc0000201`],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['1::8', '00010000000000000000000000000008'],
    ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
  ])('reads %s', (text, bytes) => {
    expect(parseIp(text)).toEqual(fromHex(bytes));
  });

  test.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.0.0.1',
    '01.2.3.4',
    '1.2.3.4 ',
    '0x7f.1',
    ':',
    ':::',
    '1::2::3',
    '12345::',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '::1%eth0',
    '[::1]',
    'g::',
  ])('refuses %j', (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  test('are written as RFC 5952 wants and read back', () => {
    expect(formatIp(fromHex('20010db8000000000001000000000001'))).toBe('2001:db8::1:0:0:1');
    expect(formatIp(fromHex('20010db8000100010001000100010000'))).toBe('2001:db8:1:1:1:1:1:0');
    expect(formatIp(fromHex('00'.repeat(16)))).toBe('::');
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.uint8Array({ minLength: 8, maxLength: 8 }),
        (a, mask) => {
          const address = new Uint8Array(a.map((byte, i) => ((mask[i >> 1]! & 1) === 0 ? 0 : byte)));
          expect(parseIp(formatIp(address))).toEqual(address);
        },
      ),
    );
  });
});

describe('hosts of URIs', () => {
  test.each([
    ['q2q://example.org/alice/laptop', 'example.org'],
    ['https://user:pw@Example.org:443/x?y#z', 'example.org'],
    ['https://evil.example@example.org/', 'example.org'],
    ['https://example.org', 'example.org'],
    ['https://example.org?@evil.example', 'example.org'],
    ['mailto:bob@example.org', undefined],
    ['acct:bob@example.org', undefined],
    ['https://127.0.0.1/', undefined],
    ['https://[::1]/', undefined],
    ['https:///path', undefined],
    ['//example.org', undefined],
    ['https://*.example.org/', undefined],
    ['', undefined],
  ])('%s: %s', (uri, host) => {
    expect(uriHost(uri)).toBe(host);
  });
});

/** Does a leaf with these names break these constraints? */
function violation(names: Named, permitted?: Named, excluded?: Named): string | undefined {
  const ca = make({ subject: 'CA', extensions: [constraints(permitted, excluded)] });
  const leaf = make({ issuer: ca, extensions: [usage('digitalSignature'), san(names, true)] });
  return constraintViolation(leaf.certificate, ca.certificate.nameConstraints!, () => {});
}

const ip = (text: string): Uint8Array => parseIp(text)!;
const range = (address: string, mask: string): Uint8Array => new Uint8Array([...ip(address), ...ip(mask)]);

describe('name constraints (RFC 5280 §4.2.1.10)', () => {
  test.each<[string, Named, Named | undefined, Named | undefined, boolean]>([
    ['a host itself', { dns: ['example.org'] }, { dns: ['example.org'] }, undefined, true],
    ['a host below', { dns: ['a.b.example.org'] }, { dns: ['example.org'] }, undefined, true],
    ['a namesake', { dns: ['notexample.org'] }, { dns: ['example.org'] }, undefined, false],
    ['capitals', { dns: ['A.EXAMPLE.org'] }, { dns: ['eXample.ORG'] }, undefined, true],
    ['one of two hosts', { dns: ['example.org', 'example.com'] }, { dns: ['example.org'] }, undefined, false],
    ['another kind of name', { email: ['a@example.com'] }, { dns: ['example.org'] }, undefined, true],
    ['an excluded host', { dns: ['a.example.org'] }, undefined, { dns: ['example.org'] }, false],
    [
      'excluded within permitted',
      { dns: ['x.example.org'] },
      { dns: ['example.org'] },
      { dns: ['x.example.org'] },
      false,
    ],
    ['everything excluded', { dns: ['a.example'] }, undefined, { dns: [''] }, false],
    ['a wildcard within', { dns: ['*.example.org'] }, { dns: ['example.org'] }, undefined, true],
    [
      'a wildcard wider than permitted',
      { dns: ['*.example.org'] },
      { dns: ['a.example.org'] },
      undefined,
      false,
    ],
    [
      'a wildcard over an excluded host',
      { dns: ['*.example.org'] },
      undefined,
      { dns: ['a.example.org'] },
      false,
    ],
    [
      'a wildcard beside an excluded host',
      { dns: ['*.example.org'] },
      undefined,
      { dns: ['b.a.example.org'] },
      true,
    ],
    ['a malformed host', { dns: ['exa mple.org'] }, undefined, { dns: ['example.com'] }, false],
    ['a mailbox', { email: ['alice@example.org'] }, { email: ['alice@example.org'] }, undefined, true],
    ['another mailbox', { email: ['bob@example.org'] }, { email: ['alice@example.org'] }, undefined, false],
    [
      'another case of the local part',
      { email: ['Alice@example.org'] },
      { email: ['alice@example.org'] },
      undefined,
      false,
    ],
    [
      'another case of the mail host',
      { email: ['alice@Example.org'] },
      { email: ['alice@example.org'] },
      undefined,
      true,
    ],
    ['any mailbox of a host', { email: ['bob@example.org'] }, { email: ['example.org'] }, undefined, true],
    [
      'a mailbox of a host below',
      { email: ['bob@mail.example.org'] },
      { email: ['example.org'] },
      undefined,
      false,
    ],
    [
      'hosts below a domain',
      { email: ['bob@mail.example.org'] },
      { email: ['.example.org'] },
      undefined,
      true,
    ],
    ['the domain itself', { email: ['bob@example.org'] }, { email: ['.example.org'] }, undefined, false],
    [
      'two at signs',
      { email: ['alice@example.org@example.com'] },
      { email: ['example.com'] },
      undefined,
      false,
    ],
    ['a URI of the host', { uri: ['q2q://example.org/alice/x'] }, { uri: ['example.org'] }, undefined, true],
    [
      'a URI of another host',
      { uri: ['q2q://example.com/alice/x'] },
      { uri: ['example.org'] },
      undefined,
      false,
    ],
    [
      'a URI with the host as user',
      { uri: ['q2q://example.org@evil.example/'] },
      { uri: ['example.org'] },
      undefined,
      false,
    ],
    ['a URI of a host below', { uri: ['q2q://a.example.org/'] }, { uri: ['example.org'] }, undefined, false],
    ['a URI without a host', { uri: ['urn:example:1'] }, { uri: ['example.org'] }, undefined, false],
    [
      'an address within',
      { ip: [ip('192.0.2.77')] },
      { ip: [range('192.0.2.0', '255.255.255.0')] },
      undefined,
      true,
    ],
    [
      'an address outside',
      { ip: [ip('192.0.3.1')] },
      { ip: [range('192.0.2.0', '255.255.255.0')] },
      undefined,
      false,
    ],
    [
      'IPv6 under an IPv4 range',
      { ip: [ip('::1')] },
      { ip: [range('0.0.0.0', '0.0.0.0')] },
      undefined,
      false,
    ],
    [
      'any address, excluded',
      { ip: [ip('10.0.0.1')] },
      undefined,
      { ip: [range('0.0.0.0', '0.0.0.0')] },
      false,
    ],
  ])('%s', (_, names, permitted, excluded, allowed) => {
    const message = violation(names, permitted, excluded);
    if (allowed) expect(message).toBeUndefined();
    else expect(message).toBeTypeOf('string');
  });

  test('cost one comparison per name and base', () => {
    const bases = Array.from({ length: 20 }, (_, i) => `h${i}.example.org`);
    const ca = make({ subject: 'CA', extensions: [constraints(undefined, { dns: bases })] });
    const leaf = make({ issuer: ca, extensions: [san({ dns: bases.map((base) => `x${base}`) }, true)] });
    let spent = 0;
    constraintViolation(leaf.certificate, ca.certificate.nameConstraints!, () => spent++);
    expect(spent).toBe(400);
  });
});
