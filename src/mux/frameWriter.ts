/**
 * Lays frames out as a list of parts. Headers, control bodies and small payloads are copied into a slab; large payloads
 * pass as they are. No part is written to after it was taken: slabs are carved once, from front to back.
 */
import { EMPTY } from '../base/bytes.ts';
import { writeVarint } from '../base/varint.ts';
import { NOLEN } from './frame.ts';
import { COPY_BELOW } from './limits.ts';

/** Bytes of memory that many small parts share. */
export const SLAB = 16_384;
/** type + channel + length in their longest forms */
const MAX_HEADER = 9;

export class FrameWriter {
  #slab: Uint8Array = EMPTY;
  #from = 0; // start of the part under construction
  #at = 0;
  #parts: Uint8Array[] = [];
  /** Bytes laid out since the last `take`. */
  size = 0;

  /** `length` undefined: the frame is the last of its message and says NOLEN. */
  header(type: number, channel: number, length: number | undefined): void {
    this.#room(MAX_HEADER);
    const start = this.#at;
    const slab = this.#slab;
    slab[start] = length === undefined ? type | NOLEN : type;
    let at = writeVarint(channel, slab, start + 1);
    if (length !== undefined) at = writeVarint(length, slab, at);
    this.#at = at;
    this.size += at - start;
  }

  payload(bytes: Uint8Array): void {
    const length = bytes.length;
    if (length < COPY_BELOW) {
      this.#room(length);
      this.#slab.set(bytes, this.#at);
      this.#at += length;
    } else {
      this.#cut();
      this.#parts.push(bytes);
    }
    this.size += length;
  }

  control(kind: number, channel: number, body: Uint8Array): void {
    this.header(kind, channel, body.length);
    this.payload(body);
  }

  take(): Uint8Array[] {
    this.#cut();
    const parts = this.#parts;
    if (parts.length > 0) this.#parts = [];
    this.size = 0;
    return parts;
  }

  #room(bytes: number): void {
    if (this.#slab.length - this.#at >= bytes) return;
    this.#cut();
    this.#slab = new Uint8Array(SLAB);
    this.#from = this.#at = 0;
  }

  #cut(): void {
    if (this.#at === this.#from) return;
    this.#parts.push(this.#slab.subarray(this.#from, this.#at));
    this.#from = this.#at;
  }
}
