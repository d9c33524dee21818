/**
 * What `q2q` exports of this room: what a page that dials and listens has use for. The rest, the formats of files first of
 * all, is in `q2q/identity` and `q2q/node`, so that no page loads it unasked.
 */
export type { Address } from './address.ts';
export {
  formatAddress,
  isReservedProtocol,
  parseAddress,
  parseDomain,
  parseName,
  parseProtocol,
} from './address.ts';
export type { ServerRequest, UserRequest } from './authority.ts';
export { DomainAuthority } from './authority.ts';
export type {
  AuthorityKeyId,
  Certificate,
  CertificateNames,
  Extension,
  IpRange,
  KeyUsage,
  NameConstraints,
  SignatureAlgorithm,
  Subtrees,
} from './certificate.ts';
export type { Csr } from './csr.ts';
export { createCsr, parseCsr } from './csr.ts';
export { IDENTITY_ERRORS } from './errorMeanings.ts';
export type { CertificateAlert, IdentityErrorCode } from './errors.ts';
export { IdentityError, Refusal } from './errors.ts';
export type { Identity } from './identity.ts';
export { identityLabel } from './identity.ts';
export { anonymousIdentity, identityFromChain, selfSignedIdentity } from './issue.ts';
export { readPlainPrivateKey, writePrivateKey } from './keys.ts';
export { MemoryIdentityStore } from './memoryStore.ts';
export { formatIp, matchesHost, parseIp } from './names.ts';
export { groupPeerId, parsePeerId, peerId } from './peerId.ts';
export type { PemBlock } from './pem.ts';
export { formatPem, parsePem, parsePemAs } from './pem.ts';
export type { Assurance, PeerIdentity } from './proofs.ts';
export { VerifiedPeer } from './proofs.ts';
export type { PinnedKeys } from './rawKey.ts';
export { verifyRawKey } from './rawKey.ts';
export type { IdentityStore } from './store.ts';
export type { AnchorSource, DeniedCertificate, DomainAnchors } from './trust.ts';
export { Trust } from './trust.ts';
export type { Expected } from './verify.ts';
export { verifyPeer, verifyPinnedDomain } from './verify.ts';
export type { WebOptions } from './webVerify.ts';
export { verifyClient, verifyServer } from './webVerify.ts';
export { parseCertificate } from './x509.ts';
