/**
 * Meeting a domain's server, and asking the application (`resolveTrust`) where what we hold does not do: before the first
 * meeting, when nothing is held, and after one at which the server stood under a root that we do not know. What comes back is
 * believed from then on; the meeting is tried once more with it.
 */
import { toError } from '../base/errors.ts';
import { type DomainAnchors, Refusal } from '../identity/index.ts';
import { type Deadline, withDeadline } from './abort.ts';
import { PeerError } from './errors.ts';
import { refusalIn } from './failures.ts';
import type { LiveTrust } from './liveTrust.ts';
import type { ResolveTrust } from './resolveTrust.ts';

export interface TrustFinderOptions {
  readonly live: LiveTrust;
  readonly resolve: ResolveTrust | undefined;
  readonly onFound: (anchors: DomainAnchors) => void;
}

export class TrustFinder {
  readonly #options: TrustFinderOptions;
  /** One question per domain at a time. */
  readonly #asking = new Map<string, Promise<boolean>>();

  constructor(options: TrustFinderOptions) {
    this.#options = options;
  }

  async meet<T>(domain: string, limit: Deadline, work: () => Promise<T>): Promise<T> {
    const { live, resolve } = this.#options;
    if (resolve === undefined) return work();
    if (live.trust.anchorsFor(domain) === undefined) await this.#find(domain, resolve, limit);
    try {
      return await work();
    } catch (error) {
      if (!isOtherRoot(error) || !(await this.#find(domain, resolve, limit))) throw error;
    }
    return work();
  }

  #find(domain: string, resolve: ResolveTrust, limit: Deadline): Promise<boolean> {
    let asking = this.#asking.get(domain);
    if (asking === undefined) {
      asking = this.#ask(domain, resolve, limit).finally(() => this.#asking.delete(domain));
      this.#asking.set(domain, asking);
    }
    return asking;
  }

  /** Whether something new is believed. */
  async #ask(domain: string, resolve: ResolveTrust, limit: Deadline): Promise<boolean> {
    const { live, onFound } = this.#options;
    const held = live.trust.anchorsFor(domain);
    let found: DomainAnchors | undefined;
    try {
      found = await withDeadline(limit, (signal) => resolve(domain, { signal, held }));
    } catch (error) {
      throw notFound(domain, error);
    }
    if (found === undefined || found === held || found.domain !== domain) return false;
    live.replace(found);
    onFound(found);
    return true;
  }
}

/** A path that ends at no root of ours: perhaps the domain has changed its root. */
function isOtherRoot(error: unknown): boolean {
  const code = refusalIn(error)?.code;
  return code === 'ERR_IDENTITY_UNKNOWN_ISSUER' || code === 'ERR_IDENTITY_SIGNATURE';
}

function notFound(domain: string, error: unknown): Error {
  if (error instanceof PeerError) return error;
  const cause = toError(error);
  return error instanceof Refusal
    ? new PeerError('ERR_PEER_WRONG_IDENTITY', cause.message, { cause, hint: error.hint })
    : new PeerError('ERR_PEER_NO_TRUST', `nothing is known of the domain ${domain}: ${cause.message}`, {
        cause,
      });
}
