/**
 * From a leaf to an anchor: path building (RFC 4158) and validation (RFC 5280 §6.1) in one depth-first
 * search.
 *
 * Each step adds an issuer below which everything found so far still holds: signature, CA rights, path
 * length, name constraints. A step that fails is undone and the next candidate tried, so a dead end never
 * hides a good path. Work is counted; when the budget is gone the search ends with a refusal, whatever it
 * might still find.
 */
import { type Bytes, equalBytes } from '../base/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { verifySignature } from './algorithms.ts';
import type { Certificate } from './certificate.ts';
import type { IdentityErrorCode } from './errors.ts';
import { PATH_LIMITS, type PathLimits } from './limits.ts';
import { rememberedSignature } from './memo.ts';
import { constraintViolation } from './names.ts';
import { anchorFault, caFault, isSelfIssued, leafFault, type RuleFault, type Rules } from './rules.ts';

export interface PathQuestion {
  readonly leaf: Certificate;
  /** Certificates the peer sent along, in any order; none is believed. */
  readonly intermediates: readonly Certificate[];
  readonly anchors: readonly Certificate[];
  readonly rules: Rules;
  readonly provider: CryptoProvider;
  readonly limits?: Partial<PathLimits>;
  /** Why a certificate of the path is withdrawn, or undefined. Asked once its signature by `issuer` holds; of an anchor without one. */
  readonly withdrawn?: (certificate: Certificate, issuer: Certificate | undefined) => RuleFault | undefined;
}

/** A rule that a certificate breaks. */
export interface Fault {
  readonly code: IdentityErrorCode;
  readonly message: string;
  readonly certificate: Certificate | undefined;
}

/** Leaf first, anchor last; or the fault of the path that came furthest. */
export type PathAnswer = { readonly path: readonly Certificate[] } | { readonly fault: Fault };

export function findPath(question: PathQuestion): PathAnswer {
  return new Search(question).run();
}

/** Ends the whole search; never leaves this file. */
class BudgetSpent extends Error {}

class Search {
  readonly #question: PathQuestion;
  readonly #limits: PathLimits;
  /** From subject name to certificates: anchors and intermediates apart. */
  readonly #anchors: ReadonlyMap<string, readonly Certificate[]>;
  readonly #intermediates: ReadonlyMap<string, readonly Certificate[]>;
  /** Faults that do not depend on the place in the path, found once per certificate. */
  readonly #caFaults = new Map<Certificate, Fault | undefined>();
  readonly #anchorFaults = new Map<Certificate, Fault | undefined>();
  readonly #signatures = new Map<Certificate, Map<Certificate, boolean>>();
  #signaturesSpent = 0;
  #stepsSpent = 0;
  #comparisonsSpent = 0;
  #furthest: { readonly depth: number; readonly fault: Fault } | undefined;

  constructor(question: PathQuestion) {
    this.#question = question;
    this.#limits = { ...PATH_LIMITS, ...question.limits };
    this.#anchors = bySubject(question.anchors);
    this.#intermediates = bySubject(question.intermediates);
  }

  run(): PathAnswer {
    const { leaf, anchors, rules } = this.#question;
    const pinned = anchors.some((anchor) => equalBytes(anchor.der, leaf.der));
    const fault = leafFault(leaf, rules, pinned);
    if (fault !== undefined) return { fault: { ...fault, certificate: leaf } };
    // The very certificate we were told to trust needs no issuer.
    if (pinned) {
      const withdrawn = this.#withdrawnFault(leaf, undefined);
      return withdrawn === undefined ? { path: [leaf] } : { fault: withdrawn };
    }
    try {
      const path = this.#extend([leaf]);
      if (path !== undefined) return { path };
    } catch (error) {
      if (!(error instanceof BudgetSpent)) throw error;
      return { fault: { code: 'ERR_IDENTITY_BUDGET', message: error.message, certificate: undefined } };
    }
    return { fault: this.#furthest!.fault };
  }

  /** A whole path that begins with `path`, or undefined when there is none. */
  #extend(path: readonly Certificate[]): readonly Certificate[] | undefined {
    const child = path.at(-1)!;
    const name = key(child.issuer);
    for (const anchor of hinted(this.#anchors.get(name), child)) {
      const fault = this.#issuerFault(path, anchor, true);
      if (fault === undefined) return [...path, anchor];
      this.#note(path.length, fault);
    }
    if (path.length + 1 < this.#limits.depth) {
      for (const issuer of hinted(this.#intermediates.get(name), child)) {
        if (path.some((used) => isSameEntity(used, issuer))) continue; // a cycle
        const fault = this.#issuerFault(path, issuer, false);
        if (fault !== undefined) this.#note(path.length, fault);
        else {
          const whole = this.#extend([...path, issuer]);
          if (whole !== undefined) return whole;
        }
      }
    }
    this.#note(path.length - 0.5, unknownIssuer(child, path.length + 1 >= this.#limits.depth));
    return undefined;
  }

  /** The fault of the path that came furthest is the one that helps; among equals the first found. */
  #note(depth: number, fault: Fault): void {
    if (this.#furthest === undefined || depth > this.#furthest.depth) this.#furthest = { depth, fault };
  }

  /** What keeps `issuer` from standing above `path`. Cheap checks come before the signature. */
  #issuerFault(path: readonly Certificate[], issuer: Certificate, isAnchor: boolean): Fault | undefined {
    if (++this.#stepsSpent > this.#limits.steps)
      throw new BudgetSpent(`more than ${this.#limits.steps} steps`);
    return (
      this.#ownFault(issuer, isAnchor) ??
      pathLengthFault(path, issuer, isAnchor ? this.#limits.intermediates : undefined) ??
      this.#constraintFault(path, issuer) ??
      this.#signatureFault(path.at(-1)!, issuer) ??
      this.#withdrawnFault(path.at(-1)!, issuer) ??
      (isAnchor ? this.#withdrawnFault(issuer, undefined) : undefined)
    );
  }

  #withdrawnFault(certificate: Certificate, issuer: Certificate | undefined): Fault | undefined {
    const found = this.#question.withdrawn?.(certificate, issuer);
    return found === undefined ? undefined : { ...found, certificate };
  }

  #ownFault(issuer: Certificate, isAnchor: boolean): Fault | undefined {
    // One certificate may be both: believed as an anchor, and certified by another.
    const known = isAnchor ? this.#anchorFaults : this.#caFaults;
    if (known.has(issuer)) return known.get(issuer);
    const found = (isAnchor ? anchorFault : caFault)(issuer, this.#question.rules);
    const fault = found === undefined ? undefined : { ...found, certificate: issuer };
    known.set(issuer, fault);
    return fault;
  }

  /** §6.1.3 (b)-(c): constraints hold for every certificate below, self-issued intermediates excepted. */
  #constraintFault(path: readonly Certificate[], issuer: Certificate): Fault | undefined {
    const constraints = issuer.nameConstraints;
    if (constraints === undefined) return undefined;
    const spend = (): void => {
      if (++this.#comparisonsSpent > this.#limits.comparisons)
        throw new BudgetSpent(`more than ${this.#limits.comparisons} name comparisons`);
    };
    for (const [i, certificate] of path.entries()) {
      if (i > 0 && isSelfIssued(certificate)) continue;
      const message = constraintViolation(certificate, constraints, spend);
      if (message !== undefined) return { code: 'ERR_IDENTITY_NAME_CONSTRAINTS', message, certificate };
    }
    return undefined;
  }

  #signatureFault(child: Certificate, issuer: Certificate): Fault | undefined {
    if (child.signatureAlgorithm.family === undefined)
      return {
        code: 'ERR_IDENTITY_ALGORITHM',
        message: `signature algorithm ${child.signatureAlgorithm.oid} is too weak or unknown`,
        certificate: child,
      };
    if (this.#isSignedBy(child, issuer)) return undefined;
    // A namesake with another key is no issuer at all; only a matching key id makes it a bad signature.
    if (hintRank(child, issuer) === 2) return unknownIssuer(child, false);
    return { code: 'ERR_IDENTITY_SIGNATURE', message: 'signature does not verify', certificate: child };
  }

  #isSignedBy(child: Certificate, issuer: Certificate): boolean {
    let known = this.#signatures.get(child);
    if (known === undefined) this.#signatures.set(child, (known = new Map()));
    let good = known.get(issuer);
    if (good === undefined) {
      if (++this.#signaturesSpent > this.#limits.signatures)
        throw new BudgetSpent(`more than ${this.#limits.signatures} signatures`);
      const { tbs, signature, signatureAlgorithm } = child;
      const { provider } = this.#question;
      good = rememberedSignature(signatureAlgorithm, issuer.spki, tbs, signature, provider, () =>
        verifySignature(signatureAlgorithm, issuer.spki, tbs, signature, provider),
      );
      known.set(issuer, good);
    }
    return good;
  }
}

/**
 * §6.1.4 (l)-(m): intermediates below count unless self-issued; the leaf never does. `limit` is our own, on
 * the whole.
 */
function pathLengthFault(
  path: readonly Certificate[],
  issuer: Certificate,
  limit: number | undefined,
): Fault | undefined {
  const allowed = Math.min(issuer.pathLength ?? Number.POSITIVE_INFINITY, limit ?? Number.POSITIVE_INFINITY);
  if (path.length - 1 <= allowed) return undefined; // the usual case, without counting
  const below = path.slice(1).filter((certificate) => !isSelfIssued(certificate)).length;
  if (below <= allowed) return undefined;
  return {
    code: 'ERR_IDENTITY_PATH_LENGTH',
    message: `${below} CAs stand below one that allows ${allowed}`,
    certificate: issuer,
  };
}

/** Made for every dead end but read for one: whose name is missing, `chain.ts` adds then. */
function unknownIssuer(child: Certificate, tooDeep: boolean): Fault {
  const message = tooDeep
    ? 'path is longer than allowed'
    : 'no certificate we hold or were sent is its issuer';
  return { code: 'ERR_IDENTITY_UNKNOWN_ISSUER', message, certificate: child };
}

/**
 * One entity under one key, however often it was certified (RFC 4158 §2.4.2): going through it twice is a
 * cycle.
 */
function isSameEntity(a: Certificate, b: Certificate): boolean {
  return equalBytes(a.spki, b.spki) && equalBytes(a.subject, b.subject);
}

/** Key identifiers only sort the candidates: they prove nothing. */
function hinted(candidates: readonly Certificate[] | undefined, child: Certificate): readonly Certificate[] {
  if (candidates === undefined) return [];
  if (candidates.length === 1) return candidates;
  return [...candidates].sort((a, b) => hintRank(child, a) - hintRank(child, b));
}

/** 0: the key id fits; 1: unknown; 2: it names another key. */
function hintRank(child: Certificate, issuer: Certificate): 0 | 1 | 2 {
  const wanted = child.aki?.keyId;
  if (wanted === undefined || issuer.ski === undefined) return 1;
  return equalBytes(wanted, issuer.ski) ? 0 : 2;
}

function bySubject(certificates: readonly Certificate[]): ReadonlyMap<string, readonly Certificate[]> {
  const map = new Map<string, Certificate[]>();
  for (const certificate of certificates) {
    const name = key(certificate.subject);
    const list = map.get(name);
    if (list === undefined) map.set(name, [certificate]);
    else list.push(certificate);
  }
  return map;
}

function key(name: Bytes): string {
  let text = '';
  for (const byte of name) text += String.fromCharCode(byte);
  return text;
}
