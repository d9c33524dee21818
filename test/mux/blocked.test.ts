import { describe, expect, it } from 'vitest';
import { concat } from '../../src/base/bytes.ts';
import { ReceiveBudget } from '../../src/mux/budget.ts';
import { FrameParser } from '../../src/mux/codec.ts';
import { Kind } from '../../src/mux/frame.ts';
import { ReceiveCredit } from '../../src/mux/window.ts';
import { MuxPair, mirror } from '../support/muxPair.ts';
import { control, frame, open, preface, Victim, varint } from '../support/muxPeer.ts';

const WINDOW = 65_536;

/** The frames on channels that the engine sends now. */
function said(victim: Victim): [kind: number, body: Uint8Array][] {
  const parser = new FrameParser(false, 1 << 20);
  parser.push(concat([preface(), victim.output()]));
  const seen: [number, Uint8Array][] = [];
  for (let step = parser.next(); step !== 'more'; step = parser.next())
    if (step === 'frame' && parser.channel > 0) seen.push([parser.kind, parser.bytes]);
  return seen;
}

const blocked = (limit: number): Uint8Array => frame(Kind.blocked, 1, varint(limit));

describe('a sender without credit', () => {
  it.each([false, true])('W1: says BLOCKED once for each limit (messages: %s)', (messages) => {
    const pair = new MuxPair({ messages, b: { initialCredit: WINDOW } });
    pair.b.consumes = false;
    pair.settle();
    const { glitches } = pair.b.mux.stats(); // grease
    const id = pair.a.mux.open('bulk');
    pair.a.mux.write(id, new Uint8Array(10 * WINDOW));
    pair.settle();
    expect([pair.a.mux.stats().blockedSent, pair.b.mux.stats().blockedReceived]).toEqual([1, 1]);
    pair.a.mux.write(id, new Uint8Array(10));
    pair.settle();
    expect(pair.a.mux.stats().blockedSent).toBe(1);
    pair.b.read(mirror(id), WINDOW / 4);
    pair.settle();
    expect([pair.a.mux.stats().blockedSent, pair.b.mux.stats().blockedReceived]).toEqual([2, 2]);
    expect(pair.b.mux.stats().glitches).toBe(glitches);
  });

  it('says it no more often than it gets credit, and never uselessly, however the reader reads', () => {
    const pair = new MuxPair({ b: { initialCredit: 1_000 } });
    pair.b.consumes = false;
    pair.settle();
    const before = pair.b.mux.stats().glitches;
    const id = pair.a.mux.open('bulk');
    pair.a.mux.write(id, new Uint8Array(300_000));
    for (let size = 1; pair.a.mux.queued(id) > 0; size = (size * 7) % 1_009) {
      pair.settle();
      pair.b.read(mirror(id), size);
    }
    pair.settle();
    const { blockedSent } = pair.a.mux.stats();
    const { blockedReceived, glitches, grants } = pair.b.mux.stats();
    expect(blockedSent).toBe(blockedReceived);
    expect(blockedSent).toBeGreaterThan(10);
    expect(blockedSent).toBeLessThanOrEqual(grants + 1);
    expect(glitches).toBe(before);
  });

  it('says nothing with nothing to send, for a bare FIN, or when credit came in time', () => {
    const victim = Victim.greeted({}, { initialCredit: 10 });
    const id = victim.mux.open('x');
    victim.mux.write(id, new Uint8Array(10));
    victim.output();
    victim.mux.finish(id);
    expect(said(victim)).toEqual([]);
    const other = victim.mux.open('y');
    victim.mux.write(other, new Uint8Array(11));
    expect(said(victim).map(([kind]) => kind)).toEqual([Kind.open]);
    victim.feed(frame(Kind.credit, 4, varint(1_000)));
    expect(said(victim)).toEqual([]);
    expect(victim.mux.stats().blockedSent).toBe(0);
  });

  it('says it of what waits behind ACCEPT, and of a message whose rest has none', () => {
    const victim = Victim.greeted();
    victim.accepts = false;
    victim.feed(open(1, 'x', 0));
    victim.mux.write(1, new Uint8Array(1));
    expect(said(victim)).toEqual([]);
    victim.mux.accept(1);
    expect(said(victim).map(([kind]) => kind)).toEqual([Kind.accept, Kind.blocked]);
    victim.feed(frame(Kind.open, 3, control([1, 3, 4, 'messages'])));
    victim.mux.write(3, new Uint8Array(0));
    victim.mux.write(3, new Uint8Array(5));
    victim.mux.accept(3);
    victim.output();
    expect(said(victim)).toEqual([[Kind.blocked, varint(4)]]);
    victim.mux.reset(3);
    victim.feed(frame(Kind.credit, 3, varint(5)));
    expect(said(victim).map(([kind]) => kind)).toEqual([Kind.reset]);
  });
});

describe('a receiver that hears BLOCKED', () => {
  /** All credit is used up, and so much is read; a frame of 4,096 bytes is worth a grant. */
  const stalled = (read: number): Victim => {
    const victim = Victim.greeted({ initialCredit: WINDOW, maxFrame: 4_096 });
    victim.consumes = false;
    victim.feed(open(1));
    for (let i = 0; i < 16; i++) victim.feed(frame(Kind.data, 1, new Uint8Array(4_096)));
    victim.read(1, read);
    victim.output();
    return victim;
  };

  it('grants at once what it held back for a larger grant, when it fills a frame', () => {
    for (const [read, grants] of [
      [0, []],
      [4_096, [WINDOW + 4_096]],
      [12_288, [WINDOW + 12_288]],
    ] as const) {
      const victim = stalled(read);
      expect(said(victim)).toEqual([]); // less than a quarter of the window
      victim.feed(blocked(WINDOW));
      expect(said(victim)).toEqual(grants.map((limit) => [Kind.credit, varint(limit)]));
      expect(victim.mux.stats()).toMatchObject({ blockedReceived: 1, glitches: 0 });
    }
  });

  it('takes no second one for a limit, and none for a limit that is not used up', () => {
    const victim = stalled(0);
    for (const limit of [WINDOW, WINDOW, WINDOW - 1, WINDOW + 1, 0, 2 ** 40]) victim.feed(blocked(limit));
    expect(victim.mux.stats()).toMatchObject({ blockedReceived: 6, glitches: 5 });
    victim.feed(frame(Kind.reset, 1, concat([varint(7), varint(WINDOW)])));
    victim.feed(blocked(WINDOW));
    expect(victim.error).toBeUndefined();
    for (let i = 0; i < 20_000; i++) victim.feed(blocked(9));
    expect(victim.error?.code).toBe('ERR_MUX_LIMIT');
  });

  /** A sender of 1,250 bytes/ms whose credit takes 100 ms, to a reader who knows of a round trip of `rtt`. */
  function window(says: boolean, rtt: number, reads: (unread: number) => number): number {
    const credit = new ReceiveCredit(WINDOW, 1 << 24, new ReceiveBudget(1 << 28, 0), true);
    const grants: { readonly at: number; readonly limit: number }[] = [];
    let [limit, sent, told] = [WINDOW, 0, 0];
    for (let now = 0; now < 10_000; now++) {
      while (grants[0] !== undefined && grants[0].at <= now) limit = grants.shift()!.limit;
      const bytes = Math.min(1_250, limit - sent);
      sent += bytes;
      if (bytes > 0 && credit.stoodSince !== undefined) credit.goOn(now, rtt);
      credit.received += bytes;
      credit.consume(reads(credit.received - credit.consumed));
      credit.tune(now, rtt);
      if (says && sent === limit && told < limit) {
        told = limit;
        expect(credit.blocked(limit, now)).toBe(true);
      }
      if (credit.worthGranting) grants.push({ at: now + 100, limit: credit.grant() });
    }
    return credit.window;
  }

  it('W10: doubles the window where credit takes longer than the least round trip', () => {
    const all = (unread: number): number => unread;
    expect(window(false, 1, all)).toBe(WINDOW); // half of what the line could carry
    const grown = window(true, 1, all);
    expect(grown).toBeGreaterThanOrEqual(125_000);
    expect(grown).toBeLessThanOrEqual(4 * 125_000);
    expect(window(true, 100, all)).toBe(window(false, 100, all)); // where that is known, it is grown already
  });

  it('does not where the reader is what they wait for', () => {
    expect(window(true, 1, (unread) => Math.min(unread, 100))).toBe(WINDOW);
  });
});
