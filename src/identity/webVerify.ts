/**
 * Verification against a PKI that is not ours: `q2q tls connect` and `q2q tls serve --ca`. The roots are an
 * explicit list; the exact certificate of the peer may be one of them.
 */
import type { CryptoProvider } from '../crypto/provider.ts';
import type { Certificate } from './certificate.ts';
import { readChain, refusalOf } from './chain.ts';
import { type Crl, revokedBy } from './crl.ts';
import { Refusal } from './errors.ts';
import { WEB_CHAIN } from './limits.ts';
import { findPath } from './path.ts';
import { peerId } from './peerId.ts';
import { provePeer, type VerifiedPeer } from './proofs.ts';
import { type ExpectedName, type Reference, readReference, showNames } from './reference.ts';
import type { Rules } from './rules.ts';
import { earliestEnd } from './verify.ts';

export interface WebOptions {
  /** Also hold the chain to the issuing rules of RFC 5280 and the CA/Browser Forum (`rules.ts`). */
  readonly strict?: boolean;
  /** CAs between leaf and anchor, self-issued ones not counted; 6 unless given. */
  readonly maxIntermediates?: number;
  /**
   * Revocation lists. Where there are some in an issuer's name, one of them must hold for it, and none that holds may list
   * what it signed; where there are none, nothing is asked.
   */
  readonly crls?: readonly Crl[];
}

export interface ClientOptions extends WebOptions {
  /** Names the certificate must hold, every one of them; none unless given. */
  readonly expected?: ExpectedName | readonly ExpectedName[];
}

/**
 * A server by the name it is dialled by (RFC 9525). Throws `ERR_IDENTITY_ADDRESS` when what is wanted is no such name.
 */
export function verifyServer(
  chain: readonly Uint8Array[],
  expected: ExpectedName,
  roots: readonly Certificate[],
  now: number,
  provider: CryptoProvider,
  options: WebOptions = {},
): VerifiedPeer | Refusal {
  const rules: Rules = { strict: options.strict ?? false, role: 'server', now };
  return verifyWeb(chain, roots, rules, provider, options, [readReference(expected)]);
}

/** A client: that its chain leads to one of `roots`; who it is, its certificate's names say. */
export function verifyClient(
  chain: readonly Uint8Array[],
  roots: readonly Certificate[],
  now: number,
  provider: CryptoProvider,
  options: ClientOptions = {},
): VerifiedPeer | Refusal {
  const rules: Rules = { strict: options.strict ?? false, role: 'client', now };
  const expected = [options.expected ?? []].flat() as readonly ExpectedName[];
  return verifyWeb(chain, roots, rules, provider, options, expected.map(readReference));
}

function verifyWeb(
  chain: readonly Uint8Array[],
  roots: readonly Certificate[],
  rules: Rules,
  provider: CryptoProvider,
  options: WebOptions,
  wanted: readonly Reference[],
): VerifiedPeer | Refusal {
  const presented = readChain(chain, WEB_CHAIN);
  if (presented instanceof Refusal) return presented;
  const { leaf, others } = presented;
  const { maxIntermediates: intermediates, crls } = options;
  const answer = findPath({
    ...{ leaf, intermediates: others, anchors: roots, rules, provider },
    ...(intermediates === undefined ? {} : { limits: { intermediates } }),
    ...(crls === undefined ? {} : { withdrawn: revokedBy(crls, rules.now, provider) }),
  });
  if ('fault' in answer) {
    // A certificate that was left out because it does not parse is the likelier reason for a missing issuer.
    const missing = answer.fault.code === 'ERR_IDENTITY_UNKNOWN_ISSUER';
    return (missing ? presented.broken : undefined) ?? refusalOf(answer.fault, presented);
  }
  const missing = wanted.find(({ matches }) => !matches(leaf.names));
  if (missing !== undefined)
    return new Refusal(
      'ERR_IDENTITY_NAME',
      `certificate is for ${showNames(leaf.names)}, wanted "${missing.text}"`,
      0,
      { hint: 'only subjectAltName counts; the common name does not' },
    );
  const { path } = answer;
  return provePeer(
    {
      keyId: peerId(leaf.spki),
      assurance: path.length === 1 ? 'pinned' : 'domain',
      expiresAt: earliestEnd(path),
    },
    path,
  );
}
