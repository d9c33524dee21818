/** Ends a link that carries more than it may: so many bytes in a direction, or in both together. */
import { LinkError } from './errors.ts';
import type { Link } from './link.ts';
import { LinkWrapper, sizeOf } from './linkWrapper.ts';

export interface LimitOptions {
  /** Bytes that may be delivered. */
  readonly read?: number;
  /** Bytes that may be sent. */
  readonly write?: number;
  /** Both together. */
  readonly total?: number;
}

type LimitName = keyof LimitOptions;

/**
 * What is inside the limits passes; the first byte beyond cuts the link, and its reader is told ERR_LINK_LIMIT. What was
 * sent before and waits in the link is lost with it, as by any reset.
 */
export function limitLink(link: Link, limits: LimitOptions): Link {
  return new LimitedLink(link, limits);
}

class LimitedLink extends LinkWrapper {
  readonly #limits: LimitOptions;
  #received = 0;
  #sent = 0;

  constructor(below: Link, limits: LimitOptions) {
    super(below);
    for (const [name, bytes] of Object.entries(limits))
      if (!(bytes >= 0)) throw new RangeError(`limit ${name} is ${bytes}, wanted bytes from 0`);
    this.#limits = limits;
  }

  override send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    if (this.failed) return false;
    const size = sizeOf(bytes);
    if (size > this.#left('write', this.#sent)) {
      this.#exceeded('write', this.#sent + size);
      return false;
    }
    this.#sent += size;
    return this.below.send(bytes);
  }

  /** A message passes whole or not at all. */
  override data(chunk: Uint8Array): void {
    const left = this.#left('read', this.#received);
    const wanted = this.#received + chunk.length;
    const passing = chunk.length <= left ? chunk.length : this.info.messages ? 0 : left;
    this.#received += passing;
    if (passing > 0) super.data(passing < chunk.length ? chunk.subarray(0, passing) : chunk);
    if (passing < chunk.length) this.#exceeded('read', wanted);
  }

  #left(name: 'read' | 'write', used: number): number {
    const { total = Number.POSITIVE_INFINITY, [name]: own = Number.POSITIVE_INFINITY } = this.#limits;
    return Math.min(own - used, total - this.#received - this.#sent);
  }

  #exceeded(direction: 'read' | 'write', wanted: number): void {
    const { [direction]: own = Number.POSITIVE_INFINITY, total } = this.#limits;
    const name: LimitName = wanted > own ? direction : 'total';
    const most = wanted > own ? own : total;
    this.fail(
      new LinkError('ERR_LINK_LIMIT', `link may carry ${most} bytes (limit '${name}'), more came`, {
        hint: `raise '${name}' of limitLink, or begin a new link`,
      }),
    );
  }
}
