import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Bytes, fromHex, utf8 } from '../../src/base/bytes.ts';
import { context, der, oid, sequence, TAG, utf8String } from '../../src/identity/der.ts';
import { NAME_TAG } from '../../src/identity/generalNames.ts';
import type { Certificate } from '../../src/identity/index.ts';
import { constraintViolation, formatIp, matchesDns, parseIp, uriHost } from '../../src/identity/names.ts';
import { encodeOid, OID } from '../../src/identity/oid.ts';
import { constraints, extension, make, type Named, san, usage } from './maker.ts';

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
    '1.2.3.4::',
    '1.2.3.4::1',
    '::1.2.3.4:1',
    '::01.2.3.4',
    '1.2.3.4:1:2:3:4:5:6',
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
    // What readers of URLs disagree about names no host.
    ['https://evil.example\\@example.org/', undefined],
    ['https://example.org\\.evil.example/', undefined],
    ['https://a@b@example.org/', undefined],
    ['https://exam%70le.org/', undefined],
    ['https://example.org./', undefined],
    ['https://example.org:80:90/', undefined],
    ['https://example.org:8o/', undefined],
    ['https://example.org/\t', undefined],
    ['https:// example.org/', undefined],
    ['https://0x7f.1/', undefined],
    ['https://127.1/', undefined],
    ['https://2130706433/', undefined],
    ['https:/example.org/', undefined],
    ['https:example.org', undefined],
    ['1https://example.org/', undefined],
    ['https://us%65r:p@example.org', 'example.org'],
    ['https://example.org:/', 'example.org'],
    ['https://ex_ample.org', 'ex_ample.org'],
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
    ['a host with a final dot', { dns: ['example.org.'] }, { dns: ['example.org'] }, undefined, false],
    ['a host with a leading dot', { dns: ['.example.org'] }, { dns: ['example.org'] }, undefined, false],
    ['a host with a NUL', { dns: ['x\0.example.org'] }, { dns: ['example.org'] }, undefined, false],
    ['a bare wildcard', { dns: ['*'] }, undefined, { dns: ['example.org'] }, false],
    ['a wildcard over all of a base', { dns: ['*.org'] }, undefined, { dns: ['example.org'] }, false],
    ['a wildcard within a label', { dns: ['a*.example.org'] }, { dns: ['example.org'] }, undefined, false],
    [
      'a quoted local part',
      { email: ['"alice"@example.org'] },
      undefined,
      { email: ['alice@example.org'] },
      false,
    ],
    ['an at sign in quotes', { email: ['"a@b"@example.org'] }, { email: ['example.org'] }, undefined, false],
    [
      'a local part that ends in a dot',
      { email: ['a.@example.org'] },
      { email: ['example.org'] },
      undefined,
      false,
    ],
    ['no local part', { email: ['@example.org'] }, { email: ['example.org'] }, undefined, false],
    ['a host instead of a mailbox', { email: ['example.org'] }, { email: ['example.org'] }, undefined, false],
    [
      'an address for a mail host',
      { email: ['a@[192.0.2.1]'] },
      undefined,
      { email: ['example.org'] },
      false,
    ],
    [
      'a wildcard for a mail host',
      { email: ['a@*.example.org'] },
      { email: ['.example.org'] },
      undefined,
      false,
    ],
    [
      'an asterisk as local part',
      { email: ['*@example.org'] },
      { email: ['*@example.org'] },
      undefined,
      true,
    ],
    [
      'one mailbox of two',
      { email: ['a@example.org', 'a@example.com'] },
      { email: ['example.org'] },
      undefined,
      false,
    ],
    [
      'a mail domain in capitals',
      { email: ['a@X.Example.Org'] },
      { email: ['.EXAMPLE.org'] },
      undefined,
      true,
    ],
    ['a URI below a domain', { uri: ['q2q://a.example.org/'] }, { uri: ['.Example.org'] }, undefined, true],
    [
      'a URI of the domain itself',
      { uri: ['q2q://example.org/'] },
      { uri: ['.example.org'] },
      undefined,
      false,
    ],
    ['a URI with a port', { uri: ['https://example.org:8443/'] }, { uri: ['example.org'] }, undefined, true],
    ['a URI of an address', { uri: ['https://192.0.2.1/'] }, undefined, { uri: ['example.org'] }, false],
    [
      'an IPv4 address that IPv6 carries, excluded',
      { ip: [ip('::ffff:192.0.2.1')] },
      undefined,
      { ip: [range('192.0.2.0', '255.255.255.0')] },
      false,
    ],
    [
      'an IPv4 address that IPv6 carries is permitted only as IPv6',
      { ip: [ip('::ffff:192.0.2.1')] },
      { ip: [range('192.0.2.0', '255.255.255.0')] },
      undefined,
      false,
    ],
    [
      'an IPv4 address, all of IPv6 excluded',
      { ip: [ip('192.0.2.1')] },
      { ip: [range('192.0.2.0', '255.255.255.0')] },
      { ip: [range('::', '::')] },
      true,
    ],
    [
      'a range written with bits of a host',
      { ip: [ip('192.0.2.77')] },
      { ip: [range('192.0.2.5', '255.255.255.0')] },
      undefined,
      true,
    ],
  ])('%s', (_, names, permitted, excluded, allowed) => {
    const message = violation(names, permitted, excluded);
    if (allowed) expect(message).toBeUndefined();
    else expect(message).toBeTypeOf('string');
  });

  const organisation = (tag: number, text: string): Bytes =>
    sequence(der(TAG.set, sequence(oid('2.5.4.10'), der(tag, utf8(text)))));
  const wide = (text: string): string => [...text].map((char) => `\0${char}`).join('');
  const underDirectory = (subject: Bytes, permitted?: Bytes, excluded?: Bytes): string | undefined => {
    const list = (tag: number, base: Bytes | undefined): Bytes[] =>
      base === undefined ? [] : [der(context(tag, true), sequence(der(NAME_TAG.directory, base)))];
    const limits = extension(
      OID.nameConstraints,
      true,
      sequence(...list(0, permitted), ...list(1, excluded)),
    );
    const ca = make({ subject: 'CA', extensions: [limits] });
    const leaf = make({ issuer: ca, subject });
    return constraintViolation(leaf.certificate, ca.certificate.nameConstraints!, () => {});
  };

  test.each<[string, Bytes]>([
    ['itself', organisation(TAG.utf8String, 'Bad Example')],
    ['capitals', organisation(TAG.utf8String, 'BAD example')],
    ['another string type', organisation(TAG.printableString, 'Bad Example')],
    ['a wide string', organisation(30, wide('Bad Example'))],
    ['more spaces', organisation(TAG.utf8String, '  Bad   Example ')],
    ['an invisible character', organisation(TAG.utf8String, 'Bad\u200b Exam\u00adple')],
    ['full-width letters', organisation(TAG.utf8String, '\uff22ad Example')],
  ])(
    'a directory name that only looks like another is excluded with it, never permitted: %s',
    (what, subject) => {
      const base = organisation(TAG.utf8String, 'Bad Example');
      expect(underDirectory(subject, undefined, base)).toContain('excluded');
      if (what === 'itself') expect(underDirectory(subject, base)).toBeUndefined();
      else expect(underDirectory(subject, base)).toContain('permitted');
      expect(underDirectory(organisation(TAG.utf8String, 'Good Example'), undefined, base)).toBeUndefined();
    },
  );

  test('mailboxes in the subject are held to constraints on mail, beside others too', () => {
    const attribute = sequence(oid(OID.emailAddress), der(TAG.ia5String, utf8('eve@evil.example')));
    const subject = sequence(der(TAG.set, attribute));
    const ca = make({ subject: 'CA', extensions: [constraints({ email: ['example.org'] })] });
    for (const more of [[], [san({ email: ['a@example.org'] })]]) {
      const { certificate } = make({ issuer: ca, subject, extensions: more });
      const message = constraintViolation(certificate, ca.certificate.nameConstraints!, () => {});
      expect(message).toContain('eve@evil.example');
    }
  });

  const otherName = (kind: string, value: Bytes): Bytes =>
    der(context(0, true), oid(kind), der(context(0, true), value));

  test('a mailbox outside ASCII under a constraint on mail cannot be judged', () => {
    const name = otherName(OID.smtpUtf8Mailbox, utf8String('j\u00f6rg@example.org'));
    const leaf = make({ subject: 'x', extensions: [extension(OID.subjectAltName, false, sequence(name))] });
    for (const [permitted, excluded] of [
      [{ email: ['example.org'] }, undefined],
      [undefined, { email: ['example.com'] }],
    ]) {
      const { nameConstraints } = make({
        subject: 'CA',
        extensions: [constraints(permitted, excluded)],
      }).certificate;
      expect(constraintViolation(leaf.certificate, nameConstraints!, () => {})).toContain('cannot be judged');
    }
    const { nameConstraints } = make({
      subject: 'CA',
      extensions: [constraints({ dns: ['x'] })],
    }).certificate;
    expect(constraintViolation(leaf.certificate, nameConstraints!, () => {})).toBeUndefined();
  });

  test('kinds that are not processed are refused where a constraint meets a name', () => {
    const other = otherName('1.3.6.1.4.1.55555.1', utf8String('x'));
    const registered = der(context(8), encodeOid('1.2.3'));
    for (const name of [other, registered]) {
      const leaf = make({ subject: 'x', extensions: [extension(OID.subjectAltName, false, sequence(name))] });
      for (const list of [0, 1]) {
        const limits = sequence(der(context(list, true), sequence(name)));
        const ca = make({ subject: 'CA', extensions: [extension(OID.nameConstraints, true, limits)] });
        const judged = (certificate: Certificate): string | undefined =>
          constraintViolation(certificate, ca.certificate.nameConstraints!, () => {});
        expect(judged(leaf.certificate)).toContain('cannot be judged');
        expect(judged(make({ subject: 'x', extensions: [san({ dns: ['x'] })] }).certificate)).toBeUndefined();
      }
    }
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
