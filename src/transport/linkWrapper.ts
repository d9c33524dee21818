/**
 * The base of wrappers that stand between a link and its reader: everything passes, both ways, and a subclass changes what it
 * is there for. One that finds a reason to end the link calls `fail`.
 */
import type { Q2qError } from '../base/errors.ts';
import type { LinkError } from './errors.ts';
import type { Link, LinkHandler } from './link.ts';
import { ThroughLink } from './throughLink.ts';

export abstract class LinkWrapper extends ThroughLink implements LinkHandler {
  #above: LinkHandler | undefined;
  #failure: LinkError | undefined;
  /** Only where the link below can say so to its other end, and its reader can hear of it: as on the link itself. */
  stop?: (code?: number) => void;
  resetWrite?: (code?: number) => void;
  readFailed?: (error: Q2qError) => void;
  writeFailed?: (error: Q2qError) => void;

  constructor(below: Link) {
    super(below);
    if (below.stop !== undefined)
      this.stop = (code) => {
        this.readGivenUp();
        below.stop!(code);
      };
    if (below.resetWrite !== undefined)
      this.resetWrite = (code) => {
        this.writeGivenUp();
        below.resetWrite!(code);
      };
  }

  /** What waits for the reader is not wanted any more, nor anything that follows. */
  protected readGivenUp(): void {}

  /** What waits to be sent is not, nor anything that follows. */
  protected writeGivenUp(): void {}

  override start(handler: LinkHandler): void {
    if (this.#above !== undefined) throw new Error('link was started twice');
    this.#above = handler;
    if (handler.readFailed !== undefined)
      this.readFailed = (error) => {
        this.readGivenUp();
        handler.readFailed!(error);
      };
    if (handler.writeFailed !== undefined)
      this.writeFailed = (error) => {
        this.writeGivenUp();
        handler.writeFailed!(error);
      };
    this.below.start(this);
  }

  /** The reader; there is one as soon as the link below speaks. */
  protected get above(): LinkHandler {
    return this.#above!;
  }

  /** `fail` was called: nothing passes any more. */
  protected get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** Cuts the link below; the reader is told this reason instead of the cut's own. */
  protected fail(error: LinkError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.below.reset();
  }

  data(chunk: Uint8Array): void {
    if (!this.failed) this.above.data(chunk);
  }

  drain(): void {
    if (!this.failed) this.above.drain();
  }

  end(): void {
    if (!this.failed) this.above.end();
  }

  closed(error: Q2qError | undefined): void {
    this.above.closed(this.#failure ?? error);
  }
}

/** Bytes of one `send`. */
export function sizeOf(bytes: Uint8Array | readonly Uint8Array[]): number {
  if (bytes instanceof Uint8Array) return bytes.length;
  let size = 0;
  for (const part of bytes) size += part.length;
  return size;
}
