/**
 * Second opinions on a domain met for the first time: peers that we know are asked which roots they hold for it. Whoever
 * stands between us and the domain would have to stand between it and all of them.
 *
 * A witness agrees when what it holds answers for what we were shown: the same root, or one that leads to it by handovers,
 * so that a witness which is a roll behind still agrees. One that holds other roots disagrees, and one disagreement is
 * enough to stop: somebody is lied to, and it may be us. A witness that says nothing counts for nothing.
 */
import type { Clock } from '../base/clock.ts';
import { toError } from '../base/errors.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { acceptBundle } from './acceptBundle.ts';
import { parseBundle } from './bundle.ts';
import type { Certificate } from './certificate.ts';
import { IdentityError, Refusal } from './errors.ts';
import { MAX_WITNESSES } from './limits.ts';
import { groupPeerId, peerId } from './peerId.ts';

export interface Witness {
  /** How people call it: `bob@example.org`. */
  readonly name: string;
  /** The roots it holds for the domain; undefined or none when it knows nothing of it. A rejection is no answer. */
  roots(
    domain: string,
    options: { readonly signal: AbortSignal },
  ): Promise<readonly Certificate[] | undefined>;
}

export interface WitnessOptions {
  readonly witnesses: readonly Witness[];
  /** How many must agree; at least one. */
  readonly quorum: number;
  /** Milliseconds for all of them together. */
  readonly timeout: number;
  readonly clock: Clock;
  readonly provider: CryptoProvider;
  readonly signal?: AbortSignal;
}

type Opinion =
  | { readonly name: string; readonly says: 'agrees' }
  | { readonly name: string; readonly says: 'disagrees'; readonly roots: readonly Certificate[] }
  | { readonly name: string; readonly says: 'nothing'; readonly why: string };

/** The names of those who agree that the bundle is the domain's, or a refusal that says who saw what. */
export async function askWitnesses(
  domain: string,
  bundle: Uint8Array,
  options: WitnessOptions,
): Promise<readonly string[] | Refusal> {
  const { witnesses, quorum } = options;
  if (!(Number.isInteger(quorum) && quorum >= 1 && quorum <= witnesses.length))
    throw new IdentityError(
      'ERR_IDENTITY_WITNESS',
      `quorum of ${quorum} among ${witnesses.length} witnesses`,
      {
        hint: 'name at least as many witnesses as must agree, and let one at least agree',
      },
    );
  if (witnesses.length > MAX_WITNESSES)
    throw new IdentityError(
      'ERR_IDENTITY_WITNESS',
      `${witnesses.length} witnesses, at most ${MAX_WITNESSES} are asked`,
    );
  const shown = parseBundle(bundle).roots;
  const opinions = await askAll(domain, bundle, options);
  const agreeing = opinions.filter(({ says }) => says === 'agrees').map(({ name }) => name);
  const against = opinions.filter((opinion) => opinion.says === 'disagrees');
  if (against.length > 0) return disagreement(domain, shown, against);
  if (agreeing.length >= quorum) return agreeing;
  const silent = opinions.filter((opinion) => opinion.says === 'nothing');
  return new Refusal(
    'ERR_IDENTITY_WITNESS',
    `${agreeing.length} of the ${quorum} witnesses that must agree on "${domain}" did; ${silent.map(({ name, why }) => `${name} ${why}`).join(', ')}`,
    undefined,
    { hint: 'try again when more of them are online, or get the root in another way: an invite brings it' },
  );
}

async function askAll(
  domain: string,
  bundle: Uint8Array,
  { witnesses, timeout, clock, provider, signal }: WitnessOptions,
): Promise<readonly Opinion[]> {
  const controller = new AbortController();
  const stop = (): void => controller.abort(signal?.reason);
  signal?.throwIfAborted();
  signal?.addEventListener('abort', stop, { once: true });
  const late = new IdentityError('ERR_IDENTITY_WITNESS', `no answer within ${timeout} ms`);
  const cancel = clock.after(timeout, () => controller.abort(late));
  const ask = (witness: Witness): Promise<Opinion> =>
    opinionOf(witness, domain, bundle, controller.signal, clock, provider);
  const opinions = await Promise.all(witnesses.map(ask)); // none rejects
  cancel();
  signal?.removeEventListener('abort', stop);
  signal?.throwIfAborted();
  return opinions;
}

async function opinionOf(
  witness: Witness,
  domain: string,
  bundle: Uint8Array,
  signal: AbortSignal,
  clock: Clock,
  provider: CryptoProvider,
): Promise<Opinion> {
  const { name } = witness;
  try {
    const roots = (await untilAborted(witness.roots(domain, { signal }), signal)) ?? [];
    if (roots.length === 0) return { name, says: 'nothing', why: 'holds no root of it' };
    const judged = acceptBundle(bundle, { domain, roots }, clock.now(), provider);
    return judged instanceof Refusal ? { name, says: 'disagrees', roots } : { name, says: 'agrees' };
  } catch (error) {
    return { name, says: 'nothing', why: `did not answer (${toError(error).message})` };
  }
}

/** A witness that ignores its signal is not waited for. */
function untilAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(toError(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) onAbort();
  });
}

function disagreement(
  domain: string,
  shown: readonly Certificate[],
  against: readonly { readonly name: string; readonly roots: readonly Certificate[] }[],
): Refusal {
  const show = (roots: readonly Certificate[]): string =>
    roots.map(({ spki }) => groupPeerId(peerId(spki))).join(' and ');
  const ours = show(shown);
  const theirs = against.map(({ name, roots }) => `${name} holds ${show(roots)}`).join(', ');
  return new Refusal(
    'ERR_IDENTITY_WITNESS',
    `we were shown the root ${ours} of "${domain}", but ${theirs}`,
    undefined,
    {
      hint: 'somebody is in between, or one of them is behind: get the root in another way before you go on',
    },
  );
}
