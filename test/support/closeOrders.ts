/** Channels that are opened and closed in every order, between two engines that record nothing. */
import { concat } from '../../src/base/bytes.ts';
import { type MuxLimits, MuxSession } from '../../src/mux/index.ts';
import { mirror } from './muxPair.ts';

/** How one direction ends: by its sender's FIN or RESET, or by its receiver's STOP. */
export const ENDINGS = ['finish', 'reset', 'stop'] as const;
type Ending = (typeof ENDINGS)[number];

/** Which direction ends first: the opener's, the other's, or both before either end knows. */
export const TURNS = ['ours', 'theirs', 'crossing'] as const;

/** What became of the channel before: taken, taken while data is under way, left waiting, or refused. */
export const BEGINNINGS = ['accepted', 'early', 'waiting', 'refused'] as const;

export interface Order {
  readonly beginning: (typeof BEGINNINGS)[number];
  readonly ours: Ending;
  readonly theirs: Ending;
  readonly turn: (typeof TURNS)[number];
}

export const ORDERS: readonly Order[] = BEGINNINGS.flatMap((beginning) =>
  ENDINGS.flatMap((ours) =>
    ENDINGS.flatMap((theirs) => TURNS.map((turn) => ({ beginning, ours, theirs, turn }))),
  ),
);

class End {
  readonly mux: MuxSession;
  readonly incoming: number[] = [];
  gone = 0;
  error: Error | undefined;

  constructor(first: number, limits: Partial<MuxLimits>) {
    this.mux = new MuxSession({ messages: false, nonce: new Uint8Array(8).fill(first), limits, now: 0 });
  }

  pull(): void {
    for (let event = this.mux.next(); event !== undefined; event = this.mux.next()) {
      if (event.type === 'incoming') this.incoming.push(event.id);
      else if (event.type === 'readable') while (this.mux.read(event.id) !== undefined);
      else if (event.type === 'gone' || event.type === 'refused') {
        this.gone++;
        this.mux.release(event.id);
      } else if (event.type === 'closed') this.error = event.error;
    }
  }
}

export class Cycler {
  readonly a: End;
  readonly b: End;
  #now = 0;

  constructor() {
    const limits = { idleTimeout: 0 };
    this.a = new End(1, limits);
    this.b = new End(2, limits);
    this.settle();
  }

  /** Opens and closes one channel in each order, all at once; `odd`: the other end opens them. */
  round(orders: readonly Order[], odd: boolean): void {
    const [from, to] = odd ? [this.b, this.a] : [this.a, this.b];
    const ids = orders.map(({ beginning }) => {
      const id = from.mux.open('x');
      if (beginning === 'early') from.mux.write(id, BYTES);
      return id;
    });
    this.settle();
    to.incoming.length = 0;
    for (const [i, { beginning }] of orders.entries()) this.#begin(beginning, ids[i]!, from, to);
    this.settle();
    for (const [i, order] of orders.entries()) this.#end(order, ids[i]!, from, to);
    this.settle();
    for (const [i, { turn, ours, theirs, beginning }] of orders.entries()) {
      const id = ids[i]!;
      if (beginning === 'refused') continue;
      if (turn === 'ours') endThat(theirs, to.mux, mirror(id), from.mux, id);
      else if (turn === 'theirs') endThat(ours, from.mux, id, to.mux, mirror(id));
    }
    this.settle();
    // Whoever never took a channel whose opener has gone gives it up.
    for (const [i, { beginning }] of orders.entries())
      if (beginning === 'waiting') to.mux.refuse(mirror(ids[i]!));
    this.settle();
  }

  #begin(beginning: Order['beginning'], id: number, from: End, to: End): void {
    if (beginning === 'refused') to.mux.refuse(mirror(id));
    if (beginning === 'accepted' || beginning === 'early') {
      to.mux.accept(mirror(id));
      from.mux.write(id, BYTES);
      to.mux.write(mirror(id), BYTES);
    }
  }

  #end({ beginning, ours, theirs, turn }: Order, id: number, from: End, to: End): void {
    if (beginning === 'refused') return;
    if (turn !== 'theirs') endThat(ours, from.mux, id, to.mux, mirror(id));
    if (turn !== 'ours') endThat(theirs, to.mux, mirror(id), from.mux, id);
  }

  settle(): void {
    for (let turn = 0; turn < 1_000; turn++) {
      this.#now += 5_000; // patience with resets is per second
      if (this.#move(this.a, this.b) + this.#move(this.b, this.a) === 0) return;
      if (this.a.error ?? this.b.error) throw this.a.error ?? this.b.error;
    }
    throw new Error('the two never fall silent');
  }

  #move(from: End, to: End): number {
    const bytes = concat(from.mux.takeOutput(1 << 20, this.#now));
    from.pull();
    if (bytes.length > 0) to.mux.feed(bytes, this.#now);
    to.pull();
    return bytes.length;
  }
}

const BYTES = new Uint8Array(100);

function endThat(how: Ending, sender: MuxSession, id: number, receiver: MuxSession, theirId: number): void {
  if (how === 'finish') sender.finish(id);
  else if (how === 'reset') sender.reset(id);
  else receiver.stop(theirId, 256);
}
