/**
 * Where we differ from x509-limbo's expectation, and why. `web` is the rule set of `q2q tls`, `strict` the
 * one peers are held to (src/identity/rules.ts). The suite itself marks some cases as conflicting with
 * others; no single set of rules can pass them all. A case's id is looked up here only after the verdict.
 */
export interface LimboException {
  readonly id: string;
  readonly rules: 'web' | 'strict' | 'both';
  readonly expected: 'SUCCESS' | 'FAILURE';
  readonly actual: 'SUCCESS' | 'FAILURE';
  readonly reason: string;
}

const accepts = (rules: LimboException['rules'], id: string, reason: string): LimboException => ({
  id,
  rules,
  expected: 'FAILURE',
  actual: 'SUCCESS',
  reason,
});

const refuses = (rules: LimboException['rules'], id: string, reason: string): LimboException => ({
  id,
  rules,
  expected: 'SUCCESS',
  actual: 'FAILURE',
  reason,
});

const NO_CRL = 'CRLs are not read yet: q2q withdraws keys by its domain bundle';
const NO_SUFFIX_LIST = 'no public suffix list: it is data that ages, and q2q issues no wildcards';
const HAND_MADE =
  'an issuing rule, not one of RFC 5280 §6.1; certificates made with `openssl x509` by hand lack it';
const CABF = 'a rule of the CA/Browser Forum for public CAs; private CAs need not follow it';

export const LIMBO_EXCEPTIONS: readonly LimboException[] = [
  accepts('both', 'crl::issuer-missing-crlsign', NO_CRL),
  accepts('both', 'crl::crlnumber-critical', NO_CRL),
  accepts('both', 'webpki::san::public-suffix-multi-label-wildcard-san', NO_SUFFIX_LIST),
  accepts('both', 'webpki::san::public-suffix-private-namespace-wildcard-san', NO_SUFFIX_LIST),
  accepts(
    'both',
    'rfc5280::aki::cross-signed-root-missing-aki',
    'an anchor is believed, not checked (§6.1.1 (d)); conflicts with cve::cve-2024-0567, whose anchor is the same and must pass',
  ),
  refuses(
    'both',
    'rfc5280::ca-as-leaf',
    'conflicts with webpki::ca-as-leaf: a CA is never a peer unless pinned itself',
  ),
  refuses(
    'strict',
    'rfc5280::eku::ee-without-eku',
    'conflicts with webpki::eku::ee-without-eku: a peer says what it is for',
  ),
  refuses(
    'strict',
    'webpki::nc::permitted-dns-match-noncritical',
    'conflicts with rfc5280::nc::permitted-dns-match-noncritical: §4.2.1.10 demands critical',
  ),
  accepts('web', 'webpki::eku::ee-without-eku', 'conflicts with rfc5280::eku::ee-without-eku'),
  accepts(
    'web',
    'rfc5280::nc::permitted-dns-match-noncritical',
    'conflicts with webpki::nc::permitted-dns-match-noncritical; the constraint is enforced either way',
  ),
  accepts('web', 'rfc5280::root-non-critical-basic-constraints', HAND_MADE),
  accepts('web', 'rfc5280::aki::intermediate-missing-aki', HAND_MADE),
  accepts('web', 'rfc5280::ski::intermediate-missing-ski', HAND_MADE),
  accepts('web', 'rfc5280::ski::root-missing-ski', HAND_MADE),
  accepts('web', 'webpki::aki::root-with-aki-missing-keyidentifier', CABF),
  accepts('web', 'webpki::eku::ee-critical-eku', CABF),
  accepts('web', 'webpki::eku::root-has-eku', CABF),
  accepts('web', 'webpki::san::san-critical-with-nonempty-subject', CABF),
  accepts('web', 'webpki::cn::case-mismatch', CABF),
  accepts('web', 'webpki::cn::ipv4-leading-zeros-mismatch', CABF),
  accepts('web', 'webpki::cn::ipv6-non-rfc5952-mismatch', CABF),
  accepts('web', 'webpki::cn::ipv6-uncompressed-mismatch', CABF),
  accepts('web', 'webpki::cn::ipv6-uppercase-mismatch', CABF),
];
