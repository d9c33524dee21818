/** DER and nothing else: one value has one encoding (X.690 §10, §11), in every part of a certificate. */
import { type Bytes, concat, utf8 } from '../../../../src/base/bytes.ts';
import {
  bitString,
  context,
  der,
  integer,
  oid,
  sequence,
  setOf,
  TAG,
  utf8String,
} from '../../../../src/identity/der.ts';
import { nameOf } from '../../../../src/identity/distinguishedName.ts';
import { OID } from '../../../../src/identity/oid.ts';
import { extension, NOW, san, usage } from '../../../identity/maker.ts';
import { type Book, client, type LeafRecipe } from '../book.ts';

export function encoding(book: Book): void {
  const root = book.root('der');
  const ask = (
    id: string,
    rule: string,
    description: string,
    recipe: LeafRecipe,
    verdict = 'MALFORMED',
  ): void => {
    const leaf = book.leaf(`der ${id}`, root, recipe);
    book.add(`der::${id}`, rule, description, client(leaf, root), verdict);
  };
  const value = (id: string, bytes: Bytes, critical = false): Bytes => extension(id, critical, bytes);

  ask('trailing', 'X.690 §8.1.1', 'A byte follows the certificate', {
    finish: (bytes) => concat([bytes, new Uint8Array(1)]),
  });
  ask('cut', 'X.690 §8.1.1', 'The last byte is missing', { finish: (bytes) => bytes.slice(0, -1) });
  ask('length-padded', 'X.690 §10.1', 'The outermost length has a zero octet too many', {
    finish: paddedLength,
  });
  ask('length-indefinite', 'X.690 §10.1', 'The outermost length is indefinite, as BER allows', {
    finish: indefinite,
  });
  ask('serial-padded', 'X.690 §8.3.2', 'The serial number has a zero octet too many', {
    serial: der(TAG.integer, Uint8Array.of(0, 0x40)),
  });
  ask('serial-empty', 'X.690 §8.3.1', 'The serial number has no octets', { serial: der(TAG.integer) });
  ask('boolean-one', 'X.690 §11.1', 'TRUE is written as 1', {
    usage: sequence(
      oid(OID.keyUsage),
      der(TAG.boolean, Uint8Array.of(1)),
      der(TAG.octetString, der(TAG.bitString, Uint8Array.of(7, 0x80))),
    ),
  });
  ask('default-written', 'X.690 §11.5', 'An extension writes out that it is not critical', {
    usage: sequence(
      oid(OID.keyUsage),
      der(TAG.boolean, new Uint8Array(1)),
      der(TAG.octetString, der(TAG.bitString, Uint8Array.of(7, 0x80))),
    ),
  });
  ask('bits-trailing', 'X.690 §11.2.2', 'Key usage keeps zero bits at its end', {
    usage: value(OID.keyUsage, der(TAG.bitString, Uint8Array.of(0, 0x80)), true),
  });
  ask('bits-padding', 'X.690 §11.2.1', 'The unused bits of key usage are not zero', {
    usage: value(OID.keyUsage, der(TAG.bitString, Uint8Array.of(7, 0x81)), true),
  });
  ask('bits-none', 'RFC 5280 §4.2.1.3', 'Key usage allows nothing', {
    usage: value(OID.keyUsage, der(TAG.bitString, Uint8Array.of(0)), true),
  });
  ask('value-trailing', 'X.690 §8.1.1', 'Bytes follow the value of an extension', {
    san: value(
      OID.subjectAltName,
      concat([sequence(der(context(1), utf8('alice@example.org'))), Uint8Array.of(5, 0)]),
      true,
    ),
  });
  ask('extension-twice', 'RFC 5280 §4.2', 'An extension is there twice', {
    more: [usage('digitalSignature')],
  });
  ask('extensions-empty', 'RFC 5280 §4.1', 'A list of extensions that has none', {
    usage: null,
    eku: null,
    san: null,
    ski: null,
    aki: null,
    tail: [der(context(3, true), sequence())],
  });
  ask('after-extensions', 'RFC 5280 §4.1', 'Something follows the extensions', { tail: [der(TAG.null)] });
  ask('version-written-1', 'X.690 §11.5', 'Version 1, which is the default, is written out', {
    version: der(context(0, true), integer(0)),
  });
  ask('version-4', 'RFC 5280 §4.1.2.1', 'There is no version 4', {
    version: der(context(0, true), integer(3)),
  });
  ask('version-2', 'RFC 5280 §4.1.2.1', 'Version 2 with extensions', {
    version: der(context(0, true), integer(1)),
  });
  ask('version-1-extensions', 'RFC 5280 §4.1.2.9', 'Version 1 with extensions', {
    version: new Uint8Array(0),
  });
  ask('unique-id', 'RFC 5280 §4.1.2.8', 'A unique identifier of the subject, which nobody may make', {
    tbs: (tbs) => {
      const at = find(tbs, der(context(3, true)).subarray(0, 1));
      return rewrap(
        concat([content(tbs).slice(0, at), der(context(2), Uint8Array.of(0, 1)), content(tbs).slice(at)]),
      );
    },
  });
  ask('set-order', 'X.690 §11.6', 'The attributes of a subject are out of order', {
    subject: sequence(der(TAG.set, attribute('2.5.4.10', 'Z'), attribute('2.5.4.3', 'A'))),
    san: san({ email: ['alice@example.org'] }),
  });
  ask('set-empty', 'RFC 5280 §4.1.2.4', 'A subject with an empty SET', {
    subject: sequence(der(TAG.set)),
    san: san({ email: ['alice@example.org'] }),
  });
  ask('name-no-sequence', 'RFC 5280 §4.1.2.4', 'A subject that is a SET', {
    subject: der(TAG.set),
    names: {},
  });
  ask('san-no-kind', 'RFC 5280 §4.2.1.6', 'An alternative name of a kind that is none', {
    san: value(OID.subjectAltName, sequence(der(context(9), utf8('x'))), true),
  });
  ask('san-utf8-string', 'RFC 5280 §4.2.1.6', 'An alternative name that is a UTF8String', {
    san: value(OID.subjectAltName, sequence(utf8String('alice@example.org')), true),
  });
  ask('san-constructed', 'X.690 §10.2', 'A mailbox in pieces, as BER allows', {
    san: value(
      OID.subjectAltName,
      sequence(der(context(1, true), der(0x16, utf8('alice@')), der(0x16, utf8('example.org')))),
      true,
    ),
  });
  ask('ip-three-bytes', 'RFC 5280 §4.2.1.6', 'An IP address of three octets', {
    names: { ip: [Uint8Array.of(192, 0, 2)] },
  });
  ask('oid-padded', 'X.690 §8.19.2', 'An object identifier with a padded arc', {
    more: [
      sequence(der(TAG.oid, Uint8Array.of(0x69, 0x80, 0x01)), der(TAG.octetString, Uint8Array.of(5, 0))),
    ],
  });
  ask('signature-bits', 'RFC 5280 §4.1.1.3', 'A signature that is not whole octets', {
    finish: (bytes) => changeUnused(bytes),
  });
  ask('key-trailing', 'RFC 5280 §4.1.2.7', 'Something follows the bits of the key', {
    spki: sequence(sequence(oid(OID.ed25519)), bitString(new Uint8Array(32).fill(9)), der(TAG.null)),
  });
  ask('path-length-negative', 'RFC 5280 §4.2.1.9', 'A negative path length', {
    basic: value(
      OID.basicConstraints,
      sequence(der(TAG.boolean, Uint8Array.of(0xff)), der(TAG.integer, Uint8Array.of(0xff))),
      true,
    ),
  });
  ask('utc-no-seconds', 'RFC 5280 §4.1.2.5.1', 'A time without seconds', {
    notBefore: der(TAG.utcTime, utf8('2611201200Z')),
  });
  ask('utc-offset', 'RFC 5280 §4.1.2.5.1', 'A time with an offset', {
    notBefore: der(TAG.utcTime, utf8('261120120000+0000')),
  });
  ask('generalized-early', 'RFC 5280 §4.1.2.5', 'A GeneralizedTime before 2050', {
    notAfter: der(TAG.generalizedTime, utf8('20271121120000Z')),
  });
  ask('generalized-fraction', 'RFC 5280 §4.1.2.5.2', 'A time with a fraction', {
    notAfter: der(TAG.generalizedTime, utf8('20511121120000.5Z')),
  });
  ask('february-30', 'RFC 5280 §4.1.2.5', '30 February', {
    notBefore: der(TAG.utcTime, utf8('260230120000Z')),
  });
  ask('second-60', 'RFC 5280 §4.1.2.5', 'A leap second that never was', {
    notBefore: der(TAG.utcTime, utf8('261120120060Z')),
  });

  const odd = book.leaf('der printable', root, {
    subject: sequence(setOf(sequence(oid(OID.commonName), der(TAG.printableString, utf8('alice'))))),
    san: san({ email: ['alice@example.org'] }),
    notAfter: der(TAG.generalizedTime, utf8('20501121120000Z')),
    notBefore: NOW - 1000,
  });
  book.add(
    'der::fine',
    'RFC 5280 §4.1.2.4, §4.1.2.5',
    'A PrintableString, and a GeneralizedTime after 2049: all as it should be',
    client(odd, root),
    'ok',
  );
  const folded = book.root('der folded', { subject: nameOf('Folded Root') });
  const alike = book.leaf('der folded leaf', { ...folded, subject: nameOf('folded  root') });
  book.add(
    'der::issuer-case',
    'RFC 5280 §7.1 folds names; q2q compares them byte for byte',
    "The issuer's name in other letters",
    client(alike, folded),
    'UNKNOWN_ISSUER',
  );
}

function attribute(id: string, text: string): Bytes {
  return sequence(oid(id), utf8String(text));
}

/** 30 82 xx xx … as 30 83 00 xx xx … */
function paddedLength(bytes: Bytes): Bytes {
  return concat([Uint8Array.of(bytes[0]!, 0x83, 0), bytes.subarray(2)]);
}

function indefinite(bytes: Bytes): Bytes {
  return concat([Uint8Array.of(bytes[0]!, 0x80), bytes.subarray(4), new Uint8Array(2)]);
}

/** The outermost content: certificates here are longer than 255 bytes. */
function content(bytes: Bytes): Bytes {
  return bytes.subarray(bytes[1] === 0x82 ? 4 : 3);
}

function rewrap(inside: Bytes): Bytes {
  return der(TAG.sequence, inside);
}

/** Where the extensions begin: they are the last element, so the tag is looked for by walking the elements. */
function find(tbs: Bytes, tag: Uint8Array): number {
  const inside = content(tbs);
  let at = 0;
  while (inside[at] !== tag[0]) {
    const length = inside[at + 1]!;
    at +=
      length < 0x80
        ? 2 + length
        : length === 0x81
          ? 3 + inside[at + 2]!
          : 4 + inside[at + 2]! * 256 + inside[at + 3]!;
  }
  return at;
}

/** The signature is the last element: 03 41 00 and 64 bytes. */
function changeUnused(bytes: Bytes): Bytes {
  const copy = new Uint8Array(bytes);
  copy[bytes.length - 65] = 1;
  copy[bytes.length - 1]! &= 0xfe;
  return copy;
}
