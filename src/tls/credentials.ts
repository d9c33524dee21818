/** Which of our credentials we show (RFC 9846 §4.5.1.2, §4.5.1.3): decisions only, no state. */
import { equalBytes } from '../base/bytes.ts';
import type { Scheme, SchemeName } from '../crypto/suites.ts';
import { SCHEMES, schemeByName } from '../crypto/suites.ts';
import type { CertificateOutline } from '../identity/outline.ts';
import { outlineCertificate } from '../identity/outline.ts';
import type { CertificateType, Credential } from './config.ts';
import type { CertificateWishes } from './messages/certificateRequest.ts';

/** A credential and the scheme it will sign with. */
export interface Choice {
  readonly credential: Credential;
  readonly scheme: Scheme;
}

/** CertificateType of RFC 7250 §3. */
export const CERTIFICATE_TYPES: Readonly<Record<CertificateType, number>> = { x509: 0, rawPublicKey: 2 };

export function certificateType({ chain }: Credential): CertificateType {
  return chain.length === 0 ? 'rawPublicKey' : 'x509';
}

/**
 * The first credential of this type with a scheme that the peer accepts; our signer's preference decides among those.
 * One that also meets the wishes about authorities and certificate signatures goes first: but if none does, the peer
 * decides (§4.5.1.3).
 */
export function chooseCredential(
  credentials: readonly Credential[],
  wishes: CertificateWishes,
  type: CertificateType,
): Choice | undefined {
  const usable = credentials
    .filter((credential) => certificateType(credential) === type)
    .flatMap((credential) => choiceOf(credential, wishes.schemes) ?? []);
  return usable.find(({ credential }) => isWished(credential, wishes)) ?? usable[0];
}

export function choiceOf(credential: Credential, peerSchemes: readonly number[]): Choice | undefined {
  const name = credential.signer.schemes.find((candidate) => isUsable(candidate, peerSchemes));
  return name && { credential, scheme: schemeByName(name) };
}

/** A signer may name schemes that this version does not know. */
function isUsable(name: SchemeName, peerSchemes: readonly number[]): boolean {
  const scheme: Scheme | undefined = schemeByName(name);
  return scheme !== undefined && !scheme.certificateOnly && peerSchemes.includes(scheme.id);
}

/** Parsed once per credential, and only when a peer has wishes about certificates. */
const parsed = new WeakMap<Credential, readonly CertificateOutline[]>();

function isWished(
  credential: Credential,
  { authorities, certificateSchemes, schemes }: CertificateWishes,
): boolean {
  if (credential.chain.length === 0 || (authorities.length === 0 && certificateSchemes === undefined))
    return true;
  let chain = parsed.get(credential);
  if (chain === undefined) parsed.set(credential, (chain = readable(credential.chain)));
  const ids = certificateSchemes ?? schemes;
  const accepted = SCHEMES.filter(({ id }) => ids.includes(id)); // our few looked up among a peer's many
  return (
    (authorities.length === 0 ||
      chain.some(({ issuer }) => authorities.some((name) => equalBytes(name, issuer)))) &&
    chain.every(
      (certificate) => isSelfSigned(certificate) || accepted.some((scheme) => signed(certificate, scheme)),
    )
  );
}

/** Ours, but an intermediate may be of a kind that we do not read. */
function readable(chain: readonly Uint8Array[]): CertificateOutline[] {
  return chain.flatMap((der) => {
    try {
      return outlineCertificate(der);
    } catch {
      return [];
    }
  });
}

/** Nobody checks the signature of an anchor (§4.3.3). */
function isSelfSigned({ issuer, subject }: CertificateOutline): boolean {
  return equalBytes(issuer, subject);
}

function signed({ signatureAlgorithm: { family, hash } }: CertificateOutline, scheme: Scheme): boolean {
  return family !== undefined && hash === scheme.hash && scheme.name.startsWith(family.replace('-', '_'));
}
