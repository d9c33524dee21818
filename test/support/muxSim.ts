/**
 * Two engines joined by simulated wires: virtual time, no promises and no timers of the host, so that hours of a slow link
 * take milliseconds and every run is the same. What the ends do with their channels is said by a `SimApp` each.
 */
import { type MuxEvent, type MuxLimits, MuxSession, type MuxSessionInit } from '../../src/mux/index.ts';
import { type Event, EventHeap } from './eventHeap.ts';
import { SimWire, type WireOptions } from './simWire.ts';

/** What an end's application does about an event. It may call the engine; output leaves afterwards. */
export interface SimApp {
  event(event: MuxEvent, end: SimEnd): void;
}

/** Most bytes of one output, as the driver in src/peer takes them. */
const SLICE = 65_536;

export class SimEnd {
  readonly mux: MuxSession;
  app: SimApp;
  /** The wire to the other end; undefined: the link is lost. */
  wire: SimWire | undefined;
  deadline: number = Number.POSITIVE_INFINITY;
  now = 0;

  constructor(mux: MuxSession, app: SimApp) {
    this.mux = mux;
    this.app = app;
  }

  feed(bytes: Uint8Array, now: number): void {
    this.now = now;
    this.mux.feed(bytes, now);
    this.work();
  }

  tick(now: number): void {
    this.now = now;
    this.mux.tick(now);
    this.work();
  }

  /** Pulls events, then gives the wire what it takes. */
  work(): void {
    const { mux, app } = this;
    for (let event = mux.next(); event !== undefined; event = mux.next()) app.event(event, this);
    this.#pump();
    this.deadline = mux.deadline() ?? Number.POSITIVE_INFINITY;
  }

  #pump(): void {
    const { mux, app, now } = this;
    while (this.wire?.hasRoom(now)) {
      const parts = mux.takeOutput(SLICE, now);
      if (parts.length === 0) return;
      this.wire.send(parts, now);
      for (let event = mux.next(); event !== undefined; event = mux.next()) app.event(event, this);
    }
  }
}

export interface MuxSimOptions extends WireOptions {
  /** The wire from b to a where it differs. */
  readonly back?: WireOptions;
  readonly a?: Partial<MuxLimits>;
  readonly b?: Partial<MuxLimits>;
  readonly apps: { readonly a: SimApp; readonly b: SimApp };
  /** Which end draws the larger nonce, and so opens odd ids. */
  readonly odd?: 'a' | 'b';
  /** Sessions that may outlive their link have one. */
  readonly hmac?: MuxSessionInit['hmac'];
}

interface Appointment extends Event {
  readonly run: () => void;
}

export class MuxSim {
  readonly a: SimEnd;
  readonly b: SimEnd;
  now = 0;
  /** Steps without time passing before we say that it never will. */
  livelock = 1_000_000;
  /** Steps so far. */
  steps = 0;
  /** What happens when `cutAfter` of a wire came true: the link is lost for both ends. Default: the sessions end. */
  onCut: () => void = () => this.lose();
  /** Wires a → b and b → a. */
  wires!: readonly [SimWire, SimWire];
  readonly #messages: boolean;
  readonly #timers = new EventHeap<Appointment>();
  #still = 0; // steps since time last passed

  constructor(options: MuxSimOptions) {
    const messages = (this.#messages = options.messages ?? false);
    const resume = options.hmac && { hmac: options.hmac };
    const nonce = (high: boolean): Uint8Array => new Uint8Array(8).fill(high ? 2 : 1);
    const mux = (high: boolean, limits: Partial<MuxLimits> = {}): MuxSession =>
      new MuxSession({ messages, nonce: nonce(high), limits, now: 0, ...resume });
    this.a = new SimEnd(mux(options.odd !== 'b', options.a), options.apps.a);
    this.b = new SimEnd(mux(options.odd === 'b', options.b), options.apps.b);
    this.connect(options, options.back);
  }

  /** Lays new wires between the ends and lets both speak. */
  connect(options: WireOptions, back: WireOptions = {}): void {
    const { a, b } = this;
    const messages = this.#messages;
    const wire = (from: SimEnd, to: SimEnd, how: WireOptions): SimWire =>
      new SimWire(how, {
        arrive: (bytes, now) => to.feed(bytes, now),
        drain: (now) => {
          from.now = now;
          from.work();
        },
        cut: () => this.onCut(),
      });
    this.wires = [wire(a, b, { ...options, messages }), wire(b, a, { ...options, ...back, messages })];
    [a.wire, b.wire] = this.wires;
    a.now = b.now = this.now;
    a.work();
    b.work();
  }

  /** Nothing on the way arrives any more, and both ends stop sending. */
  disconnect(): void {
    for (const wire of this.wires) wire.clear();
    this.a.wire = this.b.wire = undefined;
  }

  /** The link ends, and both ends hear it. */
  lose(): void {
    this.disconnect();
    for (const end of [this.a, this.b]) {
      end.mux.endOfInput();
      end.work();
    }
  }

  /** Lets both ends send what the test has just asked of them. */
  flush(): void {
    for (const end of [this.a, this.b]) {
      end.now = this.now;
      end.work();
    }
  }

  /** Calls `run` after so many ms; both ends may send afterwards. */
  after(delay: number, run: () => void): void {
    this.#timers.add({ at: this.now + delay, run });
  }

  /** When something happens next. */
  next(): number {
    const { a, b, wires } = this;
    const timer = this.#timers.first?.at ?? Number.POSITIVE_INFINITY;
    return Math.min(wires[0].next, wires[1].next, a.deadline, b.deadline, timer);
  }

  /** Lets the next thing happen; false when nothing will, or nothing until then. */
  step(until: number = Number.POSITIVE_INFINITY): boolean {
    const next = this.next();
    if (next > until || next === Number.POSITIVE_INFINITY) return false;
    this.steps++;
    if (next > this.now) {
      this.now = next;
      this.#still = 0;
    } else if (++this.#still > this.livelock)
      throw new Error(`${this.livelock} steps and time stands at ${this.now} ms`);
    const { a, b, wires, now } = this;
    if (wires[0].next <= now) wires[0].fire(now);
    else if (wires[1].next <= now) wires[1].fire(now);
    else if (a.deadline <= now) a.tick(now);
    else if (b.deadline <= now) b.tick(now);
    else {
      this.#timers.take()!.run();
      this.flush();
    }
    return true;
  }

  /** Lets time pass until then, or until `done` says so; true when it did. */
  run(until: number, done?: () => boolean): boolean {
    while (!done?.()) {
      if (this.step(until)) continue;
      this.now = Math.max(this.now, until === Number.POSITIVE_INFINITY ? this.now : until);
      return done?.() ?? true;
    }
    return true;
  }
}
