/**
 * Whose turn it is: urgency 0 first (RFC 9218), round robin of one frame each inside a level, and every 16th frame for
 * each level below, so that bulk is slowed by urgent traffic and never starved. A channel that cannot send leaves the
 * ring; coming back it joins at the tail (moving a channel to the tail without a send would starve it, tquic#113).
 */
import { Fifo } from '../base/fifo.ts';
import { LOWEST_URGENCY } from './bodies.ts';
import { FLOOR_SHARE } from './limits.ts';
import type { MuxStream } from './stream.ts';

export class Scheduler {
  readonly #levels: Fifo<MuxStream>[] = Array.from({ length: LOWEST_URGENCY + 1 }, () => new Fifo());
  /** Frames that a waiting level has been passed over. */
  readonly #passed: number[] = new Array(LOWEST_URGENCY + 1).fill(0);
  #size = 0;

  get isEmpty(): boolean {
    return this.#size === 0;
  }

  add(stream: MuxStream): void {
    if (stream.scheduled) return;
    stream.scheduled = true;
    this.#levels[stream.urgency]!.push(stream);
    this.#size++;
  }

  /** Takes the next channel out. It may have lost its wish to send meanwhile; `add` it again after its frame. */
  next(): MuxStream | undefined {
    if (this.#size === 0) return undefined;
    const level = this.#choose();
    const stream = this.#levels[level]!.shift()!;
    stream.scheduled = false;
    this.#size--;
    return stream;
  }

  #choose(): number {
    let chosen = -1;
    for (let level = 0; level <= LOWEST_URGENCY; level++) {
      if (this.#levels[level]!.length === 0) continue;
      if (chosen < 0) chosen = level;
      else if (++this.#passed[level]! >= FLOOR_SHARE) {
        chosen = level;
        break;
      }
    }
    this.#passed[chosen] = 0;
    return chosen;
  }
}
