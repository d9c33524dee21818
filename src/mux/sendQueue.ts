/**
 * What a channel still has to send, as the parts it came in: a frame holds whole parts where they fit, so that one TLS
 * record stays one DATA frame however many records one write brings. On a channel of messages no frame holds parts of two.
 *
 * Parts that a frame would copy anyway are copied when they come, if others wait already: many small writes are then few
 * parts, and one that comes alone is copied only once.
 */
import { Fifo } from '../base/fifo.ts';
import type { FrameWriter } from './frameWriter.ts';
import { Gatherer } from './gatherer.ts';
import { COPY_BELOW } from './limits.ts';

export class SendQueue {
  readonly #parts = new Fifo<Uint8Array>();
  #tail: Gatherer | undefined; // small parts behind those
  #offset = 0; // bytes of the first part that are sent
  length = 0;
  /** Lengths of the messages; undefined on a channel of bytes. */
  #messages: Fifo<number> | undefined;
  largestMessage = 0;
  #moved = 0; // bytes of the first message that are sent

  get isEmpty(): boolean {
    return this.length === 0 && !this.#messages?.length;
  }

  /** One array or the parts of one message. */
  pushMessage(bytes: Uint8Array | readonly Uint8Array[]): void {
    const before = this.length;
    this.push(bytes);
    this.#messages ??= new Fifo();
    const size = this.length - before;
    this.#messages.push(size);
    this.largestMessage = Math.max(this.largestMessage, size);
  }

  push(bytes: Uint8Array | readonly Uint8Array[]): void {
    if (bytes instanceof Uint8Array) this.#pushPart(bytes);
    else for (const part of bytes) this.#pushPart(part);
  }

  #pushPart(part: Uint8Array): void {
    if (part.length === 0) return;
    if (part.length < COPY_BELOW && this.length > 0) this.#gather(part);
    else {
      this.#endTail();
      this.#parts.push(part);
    }
    this.length += part.length;
  }

  #gather(part: Uint8Array): void {
    const full = this.#tail;
    if (full?.add(part)) return;
    this.#endTail();
    this.#tail = new Gatherer(full);
    this.#tail.add(part);
  }

  #endTail(): void {
    if (this.#tail === undefined) return;
    this.#parts.push(this.#tail.take());
    this.#tail = undefined;
  }

  /** Size of the next frame when it may hold `max`: whole parts, or as much of the first as fits. */
  nextSize(most: number): number {
    const max = this.#messages?.length ? Math.min(most, this.#messages.at(0)! - this.#moved) : most;
    this.#endTail();
    let size = 0;
    for (let i = 0; i < this.#parts.length; i++) {
      const wanted = size + this.#parts.at(i)!.length - (i === 0 ? this.#offset : 0);
      if (wanted > max) return size === 0 ? max : size;
      size = wanted;
    }
    return size;
  }

  /** True when a frame of `count` bytes ends a message. */
  endsMessage(count: number): boolean {
    return this.#messages !== undefined && this.#messages.at(0) === this.#moved + count;
  }

  /** True when nothing is left behind a frame of `count` bytes. */
  isLast(count: number): boolean {
    return count === this.length && (this.#messages?.length ?? 0) <= 1;
  }

  /** True when the next frame is an empty message, which needs no credit. */
  get startsEmpty(): boolean {
    return this.#messages?.at(0) === 0;
  }

  /** Moves `count` bytes into a frame. */
  move(count: number, frame: FrameWriter): void {
    if (this.endsMessage(count)) {
      this.#messages!.shift();
      this.#moved = 0;
    } else this.#moved += count;
    this.length -= count;
    let left = count;
    while (left > 0) {
      const part = this.#parts.at(0)!;
      const size = Math.min(part.length - this.#offset, left);
      frame.payload(size === part.length ? part : part.subarray(this.#offset, this.#offset + size));
      left -= size;
      this.#offset += size;
      if (this.#offset < part.length) break;
      this.#parts.shift();
      this.#offset = 0;
    }
  }

  /** Drops everything; returns how many bytes that were. */
  clear(): number {
    const dropped = this.length;
    this.#parts.clear();
    this.#tail = undefined;
    this.#messages?.clear();
    this.#offset = this.#moved = this.length = 0;
    return dropped;
  }
}
