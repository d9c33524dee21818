import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Bytes, fromHex, hex, utf8 } from '../../src/base/bytes.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { context, der, integer, sequence, utf8String } from '../../src/identity/der.ts';
import { IdentityError, parseCertificate } from '../../src/identity/index.ts';
import { OID } from '../../src/identity/oid.ts';
import {
  aki,
  ca,
  constraints,
  eku,
  encode,
  extension,
  make,
  NOW,
  type Recipe,
  root,
  san,
  ski,
  usage,
} from './maker.ts';

/** The message of the refusal. */
function refusal(bytes: Uint8Array): string {
  try {
    parseCertificate(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(IdentityError);
    expect((error as IdentityError).code).toBe('ERR_IDENTITY_MALFORMED');
    return (error as IdentityError).message;
  }
  return 'accepted';
}

const refuses = (recipe: Recipe): string => refusal(encode({ subject: 'x', ...recipe }).der);

describe('a certificate', () => {
  test('says what was put into it, and node:crypto agrees', () => {
    const issuer = root('CA', constraints({ dns: ['example.org'], email: ['example.org'] }));
    const made = make({
      issuer,
      key: provider.generateKey('p256'),
      serial: fromHex('00f1e2d3c4b5a69788'),
      extensions: [
        usage('digitalSignature', 'keyAgreement'),
        eku(OID.clientAuth, OID.serverAuth),
        san(
          {
            dns: ['a.example.org'],
            email: ['bob@example.org'],
            uri: ['q2q://example.org/bob/x'],
            ip: [fromHex('7f000001')],
          },
          true,
        ),
        ski('me'),
        aki('CA'),
      ],
    });
    const { certificate } = made;
    expect(Object.isFrozen(certificate)).toBe(true);
    expect(certificate.keyKind).toBe('p256');
    expect(certificate.names.dns).toEqual(['a.example.org']);
    expect(certificate.names.email).toEqual(['bob@example.org']);
    expect(certificate.names.uri).toEqual(['q2q://example.org/bob/x']);
    expect(certificate.names.ip).toEqual([fromHex('7f000001')]);
    expect([...certificate.keyUsage!]).toEqual(['digitalSignature', 'keyAgreement']);
    expect(certificate.extendedKeyUsage).toEqual([OID.clientAuth, OID.serverAuth]);
    expect(certificate.isCa).toBe(false);
    expect(certificate.unknownCritical).toEqual([]);
    expect(certificate.aki?.keyId).toEqual(utf8('CA'));
    expect(issuer.certificate.isCa).toBe(true);
    expect(issuer.certificate.nameConstraints?.permitted.dns).toEqual(['example.org']);

    const judge = new X509Certificate(made.der);
    expect(judge.serialNumber.toLowerCase()).toBe('f1e2d3c4b5a69788');
    expect(hex(certificate.serial)).toBe('00f1e2d3c4b5a69788');
    expect(Date.parse(judge.validFrom)).toBe(certificate.notBefore);
    expect(Date.parse(judge.validTo)).toBe(certificate.notAfter);
    expect(judge.subjectAltName).toBe(
      'DNS:a.example.org, email:bob@example.org, URI:q2q://example.org/bob/x, IP Address:127.0.0.1',
    );
    expect(new Uint8Array(judge.publicKey.export({ type: 'spki', format: 'der' }))).toEqual(certificate.spki);
    expect(judge.verify(new X509Certificate(issuer.der).publicKey)).toBe(true);
    expect(judge.checkIssued(new X509Certificate(issuer.der))).toBe(true);
  });

  test('is copied: the caller may reuse its buffer', () => {
    const { der: bytes } = root('CA');
    const buffer = bytes.slice();
    const certificate = parseCertificate(buffer);
    buffer.fill(0);
    expect(certificate.der).toEqual(bytes);
  });
});

describe('parsing refuses', () => {
  const ext = (id: string, hexValue: string, critical = false): Bytes =>
    extension(id, critical, fromHex(hexValue));
  test.each<[string, Recipe, string]>([
    ['version 2', { version: der(context(0, true), integer(1)), extensions: [ca()] }, 'version'],
    ['version 4', { version: der(context(0, true), integer(3)), extensions: [ca()] }, 'version'],
    ['version 1 with extensions', { version: undefined, extensions: [ca()] }, 'version 1'],
    ['an explicit version 1', { version: der(context(0, true), integer(0)) }, 'version'],
    ['a serial of 21 octets', { serial: new Uint8Array(21).fill(1) }, 'serial'],
    ['an empty issuer', { subject: '', extensions: [ca()] }, 'issuer is empty'],
    ['an extension twice', { extensions: [ca(), ca()] }, 'twice'],
    ['an empty subjectAltName', { extensions: [san({})] }, 'empty'],
    ['an empty extended key usage', { extensions: [eku()] }, 'empty'],
    ['a key usage without bits', { extensions: [usage()] }, 'nothing'],
    ['CA FALSE written out', { extensions: [ext(OID.basicConstraints, '3003010100')] }, 'default'],
    [
      'a critical FALSE written out',
      { extensions: [sequence(fromHex('0603551d13'), fromHex('010100'), fromHex('04023000'))] },
      'default',
    ],
    [
      'a negative path length',
      { extensions: [ext(OID.basicConstraints, '30060101ff0201ff', true)] },
      'negative',
    ],
    ['bytes behind an extension', { extensions: [ext(OID.basicConstraints, '300000')] }, 'too many'],
    ['an extension that is no DER', { extensions: [ext(OID.subjectAltName, '3080')] }, 'indefinite'],
    ['an IP address of five bytes', { extensions: [san({ ip: [new Uint8Array(5)] })] }, 'IP address'],
    ['a dNSName outside ASCII', { extensions: [san({ dns: ['ex\u00e4mple.org'] })] }, 'ASCII'],
    [
      'an unknown kind of GeneralName',
      { extensions: [ext(OID.subjectAltName, '3003890101')] },
      'unknown kind',
    ],
    ['constraints of nothing', { extensions: [ext(OID.nameConstraints, '3000', true)] }, 'nothing'],
    ['an empty list of subtrees', { extensions: [ext(OID.nameConstraints, '3002a000', true)] }, 'empty'],
    [
      'a subtree with a minimum',
      { extensions: [ext(OID.nameConstraints, '300ca00a3008820361626380 0101'.replace(' ', ''), true)] },
      'too many',
    ],
    ['a DNS base with a leading dot', { extensions: [constraints({ dns: ['.example.org'] })] }, 'DNS base'],
    ['a DNS base with a wildcard', { extensions: [constraints({ dns: ['*.example.org'] })] }, 'DNS base'],
    ['an IP base of 5 bytes', { extensions: [constraints({ ip: [new Uint8Array(5)] })] }, 'IP base'],
    ['an IP mask with a hole', { extensions: [constraints({ ip: [fromHex('0a000000ff00ff00')] })] }, 'hole'],
    ['a mail base without a host', { extensions: [constraints({ email: ['bob@'] })] }, 'mail base'],
    ['a mail base of a dot', { extensions: [constraints({ email: ['.'] })] }, 'mail base'],
    ['an empty mail base', { extensions: [constraints({ email: [''] })] }, 'mail base'],
    ['a quoted mail base', { extensions: [constraints({ email: ['"a"@b.example'] })] }, 'mail base'],
    ['a mail base with two at signs', { extensions: [constraints({ email: ['a@b@c'] })] }, 'mail base'],
    ['a mail base without a local part', { extensions: [constraints({ email: ['@b'] })] }, 'mail base'],
    ['a DNS base with a final dot', { extensions: [constraints({ dns: ['example.org.'] })] }, 'DNS base'],
    ['a URI base with a scheme', { extensions: [constraints({ uri: ['https://b'] })] }, 'URI base'],
    ['a URI base with a port', { extensions: [constraints({ uri: ['b:80'] })] }, 'URI base'],
    [
      'an otherName without a value',
      { extensions: [ext(OID.subjectAltName, '3006a00406022a03')] },
      'subjectAltName',
    ],
    ['a registeredID that is none', { extensions: [ext(OID.subjectAltName, '3003880180')] }, 'cut short'],
    ['an empty URI base', { extensions: [constraints({ uri: [''] })] }, 'URI base'],
    ['a URI base of a dot', { extensions: [constraints({ uri: ['.'] })] }, 'URI base'],
    [
      'a key id with issuer but no serial',
      { extensions: [ext(OID.authorityKeyIdentifier, '3005a103820178')] },
      'only one',
    ],
    [
      'an authorityInfoAccess that is none',
      { extensions: [ext(OID.authorityInfoAccess, '0400')] },
      'authorityInfoAccess',
    ],
  ])('%s', (_, recipe, reason) => {
    const message = refuses(recipe);
    expect(message).toContain(reason);
  });

  test('a subject with an empty SET, and SETs out of order', () => {
    expect(refuses({ subject: sequence(der(0x31)) })).toContain('empty SET');
    const attribute = (id: string, text: string): Bytes => sequence(der(0x06, fromHex(id)), utf8String(text));
    const wrong = sequence(der(0x31, attribute('55040a', 'z'), attribute('550403', 'a')));
    expect(refuses({ subject: wrong })).toContain('out of order');
  });

  test('an algorithm that differs inside and outside', () => {
    const { der: bytes } = encode({ subject: 'x', extensions: [ca()] });
    // The Ed25519 identifier occurs thrice: inside, as key, outside. Change the last.
    const at = hex(bytes).lastIndexOf('06032b6570') / 2;
    const changed = bytes.slice();
    changed[at + 4] = 0x71;
    expect(refusal(changed)).toContain('differ');
  });

  test('more than 64 KiB', () => {
    expect(refusal(new Uint8Array(65_537))).toContain('65537');
  });

  test('a negative serial', () => {
    const { der: bytes } = encode({ subject: 'x', serial: fromHex('7f11223344556677') });
    const changed = bytes.slice();
    changed[hex(bytes).indexOf('7f11223344556677') / 2] = 0x81;
    expect(refusal(changed)).toContain('negative');
  });

  test('any bytes, with our error and in bounded time', () => {
    const good = root('CA', constraints({ dns: ['example.org'] })).der;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(refusal(bytes)).not.toBe('default');
      }),
    );
    // Damaged certificates reach deeper than noise does.
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, byte, end) => {
        const damaged = good.slice();
        damaged[at] = byte;
        refusal(damaged);
        expect(refusal(good.slice(0, Math.min(end, good.length - 1)))).not.toBe('accepted');
      }),
      { numRuns: 1000 },
    );
  });
});

test('dates are whole seconds, RFC 5280 §4.1.2.5', () => {
  const { certificate } = make({ subject: 'x', notBefore: NOW + 999, notAfter: Date.UTC(2055, 0, 1) });
  expect(certificate.notBefore).toBe(NOW);
  expect(certificate.notAfter).toBe(Date.UTC(2055, 0, 1));
});
