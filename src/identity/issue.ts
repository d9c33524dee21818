/** Making certificates (RFC 5280 §4): one writer for all, and the four kinds q2q makes. */
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, equalBytes, utf8 } from '../base/bytes.ts';
import type { CryptoProvider, PrivateKey, Signer } from '../crypto/provider.ts';
import { signatureIdentifier } from './algorithms.ts';
import type { Certificate, KeyUsage } from './certificate.ts';
import {
  bitString,
  boolean,
  context,
  DerReader,
  der,
  integer,
  namedBits,
  octetString,
  oid,
  sequence,
  time,
} from './der.ts';
import { EMPTY_NAME, nameOf } from './distinguishedName.ts';
import { IdentityError } from './errors.ts';
import { KEY_USAGES } from './extensions.ts';
import { NAME_TAG } from './generalNames.ts';
import type { Identity } from './identity.ts';
import { OID } from './oid.ts';
import { peerId } from './peerId.ts';
import { DEVICE, deviceOf, deviceUri } from './profile.ts';
import { parseCertificate } from './x509.ts';

const MINUTE = 60_000;
export const DAY: number = 24 * 60 * MINUTE;

/** Clocks differ: what we issue was valid a minute ago already. */
export const BACKDATE: number = MINUTE;
export const ROOT_LIFETIME: number = 10 * 365 * DAY;
export const MAX_USER_LIFETIME: number = 7 * DAY;
export const MAX_SERVER_LIFETIME: number = 90 * DAY;
/**
 * A key peer's certificate says nothing but its key, so a wrong clock should not lock it out: it reaches a
 * day back.
 */
const SELF_BACKDATE = DAY;
const SELF_LIFETIME = 365 * DAY;

/* ---- The four kinds ---- */

/** A domain's root: signs users and servers of the domain, and nothing a constraint can exclude. */
export function issueRoot(provider: CryptoProvider, key: PrivateKey, domain: string, now: number): Bytes {
  const name = nameOf(domain);
  const keyId = keyIdentifier(key.spki);
  return issue(key, {
    serial: randomSerial(provider),
    issuer: name,
    subject: name,
    notBefore: now - BACKDATE,
    notAfter: now + ROOT_LIFETIME,
    spki: key.spki,
    extensions: [
      basicConstraints(1),
      keyUsage(['keyCertSign', 'cRLSign']),
      domainConstraints(domain),
      subjectKeyId(keyId),
      authorityKeyId(keyId),
    ],
  });
}

export interface LeafRequest {
  readonly spki: Bytes;
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface Issuer {
  readonly certificate: Certificate;
  readonly key: PrivateKey;
  readonly provider: CryptoProvider;
}

export function issueUserLeaf(
  issuer: Issuer,
  request: LeafRequest & { readonly user: string; readonly domain: string; readonly device?: string },
): Bytes {
  const { user, domain, device } = request;
  if (device !== undefined && !DEVICE.test(device))
    throw new IdentityError(
      'ERR_IDENTITY_ISSUE',
      'device label is not made of 1 to 64 of A-Z, a-z, 0-9 and "._-"',
    );
  const names = [der(NAME_TAG.email, utf8(`${user}@${domain}`))];
  if (device !== undefined) names.push(der(NAME_TAG.uri, utf8(deviceUri(user, domain, device))));
  return issueLeaf(issuer, request, names);
}

export function issueServerLeaf(issuer: Issuer, request: LeafRequest & { readonly domain: string }): Bytes {
  return issueLeaf(issuer, request, [der(NAME_TAG.dns, utf8(request.domain))]);
}

/** Subject empty, so the alternative names carry the identity alone and are critical (§4.2.1.6). */
function issueLeaf(issuer: Issuer, request: LeafRequest, names: readonly Bytes[]): Bytes {
  const { certificate, key, provider } = issuer;
  return issue(key, {
    ...request,
    serial: randomSerial(provider),
    issuer: certificate.subject,
    subject: EMPTY_NAME,
    extensions: [
      keyUsage(['digitalSignature']),
      extension(OID.extendedKeyUsage, false, sequence(oid(OID.clientAuth), oid(OID.serverAuth))),
      extension(OID.subjectAltName, true, sequence(...names)),
      subjectKeyId(keyIdentifier(request.spki)),
      authorityKeyId(certificate.ski!),
    ],
  });
}

/** A key peer: its certificate only wraps the key. */
export function selfSignedIdentity(key: PrivateKey, now: number): Identity {
  const keyId = peerId(key.spki);
  const name = nameOf(keyId);
  const notAfter = wholeSecond(now + SELF_LIFETIME);
  const leaf = issue(key, {
    // No randomness is needed where issuer and subject are one: unique per key and time is enough.
    serial: positive(sha256(concat([key.spki, utf8(String(now))])).subarray(0, 16)),
    issuer: name,
    subject: name,
    notBefore: now - SELF_BACKDATE,
    notAfter,
    spki: key.spki,
    extensions: [
      keyUsage(['digitalSignature']),
      extension(OID.extendedKeyUsage, false, sequence(oid(OID.clientAuth), oid(OID.serverAuth))),
    ],
  });
  return Object.freeze({ keyId, chain: Object.freeze([leaf]), signer: key, notAfter });
}

/**
 * An enrolled identity from what its authority returned. Throws `ERR_IDENTITY_MISMATCH` when the key is
 * another.
 */
export function identityFromChain(chain: readonly Uint8Array[], signer: Signer): Identity {
  const [first] = chain;
  if (first === undefined)
    throw new IdentityError('ERR_IDENTITY_MISMATCH', 'the chain is empty, wanted a leaf first');
  const leaf = parseCertificate(first);
  if (!equalBytes(leaf.spki, signer.spki))
    throw new IdentityError('ERR_IDENTITY_MISMATCH', 'certificate and private key do not belong together', {
      hint: 'the first certificate of the chain must be the one made for this key',
    });
  const [name] = leaf.names.email;
  const [user, domain] = name?.split('@') ?? [];
  const device =
    user === undefined || domain === undefined ? undefined : deviceOf(leaf.names.uri, user, domain);
  return Object.freeze({
    ...(name === undefined ? {} : { name }),
    ...(device === undefined || device === false ? {} : { device }),
    keyId: peerId(leaf.spki),
    chain: Object.freeze(chain.map((certificate) => new Uint8Array(certificate))),
    signer,
    notAfter: leaf.notAfter,
  });
}

/* ---- The writer ---- */

interface Contents {
  readonly serial: Uint8Array;
  readonly issuer: Bytes;
  readonly subject: Bytes;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly spki: Bytes;
  readonly extensions: readonly Bytes[];
}

function issue(key: PrivateKey, contents: Contents): Bytes {
  const { scheme, identifier } = signatureIdentifier(key.kind);
  const tbs = sequence(
    der(context(0, true), integer(2)),
    integer(contents.serial),
    identifier,
    contents.issuer,
    sequence(time(contents.notBefore), time(contents.notAfter)),
    contents.subject,
    contents.spki,
    der(context(3, true), sequence(...contents.extensions)),
  );
  return sequence(tbs, identifier, bitString(key.sign(scheme, tbs)));
}

/** 128 random bits (CABF asks for 64), positive and never zero. */
function randomSerial(provider: CryptoProvider): Bytes {
  return positive(provider.random(16));
}

/** Clears the sign and sets the bit below, so that every serial has 16 octets and none is zero. */
function positive(bytes: Uint8Array): Bytes {
  const serial = new Uint8Array(bytes);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  return serial;
}

export function wholeSecond(time: number): number {
  return Math.floor(time / 1000) * 1000;
}

function extension(id: string, critical: boolean, value: Bytes): Bytes {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value));
}

function basicConstraints(pathLength: number): Bytes {
  return extension(OID.basicConstraints, true, sequence(boolean(true), integer(pathLength)));
}

function keyUsage(usages: readonly KeyUsage[]): Bytes {
  return extension(OID.keyUsage, true, namedBits(usages.map((usage) => KEY_USAGES.indexOf(usage))));
}

/**
 * Method (1) of §4.2.1.2: SHA-1 of the key's bits. A label that OpenSSL computes alike, not a proof of
 * anything.
 */
function keyIdentifier(spki: Bytes): Bytes {
  const reader = new DerReader(spki).sequence('spki');
  reader.any('algorithm');
  return sha1(reader.bitString('key'));
}

function subjectKeyId(keyId: Bytes): Bytes {
  return extension(OID.subjectKeyIdentifier, false, octetString(keyId));
}

function authorityKeyId(keyId: Bytes): Bytes {
  return extension(OID.authorityKeyIdentifier, false, sequence(der(context(0), keyId)));
}

/**
 * What a domain's root may sign: mailboxes, hosts and URIs of the domain; no IP address at all. The mail and
 * URI bases name the one host, for addresses have no sub-hosts; the DNS base covers hosts below, for relays.
 */
function domainConstraints(domain: string): Bytes {
  const text = utf8(domain);
  const permitted = [NAME_TAG.email, NAME_TAG.dns, NAME_TAG.uri].map((tag) => sequence(der(tag, text)));
  const excluded = [8, 32].map((length) => sequence(der(NAME_TAG.ip, new Uint8Array(length))));
  return extension(
    OID.nameConstraints,
    true,
    sequence(der(context(0, true), ...permitted), der(context(1, true), ...excluded)),
  );
}
