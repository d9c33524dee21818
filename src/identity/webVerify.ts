/**
 * Verification against a PKI that is not ours: `q2q tls connect` and `q2q tls serve --ca`. The roots are an
 * explicit list; the exact certificate of the peer may be one of them.
 */
import type { CryptoProvider } from '../crypto/provider.ts';
import { parseDomain } from './address.ts';
import type { Certificate } from './certificate.ts';
import { readChain, refusalOf } from './chain.ts';
import { IdentityError, Refusal } from './errors.ts';
import { WEB_CHAIN } from './limits.ts';
import { formatIp, matchesHost, matchesIp, parseIp } from './names.ts';
import { findPath } from './path.ts';
import { peerId } from './peerId.ts';
import { provePeer, type VerifiedPeer } from './proofs.ts';
import type { Rules } from './rules.ts';
import { earliestEnd } from './verify.ts';

/** Names shown in a refusal; certificates may hold thousands. */
const MAX_SHOWN = 5;

export interface WebOptions {
  /** Also hold the chain to the issuing rules of RFC 5280 and the CA/Browser Forum (`rules.ts`). */
  readonly strict?: boolean;
  /** CAs between leaf and anchor, self-issued ones not counted; 6 unless given. */
  readonly maxIntermediates?: number;
}

/**
 * A server by its host name or address (RFC 9525). Throws `ERR_IDENTITY_ADDRESS` when what is wanted is
 * neither.
 */
export function verifyServer(
  chain: readonly Uint8Array[],
  expected: { readonly dns?: string; readonly ip?: string },
  roots: readonly Certificate[],
  now: number,
  provider: CryptoProvider,
  options: WebOptions = {},
): VerifiedPeer | Refusal {
  const wanted = readExpected(expected);
  const rules: Rules = { strict: options.strict ?? false, role: 'server', now };
  return verifyWeb(chain, roots, rules, provider, options, (leaf) => {
    const { names } = leaf;
    const fits = wanted.ip === undefined ? matchesHost(names, wanted.dns) : matchesIp(names, wanted.ip);
    if (fits) return undefined;
    const held = [...names.dns, ...names.ip.map(formatIp)]
      .slice(0, MAX_SHOWN)
      .map((name) => JSON.stringify(name));
    return new Refusal(
      'ERR_IDENTITY_NAME',
      `certificate is for ${held.join(', ') || 'no host'}, wanted "${expected.dns ?? expected.ip}"`,
      0,
      { hint: 'only subjectAltName counts; the common name does not' },
    );
  });
}

/** A client: that its chain leads to one of `roots`; who it is, its certificate's names say. */
export function verifyClient(
  chain: readonly Uint8Array[],
  roots: readonly Certificate[],
  now: number,
  provider: CryptoProvider,
  options: WebOptions = {},
): VerifiedPeer | Refusal {
  const rules: Rules = { strict: options.strict ?? false, role: 'client', now };
  return verifyWeb(chain, roots, rules, provider, options, () => undefined);
}

type Wanted = { readonly dns: string; readonly ip?: undefined } | { readonly ip: Uint8Array };

function readExpected(expected: { readonly dns?: string; readonly ip?: string }): Wanted {
  if (expected.dns !== undefined) return { dns: parseDomain(expected.dns.replace(/\.$/, '')) };
  const ip = parseIp(expected.ip ?? '');
  if (ip === undefined)
    throw new IdentityError(
      'ERR_IDENTITY_ADDRESS',
      `"${expected.ip ?? ''}" is no IP address and no host name was given`,
    );
  return { ip };
}

function verifyWeb(
  chain: readonly Uint8Array[],
  roots: readonly Certificate[],
  rules: Rules,
  provider: CryptoProvider,
  options: WebOptions,
  checkName: (leaf: Certificate) => Refusal | undefined,
): VerifiedPeer | Refusal {
  const presented = readChain(chain, WEB_CHAIN);
  if (presented instanceof Refusal) return presented;
  const { leaf, others } = presented;
  const limits = options.maxIntermediates === undefined ? {} : { intermediates: options.maxIntermediates };
  const answer = findPath({ leaf, intermediates: others, anchors: roots, rules, provider, limits });
  if ('fault' in answer) {
    // A certificate that was left out because it does not parse is the likelier reason for a missing issuer.
    const missing = answer.fault.code === 'ERR_IDENTITY_UNKNOWN_ISSUER';
    return (missing ? presented.broken : undefined) ?? refusalOf(answer.fault, presented);
  }
  const misnamed = checkName(leaf);
  if (misnamed !== undefined) return misnamed;
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
