/**
 * Drives a `MuxSession` over its carrier: events are handed on as soon as bytes have come, what is owed is sent once per
 * microtask, as long as the link takes it, so that a frame is picked when it can leave and not before; and one timer wakes
 * the engine at its deadline.
 */
import type { Clock } from '../base/clock.ts';
import type { MuxEvent, MuxSession } from '../mux/index.ts';
import type { Carrier } from './carrier.ts';
import { EVENTS_PER_LOOK, HANDLING_TIME } from './limits.ts';

/** Handed to the link at once: small enough to pick the next frames late, large enough for one `writev`. */
const SLICE = 65_536;

/** Who has asked to be called back from a fresh stack. */
export interface Pump {
  pump(): void;
}

export class MuxDriver {
  readonly #mux: MuxSession;
  readonly #carrier: Carrier;
  readonly #clock: Clock;
  readonly #handle: (event: MuxEvent) => void;
  #pulling = false;
  #turnScheduled = false;
  #pumps: Pump[] = [];
  #timerAt = Number.POSITIVE_INFINITY;
  #cancelTimer: () => void = () => {};

  constructor(mux: MuxSession, carrier: Carrier, clock: Clock, handle: (event: MuxEvent) => void) {
    this.#mux = mux;
    this.#carrier = carrier;
    this.#clock = clock;
    this.#handle = handle;
  }

  /** Bytes from the link. */
  feed(chunk: Uint8Array): void {
    this.#mux.feed(chunk, this.#clock.monotonic());
    this.pull();
    this.flushSoon();
  }

  /**
   * Hands on all events that there are. Where that takes long, what is owed meanwhile leaves: the other end works on it
   * while we work on the rest.
   */
  pull(): void {
    if (this.#pulling) return; // a handler below us got here again: the loop goes on when it returns
    this.#pulling = true;
    let look = EVENTS_PER_LOOK;
    let until = this.#clock.monotonic() + HANDLING_TIME;
    for (let event = this.#mux.next(); event !== undefined; event = this.#mux.next()) {
      this.#handle(event);
      if (--look > 0) continue;
      look = EVENTS_PER_LOOK;
      if (this.#clock.monotonic() < until) continue;
      this.#send();
      until = this.#clock.monotonic() + HANDLING_TIME;
    }
    this.#pulling = false;
  }

  /** Changes the engine from outside: what it had to tell comes before, and what comes of the change after it. */
  step(change: (now: number) => void): void {
    this.pull();
    change(this.#clock.monotonic());
    this.pull();
    this.flushSoon();
  }

  /** Sends what is owed, and hands on the events of that, soon. */
  flushSoon(): void {
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    queueMicrotask(this.#turn);
  }

  pumpSoon(pump: Pump): void {
    this.#pumps.push(pump);
    this.flushSoon();
  }

  /** One microtask for all channels: each costs more than what a short channel does in it. */
  readonly #turn = (): void => {
    this.#turnScheduled = false;
    if (this.#pumps.length > 0) {
      const pumps = this.#pumps;
      this.#pumps = [];
      for (const pump of pumps) pump.pump();
    }
    this.#send();
    this.pull();
    this.arm();
    if (this.#mux.isDrained) this.#carrier.sayGoodbye(this.#mux.isOver);
  };

  #send(): void {
    while (this.#carrier.hasRoom && this.sendOnce());
  }

  /** False when nothing is owed. */
  sendOnce(): boolean {
    const parts = this.#mux.takeOutput(SLICE, this.#clock.monotonic());
    if (parts.length === 0) return false;
    this.#carrier.send(parts);
    return true;
  }

  /** One timer, set again when it fires or when the deadline came nearer: most chunks move it away. */
  arm(): void {
    const deadline = this.#mux.deadline();
    if (deadline === undefined || deadline >= this.#timerAt) return;
    this.disarm();
    this.#timerAt = deadline;
    const wait = Math.max(1, deadline - this.#clock.monotonic());
    this.#cancelTimer = this.#clock.after(wait, () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.step((now) => this.#mux.tick(now));
      this.arm();
    });
  }

  disarm(): void {
    this.#cancelTimer();
  }
}
