/**
 * Whose turn it is.
 *
 * Urgency 0 comes first (RFC 9218). Inside a level channels take turns of so many bytes, whatever the sizes of their
 * frames: who sent more than its turn starts the next one in debt (surplus round robin). Channels that do not share have one
 * turn together, and the oldest of them takes it. A level that waits behind more urgent ones gets a sixteenth of their
 * bytes, so that bulk is slowed and never starved.
 *
 * A channel that cannot send leaves; coming back it joins at the tail with what it owes (moving a channel to the tail
 * without a send would starve it, tquic#113).
 */
import { LOWEST_URGENCY, type Priority } from './bodies.ts';
import { FLOOR_SHARE } from './limits.ts';
import type { MuxStream } from './stream.ts';
import { Turn, TurnRing } from './turns.ts';

/** What a frame costs beside its payload. */
const FRAME_COST = 8;

class Level {
  readonly turns = new TurnRing();
  readonly alone = new TurnRing();
  readonly together = new Turn(undefined);
  /** Share of the bytes that passed this level by; above zero: a frame is due. */
  passed = 0;
}

export class Scheduler {
  readonly #levels: readonly Level[] = Array.from({ length: LOWEST_URGENCY + 1 }, () => new Level());
  #size = 0;
  /** Levels where somebody waits, a bit each: mostly there is one. */
  #waiting = 0;
  #served = 0;

  get isEmpty(): boolean {
    return this.#size === 0;
  }

  /** At most one channel wants to send. */
  get isAlone(): boolean {
    return this.#size <= 1;
  }

  add(stream: MuxStream): void {
    const { turn } = stream;
    if (turn.ring !== undefined) return;
    this.#size++;
    this.#waiting |= 1 << stream.urgency;
    const { turns, alone, together } = this.#levels[stream.urgency]!;
    if (stream.sharing) turns.add(turn);
    else {
      const first = alone.head?.stream;
      if (first !== undefined && stream.id < first.id) alone.addFirst(turn);
      else alone.add(turn);
      if (together.ring === undefined) turns.add(together);
    }
  }

  remove(stream: MuxStream): void {
    const { turn } = stream;
    if (turn.ring === undefined) return;
    this.#size--;
    const { turns, alone, together } = this.#levels[stream.urgency]!;
    leave(turn);
    if (alone.head === undefined && together.ring === turns) leave(together);
    if (turns.head === undefined) this.#waiting &= ~(1 << stream.urgency);
  }

  /** From now on the channel is sent so. */
  change(stream: MuxStream, { urgency, sharing }: Priority): void {
    const waits = stream.turn.ring !== undefined;
    this.remove(stream);
    stream.urgency = urgency;
    stream.sharing = sharing;
    if (waits) this.add(stream);
  }

  /** The channel to take a frame of; it stays until `remove`. `quantum`: bytes of a turn, about a frame. */
  next(quantum: number): MuxStream | undefined {
    if (this.#size === 0) return undefined;
    this.#served = this.#isOneLevel ? 31 - Math.clz32(this.#waiting) : this.#choose();
    const { turns, alone } = this.#levels[this.#served]!;
    while (turns.head!.balance <= 0) {
      turns.head!.balance += quantum;
      if (turns.head!.balance <= 0) turns.rotate();
    }
    return turns.head!.stream ?? alone.head!.stream;
  }

  /** A frame of the channel that `next` named has left. */
  charge(payload: number): void {
    const bytes = payload + FRAME_COST;
    const level = this.#levels[this.#served]!;
    level.turns.head!.balance -= bytes;
    if (level.turns.head!.balance <= 0) level.turns.rotate();
    if (!this.#isOneLevel) this.#share(level, bytes);
  }

  get #isOneLevel(): boolean {
    return (this.#waiting & (this.#waiting - 1)) === 0;
  }

  /** Less urgent levels come closer to their share; who took it waits again. */
  #share(level: Level, bytes: number): void {
    const levels = this.#levels;
    for (let urgency = 0; urgency < this.#served; urgency++)
      if (levels[urgency]!.turns.head !== undefined) {
        level.passed -= bytes; // it went before more urgent ones
        break;
      }
    for (let urgency = this.#served + 1; urgency <= LOWEST_URGENCY; urgency++)
      if (levels[urgency]!.turns.head !== undefined) levels[urgency]!.passed += bytes / FLOOR_SHARE;
  }

  #choose(): number {
    let chosen = -1;
    for (let urgency = 0; urgency <= LOWEST_URGENCY; urgency++) {
      const { turns, passed } = this.#levels[urgency]!;
      if (turns.head === undefined) continue;
      if (chosen < 0) chosen = urgency;
      else if (passed > 0) return urgency;
    }
    return chosen;
  }
}

/** What was not used of a turn is lost, what is owed stays. */
function leave(turn: Turn): void {
  turn.ring!.remove(turn);
  turn.balance = Math.min(turn.balance, 0);
}
