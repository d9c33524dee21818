import { concat } from '../../src/base/bytes.ts';
import type { Q2qError } from '../../src/base/errors.ts';
import type { Link, LinkHandler } from '../../src/transport/index.ts';

/** A handler that writes down everything, in order, and lets tests wait for it. */
export class Recorder implements LinkHandler {
  readonly link: Link;
  readonly events: string[] = [];
  chunks: Uint8Array[] = [];
  received = 0;
  drains = 0;
  ended = false;
  closes: (Q2qError | undefined)[] = [];
  onData: (chunk: Uint8Array) => void = () => {};
  onEnd: () => void = () => {};
  #waiting: { when: () => boolean; done: () => void }[] = [];

  constructor(link: Link) {
    this.link = link;
  }

  static start(link: Link): Recorder {
    const recorder = new Recorder(link);
    link.start(recorder);
    return recorder;
  }

  data(chunk: Uint8Array): void {
    if (this.ended || this.closes.length > 0) this.events.push('late data');
    this.events.push('data');
    this.chunks.push(chunk);
    this.received += chunk.length;
    this.onData(chunk);
    this.#check();
  }

  drain(): void {
    this.drains++;
    this.#check();
  }

  end(): void {
    this.events.push('end');
    this.ended = true;
    this.onEnd();
    this.#check();
  }

  closed(error: Q2qError | undefined): void {
    this.events.push('closed');
    this.closes.push(error);
    this.#check();
  }

  get bytes(): Uint8Array {
    return concat(this.chunks);
  }

  get text(): string {
    return new TextDecoder().decode(this.bytes);
  }

  get isClosed(): boolean {
    return this.closes.length > 0;
  }

  async until(what: string, when: () => boolean, timeout = 5000): Promise<void> {
    if (when()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${what}: not within ${timeout} ms; saw ${this.events.slice(-5)}`)),
        timeout,
      );
      this.#waiting.push({
        when,
        done: () => {
          clearTimeout(timer);
          resolve();
        },
      });
    });
  }

  #check(): void {
    for (const each of [...this.#waiting]) {
      if (!each.when()) continue;
      this.#waiting = this.#waiting.filter((other) => other !== each);
      each.done();
    }
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Bytes whose order can be checked: a counter in every 4 bytes. */
export function numbered(length: number, from = 0): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let i = 0; i < words.length; i++) words[i] = from / 4 + i;
  return new Uint8Array(words.buffer, 0, length);
}

/** Index of the first byte that differs from `numbered`, or -1. */
export function firstWrong(bytes: Uint8Array): number {
  const wanted = numbered(bytes.length);
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== wanted[i]) return i;
  return -1;
}
