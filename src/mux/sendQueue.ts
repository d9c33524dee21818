/**
 * What a channel still has to send, as the parts it came in: a frame holds whole parts where they fit, so that one TLS
 * record stays one DATA frame however many records one write brings.
 */
import { Fifo } from '../base/fifo.ts';
import type { FrameWriter } from './frameWriter.ts';

export class SendQueue {
  readonly #parts = new Fifo<Uint8Array>();
  #offset = 0; // bytes of the first part that are sent
  length = 0;

  push(bytes: Uint8Array | readonly Uint8Array[]): void {
    for (const part of bytes instanceof Uint8Array ? [bytes] : bytes) {
      if (part.length === 0) continue;
      this.#parts.push(part);
      this.length += part.length;
    }
  }

  /** Size of the next frame when it may hold `max`: whole parts, or as much of the first as fits. */
  nextSize(max: number): number {
    let size = 0;
    for (let i = 0; i < this.#parts.length; i++) {
      const wanted = size + this.#parts.at(i)!.length - (i === 0 ? this.#offset : 0);
      if (wanted > max) return size === 0 ? max : size;
      size = wanted;
    }
    return size;
  }

  /** Moves `count` bytes into a frame. */
  move(count: number, frame: FrameWriter): void {
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
    this.#offset = 0;
    this.length = 0;
    return dropped;
  }
}
