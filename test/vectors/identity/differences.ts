/**
 * Where OpenSSL 3.0 (`-x509_strict`) or Go 1.19 say the opposite of q2q, by reason; and what they are not asked, because
 * they have no notion of it. The tests of test/interop hold the lists to be exact.
 */
export interface Difference {
  readonly why: string;
  readonly openssl?: readonly string[];
  readonly go?: readonly string[];
}

const all = (group: string, ...names: readonly string[]): string[] =>
  names.map((name) => `${group}::${name}`);

const OTHER_DEVICES = all(
  'device',
  ...['two', 'other-user', 'upper-case', 'port', 'no-label', 'deeper', 'dot-dot', 'query', 'other-scheme'],
);

export const DIFFERENCES: Readonly<Record<string, Difference>> = {
  'key-policy': {
    why: 'which keys a leaf may have is a choice: q2q takes Ed25519, P-256, P-384, P-521 and RSA from 2048 bits',
    openssl: all('public-key', 'ed448', 'p256-compressed', 'secp256k1', 'rsa-exponent-1'),
    go: all('public-key', 'ed448', 'rsa-1024', 'rsa-exponent-1'),
  },
  'small-order': {
    why: 'RFC 8032 lets a verifier accept keys of small order; q2q refuses them, for a signature under one proves nothing',
    openssl: all('public-key', 'ed25519-small-order', 'ca-small-order'),
    go: all('public-key', 'ed25519-small-order', 'ca-small-order'),
  },
  'lax-parameters': {
    why: 'takes parameters where RFC 8410 §3 wants none',
    openssl: ['signature::ed25519-null-parameters'],
  },
  'host-is-subtree': {
    why: 'takes a host as the base of a mail or URI constraint for everything below it, as with DNS; RFC 5280 §4.2.1.10 says it is one host',
    go: ['mail::host-below', 'mail::excluded-host-below', 'uri::host-below', 'uri::excluded-below'],
  },
  'empty-base': {
    why: 'takes an empty base of a mail or URI constraint for everything; RFC 5280 §4.2.1.10 has no such form there',
    go: all('mail', 'base-empty').concat('uri::base-empty'),
  },
  'odd-mailbox': {
    why: 'judges a constraint on a mailbox that RFC 5321 §4.1.2 does not allow, or whose quotes hide another; q2q refuses what it cannot read',
    openssl: all(
      'mail',
      'malformed-no-local',
      'malformed-two-at',
      'malformed-quoted',
      'malformed-line-break',
    ),
    go: all('mail', 'malformed-quoted', 'malformed-wildcard'),
  },
  'not-ia5': {
    why: 'does not look at whether an IA5String is ASCII',
    openssl: ['mail::malformed-not-ascii'],
  },
  'no-subject-mail': {
    why: 'does not hold the emailAddress of a subject to constraints on mail',
    go: ['mail::subject-attribute'],
  },
  'judges-other-names': {
    why: 'knows how to judge SmtpUTF8Mailbox, which q2q does not process',
    openssl: ['mail::smtp-utf8-constrained'],
  },
  'uri-userinfo': {
    why: 'takes what stands before the at sign for the host',
    openssl: ['uri::userinfo'],
  },
  'uri-ip-host': {
    why: 'compares an IP address with a URI base as text; RFC 5280 §4.2.1.10 wants it refused',
    openssl: ['uri::ip-host-permitted'],
  },
  'uri-relative': {
    why: 'reads a reference without a scheme as a URI; RFC 5280 §4.2.1.6 wants a scheme',
    go: ['uri::relative'],
  },
  'device-uri': {
    why: 'does not know that a q2q URI names a device and must repeat the mailbox',
    openssl: OTHER_DEVICES,
    go: [...OTHER_DEVICES, 'device::userinfo'],
  },
};

export const UNASKED: Readonly<Record<string, Difference>> = {};
