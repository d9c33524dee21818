/**
 * Who is at the other end. Keys, certificates, names and the one question that matters, `verifyPeer`,
 * answered with a proof or a refusal, never with a boolean.
 *
 * Read in this order: `der`, `oid`, `pem`, `pbes2`, `keys`, `credentialBundle`, `pkcs12` (formats); `certificate`, `x509` (what a certificate says);
 * `peerId`, `address` (what people call each other); `names`, `reference` (what a name matches); `rules`, `path` (RFC 5280
 * §6); `proofs`, `trust`, `profile`, `verify` (who may speak for whom); `issue`, `csr`, `crl`, `authority`,
 * `userAuthority` (making certificates); `bundle` (what a domain says of itself), `acceptBundle` (believing it), `tofu`,
 * `witness` (the first time); `pins`, `words`, `allow` (what people remember, compare and write down); `deviceCode` (one more device);
 * `store` (keeping all that).
 *
 * Three kinds of peer: a user device `alice@example.org` (rfc822Name, signed by its domain's root or its user's own CA), a
 * domain's server or relay (dNSName, same root), and a key peer (self-signed, named by the hash of its key).
 * Anchors are chosen by the claimed domain; there is no pool of roots and no switch that weakens a check.
 * Only noble is imported from outside.
 */

export { acceptBundle, firstBundle } from './acceptBundle.ts';
export type { Address } from './address.ts';
export {
  formatAddress,
  isReservedProtocol,
  parseAddress,
  parseDomain,
  parseName,
  parseProtocol,
} from './address.ts';
export { AllowList, parseAllowList } from './allow.ts';
export type {
  BundleRequest,
  ServerRequest,
  StoredAuthority,
  StoredRoot,
  UserCaRequest,
  UserRequest,
} from './authority.ts';
export { DomainAuthority } from './authority.ts';
export type {
  BundleContents,
  DeniedCertificateEntry,
  DeniedKeyEntry,
  DomainBundle,
} from './bundle.ts';
export { parseBundle, signBundle } from './bundle.ts';
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
export type { CredentialBundle, CredentialText } from './credentialBundle.ts';
export { checkCredential, readCredentialBundle } from './credentialBundle.ts';
export type { Crl, CrlContents, RevocationReason, RevokedCertificate } from './crl.ts';
export { crlFault, issueCrl, parseCrl, revocationFault, revokedBy } from './crl.ts';
export type { Csr } from './csr.ts';
export { createCsr, createCsrBySigner, parseCsr } from './csr.ts';
export { describeCertificate, describeCrl, describeKey, describeRequest } from './describe.ts';
export type {
  CheckedDeviceCode,
  DeviceCode,
  DeviceGrant,
  ReadDeviceGrant,
} from './deviceCode.ts';
export {
  formatDeviceGrant,
  formatDeviceRequest,
  parseDeviceGrant,
  parseDeviceRequest,
} from './deviceCode.ts';
export { IDENTITY_ERRORS } from './errorMeanings.ts';
export type { CertificateAlert, IdentityErrorCode } from './errors.ts';
export { IdentityError, Refusal } from './errors.ts';
export type { Identity, PublicIdentity } from './identity.ts';
export { identityLabel } from './identity.ts';
export { anonymousIdentity, identityFromChain, publicIdentity, selfSignedIdentity } from './issue.ts';
export {
  readPlainPrivateKey,
  readPrivateKey,
  writeEncryptedPrivateKey,
  writePrivateKey,
} from './keys.ts';
export { MemoryIdentityStore } from './memoryStore.ts';
export { formatIp, matchesHost, parseIp } from './names.ts';
export type { Passphrase } from './pbes2.ts';
export { groupPeerId, parsePeerId, peerId } from './peerId.ts';
export type { PemBlock } from './pem.ts';
export { formatPem, parsePem, parsePemAs } from './pem.ts';
export type { PinJudgement, PinVerdict } from './pins.ts';
export { changedPin, heldToPin, judgePin, pinFingerprint, repin, verifiedPin } from './pins.ts';
export { readPkcs12 } from './pkcs12.ts';
export type { Assurance, PeerIdentity } from './proofs.ts';
export { VerifiedPeer } from './proofs.ts';
export type { PinnedKeys } from './rawKey.ts';
export { verifyRawKey } from './rawKey.ts';
export type { ExpectedName } from './reference.ts';
export type { IdentityStore, PutAnchorsOptions, StoredUserAuthority } from './store.ts';
export type { Pin } from './storeRecords.ts';
export type { Shown } from './tofu.ts';
export { believeShown, changedRoots, pinDomain, trustOnFirstUse } from './tofu.ts';
export type { AnchorSource, DeniedCertificate, DomainAnchors } from './trust.ts';
export { Trust } from './trust.ts';
export type { DeviceRequest } from './userAuthority.ts';
export { UserAuthority } from './userAuthority.ts';
export type { Expected } from './verify.ts';
export { verifyPeer, verifyPinnedDomain } from './verify.ts';
export type { ClientOptions, WebOptions } from './webVerify.ts';
export { verifyClient, verifyServer } from './webVerify.ts';
export { withdrawal } from './withdrawn.ts';
export type { Witness, WitnessOptions } from './witness.ts';
export { askWitnesses } from './witness.ts';
export { keyWords, matchesWords } from './words.ts';
export { parseCertificate } from './x509.ts';
