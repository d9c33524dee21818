/** What the ends of a `MuxSim` do with their channels. No byte is stored: they are counted and checked on the way. */
import type { MuxEvent } from '../../src/mux/index.ts';
import { unreadOf } from './account.ts';
import type { MuxSim, SimApp, SimEnd } from './muxSim.ts';
import { stripe, stripeMismatch } from './stripe.ts';

const WRITE = 16_384;

/** One direction of a channel at its writer. */
interface Job {
  left: number;
  written: number;
  readonly seed: number;
}

/**
 * Accepts everything, reads everything at once, and writes what it was told with `send`. Writes stop at `writable` as an
 * application should.
 */
export class Traffic implements SimApp {
  /** Bytes read, by channel. */
  readonly read: Map<number, number> = new Map();
  readonly ended: Set<number> = new Set();
  readonly gone: Set<number> = new Set();
  readonly pongs: { readonly seq: number; readonly rtt: number; readonly at: number }[] = [];
  total = 0;
  error: Error | undefined;
  closed = false;
  /** Index of the first wrong byte of any channel. */
  wrongAt = -1;
  /** The reader's pattern of a channel; undefined: its bytes are not looked at. */
  seedOf: ((id: number) => number | undefined) | undefined;
  /** False: channels that this says no to are left unread. */
  reads: (id: number) => boolean = () => true;
  /** Accepts incoming channels; undefined: they wait. */
  onIncoming: ((id: number, name: string, end: SimEnd) => void) | undefined = (id, _, end) =>
    end.mux.accept(id);
  onData: ((id: number, bytes: number, end: SimEnd) => void) | undefined;
  readonly #jobs = new Map<number, Job>();

  event(event: MuxEvent, end: SimEnd): void {
    switch (event.type) {
      case 'incoming':
        this.onIncoming?.(event.id, event.name, end);
        break;
      case 'readable':
        if (this.reads(event.id)) this.readAll(event.id, end);
        break;
      case 'writable':
        this.#write(event.id, end);
        break;
      case 'end':
        this.ended.add(event.id);
        break;
      case 'gone':
        this.gone.add(event.id);
        end.mux.release(event.id);
        break;
      case 'pong':
        this.pongs.push({ seq: event.seq, rtt: event.rtt, at: end.now });
        break;
      case 'closed':
        this.closed = true;
        this.error = event.error;
        break;
    }
  }

  readAll(id: number, end: SimEnd): void {
    for (let bytes = end.mux.read(id); bytes !== undefined; bytes = end.mux.read(id))
      this.#took(id, bytes, end);
  }

  #took(id: number, bytes: Uint8Array, end: SimEnd): void {
    const before = this.read.get(id) ?? 0;
    const seed = this.seedOf?.(id);
    if (seed !== undefined && this.wrongAt < 0) this.wrongAt = stripeMismatch(seed, before, bytes);
    this.read.set(id, before + bytes.length);
    this.total += bytes.length;
    this.onData?.(id, bytes.length, end);
  }

  /** Sends so many bytes of the pattern, then FIN. Infinity: for ever. */
  send(id: number, length: number, end: SimEnd, seed = 0): void {
    this.#jobs.set(id, { left: length, written: 0, seed });
    this.#write(id, end);
  }

  #write(id: number, end: SimEnd): void {
    const job = this.#jobs.get(id);
    if (job === undefined) return;
    let room = true;
    while (room && job.left > 0) {
      const size = Math.min(job.left, WRITE);
      room = end.mux.write(id, stripe(job.seed, job.written, size));
      job.written += size;
      job.left -= size;
    }
    if (job.left > 0) return;
    this.#jobs.delete(id);
    end.mux.finish(id);
  }
}

/** Two ends that read everything. */
export function traffic(): { readonly a: Traffic; readonly b: Traffic } {
  return { a: new Traffic(), b: new Traffic() };
}

/** Sends back whatever comes, and no faster than it is taken. */
export class Echo extends Traffic {
  readonly #owed = new Map<number, number>();
  readonly #sent = new Map<number, number>();
  readonly #blocked = new Set<number>();

  constructor() {
    super();
    this.reads = (id) => !this.#blocked.has(id);
    this.onData = (id, bytes) => this.#owed.set(id, (this.#owed.get(id) ?? 0) + bytes);
  }

  override event(event: MuxEvent, end: SimEnd): void {
    if (event.type === 'writable') {
      this.#blocked.delete(event.id);
      this.readAll(event.id, end);
    } else super.event(event, end);
    if ('id' in event) this.#back(event.id, end);
  }

  #back(id: number, end: SimEnd): void {
    const owed = this.#owed.get(id) ?? 0;
    if (owed > 0) {
      const sent = this.#sent.get(id) ?? 0;
      this.#owed.set(id, 0);
      this.#sent.set(id, sent + owed);
      if (!end.mux.write(id, stripe(this.seedOf?.(id) ?? 0, sent, owed))) this.#blocked.add(id);
    }
    if (this.ended.has(id) && unreadOf(end.mux, id) === 0) end.mux.finish(id);
  }
}

/** Runs until both tables are empty or time is up; true when they are. */
export function runToEmpty(sim: MuxSim, until: number): boolean {
  return sim.run(until, () => sim.a.mux.stats().channels + sim.b.mux.stats().channels === 0);
}
