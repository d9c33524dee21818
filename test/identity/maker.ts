/** Makes certificates that our own issuer never would: any extension, any name, any date. For tests only. */
import { type Bytes, utf8 } from '../../src/base/bytes.ts';
import { provider } from '../../src/crypto/node.node.ts';
import type { PrivateKey } from '../../src/crypto/provider.ts';
import { signatureIdentifier } from '../../src/identity/algorithms.ts';
import {
  bitString,
  boolean,
  context,
  der,
  integer,
  namedBits,
  octetString,
  oid,
  sequence,
  time,
} from '../../src/identity/der.ts';
import { EMPTY_NAME, nameOf } from '../../src/identity/distinguishedName.ts';
import { KEY_USAGES } from '../../src/identity/extensions.ts';
import { NAME_TAG } from '../../src/identity/generalNames.ts';
import { type Certificate, type KeyUsage, parseCertificate } from '../../src/identity/index.ts';
import { OID } from '../../src/identity/oid.ts';

export const NOW: number = Date.UTC(2026, 10, 21, 12, 0, 0);
export const DAY = 86_400_000;

export interface Recipe {
  readonly subject?: string | Bytes;
  readonly issuer?: Made;
  /** Signs with this key instead of the issuer's. */
  readonly signedBy?: PrivateKey;
  readonly key?: PrivateKey;
  readonly serial?: Uint8Array | number;
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly extensions?: readonly Bytes[];
  /** In place of the key's. */
  readonly spki?: Bytes;
  /** In place of the AlgorithmIdentifier that the signing key calls for; `outside`, behind the signed part alone. */
  readonly identifier?: Bytes;
  readonly outside?: Bytes;
  readonly version?: Bytes | undefined;
}

export interface Made {
  readonly certificate: Certificate;
  readonly der: Bytes;
  readonly key: PrivateKey;
  readonly subject: Bytes;
  /** What `ski` of the usual extensions holds. */
  readonly label: string;
}

let serials = 1000;

/** The bytes alone, for certificates that must not parse. */
export function encode(recipe: Recipe): {
  readonly der: Bytes;
  readonly key: PrivateKey;
  readonly subject: Bytes;
} {
  const key = recipe.key ?? provider.generateKey('ed25519');
  const subject =
    typeof recipe.subject === 'string'
      ? recipe.subject === ''
        ? EMPTY_NAME
        : nameOf(recipe.subject)
      : (recipe.subject ?? EMPTY_NAME);
  const signer = recipe.signedBy ?? recipe.issuer?.key ?? key;
  const { scheme, identifier: usual } = signatureIdentifier(signer.kind);
  const identifier = recipe.identifier ?? usual;
  const extensions = recipe.extensions ?? [];
  const tbs = sequence(
    ...('version' in recipe
      ? recipe.version === undefined
        ? []
        : [recipe.version]
      : [der(context(0, true), integer(2))]),
    integer(recipe.serial ?? serials++),
    identifier,
    recipe.issuer?.subject ?? subject,
    sequence(time(recipe.notBefore ?? NOW - DAY), time(recipe.notAfter ?? NOW + DAY)),
    subject,
    recipe.spki ?? key.spki,
    ...(extensions.length === 0 ? [] : [der(context(3, true), sequence(...extensions))]),
  );
  const signature = bitString(signer.sign(scheme, tbs));
  return { der: sequence(tbs, recipe.outside ?? identifier, signature), key, subject };
}

export function make(recipe: Recipe): Made {
  const made = encode(recipe);
  const label = typeof recipe.subject === 'string' ? recipe.subject : '';
  return { ...made, label, certificate: parseCertificate(made.der) };
}

export function extension(id: string, critical: boolean, value: Bytes): Bytes {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value));
}

export function ca(pathLength?: number, critical = true): Bytes {
  const value = sequence(boolean(true), ...(pathLength === undefined ? [] : [integer(pathLength)]));
  return extension(OID.basicConstraints, critical, value);
}

export function usage(...usages: readonly KeyUsage[]): Bytes {
  return extension(OID.keyUsage, true, namedBits(usages.map((one) => KEY_USAGES.indexOf(one))));
}

export function eku(...ids: readonly string[]): Bytes {
  return extension(OID.extendedKeyUsage, false, sequence(...ids.map(oid)));
}

export type Named = Partial<Record<'dns' | 'email' | 'uri', readonly string[]>> & {
  readonly ip?: readonly Uint8Array[];
};

export function generalNames(named: Named): Bytes[] {
  const text = (tag: number, names: readonly string[] | undefined): Bytes[] =>
    (names ?? []).map((name) => der(tag, utf8(name)));
  return [
    ...text(NAME_TAG.dns, named.dns),
    ...text(NAME_TAG.email, named.email),
    ...text(NAME_TAG.uri, named.uri),
    ...(named.ip ?? []).map((ip) => der(NAME_TAG.ip, ip)),
  ];
}

export function san(named: Named, critical = false): Bytes {
  return extension(OID.subjectAltName, critical, sequence(...generalNames(named)));
}

export function constraints(permitted?: Named, excluded?: Named, critical = true): Bytes {
  const list = (tag: number, named: Named | undefined): Bytes[] =>
    named === undefined
      ? []
      : [der(context(tag, true), ...generalNames(named).map((name) => sequence(name)))];
  return extension(OID.nameConstraints, critical, sequence(...list(0, permitted), ...list(1, excluded)));
}

export function ski(id: string): Bytes {
  return extension(OID.subjectKeyIdentifier, false, octetString(utf8(id)));
}

export function aki(id: string): Bytes {
  return extension(OID.authorityKeyIdentifier, false, sequence(der(context(0), utf8(id))));
}

/** A root with the usual extensions. */
export function root(name: string, ...more: readonly Bytes[]): Made {
  return make({ subject: name, extensions: [ca(), usage('keyCertSign'), ski(name), aki(name), ...more] });
}

export function intermediate(name: string, issuer: Made, recipe: Recipe = {}): Made {
  return make({
    subject: name,
    issuer,
    extensions: [ca(), usage('keyCertSign'), ski(name), aki(issuer.label)],
    ...recipe,
  });
}

export function server(issuer: Made, dns: string, recipe: Recipe = {}): Made {
  return make({
    issuer,
    extensions: [
      usage('digitalSignature'),
      eku(OID.serverAuth),
      san({ dns: [dns] }, true),
      aki(issuer.label),
    ],
    ...recipe,
  });
}

/** Everything there is: what a user CA excludes. */
export const ALL_HOSTS: Named = { dns: [''], ip: [new Uint8Array(8), new Uint8Array(32)] };

/** The CA of one mailbox, as the profile wants it; `limits` in place of its constraints makes another. */
export function userCa(
  mailbox: string,
  issuer: Made,
  limits?: Bytes,
  pathLength: number | undefined = 0,
): Made {
  const domain = mailbox.slice(mailbox.indexOf('@') + 1);
  return intermediate(mailbox, issuer, {
    extensions: [
      ca(pathLength),
      usage('keyCertSign'),
      ski(mailbox),
      aki(issuer.label),
      limits ?? constraints({ email: [mailbox], uri: [domain] }, ALL_HOSTS),
    ],
  });
}
