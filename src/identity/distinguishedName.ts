/**
 * Distinguished names (RFC 5280 §4.1.2.4): structure checked, compared as bytes, decoded to be shown and to be refused.
 */
import { type Bytes, compareBytes, equalBytes, fromUtf8 } from '../base/bytes.ts';
import { DerReader, der, malformed, oid, sequence, setOf, TAG, utf8String } from './der.ts';
import { OID } from './oid.ts';

export interface Attribute {
  readonly oid: string;
  readonly tag: number;
  readonly value: Bytes;
}

/** One RelativeDistinguishedName: its encoding, for comparing, and its attributes. */
export interface Rdn {
  readonly der: Bytes;
  readonly attributes: readonly Attribute[];
}

/** Checks the structure of a Name and takes it apart. */
export function parseDistinguishedName(name: Bytes, what: string): readonly Rdn[] {
  const outer = new DerReader(name);
  const reader = outer.sequence(what);
  outer.end(what);
  const rdns: Rdn[] = [];
  while (!reader.done) {
    const set = reader.expect(TAG.set, what);
    const attributes: Attribute[] = [];
    const members = new DerReader(set.value);
    let previous: Uint8Array | undefined;
    while (!members.done) {
      const member = members.expect(TAG.sequence, what);
      if (previous !== undefined && compareBytes(previous, member.der) >= 0)
        throw malformed(`${what} has a SET out of order`);
      previous = member.der;
      const pair = new DerReader(member.value);
      const id = pair.oid(what);
      const { tag, value } = pair.any(what);
      pair.end(what);
      attributes.push({ oid: id, tag, value });
    }
    if (attributes.length === 0) throw malformed(`${what} has an empty SET`);
    rdns.push({ der: set.der, attributes });
  }
  return rdns;
}

/** A Name of one common name: what our roots and key peers carry, for people only. */
export function nameOf(text: string): Bytes {
  return sequence(setOf(sequence(oid(OID.commonName), utf8String(text))));
}

export const EMPTY_NAME: Bytes = der(TAG.sequence);

export function isEmptyName(name: Uint8Array): boolean {
  return name.length === 2;
}

/**
 * True when `base` is `name` or one of its superiors: its RDNs are the first of the name's (§4.2.1.10). Both
 * contents are elements that carry their own length, so a prefix of bytes is a prefix of whole RDNs.
 */
export function isWithinSubtree(name: Bytes, base: Bytes): boolean {
  const held = new DerReader(name).any('name').value;
  const wanted = new DerReader(base).any('constraint').value;
  return wanted.length <= held.length && equalBytes(wanted, held.subarray(0, wanted.length));
}

const folded = new WeakMap<Bytes, readonly string[]>();

/**
 * As `isWithinSubtree`, for a name that may only be taken for one within: text is compared without regard to case, spaces and
 * the string type that holds it (§7.1, about as RFC 4518 prepares it). Good enough to keep somebody out, never to let anybody
 * in.
 */
export function isAlikeWithin(name: Bytes, base: Bytes): boolean {
  const held = foldedRdns(name);
  return foldedRdns(base).every((rdn, i) => rdn === held[i]);
}

function foldedRdns(name: Bytes): readonly string[] {
  let rdns = folded.get(name);
  if (rdns === undefined) {
    rdns = parseDistinguishedName(name, 'name').map(({ attributes }) =>
      attributes.map(fold).sort().join('\0'),
    );
    folded.set(name, rdns);
  }
  return rdns;
}

function fold(attribute: Attribute): string {
  const text = textOf(attribute)
    .normalize('NFKC')
    .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
    .toLowerCase()
    .replace(/\s+/g, ' ')
    .trim();
  return `${attribute.oid}=${text}`;
}

/** Values of emailAddress attributes: constraints on mail apply to them too (§4.2.1.10). */
export function emailAttributes(name: Bytes): readonly string[] {
  return attributeTexts(name, OID.emailAddress);
}

export function commonNames(name: Bytes): readonly string[] {
  return attributeTexts(name, OID.commonName);
}

function attributeTexts(name: Bytes, id: string): readonly string[] {
  return parseDistinguishedName(name, 'subject')
    .flatMap((rdn) => rdn.attributes)
    .filter((attribute) => attribute.oid === id)
    .map(textOf);
}

/** BMPString and UniversalString: octets per character (X.690 §8.23). */
const WIDE: Readonly<Record<number, number>> = { 30: 2, 28: 4 };

/** The characters of a string of any type; octet by octet what is not what its type says. */
function textOf({ tag, value }: Attribute): string {
  const width = WIDE[tag] ?? 1;
  let text = '';
  if (tag === TAG.utf8String)
    try {
      return fromUtf8(value);
    } catch {
      // octet by octet
    }
  for (let i = 0; i < value.length; i += width) {
    const code = value.subarray(i, i + width).reduce((sum, byte) => sum * 256 + byte, 0);
    text += code > 0x10ffff ? '\ufffd' : String.fromCodePoint(code);
  }
  return text;
}

/** OpenSSL's. */
const ATTRIBUTE_NAMES: Readonly<Record<string, string>> = {
  [OID.commonName]: 'CN',
  '2.5.4.5': 'serialNumber',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  [OID.emailAddress]: 'emailAddress',
  '0.9.2342.19200300.100.1.25': 'DC',
};

/** `CN=example.org, O=Example` in the order of the certificate, hostile characters escaped. */
export function showDistinguishedName(name: Bytes): string {
  const rdns = parseDistinguishedName(name, 'name');
  if (rdns.length === 0) return '(empty)';
  return rdns
    .map((rdn) => rdn.attributes.map((a) => `${ATTRIBUTE_NAMES[a.oid] ?? a.oid}=${showValue(a)}`).join(' + '))
    .join(', ');
}

const STRINGS: readonly number[] = [TAG.utf8String, TAG.printableString, TAG.ia5String, 0x14];

function showValue({ tag, value }: Attribute): string {
  try {
    if (STRINGS.includes(tag)) return printable(fromUtf8(value));
  } catch {
    // not UTF-8: shown as octets below
  }
  return `#${[...value].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/** `visible`, for a part of a name: what separates parts is escaped too. */
export function printable(text: string): string {
  return visible(text).replace(/[,+]/g, '\\$&');
}

/**
 * Control characters, direction marks and other invisible things become escapes; nothing can repaint a
 * terminal.
 */
export function visible(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}\\]/gu, (char) =>
    char === '\\' ? '\\\\' : `\\u{${char.codePointAt(0)!.toString(16)}}`,
  );
}
