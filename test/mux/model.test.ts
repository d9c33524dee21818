/**
 * The model: two engines, any number of channels, any schedule of calls, bytes cut anywhere. After every schedule all
 * that was written is there in order, no end came early, the credit account is even and the tables are empty.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MuxPair, mirror } from '../support/muxPair.ts';
import { mismatch, pattern, SeededRandom } from '../support/random.ts';

interface Half {
  readonly seed: number;
  written: number;
  finished: boolean;
  abandoned: boolean; // reset by the writer or stopped by the reader
  stopped: boolean; // the reader threw away what waited
}

interface Modelled {
  /** The id at its opener. */
  readonly id: number;
  readonly opener: 'a' | 'b';
  readonly halves: { readonly a: Half; readonly b: Half }; // by writer
}

type Command =
  | { readonly do: 'open'; readonly end: 'a' | 'b'; readonly size: number }
  | { readonly do: 'write'; readonly pick: number; readonly end: 'a' | 'b'; readonly size: number }
  | { readonly do: 'finish' | 'reset' | 'stop'; readonly pick: number; readonly end: 'a' | 'b' }
  | { readonly do: 'move'; readonly end: 'a' | 'b'; readonly max: number }
  | { readonly do: 'read'; readonly pick: number; readonly end: 'a' | 'b'; readonly size: number }
  | { readonly do: 'settle' };

const end = fc.constantFrom('a' as const, 'b' as const);
const pick = fc.nat(20);
const size = fc.oneof(fc.nat(50), fc.nat(3_000), fc.nat(40_000));
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant('open' as const), end, size }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('write' as const), pick, end, size }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('finish' as const, 'finish', 'reset', 'stop'), pick, end }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('move' as const), end, max: fc.nat(20_000) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('read' as const), pick, end, size }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('settle' as const) }) },
);

class Model {
  readonly pair: MuxPair;
  readonly channels: Modelled[] = [];

  constructor(messages: boolean, seed: number) {
    const random = new SeededRandom(seed);
    const limits = { initialCredit: 5_000, maxFrame: 1_024, maxChannels: 6, resetRate: 1e9 };
    this.pair = new MuxPair({
      ...{ messages, a: limits, b: { ...limits, initialCredit: 3_000 } },
      chunk: (n) => random.int(1, Math.min(n, random.next() < 0.2 ? 3 : 5_000)),
      odd: seed % 2 === 0 ? 'a' : 'b',
    });
    this.pair.a.consumes = this.pair.b.consumes = false;
  }

  idAt(channel: Modelled, name: 'a' | 'b'): number {
    return channel.opener === name ? channel.id : mirror(channel.id);
  }

  run(step: Command): void {
    if (step.do === 'settle') this.pair.settle();
    else if (step.do === 'move') this.pair.move(this.pair[step.end], step.max);
    else if (step.do === 'open') this.#open(step.end, step.size);
    else if (this.channels.length > 0)
      this.#onChannel(step, this.channels[step.pick % this.channels.length]!);
    this.#check();
  }

  #open(name: 'a' | 'b', size: number): void {
    const seed = this.channels.length * 2;
    const half = (offset: number): Half => ({
      seed: seed + offset,
      written: 0,
      finished: false,
      abandoned: false,
      stopped: false,
    });
    const channel: Modelled = {
      id: this.pair[name].mux.open(`channel ${seed}`),
      opener: name,
      halves: { a: half(0), b: half(1) },
    };
    this.channels.push(channel);
    this.#write(channel, name, size);
  }

  #onChannel(step: Extract<Command, { pick: number }>, channel: Modelled): void {
    const { mux } = this.pair[step.end];
    const id = this.idAt(channel, step.end);
    const half = channel.halves[step.end];
    if (step.do === 'write') this.#write(channel, step.end, step.size);
    else if (step.do === 'read') this.pair[step.end].read(id, step.size);
    else if (mux.account(id) === undefined) return;
    else if (step.do === 'finish') {
      mux.finish(id);
      half.finished = true;
    } else if (step.do === 'reset') {
      mux.reset(id, 300);
      half.abandoned = true;
    } else {
      mux.stop(id, 301);
      const other = channel.halves[step.end === 'a' ? 'b' : 'a'];
      other.abandoned = other.stopped = true;
    }
  }

  #write(channel: Modelled, name: 'a' | 'b', size: number): void {
    const half = channel.halves[name];
    const { mux } = this.pair[name];
    const id = this.idAt(channel, name);
    if (half.finished || half.abandoned || mux.account(id) === undefined) return;
    const before = mux.account(id)!.queued;
    const bytes = pattern(half.seed, half.written, size);
    const [one, two] = [Math.floor(size / 3), Math.floor(size / 2)];
    mux.write(id, size % 2 === 0 ? bytes : [bytes.slice(0, one), bytes.slice(one, two), bytes.slice(two)]);
    const taken = (mux.account(id)?.queued ?? before) - before;
    expect([0, size]).toContain(taken);
    half.written += taken;
  }

  /** What must hold after every step. */
  #check(): void {
    for (const name of ['a', 'b'] as const) {
      const here = this.pair[name];
      expect(here.error).toBeUndefined();
      for (const channel of this.channels) {
        const id = this.idAt(channel, name);
        const incoming = channel.halves[name === 'a' ? 'b' : 'a'];
        expect(here.arrived(id)).toBeLessThanOrEqual(incoming.written);
        const account = here.mux.account(id);
        if (account === undefined) continue;
        expect(account.received).toBeLessThanOrEqual(account.granted);
        expect(account.sent).toBeLessThanOrEqual(account.sendLimit);
        expect(account.granted - account.consumed).toBeLessThanOrEqual(here.mux.limits.initialCredit);
      }
    }
  }

  /** Lets every reader read, closes everything, and looks at what is left. */
  finish(): void {
    for (let round = 0; round < 200; round++) {
      for (const name of ['a', 'b'] as const)
        for (const channel of this.channels) {
          const id = this.idAt(channel, name);
          this.pair[name].mux.finish(id);
          this.pair[name].read(id);
          if (this.pair[name].of('gone').some((event) => event.id === id)) this.pair[name].mux.release(id);
        }
      this.pair.settle();
      if (this.pair.a.mux.stats().channels + this.pair.b.mux.stats().channels === 0) break;
    }
    this.#check();
    for (const name of ['a', 'b'] as const) this.#checkEnd(name);
  }

  #checkEnd(name: 'a' | 'b'): void {
    const here = this.pair[name];
    expect(here.mux.stats().channels).toBe(0);
    for (const channel of this.channels) {
      const id = this.idAt(channel, name);
      const half = channel.halves[name === 'a' ? 'b' : 'a'];
      const got = here.received(id);
      expect(mismatch(half.seed, 0, got)).toBe(-1);
      const ends = here.of('end').filter((event) => event.id === id).length;
      if (!half.abandoned) expect([got.length, ends]).toEqual([half.written, 1]);
      else expect(ends === 0 || half.stopped || got.length === half.written).toBe(true);
      const last = here.events.filter((event) => 'id' in event && event.id === id).at(-1);
      expect(last?.type ?? 'gone').toBe('gone');
    }
  }
}

describe('the model', () => {
  it('holds for every schedule', () => {
    fc.assert(
      fc.property(
        fc.array(command, { minLength: 5, maxLength: 60 }),
        fc.boolean(),
        fc.nat(),
        (script, messages, seed) => {
          const model = new Model(messages, seed);
          for (const step of script) model.run(step);
          model.finish();
        },
      ),
      { numRuns: Number(process.env['Q2Q_MODEL_RUNS'] ?? 400) },
    );
  }, 600_000);
});
