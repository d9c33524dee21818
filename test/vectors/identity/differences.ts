/**
 * Where OpenSSL 3.0 (`-x509_strict`) or Go 1.19 say the opposite of q2q, by reason; and what they are not asked, because
 * they have no notion of it. The tests of test/interop hold the lists to be exact.
 */
export interface Difference {
  readonly why: string;
  readonly openssl?: readonly string[];
  readonly go?: readonly string[];
}

/** The ids of a group. */
const all = (group: string, ...names: readonly string[]): string[] =>
  names.map((name) => `${group}::${name}`);

const OTHER_DEVICES = all(
  'device',
  ...['two', 'other-user', 'upper-case', 'port', 'no-label', 'deeper', 'dot-dot', 'query', 'other-scheme'],
).concat('user-ca::uri-other-user');

const TWO_IDENTITIES = all('user', 'two', 'same-twice', 'beside-host', 'beside-address', 'beside-directory');

const BROAD_CAS = all(
  'user-ca',
  ...['unconstrained', 'whole-domain', 'two-mailboxes', 'hosts-free', 'one-host-free', 'ipv6-free'],
  ...['only-excluded', 'path-length', 'path-length-1', 'nested', 'department'],
);

const SERIALS = all('serial', 'zero', 'negative', '21-octets', '21-with-sign');

export const DIFFERENCES: Readonly<Record<string, Difference>> = {
  // The profile of q2q: RFC 5280 allows it.
  'one-identity': {
    why: 'finds the name asked for and does not mind others beside it; a q2q peer is one mailbox and nothing else',
    openssl: TWO_IDENTITIES,
    go: TWO_IDENTITIES,
  },
  'one-spelling': {
    why: 'compares hosts of mailboxes without case; q2q issues one spelling and takes no other',
    openssl: ['user::upper-case-host'],
  },
  'device-uri': {
    why: 'does not know that a q2q URI names a device and must repeat the mailbox',
    openssl: OTHER_DEVICES,
    go: [...OTHER_DEVICES, 'device::userinfo'],
  },
  'narrow-user-ca': {
    why: 'follows every CA that its constraints allow; q2q follows none that could sign for anybody but its one user',
    openssl: [...BROAD_CAS, 'roll::handover-to-another-domain'],
    go: [...BROAD_CAS, 'roll::handover-to-another-domain'],
  },
  'ca-is-no-peer': {
    why: 'takes a CA for a leaf where its usages allow it',
    openssl: ['user-ca::as-leaf'],
    go: ['user-ca::as-leaf', 'usage::ca-as-leaf'],
  },
  'no-deny-list': {
    why: 'has no list of withdrawn keys and certificates but CRLs',
    openssl: all(
      'revoke',
      ...['key', 'key-renewed', 'key-user-ca', 'key-root', 'key-user-ca-again', 'number', 'number-user-ca'],
      ...['number-device', 'malleated-key', 'malleated-number'],
    ),
  },
  'name-folding': {
    why: 'folds case and spaces of distinguished names (RFC 5280 §7.1); q2q compares the octets it issued',
    openssl: ['der::issuer-case'],
  },
  'key-policy': {
    why: 'which keys a leaf may have is a choice: q2q takes Ed25519, P-256, P-384, P-521 and RSA from 2048 bits',
    openssl: all('public-key', 'ed448', 'p256-compressed', 'secp256k1', 'rsa-exponent-1'),
    go: all('public-key', 'ed448', 'rsa-1024', 'rsa-exponent-1'),
  },
  'small-order': {
    why: 'RFC 8032 lets a verifier take keys of small order; q2q refuses them, for a signature under one proves nothing',
    openssl: all('public-key', 'ed25519-small-order', 'ca-small-order'),
    go: all('public-key', 'ed25519-small-order', 'ca-small-order'),
  },
  depth: {
    why: 'follows longer paths; the limit of six CAs is q2q’s own',
    openssl: ['length::seven'],
    go: ['length::seven'],
  },
  // Issuing rules of RFC 5280 §4.2 and the CA/Browser Forum, which q2q holds peers to.
  'strict-leaf': {
    why: 'does not hold a leaf to the issuing rules: an extended key usage that is not critical, an authority key identifier, alternative names that are critical only without a subject, no constraints',
    openssl: [
      ...all('role', 'none', 'critical'),
      ...all('subject', 'critical-beside', 'common-name-spelling'),
    ].concat('critical::constraint-leaf'),
    go: [
      ...all('role', 'none', 'critical'),
      ...all('subject', 'empty-not-critical', 'critical-beside', 'common-name-spelling'),
      ...all('critical', 'constraint-leaf', 'authority-id', 'subject-id'),
      'identifier::none',
      'role::any',
    ],
  },
  'strict-ca': {
    why: 'does not hold a CA to the issuing rules: key usage, critical basic constraints, key identifiers, critical constraints',
    openssl: ['critical::constraint-not-critical'],
    go: [
      ...all('usage', 'ca-none', 'ca-not-critical'),
      ...all('identifier', 'ca-no-subject', 'ca-no-authority'),
      'critical::constraint-not-critical',
    ],
  },
  'strict-for-all': {
    why: '-x509_strict asks for key identifiers always; the rules of RFC 5280 §6 alone do not',
    openssl: ['identifier::none-free'],
  },
  'key-usage-of-leaves': {
    why: 'does not ask whether the key usage of a leaf allows signatures: that is left to TLS',
    openssl: ['key::no-signatures'],
    go: [...all('usage', 'leaf-encipherment', 'leaf-cert-sign', 'root-as-peer'), 'key::no-signatures'],
  },
  'any-usage': {
    why: 'does not count anyExtendedKeyUsage as clientAuth; RFC 5280 §4.2.1.12 lets both be',
    openssl: all('role', 'any-free', 'ca-any'),
  },
  serials: {
    why: 'takes serial numbers that RFC 5280 §4.1.2.2 forbids to issue',
    openssl: SERIALS,
    go: SERIALS,
  },
  understood: {
    why: 'processes policies, so that their constraints are understood',
    openssl: ['critical::policy-constraints'],
  },
  'access-critical': {
    why: 'knows authorityInfoAccess and does not mind that it is critical, against RFC 5280 §4.2.2.1',
    go: ['critical::access-critical'],
  },
  // Names.
  'host-is-subtree': {
    why: 'takes a host as the base of a mail or URI constraint for everything below it, as with DNS; RFC 5280 §4.2.1.10 says it is one host',
    go: ['mail::host-below', 'mail::excluded-host-below', 'uri::host-below', 'uri::excluded-below'],
  },
  'empty-base': {
    why: 'takes an empty base of a mail or URI constraint for everything; RFC 5280 §4.2.1.10 has no such form there',
    go: ['mail::base-empty', 'uri::base-empty'],
  },
  'odd-mailbox': {
    why: 'judges a constraint on a mailbox that RFC 5321 §4.1.2 does not allow, or whose quotes hide another; q2q refuses what it cannot read',
    openssl: all(
      'mail',
      'malformed-no-local',
      'malformed-two-at',
      'malformed-quoted',
      'malformed-line-break',
      'malformed-two-dots',
    ),
    go: all('mail', 'malformed-quoted', 'malformed-wildcard'),
  },
  'not-ia5': {
    why: 'does not look at whether an IA5String is ASCII',
    openssl: ['mail::malformed-not-ascii'],
  },
  'no-subject-mail': {
    why: 'does not hold the emailAddress of a subject to constraints on mail',
    go: all('mail', 'subject-attribute', 'subject-attribute-beside'),
  },
  'subject-as-name': {
    why: 'looks for a mailbox or a host in the subject when there is no alternative name of the kind, which RFC 9525 §2 ended',
    openssl: ['user::subject-email', 'subject::common-name-only'],
  },
  'judges-other-names': {
    why: 'knows how to judge SmtpUTF8Mailbox, which q2q does not process',
    openssl: ['mail::smtp-utf8-constrained'],
  },
  'utf8-mail-free': {
    why: 'does not hold SmtpUTF8Mailbox to constraints on mail, as RFC 9598 §6 wants',
    openssl: ['mail::smtp-utf8-under-mail'],
    go: ['mail::smtp-utf8-under-mail'],
  },
  'uri-userinfo': {
    why: 'takes what stands before the at sign for the host',
    openssl: ['uri::userinfo'],
  },
  'uri-ip-host': {
    why: 'compares an IP address, or its short form, with a URI base as text; RFC 5280 §4.2.1.10 wants it refused',
    openssl: all('uri', 'ip-host-permitted', 'ip-short'),
    go: ['uri::ip-short'],
  },
  'uri-two-at': {
    why: 'takes the last of two at signs for the end of the user information; RFC 3986 §3.2.1 allows none within',
    go: ['uri::two-at'],
  },
  'uri-relative': {
    why: 'reads a reference without a scheme as a URI; RFC 5280 §4.2.1.6 wants a scheme',
    go: ['uri::relative'],
  },
  wildcards: {
    why: 'takes wildcards for part of a label (OpenSSL) or over a top level (Go)',
    openssl: ['host::wildcard-part'],
    go: ['host::wildcard-top'],
  },
  'wildcard-under-exclusion': {
    why: 'compares a wildcard with an excluded subtree as text, although it stands for hosts there',
    openssl: ['critical::constraint-wildcard'],
    go: ['critical::constraint-wildcard'],
  },
  'leaf-constraints-only': {
    why: 'holds leaves to name constraints, and CAs below only where they have no names of their own kind',
    go: ['critical::constraint-ca-named'],
  },
  'empty-constraints': {
    why: 'takes name constraints without any list, which RFC 5280 §4.2.1.10 forbids',
    openssl: ['critical::constraint-empty'],
  },
  // Paths.
  'no-backtracking': {
    why: 'follows the first issuer whose name and key identifier fit, and does not come back when it leads nowhere',
    openssl: all('path', 'cycle-with-exit', 'namesake-first', 'two-anchors-one-name'),
  },
  'key-id-as-proof': {
    why: 'does not try an issuer whose key identifier is another than the leaf says; RFC 5280 §4.2.1.1 has it as a help only',
    openssl: ['identifier::lies'],
  },
  'self-issued-count': {
    why: 'counts CAs that certify their own next key towards the path length; RFC 5280 §6.1.4 (l) does not',
    go: [
      ...['length::self-issued', 'roll::user-ca-under-old', 'roll::two-rolls'],
      ...all('issued', 'ed25519-rolled-device', 'p256-rolled-device'),
    ],
  },
  // Times and encodings.
  'end-excluded': {
    why: 'takes the last second for over; RFC 5280 §4.1.2.5 includes it',
    openssl: [...all('time', 'last-second', 'one-second'), 'key::last-second', 'crl::last-second'],
  },
  ber: {
    why: 'reads BER, or does not look at everything in a certificate; what X.690 §10 and §11 or RFC 5280 §4 forbid passes',
    openssl: all(
      'der',
      ...[
        'trailing',
        'length-padded',
        'length-indefinite',
        'boolean-one',
        'default-written',
        'bits-trailing',
      ],
      ...['bits-padding', 'value-trailing', 'version-4', 'unique-id', 'set-order', 'san-constructed'],
      ...['ip-three-bytes', 'generalized-early'],
    ),
    go: [
      ...all('der', 'default-written', 'bits-trailing', 'bits-none', 'value-trailing', 'extensions-empty'),
      ...all(
        'der',
        'after-extensions',
        'version-written-1',
        'version-2',
        'version-1-extensions',
        'unique-id',
      ),
      ...all('der', 'set-order', 'set-empty', 'oid-padded', 'key-trailing', 'path-length-negative'),
      ...all('der', 'utc-no-seconds', 'generalized-early'),
      'role::empty',
    ],
  },
  'lax-lists': {
    why: 'takes revocation lists that RFC 5280 §5 forbids to issue: without a number or an end, of version 1, with an empty list, with bytes behind; or does not look at what is critical in entries (Go, whose callers have to)',
    openssl: all('crl', 'no-next', 'version-1', 'no-number', 'empty-sequence', 'trailing'),
    go: all('crl', 'no-number', 'entry-critical-unknown', 'empty-sequence', 'trailing'),
  },
  'one-list': {
    why: 'takes one list per issuer and looks at no other',
    openssl: ['crl::two-lists'],
  },
  'lists-demanded': {
    why: '-crl_check_all wants a list of every issuer; q2q takes those there are',
    openssl: ['crl::none-of-the-ca'],
  },
  'lax-parameters': {
    why: 'takes parameters of a signature algorithm where RFC 8410 §3 wants none',
    openssl: ['signature::ed25519-null-parameters'],
  },
};

export const UNASKED: Readonly<Record<string, Difference>> = {
  'folds-the-question': {
    why: 'the name is folded before it is looked for, which is for the caller of a validator to do',
    openssl: ['user::asked-in-capitals'],
    go: ['user::asked-in-capitals'],
  },
  'no-key-ids': {
    why: 'has no notion of a key id',
    openssl: ['key::other'],
  },
};
