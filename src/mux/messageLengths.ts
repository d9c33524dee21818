/**
 * How long the messages are that wait in a channel: a byte or two each, and next to nothing for any number of empty ones,
 * so that a flood of tiny messages costs no more than twice the credit it used.
 */
import { EMPTY } from '../base/bytes.ts';
import { readVarint, varintLength, varintSize, writeVarint } from '../base/varint.ts';

const SMALLEST = 32;

export class MessageLengths {
  /** Varints of lengths; a 0 is followed by the number of empty messages in a row. */
  #bytes: Uint8Array = EMPTY;
  #from = 0;
  #to = 0;
  #emptyFirst = 0;
  #emptyLast = 0;
  /** Messages that wait. */
  count = 0;

  push(length: number): void {
    this.count++;
    if (length === 0) {
      this.#emptyLast++;
      return;
    }
    if (this.#emptyLast > 0) {
      this.#append(0);
      this.#append(this.#emptyLast);
      this.#emptyLast = 0;
    }
    this.#append(length);
  }

  /** Length of the oldest message; undefined when none waits. */
  shift(): number | undefined {
    if (this.count === 0) return undefined;
    this.count--;
    if (this.#emptyFirst > 0) {
      this.#emptyFirst--;
      return 0;
    }
    if (this.#from === this.#to) {
      this.#emptyLast--;
      return 0;
    }
    const length = this.#next();
    if (length === 0) this.#emptyFirst = this.#next() - 1;
    return length;
  }

  clear(): void {
    this.#bytes = EMPTY;
    this.#from = this.#to = this.#emptyFirst = this.#emptyLast = this.count = 0;
  }

  #next(): number {
    const value = readVarint(this.#bytes, this.#from);
    this.#from += varintSize(this.#bytes[this.#from]!);
    if (this.#from === this.#to) this.#from = this.#to = 0;
    return value;
  }

  #append(value: number): void {
    const size = varintLength(value);
    if (this.#to + size > this.#bytes.length) this.#grow(size);
    this.#to = writeVarint(value, this.#bytes, this.#to);
  }

  #grow(size: number): void {
    const waiting = this.#bytes.subarray(this.#from, this.#to);
    this.#bytes = new Uint8Array(Math.max(SMALLEST, 2 * (waiting.length + size)));
    this.#bytes.set(waiting);
    this.#to = waiting.length;
    this.#from = 0;
  }
}
