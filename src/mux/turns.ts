/** Rings of those who wait for their turn. Entering, leaving and moving on cost the same however many wait. */
import type { MuxStream } from './stream.ts';

export class Turn {
  /** Undefined: the turn of all channels of a level that do not share. */
  readonly stream: MuxStream | undefined;
  /** Bytes that may still be sent in this turn; below zero: owed. */
  balance = 0;
  ring: TurnRing | undefined;
  before: Turn = this;
  after: Turn = this;

  constructor(stream: MuxStream | undefined) {
    this.stream = stream;
  }
}

export class TurnRing {
  head: Turn | undefined;

  /** Joins at the tail. */
  add(turn: Turn): void {
    turn.ring = this;
    const { head } = this;
    if (head === undefined) {
      this.head = turn;
      return;
    }
    turn.after = head;
    turn.before = head.before;
    head.before.after = turn;
    head.before = turn;
  }

  addFirst(turn: Turn): void {
    this.add(turn);
    this.head = turn;
  }

  remove(turn: Turn): void {
    if (turn.after === turn) this.head = undefined;
    else {
      turn.before.after = turn.after;
      turn.after.before = turn.before;
      if (this.head === turn) this.head = turn.after;
    }
    turn.before = turn.after = turn;
    turn.ring = undefined;
  }

  /** The head becomes the tail. */
  rotate(): void {
    this.head = this.head?.after;
  }
}
