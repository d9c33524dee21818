/** One direction between two engines, without time: what left one end is on the way until the schedule delivers it. */
import { concat } from '../../../src/base/bytes.ts';
import { Fifo } from '../../../src/base/fifo.ts';

export class Pipe {
  readonly #messages: boolean;
  readonly #parts = new Fifo<Uint8Array>();
  #offset = 0; // delivered bytes of the first part
  /** Bytes on the way. */
  length = 0;

  constructor(messages: boolean) {
    this.#messages = messages;
  }

  push(parts: readonly Uint8Array[]): void {
    if (parts.length === 0) return;
    if (this.#messages) this.#keep(parts.length === 1 ? parts[0]! : concat(parts));
    else for (const part of parts) this.#keep(part);
  }

  #keep(part: Uint8Array): void {
    this.#parts.push(part);
    this.length += part.length;
  }

  /** What is on the way is lost. */
  clear(): void {
    this.#parts.clear();
    this.#offset = this.length = 0;
  }

  /** The next `size` bytes as one chunk, or the next message. Undefined when nothing is on the way. */
  take(size: number): Uint8Array | undefined {
    const first = this.#parts.at(0);
    if (first === undefined) return undefined;
    const wanted = this.#messages ? first.length : Math.max(1, Math.min(size, this.length));
    this.length -= wanted;
    const whole = first.length - this.#offset;
    if (wanted === whole) {
      const chunk = first.subarray(this.#offset);
      this.#parts.shift();
      this.#offset = 0;
      return chunk;
    }
    if (wanted < whole) {
      this.#offset += wanted;
      return first.subarray(this.#offset - wanted, this.#offset);
    }
    return this.#gather(wanted);
  }

  #gather(wanted: number): Uint8Array {
    const chunk = new Uint8Array(wanted);
    for (let at = 0; at < wanted; ) {
      const part = this.#parts.at(0)!;
      const size = Math.min(wanted - at, part.length - this.#offset);
      chunk.set(part.subarray(this.#offset, this.#offset + size), at);
      at += size;
      this.#offset += size;
      if (this.#offset < part.length) break;
      this.#parts.shift();
      this.#offset = 0;
    }
    return chunk;
  }
}
