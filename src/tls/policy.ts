/**
 * What a site demands of every configuration, whoever writes it: a floor that contexts check before they exist. A policy
 * narrows and never widens; two of them together demand what both do.
 *
 * @example
 *
 *     const site = new Policy({ suites: ['TLS_AES_256_GCM_SHA384'], allowEarlyData: false, maxCredentialLifetime: 7 * DAY });
 *     new ClientContext({ policy: site, suites: ['TLS_AES_128_GCM_SHA256'], … }, provider);
 *     // throws ERR_TLS_CONFIG: suites: "TLS_AES_128_GCM_SHA256" is against the policy, which allows TLS_AES_256_GCM_SHA384
 */
import type { KeyKind } from '../crypto/suites.ts';
import {
  GROUPS,
  type GroupName,
  SCHEMES,
  type SchemeName,
  SUITES,
  type SuiteName,
} from '../crypto/suites.ts';
import { type Assurance, parseCertificate, Refusal, type VerifiedPeer } from '../identity/index.ts';
import type { ClientCertificatePolicy, ConfigPolicy, TlsConfig } from './config.ts';
import { TlsError } from './errors.ts';
import type { PeerVerifier, PresentedPeer } from './events.ts';

/** Whatever is left out is free. */
export interface PolicyRules {
  /** A configuration names its suites (groups, schemes), and none but these. */
  readonly suites?: readonly SuiteName[];
  readonly groups?: readonly GroupName[];
  /** What the peer may sign with. */
  readonly schemes?: readonly SchemeName[];
  /** An application protocol is named and insisted on. */
  readonly requireAlpn?: boolean;
  /** The least that servers ask of clients. */
  readonly clientCertificate?: 'require' | 'request';
  /** Kinds of our own keys. */
  readonly credentialKeys?: readonly KeyKind[];
  /** Milliseconds from notBefore to notAfter of our own leaf certificates. A raw key never ends. */
  readonly maxCredentialLifetime?: number;
  /** The same for the peer's: the configuration's verifier must be one that `guard` made. */
  readonly maxPeerLifetime?: number;
  /** How the peer may have been believed, trust on first use say not: the verifier must be one that `guard` made. */
  readonly assurances?: readonly Assurance[];
  /** False forbids. */
  readonly allowEarlyData?: boolean;
  readonly allowTickets?: boolean;
  readonly allowExternalPsks?: boolean;
  readonly allowRawKeys?: boolean;
  readonly allowKeyLog?: boolean;
}

export class Policy implements ConfigPolicy {
  readonly rules: PolicyRules;

  constructor(rules: PolicyRules) {
    this.rules = checkRules(rules);
    Object.freeze(this);
  }

  /** Throws `ERR_TLS_CONFIG` naming the field and the rule. */
  check(config: TlsConfig): void {
    const fault =
      configFault(config, this.rules) ?? credentialFault(config, this.rules) ?? this.#unguarded(config);
    if (fault !== undefined) throw invalid(fault);
  }

  /** What both demand. Throws when nothing could fulfil that. */
  and(other: Policy): Policy {
    return new Policy(both(this.rules, other.rules));
  }

  /** `verifier`, and beyond what it accepts the rules about peers: what passes it, but not them, is refused. */
  guard(verifier: PeerVerifier): PeerVerifier {
    return new Guard(verifier, this.rules);
  }

  #unguarded({ verifier, externalPsks }: TlsConfig): string | undefined {
    const { maxPeerLifetime, assurances } = this.rules;
    if (maxPeerLifetime === undefined && assurances === undefined) return undefined;
    if (externalPsks.length > 0)
      return 'externalPsks: let peers in that no verifier is asked about, and the policy has rules about peers';
    if (verifier instanceof Guard && verifier.keepsTo(this.rules)) return undefined;
    return 'verifier: is not guarded by the policy, which has rules about peers: wrap it with policy.guard(…)';
  }
}

// ---- the configuration ------------------------------------------------------------------------------------------

function configFault(config: TlsConfig, rules: PolicyRules): string | undefined {
  return (
    listFault('suites', config.suites, rules.suites, SUITES) ??
    listFault('groups', config.groups, rules.groups, GROUPS) ??
    listFault('schemes', config.schemes, rules.schemes, SCHEMES) ??
    listFault('certificateSchemes', config.certificateSchemes ?? config.schemes, rules.schemes, SCHEMES) ??
    alpnFault(config, rules) ??
    clientCertificateFault(config.clientCertificate, rules.clientCertificate) ??
    forbidden('earlyData', rules.allowEarlyData, config.earlyData > 0) ??
    forbidden('tickets', rules.allowTickets, config.tickets !== undefined) ??
    forbidden('resumption', rules.allowTickets, config.resumption !== undefined) ??
    forbidden('externalPsks', rules.allowExternalPsks, config.externalPsks.length > 0) ??
    forbidden('certificateTypes', rules.allowRawKeys, config.certificateTypes.includes('rawPublicKey')) ??
    forbidden('keyLog', rules.allowKeyLog, config.keyLog !== undefined)
  );
}

/** A list that is left to the provider may hold anything. */
function listFault<Name extends string>(
  field: string,
  configured: readonly Name[] | undefined,
  allowed: readonly Name[] | undefined,
  table: readonly { readonly name: Name }[],
): string | undefined {
  if (allowed === undefined) return undefined;
  const wrong = (configured ?? table.map(({ name }) => name)).find((name) => !allowed.includes(name));
  if (wrong === undefined) return undefined;
  const what = configured === undefined ? 'is left to the provider' : `"${wrong}"`;
  return `${field}: ${what} is against the policy, which allows ${allowed.join(', ')}`;
}

function alpnFault({ alpn, requireAlpn }: TlsConfig, rules: PolicyRules): string | undefined {
  if (rules.requireAlpn !== true) return undefined;
  if (alpn.length === 0) return 'alpn: is empty, and the policy requires a protocol';
  return requireAlpn ? undefined : 'requireAlpn: is false, and the policy requires a protocol';
}

const STRICTNESS: readonly ClientCertificatePolicy[] = ['none', 'request', 'require'];

function clientCertificateFault(
  configured: ClientCertificatePolicy,
  least: ClientCertificatePolicy | undefined,
): string | undefined {
  if (least === undefined || STRICTNESS.indexOf(configured) >= STRICTNESS.indexOf(least)) return undefined;
  return `clientCertificate: "${configured}" is against the policy, which asks for "${least}" at least`;
}

function forbidden(field: string, allowed: boolean | undefined, isUsed: boolean): string | undefined {
  return allowed === false && isUsed ? `${field}: the policy forbids it` : undefined;
}

// ---- our own credentials ----------------------------------------------------------------------------------------

function credentialFault(config: TlsConfig, rules: PolicyRules): string | undefined {
  const { credentialKeys, maxCredentialLifetime, allowRawKeys } = rules;
  if (credentialKeys === undefined && maxCredentialLifetime === undefined && allowRawKeys !== false)
    return undefined;
  if (config.chooseCredential !== undefined)
    return 'chooseCredential: picks credentials when the policy, which has rules about them, cannot see it';
  for (const [i, { chain, signer }] of config.credentials.entries()) {
    const field = `credentials[${i}]`;
    if (credentialKeys !== undefined && !credentialKeys.includes(signer.kind))
      return `${field}.signer: a ${signer.kind} key is against the policy, which allows ${credentialKeys.join(', ')}`;
    const [leaf] = chain;
    if (leaf === undefined && allowRawKeys === false)
      return `${field}: is a raw key, which the policy forbids`;
    if (maxCredentialLifetime === undefined) continue;
    if (leaf === undefined)
      return `${field}: is a raw key, which never ends, and the policy limits lifetimes`;
    const lifetime = lifetimeOf(parseCertificate(leaf));
    if (lifetime > maxCredentialLifetime)
      return `${field}.chain: is valid for ${days(lifetime)}, and the policy allows ${days(maxCredentialLifetime)}`;
  }
  return undefined;
}

function lifetimeOf({
  notBefore,
  notAfter,
}: {
  readonly notBefore: number;
  readonly notAfter: number;
}): number {
  return notAfter - notBefore;
}

function days(milliseconds: number): string {
  return `${Math.round(milliseconds / 864_000) / 100} days`;
}

// ---- peers ------------------------------------------------------------------------------------------------------

type PeerRules = Pick<PolicyRules, 'maxPeerLifetime' | 'assurances'>;

class Guard implements PeerVerifier {
  readonly #inner: PeerVerifier;
  /** Those of a guard that stands behind this one included. */
  readonly #rules: PeerRules;

  constructor(inner: PeerVerifier, rules: PeerRules) {
    if (typeof inner?.verify !== 'function') throw invalid('verifier: has no method verify');
    this.#inner = inner;
    this.#rules = inner instanceof Guard ? both(inner.#rules, rules) : rules;
    Object.freeze(this);
  }

  verify(presented: PresentedPeer): VerifiedPeer | Refusal | Promise<VerifiedPeer | Refusal> {
    const answer = this.#inner.verify(presented);
    return answer instanceof Promise ? answer.then((value) => this.#judge(value)) : this.#judge(answer);
  }

  /** Whether no peer passes that `rules` forbid. */
  keepsTo(rules: PeerRules): boolean {
    const { maxPeerLifetime = Number.POSITIVE_INFINITY, assurances } = this.#rules;
    if (maxPeerLifetime > (rules.maxPeerLifetime ?? Number.POSITIVE_INFINITY)) return false;
    const allowed = rules.assurances;
    return allowed === undefined || (assurances?.every((assurance) => allowed.includes(assurance)) ?? false);
  }

  /** What is no proof is not this function's to judge: the engine fails it. */
  #judge(answer: VerifiedPeer | Refusal): VerifiedPeer | Refusal {
    if (answer instanceof Error || answer?.identity === undefined) return answer;
    const { assurances, maxPeerLifetime } = this.#rules;
    const { leaf, identity } = answer;
    if (assurances !== undefined && !assurances.includes(identity.assurance))
      return new Refusal(
        'ERR_IDENTITY_POLICY',
        `peer is believed by "${identity.assurance}", wanted ${assurances.join(' or ')}`,
      );
    if (maxPeerLifetime === undefined || (leaf !== undefined && lifetimeOf(leaf) <= maxPeerLifetime))
      return answer;
    const lifetime = leaf === undefined ? 'for ever, a raw key' : `for ${days(lifetimeOf(leaf))}`;
    return new Refusal(
      'ERR_IDENTITY_POLICY',
      `peer's key is valid ${lifetime}, allowed are ${days(maxPeerLifetime)}`,
      0,
    );
  }
}

// ---- rules themselves -------------------------------------------------------------------------------------------

function checkRules(rules: PolicyRules): PolicyRules {
  const copy: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(rules)) {
    const kind = KINDS[field as keyof PolicyRules];
    if (!Object.hasOwn(KINDS, field)) throw invalid(`policy.${field}: is not a rule`);
    if (value === undefined) continue;
    const problem = problemOf(kind, value);
    if (problem !== undefined) throw invalid(`policy.${field}: ${problem}`);
    copy[field] = Array.isArray(value) ? Object.freeze([...value]) : value;
  }
  return Object.freeze(copy);
}

/** What a rule is: a list of names that are allowed, a longest time, a demand, a permission, or the least of some words. */
type Kind = readonly string[] | 'longest' | 'demand' | 'permission' | 'least';

const KINDS: Readonly<Record<keyof PolicyRules, Kind>> = {
  suites: SUITES.map(({ name }) => name),
  groups: GROUPS.map(({ name }) => name),
  schemes: SCHEMES.map(({ name }) => name),
  requireAlpn: 'demand',
  clientCertificate: 'least',
  credentialKeys: ['ed25519', 'p256', 'p384', 'p521', 'rsa', 'rsa-pss'] satisfies KeyKind[],
  maxCredentialLifetime: 'longest',
  maxPeerLifetime: 'longest',
  assurances: ['verified', 'pinned', 'domain', 'tofu', 'key', 'anonymous'] satisfies Assurance[],
  allowEarlyData: 'permission',
  allowTickets: 'permission',
  allowExternalPsks: 'permission',
  allowRawKeys: 'permission',
  allowKeyLog: 'permission',
};

function problemOf(kind: Kind, value: unknown): string | undefined {
  switch (kind) {
    case 'demand':
    case 'permission':
      return typeof value === 'boolean' ? undefined : 'is not a boolean';
    case 'longest':
      return typeof value === 'number' && value > 0 ? undefined : 'is not a positive number of milliseconds';
    case 'least':
      return value === 'request' || value === 'require' ? undefined : 'is not request or require';
    default: {
      if (!Array.isArray(value) || value.length === 0) return 'allows nothing: wanted a list of names';
      const unknown = value.find((name) => !kind.includes(name));
      return unknown === undefined ? undefined : `"${unknown}" is not known`;
    }
  }
}

/** What demands as much as `a` and `b` together. */
function both(a: PolicyRules, b: PolicyRules): PolicyRules {
  const rules: Record<string, unknown> = { ...a, ...b };
  for (const field of Object.keys(a) as (keyof PolicyRules)[])
    if (b[field] !== undefined) rules[field] = stricter(KINDS[field], a[field], b[field]);
  return rules;
}

function stricter(kind: Kind, a: unknown, b: unknown): unknown {
  switch (kind) {
    case 'demand':
      return a === true || b === true;
    case 'permission':
      return a === true && b === true;
    case 'longest':
      return Math.min(a as number, b as number);
    case 'least':
      return a === 'require' ? a : b;
    default:
      return (a as readonly string[]).filter((name) => (b as readonly string[]).includes(name));
  }
}

function invalid(message: string): TlsError {
  return new TlsError('ERR_TLS_CONFIG', message);
}
