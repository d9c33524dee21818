/** The questions a connection asks its driver: one that processing waits for, and any number beside it. */
import type { Fifo } from '../base/fifo.ts';
import type { Op, OpAnswer, TlsEvent } from './events.ts';

type Answered = (answer: OpAnswer | Error) => void;

export class Ops {
  readonly #events: Fifo<TlsEvent>;
  #last = 0;
  #awaited = 0;
  #beside: Map<number, Answered> | undefined;

  /** Questions go where the driver finds everything else. */
  constructor(events: Fifo<TlsEvent>) {
    this.#events = events;
  }

  ask(op: Op): void {
    this.#awaited = this.#push(op);
  }

  /** Nothing waits for the answer. */
  askBeside(op: Op, answered: Answered): void {
    this.#beside ??= new Map();
    this.#beside.set(this.#push(op), answered);
  }

  isAwaited(id: number): boolean {
    return id === this.#awaited;
  }

  /** What to do with the answer to a question that was asked beside; once. */
  takeBeside(id: number): Answered | undefined {
    const answered = this.#beside?.get(id);
    if (this.#beside?.delete(id) && this.#beside.size === 0) this.#beside = undefined;
    return answered;
  }

  #push(op: Op): number {
    const id = ++this.#last;
    this.#events.push({ type: 'op', id, op });
    return id;
  }
}
