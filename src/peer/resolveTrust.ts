/** Where trust comes from when none is held, or when what is held no longer fits: the application's answer (`trustLadder`). */
import type { DomainAnchors } from '../identity/index.ts';

/**
 * Asked before a domain of which nothing is held is met, and when a domain proves to be another than `held` says: then it is
 * for the answer to tell a change of root that the old root signed from one that it did not. Undefined is no answer; to
 * refuse for a reason, reject with it.
 */
export type ResolveTrust = (
  domain: string,
  options: { readonly signal: AbortSignal; readonly held?: DomainAnchors | undefined },
) => Promise<DomainAnchors | undefined>;
