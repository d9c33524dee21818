/** From presented bytes to certificates: sizes first, then parsing. */
import type { Certificate } from './certificate.ts';
import { showDistinguishedName } from './distinguishedName.ts';
import { IdentityError, Refusal } from './errors.ts';
import type { ChainLimits } from './limits.ts';
import type { Fault } from './path.ts';
import { parseCertificate } from './x509.ts';

export interface PresentedChain {
  readonly leaf: Certificate;
  /** The rest in the order presented; certificates that do not parse are left out. */
  readonly others: readonly Certificate[];
  /** Where each certificate stood, for error reports. */
  readonly indexOf: ReadonlyMap<Certificate, number>;
  /** The first of the others that did not parse. */
  readonly broken: Refusal | undefined;
}

export function readChain(chain: readonly Uint8Array[], limits: ChainLimits): PresentedChain | Refusal {
  if (chain.length === 0)
    return new Refusal('ERR_IDENTITY_NO_CERTIFICATE', 'the peer presented no certificate');
  if (chain.length > limits.certificates)
    return tooBig(`chain of ${chain.length} certificates, at most ${limits.certificates} are read`);
  const bytes = chain.reduce((sum, der) => sum + der.length, 0);
  if (bytes > limits.bytes) return tooBig(`chain of ${bytes} bytes, at most ${limits.bytes} are read`);

  const parsed = chain.map(parse);
  const [leaf] = parsed;
  if (leaf instanceof Refusal) return leaf;
  const indexOf = new Map<Certificate, number>();
  for (const [i, certificate] of parsed.entries())
    if (!(certificate instanceof Refusal) && !indexOf.has(certificate)) indexOf.set(certificate, i);
  return {
    leaf: leaf!,
    others: [...indexOf.keys()].slice(1),
    indexOf,
    broken: parsed.find((certificate) => certificate instanceof Refusal),
  };
}

function parse(der: Uint8Array, index: number): Certificate | Refusal {
  try {
    return parseCertificate(der);
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    return new Refusal('ERR_IDENTITY_MALFORMED', error.message, index);
  }
}

function tooBig(message: string): Refusal {
  return new Refusal('ERR_IDENTITY_CHAIN_TOO_BIG', message);
}

const HINTS: Partial<Record<Fault['code'], string>> = {
  ERR_IDENTITY_EXPIRED: "if every certificate seems expired, look at this machine's clock",
  ERR_IDENTITY_NOT_YET_VALID: "if every certificate seems too new, look at this machine's clock",
};

/** Names the certificate by its place in the chain; an anchor has none. */
export function refusalOf(fault: Fault, presented: PresentedChain): Refusal {
  const index = fault.certificate === undefined ? undefined : presented.indexOf.get(fault.certificate);
  const { code, message, certificate } = fault;
  const missing =
    code === 'ERR_IDENTITY_UNKNOWN_ISSUER' && certificate !== undefined
      ? `: "${showDistinguishedName(certificate.issuer).slice(0, 200)}"`
      : '';
  return new Refusal(code, message + missing, index, { hint: HINTS[code] });
}
