/**
 * Counts what passes a point of the stack. Under TLS it counts wire bytes, over TLS the application's; two of them on one
 * flow tell what TLS costs.
 */
import type { Link } from './link.ts';
import { LinkWrapper, sizeOf } from './linkWrapper.ts';

export interface Traffic {
  /** Bytes that the link delivered. */
  readonly received: number;
  /** Bytes that `send` was given and the link took. */
  readonly sent: number;
  /** Chunks delivered: on a message link, messages. */
  readonly chunks: number;
  /** Calls of `send`: on a message link, messages. */
  readonly sends: number;
}

export interface MeteredLink extends Link {
  /** What has passed so far. */
  readonly traffic: Traffic;
}

export function meterLink(link: Link): MeteredLink {
  return new Meter(link);
}

class Meter extends LinkWrapper implements MeteredLink {
  readonly #counted = { received: 0, sent: 0, chunks: 0, sends: 0 };
  #writeClosed = false;

  get traffic(): Traffic {
    return { ...this.#counted };
  }

  override send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    if (this.#writeClosed) return false;
    this.#counted.sent += sizeOf(bytes);
    this.#counted.sends++;
    return this.below.send(bytes);
  }

  override data(chunk: Uint8Array): void {
    this.#counted.received += chunk.length;
    this.#counted.chunks++;
    super.data(chunk);
  }

  protected override writeGivenUp(): void {
    this.#writeClosed = true;
  }

  override closeWrite(): void {
    this.#writeClosed = true;
    super.closeWrite();
  }

  override close(): void {
    this.#writeClosed = true;
    super.close();
  }

  override reset(code?: number): void {
    this.#writeClosed = true;
    super.reset(code);
  }

  override closed(error: Parameters<LinkWrapper['closed']>[0]): void {
    this.#writeClosed = true;
    super.closed(error);
  }
}
