/**
 * How many links a listener takes at once: in all, or from one peer. They wrap what is called with each new link:
 *
 *     listenTcp({ port }, limitTotal(limitByPeer(serve, { max: 8 }), { max: 1000 }))
 */
import type { Q2qError } from '../base/errors.ts';
import { LinkError } from './errors.ts';
import type { Link } from './link.ts';
import { LinkWrapper } from './linkWrapper.ts';

export type Accept = (link: Link) => void;

export interface AcceptLimit {
  /** Links open at once. */
  readonly max: number;
  /** Told of each link that was reset because of the limit. */
  readonly onRefused?: (error: LinkError, link: Link) => void;
}

export interface PeerLimit extends AcceptLimit {
  /** Which links count together; the address without its port unless told. */
  readonly peerOf?: (link: Link) => string;
}

/** A link beyond the limit is reset, and `accept` never sees it. */
export function limitTotal(accept: Accept, limit: AcceptLimit): Accept {
  return limited(accept, limit, () => ({ key: '', of: 'limitTotal', whose: '' }));
}

/** As `limitTotal`, counted for each peer. */
export function limitByPeer(accept: Accept, limit: PeerLimit): Accept {
  const { peerOf = hostOf } = limit;
  return limited(accept, limit, (link) => {
    const key = peerOf(link);
    return { key, of: 'limitByPeer', whose: ` from ${key === '' ? 'one peer' : key}` };
  });
}

interface Place {
  readonly key: string;
  /** The function whose `max` it is. */
  readonly of: string;
  readonly whose: string;
}

function limited(
  accept: Accept,
  { max, onRefused = () => {} }: AcceptLimit,
  placeOf: (link: Link) => Place,
): Accept {
  if (!(max >= 0)) throw new RangeError(`max is ${max}, wanted a number from 0`);
  const open = new Map<string, number>();
  const leave = (key: string): void => {
    const left = open.get(key)! - 1;
    if (left === 0) open.delete(key);
    else open.set(key, left);
  };
  return (link) => {
    const { key, of, whose } = placeOf(link);
    const count = open.get(key) ?? 0;
    if (count < max) {
      open.set(key, count + 1);
      accept(new CountedLink(link, () => leave(key)));
      return;
    }
    link.reset();
    const hint = `raise 'max' of ${of}, or close links that are idle`;
    onRefused(
      new LinkError('ERR_LINK_LIMIT', `link refused: at most ${max} at once (limit 'max')${whose}`, { hint }),
      link,
    );
  };
}

/** Gives its place back once: when it is closed, or given up by somebody who never started it. */
class CountedLink extends LinkWrapper {
  #leave: (() => void) | undefined;
  #started = false;

  constructor(below: Link, leave: () => void) {
    super(below);
    this.#leave = leave;
  }

  override start(handler: Parameters<LinkWrapper['start']>[0]): void {
    this.#started = true;
    super.start(handler);
  }

  override close(): void {
    super.close();
    if (!this.#started) this.#gone();
  }

  override reset(code?: number): void {
    super.reset(code);
    if (!this.#started) this.#gone();
  }

  override closed(error: Q2qError | undefined): void {
    this.#gone();
    super.closed(error);
  }

  #gone(): void {
    this.#leave?.();
    this.#leave = undefined;
  }
}

function hostOf({ info }: Link): string {
  return info.remote?.replace(/:\d+$/, '') ?? '';
}
