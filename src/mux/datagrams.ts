/** Datagrams that wait for the link: a bounded number of bytes, and the oldest go first when there are more. */
import { Fifo } from '../base/fifo.ts';

export interface Datagram {
  /** The channel, or 0. */
  readonly id: number;
  readonly bytes: Uint8Array;
}

/** What one costs beside its bytes, so that empty ones do not pile up either. */
const COST = 64;

export class DatagramQueue {
  readonly #waiting = new Fifo<Datagram>();
  readonly #most: number;
  #size = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Returns how many had to go for it. */
  push(datagram: Datagram): number {
    this.#waiting.push(datagram);
    this.#size += datagram.bytes.length + COST;
    let dropped = 0;
    while (this.#size > this.#most && this.shift() !== undefined) dropped++;
    return dropped;
  }

  shift(): Datagram | undefined {
    const oldest = this.#waiting.shift();
    if (oldest !== undefined) this.#size -= oldest.bytes.length + COST;
    return oldest;
  }

  clear(): void {
    this.#waiting.clear();
    this.#size = 0;
  }
}
