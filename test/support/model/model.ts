/**
 * The model: two engines, any number of channels, any schedule of calls, bytes cut anywhere. After every step the
 * invariants hold; whenever nothing moves nothing is stuck; at the end everything has arrived and the tables are empty.
 */
import {
  MuxError,
  type MuxEvent,
  type MuxLimits,
  MuxSession,
  RESUME_SECRET_LENGTH,
} from '../../../src/mux/index.ts';
import { accountOf, unreadOf } from '../account.ts';
import { SeededRandom } from '../random.ts';
import { stripe, stripeMismatch } from '../stripe.ts';
import { Channel, ensure } from './channel.ts';
import { type Command, decodeCommand } from './commands.ts';
import { Pipe } from './pipe.ts';

type EndIndex = 0 | 1;

/** Both take messages of this size. */
const MAX_MESSAGE = 3_000;
/** Windows of both ends, apart (W5); small, so that a short schedule meets every edge. */
const LIMITS: readonly Partial<MuxLimits>[] = [
  {
    initialCredit: 5_000,
    maxFrame: 1_024,
    maxChannels: 6,
    maxMessage: MAX_MESSAGE,
    sendHighWater: 4_000,
    receiveBudget: 70_000,
    resetRate: 1e9,
  },
  {
    initialCredit: 3_000,
    maxFrame: 700,
    maxChannels: 6,
    maxMessage: MAX_MESSAGE,
    sendHighWater: 8_000,
    receiveBudget: 50_000,
    resetRate: 1e9,
  },
];
/** Bytes of the pattern that datagrams are made of. */
const DATAGRAMS = 9;
/** Rounds of moving everything after which both ends should have fallen silent. */
const ROUNDS = 2_000;
/** Deadlines within so many ms are waited for before we call it silence: delayed ACKs, not keepalives. */
const PATIENCE = 1_000;

export class Model {
  readonly #ends: readonly [MuxSession, MuxSession];
  readonly #pipes: readonly [Pipe, Pipe]; // by sender
  readonly #channels: Channel[] = [];
  readonly #byId: readonly [Map<number, Channel>, Map<number, Channel>] = [new Map(), new Map()];
  readonly #random: SeededRandom;
  readonly #draining: [boolean, boolean] = [false, false];
  readonly #opened: [number, number] = [0, 0];
  readonly #messages: boolean;
  readonly #finishing: [boolean, boolean] = [false, false];
  readonly #engine: (nonce: number, limits?: Partial<MuxLimits>) => MuxSession;
  #now = 0;
  /** A goodbye was said and nothing was left to lose when the link was: the session did not outlive it. */
  #over = false;

  /** `seed` decides about the link: messages, who opens odd ids, whether it can be replaced, how chunks are cut. */
  constructor(seed: number) {
    const messages = (this.#messages = (seed & 1) === 1);
    const swapped = (seed & 2) === 2;
    const resumes = (seed & 4) === 4;
    this.#random = new SeededRandom(seed);
    this.#engine = (nonce, limits = {}) =>
      new MuxSession({
        ...{ messages, nonce: new Uint8Array(8).fill(nonce), limits, now: this.#now },
        ...(resumes ? { hmac: mix } : {}),
      });
    this.#ends = [this.#engine(swapped ? 1 : 2, LIMITS[0]), this.#engine(swapped ? 2 : 1, LIMITS[1])];
    if (resumes) for (const mux of this.#ends) mux.resumption!.arm(new Uint8Array(RESUME_SECRET_LENGTH));
    this.#pipes = [new Pipe(messages), new Pipe(messages)];
  }

  run(words: readonly number[]): void {
    for (const word of words) if (!this.#over) this.step(decodeCommand(word));
    this.finish();
  }

  step(command: Command): void {
    const { what, end, size } = command;
    switch (what) {
      case 'open':
        this.#open(command);
        break;
      case 'output':
        this.#output(end, size);
        break;
      case 'deliver':
        this.#deliver(end, size);
        break;
      case 'settle':
        this.#settle();
        break;
      case 'ping':
        this.#ends[end].ping(this.#now);
        break;
      case 'advance':
        this.#advance(this.#now + (size % 500)); // too short for an end to be missed
        break;
      case 'goaway':
        this.#goaway(end, command);
        break;
      case 'cut':
        this.#cut(command.pick);
        break;
      default:
        this.#onChannel(command);
    }
    this.#check();
  }

  // What the application does.

  #open({ end, pick, size }: Command): void {
    const mux = this.#ends[end];
    if (this.#draining[0] || this.#draining[1]) return;
    const messages = (pick & 3) === 0;
    const id = mux.open(`channel ${this.#channels.length}`, undefined, {
      mode: messages ? 'messages' : 'bytes',
    });
    const other = id - 1; // ids are relative: even = opened here, odd = opened there
    const channel = new Channel(
      end === 0 ? [id, other] : [other, id],
      end,
      this.#channels.length * 2,
      messages,
    );
    this.#channels.push(channel);
    this.#byId[0].set(channel.ids[0], channel);
    this.#byId[1].set(channel.ids[1], channel);
    this.#write(channel, end, size);
  }

  #onChannel({ what, end, pick, size }: Command): void {
    const { length } = this.#channels;
    if (length === 0) return;
    // The newest eight: older ones are mostly over.
    const channel = this.#channels[Math.max(0, length - 8) + (pick % Math.min(8, length))]!;
    const mux = this.#ends[end];
    const id = channel.ids[end];
    const [mine, theirs] = [channel.from[end], channel.from[1 - end]!];
    switch (what) {
      case 'write':
        this.#write(channel, end, size);
        break;
      case 'read':
        this.#read(channel, end, size);
        break;
      case 'pause':
        theirs.paused = !theirs.paused;
        if (!theirs.paused) this.#read(channel, end, Number.POSITIVE_INFINITY);
        break;
      case 'accept':
        if (channel.offered && end !== channel.opener) this.#accept(channel, end);
        break;
      case 'refuse':
        if (end !== channel.opener && mux.refuse(id, 300)) channel.abandon();
        break;
      case 'prioritize':
        mux.prioritize(id, { urgency: size % 8, sharing: size % 3 > 0 });
        break;
      case 'datagram':
        mux.sendDatagram(size % 4 === 0 ? 0 : id, stripe(DATAGRAMS, 0, size % 1_000));
        break;
      default:
        if (mux.channel(id) === undefined) return;
        if (what === 'finish') {
          mux.finish(id);
          mine.finished = true;
        } else if (what === 'reset') {
          mux.reset(id, 301);
          if (end === channel.opener || channel.accepted) mine.abandoned = true;
          else channel.abandon(); // before `accept` it refuses
        } else {
          mux.stop(id, 302);
          theirs.abandoned = theirs.over = true;
        }
    }
  }

  #accept(channel: Channel, end: EndIndex): void {
    this.#ends[end].accept(channel.ids[end]);
    channel.accepted = true;
  }

  #write(channel: Channel, end: EndIndex, amount: number): void {
    const direction = channel.from[end];
    const mux = this.#ends[end];
    const size = direction.messages === undefined ? amount : Math.min(amount, MAX_MESSAGE);
    const id = channel.ids[end];
    if (direction.finished || mux.channel(id) === undefined) return;
    const before = mux.queued(id);
    const whole = stripe(direction.seed, direction.written, size);
    const third = Math.floor(size / 3);
    const room = mux.write(id, size % 2 === 0 ? whole : [whole.subarray(0, third), whole.subarray(third)]);
    const taken = mux.queued(id) - before;
    ensure(taken === size || (taken === 0 && direction.abandoned), 'a write was taken in part', taken, size);
    direction.written += taken;
    if (size > 0 ? taken > 0 : room || mux.queued(id) > 0) direction.messages?.push(size);
    ensure(room || mux.queued(id) === 0 || mux.queued(id) >= mux.limits.sendHighWater, 'stop with room left');
    ensure(!room || mux.queued(id) < mux.limits.sendHighWater, 'queued beyond the high-water mark');
    if (!room) direction.blocked = true;
  }

  /** Takes pieces until at least `atLeast` bytes are read. */
  #read(channel: Channel, end: EndIndex, atLeast: number): void {
    const direction = channel.from[1 - end]!;
    let taken = 0;
    while (taken < atLeast) {
      const bytes = this.#ends[end].read(channel.ids[end]);
      if (bytes === undefined) return;
      direction.take(bytes);
      taken += bytes.length;
    }
  }

  #goaway(end: EndIndex, { size }: Command): void {
    if (size % 8 !== 0) return;
    this.#ends[end].goaway(0, 'bye');
    this.#draining[end] = true;
  }

  // What the link does.

  #output(end: EndIndex, max: number): void {
    this.#pipes[end].push(this.#ends[end].takeOutput(max, this.#now));
    this.#pull(end);
  }

  /** Delivers so many bytes, or one message, to the end. */
  #deliver(end: EndIndex, size: number): void {
    const chunk = this.#pipes[1 - end]!.take(size);
    if (chunk === undefined) return;
    this.#ends[end].feed(chunk, this.#now);
    this.#pull(end);
  }

  /**
   * The link is lost with all that is on the way; a makes another, b is asked to go on over it. Either may not have heard
   * of the loss: then a moves to a better link, and b is left for one.
   */
  #cut(unheard: number): void {
    const [a, b] = this.#ends;
    if (a.resumption === undefined) return;
    if (a.settings === undefined || b.settings === undefined) return;
    for (const pipe of this.#pipes) pipe.clear();
    const lost = new MuxError('ERR_MUX_LINK_CLOSED', 'cut');
    if ((unheard & 1) === 0) a.linkLost(lost, this.#now);
    if ((unheard & 2) === 0) b.linkLost(lost, this.#now);
    this.#pull(0);
    this.#pull(1);
    this.#over = a.isOver || b.isOver;
    if (this.#over) return;
    const fresh = this.#engine(3); // who answers does not know yet which session is meant
    this.#pipes[1].push(fresh.takeOutput(65_536, this.#now));
    a.resumption.ask(this.#messages, this.#now);
    for (const part of a.takeOutput(65_536, this.#now)) fresh.feed(part, this.#now);
    for (let event = fresh.next(); event !== undefined; event = fresh.next()) {
      if (event.type !== 'resume') continue;
      ensure(b.acceptResume(event.request, this.#now), 'the new link was refused');
      for (const chunk of fresh.handOver()) b.feed(chunk, this.#now);
      this.#pull(1);
      return;
    }
    ensure(false, 'nobody asked for the session');
  }

  #advance(to: number): void {
    this.#now = to;
    for (const end of [0, 1] as const) {
      const deadline = this.#ends[end].deadline();
      if (deadline === undefined || deadline > to) continue;
      this.#ends[end].tick(to);
      this.#pull(end);
    }
  }

  /** Moves everything until both ends are silent, and looks whether anybody is stuck. */
  #settle(): void {
    for (let round = 0; round < ROUNDS; round++) {
      if (this.#moveAll(0) + this.#moveAll(1) > 0) continue;
      const next = Math.min(this.#deadline(0), this.#deadline(1));
      if (next > this.#now + PATIENCE) {
        this.#checkSilence();
        return;
      }
      this.#advance(Math.max(next, this.#now));
    }
    ensure(false, 'the ends never fall silent');
  }

  #deadline(end: EndIndex): number {
    return this.#ends[end].deadline() ?? Number.POSITIVE_INFINITY;
  }

  #moveAll(from: EndIndex): number {
    this.#output(from, 65_536);
    let moved = 0;
    for (const pipe = this.#pipes[from]; pipe.length > 0; ) {
      const left = pipe.length;
      const size = this.#random.next() < 0.02 ? this.#random.int(1, 3) : this.#random.int(1, 20_000);
      this.#deliver(from === 0 ? 1 : 0, size);
      moved += left - pipe.length;
    }
    return moved;
  }

  // What the engines say.

  #pull(end: EndIndex): void {
    const mux = this.#ends[end];
    for (let event = mux.next(); event !== undefined; event = mux.next()) this.#event(end, event);
  }

  #event(end: EndIndex, event: MuxEvent): void {
    if (!('id' in event)) {
      if (event.type === 'closed') {
        ensure(event.error?.message === 'cut', 'a session ended by itself', event.error?.message);
        ensure(this.#draining[0] || this.#draining[1], 'a session ended with its link');
      }
      if (event.type === 'goaway') ensure(this.#draining[1 - end]!, 'a goodbye nobody said');
      return;
    }
    if (event.type === 'datagram') {
      ensure(stripeMismatch(DATAGRAMS, 0, event.bytes) < 0, 'a datagram nobody sent');
      return;
    }
    const channel = this.#byId[end].get(event.id);
    ensure(channel !== undefined, 'an event for a channel nobody opened', event.type, event.id);
    ensure(!channel!.gone[end], 'an event after the last one', event.type, event.id);
    this.#channelEvent(end, event, channel!);
  }

  #channelEvent(end: EndIndex, event: MuxEvent & { readonly id: number }, channel: Channel): void {
    const [mine, theirs] = [channel.from[end], channel.from[1 - end]!];
    switch (event.type) {
      case 'incoming':
        ensure(channel.opener !== end && !channel.offered, 'offered by the wrong end, or twice');
        channel.offered = true;
        this.#opened[end]++;
        if (this.#finishing[end]) this.#accept(channel, end);
        break;
      case 'readable':
        ensure(!theirs.ended, 'bytes after the end');
        if (!theirs.paused || this.#finishing[end]) this.#read(channel, end, Number.POSITIVE_INFINITY);
        break;
      case 'end':
        ensure(!theirs.ended && theirs.finished, 'an end nobody asked for, or twice');
        theirs.ended = theirs.over = true;
        ensure(
          theirs.read + unreadOf(this.#ends[end], event.id) === theirs.written,
          'an end before all bytes',
          theirs.read,
          theirs.written,
        );
        break;
      case 'writable':
        ensure(mine.blocked, 'room for a writer who did not wait');
        mine.blocked = false;
        break;
      case 'reset':
        ensure(theirs.abandoned, 'a reset nobody sent');
        theirs.over = true;
        break;
      case 'stopped':
        ensure(mine.abandoned, 'a stop nobody sent');
        break;
      case 'refused':
        ensure(channel.from[0].abandoned || this.#draining[1 - end]!, 'a refusal nobody sent');
        channel.abandon();
        channel.refused = channel.gone[end] = true;
        break;
      case 'gone':
        channel.gone[end] = true;
        this.#ends[end].release(event.id);
        break;
    }
  }

  // What must hold.

  #check(): void {
    for (const end of [0, 1] as const) {
      const mux = this.#ends[end];
      for (let i = Math.max(0, this.#channels.length - 8); i < this.#channels.length; i++)
        if (!this.#channels[i]!.gone[end]) this.#channels[i]!.check(end, mux);
    }
  }

  /** All that may come and wait, over all channels; what the application itself opens beyond the budget is its own. */
  #checkBudget(end: EndIndex): void {
    const mux = this.#ends[end];
    const { receiveBudget, initialCredit } = mux.limits;
    let granted = 0;
    let most = receiveBudget;
    for (const channel of this.#channels) {
      const account = accountOf(mux, channel.ids[end]);
      if (account === undefined) continue;
      granted += (channel.from[1 - end]!.over ? account.received : account.granted) - account.consumed;
      if (channel.opener === end) most += initialCredit;
    }
    ensure(granted <= most, 'more is granted than the budget holds', granted, most);
  }

  /** Nothing moves: then every byte that waits does so for want of credit, and its reader is the one who does not read. */
  #checkSilence(): void {
    for (const end of [0, 1] as const) this.#checkBudget(end);
    for (const channel of this.#channels)
      for (const end of [0, 1] as const) {
        const account = accountOf(this.#ends[end], channel.ids[end]);
        if (account === undefined || account.queued === 0) continue;
        // Our OPEN waits for a place, or theirs for our answer. Whether places come back is seen at the end.
        if (channel.opener === end ? !channel.offered : !channel.accepted) continue;
        const reader = end === 0 ? 1 : 0;
        const unread = unreadOf(this.#ends[reader], channel.ids[reader]);
        ensure(
          account.sent === account.sendLimit,
          'silence with credit left',
          account.sent,
          account.sendLimit,
        );
        ensure(
          account.blockedAt === account.sent,
          'silence, and no BLOCKED',
          account.blockedAt,
          account.sent,
        );
        ensure(unread > 0, 'silence, and the reader has read all', account.sent, account.queued);
      }
  }

  /** Lets every reader read, ends everything, and looks at what is left. */
  finish(): void {
    this.#finishing[0] = this.#finishing[1] = true;
    if (this.#over) this.#readRest();
    for (let round = 0; round < 200 && !this.#over; round++) {
      for (const channel of this.#channels) this.#wrapUp(channel);
      this.#settle();
      this.#check();
      if (this.#ends.every((mux) => mux.stats().channels === 0)) break;
    }
    for (const end of [0, 1] as const) {
      const { channels, incoming, blockedSent } = this.#ends[end].stats();
      ensure(channels === 0 && incoming === 0, 'tables are not empty', channels, incoming);
      const { grants, blockedReceived } = this.#ends[1 - end]!.stats();
      const limits = grants + 2 * this.#channels.length; // the first, ACCEPT's, and those of CREDIT
      ensure(blockedSent <= limits, 'more BLOCKED than limits', blockedSent, limits);
      ensure(blockedReceived <= blockedSent, 'a BLOCKED nobody sent', blockedReceived, blockedSent);
    }
    for (const channel of this.#channels) {
      // Who sent all and reads nothing is done before it can hear that the other end was leaving.
      if (!channel.offered && this.#draining[1 - channel.opener]!) channel.abandon();
      for (const direction of channel.from) direction.checkDone();
    }
  }

  /** What came before the session ended is there to be read, and there is all of it. */
  #readRest(): void {
    for (const channel of this.#channels)
      for (const end of [0, 1] as const) if (!channel.gone[end]) this.#read(channel, end, Infinity);
    this.#pull(0);
    this.#pull(1);
  }

  #wrapUp(channel: Channel): void {
    for (const end of [0, 1] as const) {
      if (channel.gone[end]) continue;
      const mux = this.#ends[end];
      const id = channel.ids[end];
      if (mux.channel(id) === undefined) continue;
      if (end !== channel.opener) this.#accept(channel, end);
      this.#read(channel, end, Number.POSITIVE_INFINITY);
      if (mux.channel(id) === undefined) continue;
      mux.finish(id);
      channel.from[end].finished = true;
    }
  }
}

/** In place of an HMAC: each bit of the input counts, and it is fast. */
function mix(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  let state = 0x811c9dc5;
  for (const part of [key, ...parts]) for (const byte of part) state = Math.imul(state ^ byte, 0x01000193);
  const out = new Uint8Array(32);
  for (let i = 0; i < out.length; i++) out[i] = (state = Math.imul(state ^ i, 0x01000193)) >>> 24;
  return out;
}
