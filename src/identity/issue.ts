/** Making certificates (RFC 5280 §4): one writer for all, and the six kinds q2q makes. */
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, equalBytes, utf8 } from '../base/bytes.ts';
import type { CryptoProvider, PrivateKey, Signer } from '../crypto/provider.ts';
import { parseSpki } from '../crypto/spki.ts';
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
import type { Identity, PublicIdentity } from './identity.ts';
import { OID } from './oid.ts';
import { peerId } from './peerId.ts';
import { ANONYMOUS, DEVICE, deviceOf, deviceUri } from './profile.ts';
import { parseCertificate } from './x509.ts';

const MINUTE = 60_000;
export const DAY: number = 24 * 60 * MINUTE;

/** Clocks differ: what we issue was valid a minute ago already. */
export const BACKDATE: number = MINUTE;
export const ROOT_LIFETIME: number = 10 * 365 * DAY;
export const MAX_USER_LIFETIME: number = 7 * DAY;
export const MAX_SERVER_LIFETIME: number = 90 * DAY;
export const MAX_USER_CA_LIFETIME: number = 365 * DAY;
/** Below a user CA: nobody is there to renew a device but another device. */
export const MAX_DEVICE_LIFETIME: number = 90 * DAY;
/**
 * A key peer's certificate says nothing but its key, so a wrong clock should not lock it out: it reaches a
 * day back.
 */
const SELF_BACKDATE = DAY;
const SELF_LIFETIME = 365 * DAY;
const ANONYMOUS_LIFETIME = DAY;

/* ---- The six kinds ---- */

/** A domain's root: signs users and servers of the domain, and nothing a constraint can exclude. */
export function issueRoot(provider: CryptoProvider, key: PrivateKey, domain: string, now: number): Bytes {
  const { spki } = key;
  const dates = { notBefore: now - BACKDATE, notAfter: now + ROOT_LIFETIME };
  return issueDomainCa(provider, key, keyIdentifier(spki), domain, { spki, ...dates });
}

/**
 * The key of a domain's new root, certified by the old one: who holds only the old root believes what the new one signs
 * (RFC 4210 §4.4 calls it newWithOld). Never valid beyond either.
 */
export function issueHandover(old: Issuer, next: Certificate, domain: string, now: number): Bytes {
  const { certificate, key, provider } = old;
  const notAfter = Math.min(certificate.notAfter, next.notAfter);
  const request = { spki: next.spki, notBefore: now - BACKDATE, notAfter };
  return issueDomainCa(provider, key, certificate.ski!, domain, request);
}

function issueDomainCa(
  provider: CryptoProvider,
  key: PrivateKey,
  issuerKeyId: Bytes,
  domain: string,
  request: LeafRequest,
): Bytes {
  const name = nameOf(domain);
  return issue(key, {
    ...request,
    serial: randomSerial(provider),
    issuer: name,
    subject: name,
    extensions: [
      basicConstraints(1),
      keyUsage(['keyCertSign', 'cRLSign']),
      domainConstraints(domain),
      subjectKeyId(keyIdentifier(request.spki)),
      authorityKeyId(issuerKeyId),
    ],
  });
}

/** A user's own CA: signs that user's devices and nothing else, whatever else it may try. */
export function issueUserCa(
  issuer: Issuer,
  request: LeafRequest & { readonly user: string; readonly domain: string },
): Bytes {
  const { certificate, key, provider } = issuer;
  const mailbox = `${request.user}@${request.domain}`;
  return issue(key, {
    ...request,
    serial: randomSerial(provider),
    issuer: certificate.subject,
    subject: nameOf(mailbox),
    extensions: [
      basicConstraints(0),
      keyUsage(['keyCertSign']),
      mailboxConstraints(mailbox, request.domain),
      subjectKeyId(keyIdentifier(request.spki)),
      authorityKeyId(certificate.ski!),
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

/**
 * What may be issued on a wish: a usable key that is not the issuer's own, backdated by a minute, never past the issuer's
 * end. Throws `ERR_IDENTITY_ISSUE`.
 */
export function grantable(
  issuer: Certificate,
  wish: { readonly spki: Uint8Array; readonly now: number; readonly lifetime?: number },
  longest: number,
): LeafRequest {
  const { now, lifetime = longest } = wish;
  if (!(lifetime > 0 && lifetime <= longest))
    throw notIssued(`lifetime of ${lifetime} ms, at most ${longest} ms are allowed`);
  const spki = new Uint8Array(wish.spki);
  if (parseSpki(spki) === undefined) throw notIssued('the key is too weak or of an unknown kind');
  if (equalBytes(spki, issuer.spki)) throw notIssued("the key is the issuer's own");
  const notAfter = Math.min(wholeSecond(now + lifetime), issuer.notAfter);
  if (now < issuer.notBefore || notAfter <= now)
    throw notIssued(
      'the issuing certificate is not valid now',
      'look at the clock, or renew it (a root: roll it)',
    );
  return { spki, notBefore: now - BACKDATE, notAfter };
}

export function notIssued(message: string, hint?: string): IdentityError {
  return new IdentityError('ERR_IDENTITY_ISSUE', message, { hint });
}

export function issueUserLeaf(
  issuer: Issuer,
  request: LeafRequest & { readonly user: string; readonly domain: string; readonly device?: string },
): Bytes {
  const { user, domain, device } = request;
  if (device !== undefined && !DEVICE.test(device))
    throw notIssued('device label is not made of 1 to 64 of A-Z, a-z, 0-9 and "._-"');
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
  return selfSigned(key, now, peerId(key.spki), SELF_LIFETIME);
}

/**
 * Nobody: for a key that was made for this once and says so. Whoever is called is told `anonymous`, has to have wanted such
 * callers, and remembers nothing. The key must be fresh, or calls can be told to be of one caller.
 */
export function anonymousIdentity(key: PrivateKey, now: number): Identity {
  return selfSigned(key, now, ANONYMOUS, ANONYMOUS_LIFETIME);
}

function selfSigned(key: PrivateKey, now: number, commonName: string, lifetime: number): Identity {
  const keyId = peerId(key.spki);
  const name = nameOf(commonName);
  const notAfter = wholeSecond(now + lifetime);
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
  const { identity, leaf } = readChain(chain);
  if (!equalBytes(leaf.spki, signer.spki))
    throw new IdentityError('ERR_IDENTITY_MISMATCH', 'certificate and private key do not belong together', {
      hint: 'the first certificate of the chain must be the one made for this key',
    });
  return Object.freeze({ ...identity, signer });
}

/** What the chain alone says of an identity: nobody has shown yet that the key is ours. */
export function publicIdentity(chain: readonly Uint8Array[]): PublicIdentity {
  return Object.freeze(readChain(chain).identity);
}

function readChain(chain: readonly Uint8Array[]): { identity: PublicIdentity; leaf: Certificate } {
  const [first] = chain;
  if (first === undefined)
    throw new IdentityError('ERR_IDENTITY_MISMATCH', 'the chain is empty, wanted a leaf first');
  const leaf = parseCertificate(first);
  const [name] = leaf.names.email;
  const [user, domain] = name?.split('@') ?? [];
  const device =
    user === undefined || domain === undefined ? undefined : deviceOf(leaf.names.uri, user, domain);
  const identity = {
    ...(name === undefined ? {} : { name }),
    ...(device === undefined || device === false ? {} : { device }),
    keyId: peerId(leaf.spki),
    chain: Object.freeze(chain.map((certificate) => new Uint8Array(certificate))),
    notAfter: leaf.notAfter,
  };
  return { identity, leaf };
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

export function extension(id: string, critical: boolean, value: Bytes): Bytes {
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

export function authorityKeyId(keyId: Bytes): Bytes {
  return extension(OID.authorityKeyIdentifier, false, sequence(der(context(0), keyId)));
}

/**
 * What a domain's root may sign: mailboxes, hosts and URIs of the domain; no IP address at all. The mail and
 * URI bases name the one host, for addresses have no sub-hosts; the DNS base covers hosts below, for relays.
 */
function domainConstraints(domain: string): Bytes {
  const permitted = [NAME_TAG.email, NAME_TAG.dns, NAME_TAG.uri].map((tag) => der(tag, utf8(domain)));
  return nameConstraints(permitted, ALL_IP);
}

/** One mailbox (RFC 5280 §4.2.1.10 allows that), the URIs of its domain, and no host or address at all. */
function mailboxConstraints(mailbox: string, domain: string): Bytes {
  const permitted = [der(NAME_TAG.email, utf8(mailbox)), der(NAME_TAG.uri, utf8(domain))];
  return nameConstraints(permitted, [der(NAME_TAG.dns), ...ALL_IP]);
}

/** IPv4 and IPv6, each under a mask of no bits. */
const ALL_IP: readonly Bytes[] = [8, 32].map((length) => der(NAME_TAG.ip, new Uint8Array(length)));

function nameConstraints(permitted: readonly Bytes[], excluded: readonly Bytes[]): Bytes {
  const subtrees = (tag: number, names: readonly Bytes[]): Bytes =>
    der(context(tag, true), ...names.map((name) => sequence(name)));
  return extension(OID.nameConstraints, true, sequence(subtrees(0, permitted), subtrees(1, excluded)));
}
