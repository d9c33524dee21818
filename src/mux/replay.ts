/**
 * What was sent and is not acknowledged, by position: parts as they went out, so that a new link gets the same bytes again.
 *
 *     start ─────────── acknowledged from here back, held from here on
 *       └─ position ─── where the link is: equal to `end` but for a replay under way
 *            └─ end ─── where the next frame will stand
 *
 * Parts are kept by reference: whoever gets one after us (the link) reads it and nothing else. Memory: the bytes held, and
 * what their parts pin: one slab of 16 KiB at either end, and up to `PINS` bytes for one of a large chunk that was
 * relayed; smaller shares of a chunk are copied. Small neighbours are one part.
 */
import { Fifo } from '../base/fifo.ts';
import { SLAB } from './frameWriter.ts';

/** A part that is a smaller share of its memory than one in so many is copied. */
const PINS = 16;

export class Replay {
  readonly #parts = new Fifo<Uint8Array>();
  /** Bytes of the first part that are acknowledged. */
  #offset = 0;
  #start = 0;
  #end = 0;
  /** Where the replay is; `#at` is the part's index, `#skip` what of it is sent. Behind the last part: none is under way. */
  #at = 0;
  #skip = 0;
  #position = 0;

  /** Position of the oldest byte held. */
  get start(): number {
    return this.#start;
  }

  /** Position behind the last byte that ever left. */
  get end(): number {
    return this.#end;
  }

  /** Position of the next byte for this link. */
  get position(): number {
    return this.#position;
  }

  /** Bytes that are not acknowledged. */
  get length(): number {
    return this.#end - this.#start;
  }

  get isReplaying(): boolean {
    return this.#position < this.#end;
  }

  /** Keeps what leaves now. Not while a replay is under way: its bytes come first. */
  push(parts: readonly Uint8Array[]): void {
    for (const part of parts) {
      if (part.length === 0) continue;
      this.#keep(part);
      this.#end += part.length;
    }
    this.#position = this.#end;
    this.#at = this.#parts.length;
    this.#skip = 0;
  }

  #keep(part: Uint8Array): void {
    const last = this.#parts.last;
    const { buffer, byteOffset, length } = part;
    if (last?.buffer === buffer && last.byteOffset + last.length === byteOffset)
      this.#parts.replaceLast(new Uint8Array(buffer, last.byteOffset, last.length + length));
    else {
      const pins = buffer.byteLength > SLAB && length * PINS < buffer.byteLength;
      this.#parts.push(pins ? part.slice() : part);
    }
  }

  /** The other end has everything below `position`. False when that was not sent. */
  trim(position: number): boolean {
    if (position > this.#position) return false;
    if (position <= this.#start) return true;
    this.#offset += position - this.#start;
    this.#start = position;
    for (let first = this.#parts.at(0); first !== undefined && first.length <= this.#offset; ) {
      this.#offset -= first.length;
      this.#parts.shift();
      if (this.#at > 0) this.#at--;
      first = this.#parts.at(0);
    }
    return true;
  }

  /** A new link, whose other end has everything below `position`. False, and nothing changes, when the rest is not held. */
  rewind(position: number): boolean {
    if (position < this.#start || position > this.#end) return false;
    this.#position = this.#end; // it may have come on a link that we know nothing of
    this.trim(position);
    this.#position = position;
    this.#at = 0;
    this.#skip = this.#offset;
    return true;
  }

  /** The next parts of the replay, at most `max` bytes; empty when there is none. */
  take(max: number): Uint8Array[] {
    const parts: Uint8Array[] = [];
    for (let left = max; left > 0 && this.isReplaying; ) {
      const part = this.#parts.at(this.#at)!;
      const size = Math.min(left, part.length - this.#skip);
      parts.push(size === part.length ? part : part.subarray(this.#skip, this.#skip + size));
      left -= size;
      this.#position += size;
      this.#skip += size;
      if (this.#skip < part.length) break;
      this.#at++;
      this.#skip = 0;
    }
    return parts;
  }

  /** Lets everything go: the session is over. */
  clear(): void {
    this.#parts.clear();
    this.#start = this.#position = this.#end;
    this.#offset = this.#at = this.#skip = 0;
  }
}
