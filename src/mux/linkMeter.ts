/**
 * What the link can carry, learned from ACKs: round-trip time, delivery rate, and from these how much may be in flight and
 * how large a frame may be. More in flight than the line holds is queue, and a queue in a buffer below us is latency for
 * everything behind it.
 *
 * The ideas are BBR's (draft-ietf-ccwg-bbr): rate = windowed max of what was delivered per time, round-trip time = windowed
 * min, in flight = their product. Below us a transport has its own congestion control; so what goes one way is not paced,
 * and what is added to the product is some milliseconds of the line, enough to stay busy until the next ACK.
 *
 *     startup    four times what was delivered in the last round, until the rate stops growing or a queue stands
 *     steady     rate × (least round trip + what others add to it) + a frame and 5 ms; more and more when no queue shows
 *                for some rounds
 *     probing    nine tenths of it, when the least round trip is 10 s old and all since stood in our own queue; at once, and
 *                then from the start, when whole rounds are so long that the way may be another one
 *
 * Where data goes both ways, an ACK waits in the peer's queue behind its data. It says when it was put there, so that this
 * wait is told from that in our queue (returnPath.ts), and little leaves at a time (pace.ts).
 *
 * Units: bytes, milliseconds, bytes per millisecond. Positions are those of the stream of frames.
 */
import { FIRST_IN_FLIGHT, MAX_IN_FLIGHT, MIN_FRAME } from './limits.ts';
import { Pace } from './pace.ts';
import { ReturnPath } from './returnPath.ts';
import { type SendRecord, SendRecords } from './sendRecords.ts';
import type { LinkStats } from './stats.ts';

/** Milliseconds of the link that a frame may take. */
const FRAME_TIME = 10;
/**
 * Milliseconds and bytes of the link that are kept in flight beyond the round trip. Between processes of one machine a
 * millisecond is a megabyte, and what waits longer there waits for a processor: more in flight would be queue.
 */
const SLACK_TIME = 5;
const MAX_SLACK = 131_072;
/** Every so many rounds it is so much more, because only who asks learns that there is more. */
const ASK_ROUNDS = 4;
const ASK_TIME = 3;
/** Milliseconds after which the least round trip must be seen again, and the share of it that is in flight to see it. */
const MIN_RTT_AGE = 10_000;
const PROBE = 0.9;
/**
 * How often unexplained waiting counts. Some of it is explained away by what is in flight because of it: counted once, the
 * cap of a jittery line would shrink for ever.
 */
const DETOUR = 4;
/** The cap rises, and falls to probe, by this share of what is confirmed. */
const STEP = 1 / 8;
/** So many rounds whose least round trip is so many times the least, and so many milliseconds more, are a reason to look. */
const LONGER = 1.5;
const LONGER_TIME = 20;
const LONGER_ROUNDS = 4;
/** A queue of more than this, and of a whole round trip, ends the startup at once. */
const LONG_QUEUE = 100;
/** Rounds that the highest rate counts; rounds without growth that end the startup, or without a queue that ask for more. */
const RATE_ROUNDS = 10;
const FLAT_ROUNDS = 3;

export class LinkMeter {
  /** It says when `hasRoom` becomes true by time alone, and is told of time before `hasRoom` and `onSent`. */
  readonly pace: Pace = new Pace();
  readonly #maxFrame: number;
  readonly #records: SendRecords;

  #rtt: number | undefined;
  #minRtt: number | undefined;
  #minAt = 0;
  #nextMin = Number.POSITIVE_INFINITY;
  #detour = 0;
  #rate = 0;
  readonly #rates: number[] = []; // best of each round, newest last

  #startup = true;
  #probing = false;
  #fullRate = 0;
  #flat = 0;
  /** The cap is below what it is to be, or on its way down to probe. */
  #rising = false;
  #rounds = 0;
  readonly #back = new ReturnPath();
  /** The peer has data in flight too. */
  #crossed = false;
  /** Bytes that have arrived, though their ACKs are still held up behind its data. */
  #unheard = 0;
  /** Share of the last round that was quiet frames: it fills the line and does not count as in flight. */
  #quietShare = 0;
  #roundStart = 0;
  #roundQuiet = 0;
  #roundEnd = 0;
  #roundRate = 0;
  #roundFull = false;
  #roundRtt = Number.POSITIVE_INFINITY;
  /** The same, though it left into an empty line. */
  #roundLeast = Number.POSITIVE_INFINITY;
  /** Rounds in which that was much more than the least round trip. */
  #longer = 0;
  /** There were enough of them: the probe is not to be smooth but soon. */
  #doubted = false;
  #cap = FIRST_IN_FLIGHT;
  #frame: number;

  /** For a link that carries our stream from `position` on. */
  constructor(maxFrame: number, position = 0) {
    this.#frame = this.#maxFrame = maxFrame;
    this.#records = new SendRecords(position);
    this.#roundStart = this.#roundEnd = position;
  }

  /** Smoothed round trip; undefined before the first ACK. */
  get rtt(): number | undefined {
    return this.#rtt;
  }

  /** The least of the last ten seconds or so. */
  get minRtt(): number | undefined {
    return this.#minRtt;
  }

  /** Bytes per millisecond, 0 before the first ACK. */
  get rate(): number {
    return this.#rate;
  }

  /** Bytes that left and were not acknowledged, quiet frames apart. */
  get inFlight(): number {
    return this.#records.inFlight;
  }

  /** DATA leaves while less than this is in flight. */
  get cap(): number {
    return this.#cap;
  }

  get unheard(): number {
    return this.#unheard;
  }

  get rising(): boolean {
    return this.#rising;
  }

  /** Most payload of a DATA frame. */
  get frameSize(): number {
    return this.#frame;
  }

  stats(): LinkStats {
    const { rtt, minRtt, inFlight } = this;
    const [deliveryRate, sendCap] = [Math.round(this.#rate * 1_000), Math.round(this.#cap)];
    return { rtt, minRtt, deliveryRate, inFlight, sendCap, frameSize: this.#frame };
  }

  /** True when DATA may leave behind `pending` bytes that are laid out. */
  hasRoom(pending: number): boolean {
    return this.inFlight - this.#unheard + pending < this.#cap && this.pace.hasRoom(pending);
  }

  /** `bytes` leave, `quiet` of them in frames that owe no ACK. `idle`: there was room for more, and nothing to send. */
  onSent(bytes: number, quiet: number, idle: boolean, now: number): void {
    this.#records.add(bytes, quiet, idle, now, this);
    this.pace.add(bytes);
  }

  /** The peer has everything up to `position` and waited `delay` before it said so, at its `clock` if it has data in flight. */
  onAcked(position: number, delay: number, now: number, clock?: number): void {
    const gained = position - this.#records.acked;
    const record = this.#records.confirm(position);
    if (this.inFlight <= 0) this.pace.clear();
    if (record === undefined) return;
    const told = now - Math.min(delay, now - record.time);
    const held = clock === undefined ? 0 : this.#back.waited(clock, now, told - record.time);
    this.#crossed = clock !== undefined;
    const arrivedAt = told - held;
    if (!record.silent) {
      this.#sampleRtt(record, position, Math.max(arrivedAt - record.time, 1e-3), now);
      this.#sampleRate(record, position, arrivedAt);
    }
    this.#records.arrived(record, arrivedAt);
    if (this.#minRtt === undefined) return;
    this.#unheard = Math.min(held * this.#rate, this.inFlight);
    if (position > this.#roundEnd) this.#endRound();
    this.#decide(gained);
  }

  #sampleRtt(record: SendRecord, position: number, rtt: number, now: number): void {
    this.#rtt = this.#rtt === undefined ? rtt : this.#rtt + (rtt - this.#rtt) / 8;
    const least = this.#minRtt;
    if (least === undefined || rtt <= least) this.#setMinRtt(rtt, now);
    const own = this.#bare(record, position, rtt);
    // What left into an empty line waited for nothing but itself.
    const bare = record.before <= 0 ? this.#minRtt! : own;
    this.#roundRtt = Math.min(this.#roundRtt, bare);
    this.#roundLeast = Math.min(this.#roundLeast, own);
    if (this.#startup) {
      if (this.#rate > 0 && rtt > 2 * this.#minRtt! + LONG_QUEUE) this.#startup = false;
      return;
    }
    if (record.steady) this.#sampleDetour(record.before + record.quietBefore, bare);
    if (record.before <= this.#probeCap) this.#nextMin = Math.min(this.#nextMin, own);
    if (now - this.#minAt < MIN_RTT_AGE) return;
    this.#probing = this.#nextMin === Number.POSITIVE_INFINITY;
    if (this.#probing) return;
    if (this.#doubted && this.#nextMin > LONGER * this.#minRtt!) this.#restart();
    this.#setMinRtt(this.#nextMin, now);
  }

  /** Waiting that our bytes in flight do not explain: a jittery line, or the queue of others in a shared buffer. */
  #sampleDetour(before: number, bare: number): void {
    const queue = Math.max(0, before / this.#rate - this.#minRtt!);
    const detour = Math.max(0, bare - this.#minRtt! - queue);
    // With data both ways much seems unexplained that is not: then it only falls.
    if (!this.#crossed || detour < this.#detour) this.#detour += (detour - this.#detour) / 16;
  }

  #setMinRtt(rtt: number, now: number): void {
    this.#minRtt = rtt;
    this.#minAt = now;
    this.#nextMin = Number.POSITIVE_INFINITY;
    this.#probing = this.#doubted = false;
  }

  /** Round trip without the time that the record's own bytes took, on a line whose rate we know. */
  #bare(record: SendRecord, position: number, rtt: number): number {
    if (this.#startup) return rtt;
    return Math.max(this.#minRtt!, rtt - (position - record.start) / this.#rate);
  }

  #sampleRate(record: SendRecord, position: number, arrivedAt: number): void {
    const time = Math.max(arrivedAt - record.arrivedAt, record.time - record.leftAt);
    if (time <= 0) return;
    const rate = (position - record.acked) / time;
    if (record.limited && rate < this.#rate) return;
    this.#roundFull ||= !record.limited;
    this.#roundRate = Math.max(this.#roundRate, rate);
    this.#rate = Math.max(this.#rate, rate);
  }

  /** Everything that was in flight when the round began is confirmed. */
  #endRound(): void {
    if (this.#roundRate > 0) {
      this.#rates.push(this.#roundRate);
      if (this.#rates.length > RATE_ROUNDS) this.#rates.shift();
      this.#rate = Math.max(...this.#rates);
    }
    const queue = this.#roundRtt - this.#minRtt! - this.#detour;
    if (this.#startup) this.#leaveStartup(queue);
    else {
      this.#watchRoute();
      const empty = queue < Math.min(SLACK_TIME, MAX_SLACK / this.#rate) / 2;
      const tells = !this.#rising || this.#flat >= FLAT_ROUNDS;
      this.#flat = empty && tells && this.#roundFull ? this.#flat + 1 : 0;
    }
    // While a queue drains, little but quiet frames leaves: their share is that of the line.
    const round = Math.max(this.#records.acked - this.#roundStart, this.#rate * this.#minRtt!);
    if (this.#roundFull) this.#quietShare = (this.#records.quietAcked - this.#roundQuiet) / round;
    this.#rounds++;
    this.#roundStart = this.#records.acked;
    this.#roundQuiet = this.#records.quietAcked;
    this.#roundEnd = this.#records.sent;
    this.#roundRate = 0;
    this.#roundFull = false;
    this.#roundRtt = this.#roundLeast = Number.POSITIVE_INFINITY;
  }

  /**
   * Nothing comes back in anything like the least round trip any more. Either the line got slower, and our own queue stands in it, or
   * the way got longer: then what is in flight is too little, and the rate that this leaves would make it less and less.
   * Which of the two, only a probe tells.
   */
  #watchRoute(): void {
    const least = this.#roundLeast;
    const isLonger = least > LONGER * this.#minRtt! + LONGER_TIME && least < Number.POSITIVE_INFINITY;
    // Data both ways makes others' frames wait, too: then the regular probe must do.
    this.#longer = isLonger && !this.#probing && !this.#crossed ? this.#longer + 1 : 0;
    if (this.#longer < LONGER_ROUNDS) return;
    this.#longer = 0;
    this.#doubted = true;
    this.#minAt = Number.NEGATIVE_INFINITY;
    this.#nextMin = Number.POSITIVE_INFINITY;
  }

  /** The way is another one: what it carries is measured from the start. */
  #restart(): void {
    this.#startup = true;
    this.#fullRate = this.#flat = this.#detour = 0;
  }

  #leaveStartup(queue: number): void {
    const stands = queue > Math.max(this.#minRtt! / 4, 4); // then the line is full, though the peer's credit may end first
    const swings = this.#crossed && this.#rtt! > 1.25 * this.#minRtt! + 4; // lumps leave a line empty now and then
    if (this.#rate === 0 || !(stands || swings || this.#roundFull)) return;
    if (this.#rate >= this.#fullRate * 1.25) {
      this.#fullRate = this.#rate;
      this.#flat = 0;
    } else this.#flat++;
    if (!stands && this.#flat < FLAT_ROUNDS) return;
    this.#startup = false;
    this.#flat = 0;
  }

  /** Milliseconds of the line that are asked for beyond what we know of it: more, the longer no queue comes of it. */
  get #asks(): number {
    const steps = this.#flat - FLAT_ROUNDS;
    if (steps < 0) return this.#rounds % ASK_ROUNDS === 0 ? ASK_TIME : 0;
    // What is asked in one round shows in the next.
    return Math.max(ASK_TIME, Math.min(ASK_TIME * 2 ** (steps >> 1), this.#minRtt! / 4));
  }

  get #probeCap(): number {
    return this.#rate * (this.#minRtt ?? 0) * PROBE;
  }

  /** Sets frame size and cap. Once measured the cap moves slowly: what fills a gap at once is a burst, and that a queue. */
  #decide(gained: number): void {
    const rate = this.#rate;
    const minRtt = this.#minRtt!;
    const detour = Math.min(DETOUR * this.#detour, Math.max(minRtt, MAX_SLACK / rate));
    const line = rate * (minRtt + detour) * (1 - this.#quietShare);
    let cap = Math.max(FIRST_IN_FLIGHT, 4 * line);
    let burst = Number.POSITIVE_INFINITY;
    if (!this.#startup) {
      this.#frame = Math.round(Math.max(MIN_FRAME, Math.min(rate * FRAME_TIME, this.#maxFrame)));
      // A frame that takes longer than it should is slack itself.
      const share = Math.min(1, (rate * FRAME_TIME) / this.#frame);
      burst = this.#frame + Math.min(rate * SLACK_TIME * share, MAX_SLACK);
      cap = line + this.#frame + Math.min(rate * (SLACK_TIME + this.#asks) * share, MAX_SLACK);
      const step = gained * STEP;
      this.#rising = this.#probing || cap > this.#cap + step;
      if (this.#probing)
        cap = Math.max(1, this.#probeCap, this.#doubted ? 0 : Math.min(cap, this.#cap) - step);
      else if (this.#rising) cap = this.#cap + step;
    }
    this.#cap = Math.min(cap, MAX_IN_FLIGHT);
    this.pace.limit(this.#crossed ? burst : Number.POSITIVE_INFINITY, rate);
  }
}
