/**
 * One direction of a throttled link: a token bucket, and what waits for tokens.
 *
 * Bytes are cut to what the bucket holds, as views, never copied. A message is never cut: it passes when the bucket holds
 * as many tokens as one wait brings, and leaves a debt. Waits bring half a burst where so much is queued: a timer that is
 * late by as much as that costs no rate, and bulk over TLS becomes few records.
 */
import { ChunkQueue } from '../base/chunks.ts';
import type { Clock } from '../base/clock.ts';
import { Fifo } from '../base/fifo.ts';

export interface LaneOwner {
  /** True while nothing may pass, tokens or not. */
  blocked(): boolean;
  pass(bytes: Uint8Array | readonly Uint8Array[]): void;
  /** Nothing waits any more. */
  emptied(): void;
  /** Takes chunks one by one, and may block in between. */
  readonly singly: boolean;
}

interface Message {
  readonly size: number;
  readonly bytes: Uint8Array | readonly Uint8Array[];
}

/** Sums of fractions of tokens miss whole numbers by less. */
const EPSILON = 1e-6;

export class Lane {
  readonly #rate: number; // bytes per ms
  readonly #burst: number;
  readonly #clock: Clock;
  readonly #owner: LaneOwner;
  readonly #bytes = new ChunkQueue();
  readonly #messages: Fifo<Message> | undefined;
  #messageBytes = 0;
  #tokens: number;
  #filledAt: number;
  #pumping = false;
  #cancel: (() => void) | undefined;

  /** `rate` in bytes per second; infinite: nothing waits but for the owner. */
  constructor(rate: number, burst: number, messages: boolean, clock: Clock, owner: LaneOwner) {
    this.#rate = rate / 1000;
    this.#burst = this.#tokens = burst;
    this.#messages = messages ? new Fifo() : undefined;
    this.#clock = clock;
    this.#owner = owner;
    this.#filledAt = clock.monotonic();
  }

  /** Bytes that wait. */
  get length(): number {
    return this.#messages === undefined ? this.#bytes.length : this.#messageBytes;
  }

  push(bytes: Uint8Array | readonly Uint8Array[], size: number): void {
    if (size === 0) return;
    if (this.#messages !== undefined) {
      this.#messages.push({ size, bytes });
      this.#messageBytes += size;
    } else if (bytes instanceof Uint8Array) this.#bytes.push(bytes);
    else for (const part of bytes) this.#bytes.push(part);
  }

  /** Lets pass what may. */
  pump(): void {
    if (this.#pumping) return; // `pass` got here again: the loop goes on when it returns
    this.#pumping = true;
    while (this.length > 0 && !this.#owner.blocked() && this.#passOne());
    this.#pumping = false;
    if (this.length === 0) this.#owner.emptied();
  }

  clear(): void {
    this.#bytes.clear();
    this.#messages?.clear();
    this.#messageBytes = 0;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #passOne(): boolean {
    this.#fill();
    const first = this.#messages?.at(0)?.size ?? this.length;
    const wanted = Math.min(first, Math.max(1, this.#burst / 2));
    if (this.#tokens + EPSILON < wanted) {
      this.#wait(wanted);
      return false;
    }
    if (this.#messages === undefined) this.#passBytes(Math.floor(this.#tokens + EPSILON));
    else this.#passMessage(this.#messages);
    return true;
  }

  #passBytes(most: number): void {
    if (this.#owner.singly) {
      const chunk = this.#bytes.shiftUpTo(most);
      this.#tokens -= chunk.length;
      this.#owner.pass(chunk);
      return;
    }
    const size = Math.min(most, this.#bytes.length);
    const parts: Uint8Array[] = [];
    for (let left = size; left > 0; left -= parts.at(-1)!.length) parts.push(this.#bytes.shiftUpTo(left));
    this.#tokens -= size;
    this.#owner.pass(parts.length === 1 ? parts[0]! : parts);
  }

  #passMessage(messages: Fifo<Message>): void {
    const { size, bytes } = messages.shift()!;
    this.#messageBytes -= size;
    this.#tokens -= size;
    this.#owner.pass(bytes);
  }

  #fill(): void {
    const now = this.#clock.monotonic();
    const elapsed = now - this.#filledAt;
    this.#filledAt = now;
    if (elapsed > 0) this.#tokens = Math.min(this.#burst, this.#tokens + elapsed * this.#rate);
  }

  #wait(wanted: number): void {
    if (this.#cancel !== undefined) return;
    const wait = Math.max(1, Math.ceil((wanted - this.#tokens) / this.#rate));
    this.#cancel = this.#clock.after(wait, () => {
      this.#cancel = undefined;
      this.pump();
    });
  }
}
