import { describe, expect, it } from 'vitest';
import { Kind } from '../../src/mux/frame.ts';
import { accountOf } from '../support/account.ts';
import { MuxPair, mirror } from '../support/muxPair.ts';
import { frame, open, Victim, varint } from '../support/muxPeer.ts';

const WINDOW = 65_536;

describe('credit', () => {
  it.each([false, true])(
    'W1: a reader that never reads stops the sender at exactly one window (messages: %s)',
    (messages) => {
      const pair = new MuxPair({ messages, b: { initialCredit: WINDOW } });
      pair.b.consumes = false;
      const id = pair.a.mux.open('bulk');
      pair.a.mux.write(id, new Uint8Array(10 * WINDOW));
      pair.settle();
      expect(pair.b.arrived(mirror(id))).toBe(WINDOW);
      expect(pair.a.mux.queued(id)).toBe(9 * WINDOW);
    },
  );

  it('W1: credit follows what is read, byte for byte', () => {
    const pair = new MuxPair({ b: { initialCredit: WINDOW } });
    pair.b.consumes = false;
    const id = pair.a.mux.open('bulk');
    pair.a.mux.write(id, new Uint8Array(10 * WINDOW));
    pair.settle();
    const read = pair.b.read(mirror(id), WINDOW / 4);
    pair.settle();
    expect(pair.b.arrived(mirror(id))).toBe(WINDOW + read);
  });

  it('W5: ends with different windows understand each other', () => {
    const pair = new MuxPair({ a: { initialCredit: 1_000 }, b: { initialCredit: 1_000_000 } });
    const id = pair.a.mux.open('both');
    pair.settle();
    pair.a.mux.write(id, new Uint8Array(3_000_000));
    pair.b.mux.write(mirror(id), new Uint8Array(50_000));
    pair.settle();
    expect([pair.b.length(mirror(id)), pair.a.length(id)]).toEqual([3_000_000, 50_000]);
  });

  it.each([
    [WINDOW - 1, 'none'],
    [WINDOW, 'none'],
    [WINDOW + 1, 'ERR_MUX_FLOW_CONTROL'],
  ])('W6, W7: %i bytes against a credit of 65,536: %s', (bytes, expected) => {
    const victim = Victim.greeted({ initialCredit: WINDOW });
    victim.consumes = false;
    victim.feed(open(1));
    for (let left = bytes; left > 0; left -= 16_000)
      victim.feed(frame(Kind.data, 1, new Uint8Array(Math.min(left, 16_000))));
    expect(victim.error?.code ?? 'none').toBe(expected);
    const output = victim.output();
    const said = expected === 'none' ? Kind.accept : Kind.goaway;
    expect(output[0]).toBe(said);
  });

  it('W7: the peer that broke the rule is told so, once, and every channel ends', () => {
    const pair = new MuxPair({ a: { initialCredit: 1_000 } });
    const id = pair.a.mux.open('x');
    pair.settle();
    pair.b.mux.write(mirror(id), new Uint8Array(1_000));
    pair.a.consumes = false;
    pair.settle();
    pair.a.mux.feed(frame(Kind.data, pair.a.mux.wireId(id), new Uint8Array(1)), 0);
    pair.a.pull();
    pair.settle();
    expect(pair.a.error?.code).toBe('ERR_MUX_FLOW_CONTROL');
    expect(pair.b.error).toMatchObject({ code: 'ERR_MUX_REMOTE', resetCode: 2 });
    expect(() => pair.a.mux.open('more')).toThrow(pair.a.error);
    expect(pair.a.mux.takeOutput(1_000, 0)).toEqual([]);
  });

  it('W8: the account comes out even after resets and stops in every order', () => {
    for (const order of ['reset', 'stop', 'both', 'finish']) {
      const pair = new MuxPair({ b: { initialCredit: WINDOW } });
      pair.b.consumes = false;
      const id = pair.a.mux.open('x');
      pair.a.mux.write(id, new Uint8Array(WINDOW / 2));
      pair.settle();
      const there = accountOf(pair.b.mux, mirror(id))!;
      expect(there.granted).toBe(WINDOW);
      expect(there.received).toBe(WINDOW / 2);
      if (order === 'reset' || order === 'both') pair.a.mux.reset(id, 300);
      if (order === 'stop' || order === 'both') pair.b.mux.stop(mirror(id), 301);
      if (order === 'finish') pair.a.mux.finish(id);
      pair.settle();
      const after = accountOf(pair.b.mux, mirror(id));
      if (after !== undefined) expect(after.received + (after.granted - after.received)).toBe(after.granted);
      pair.a.mux.stop(id);
      pair.b.mux.stop(mirror(id));
      pair.b.mux.reset(mirror(id));
      pair.settle();
      expect([pair.a.mux.stats().channels, pair.b.mux.stats().channels]).toEqual([0, 0]);
      expect([pair.a.error, pair.b.error]).toEqual([undefined, undefined]);
    }
  });

  it('W8: a RESET whose final size hides bytes ends the link', () => {
    const victim = Victim.greeted();
    const reset = (size: number): Uint8Array => frame(Kind.reset, 1, new Uint8Array([7, size]));
    victim.feed(open(1), frame(Kind.data, 1, new Uint8Array(5)), reset(6));
    expect(victim.error?.message).toContain('6 bytes, 5 came');
    const honest = Victim.greeted();
    honest.feed(open(1), frame(Kind.data, 1, new Uint8Array(5)), reset(5));
    expect(honest.error).toBeUndefined();
    expect(honest.of('reset')[0]!.error).toMatchObject({ code: 'ERR_MUX_RESET', resetCode: 7 });
  });

  it('W8: so does one of a refusal, or of the answer to STOP', () => {
    const reset = (channel: number, size: number): Uint8Array =>
      frame(Kind.reset, channel, new Uint8Array([7, size]));
    for (const size of [0, 1]) {
      const refused = Victim.greeted();
      refused.mux.open('x');
      refused.output();
      refused.feed(reset(2, size));
      expect(refused.error?.message).toEqual(
        size === 0 ? undefined : expect.stringContaining('1 bytes, 0 came'),
      );
      expect(refused.of('refused')).toHaveLength(1 - size);
      const stopped = Victim.greeted();
      stopped.feed(open(1), frame(Kind.data, 1, new Uint8Array(5)));
      stopped.mux.stop(1);
      stopped.feed(frame(Kind.data, 1, new Uint8Array(3)), reset(1, 8 + size));
      expect(stopped.error?.message).toEqual(
        size === 0 ? undefined : expect.stringContaining('9 bytes, 8 came'),
      );
    }
  });

  it('W9: at most four CREDIT frames move a window', () => {
    const pair = new MuxPair({ b: { initialCredit: WINDOW } });
    const id = pair.a.mux.open('bulk');
    pair.a.mux.write(id, new Uint8Array(100 * WINDOW));
    pair.settle();
    expect(pair.b.length(mirror(id))).toBe(100 * WINDOW);
    expect(pair.b.mux.stats().grants).toBeLessThanOrEqual(400);
  });

  it('W4: a CREDIT that falls changes nothing, the highest number is fine', () => {
    const victim = Victim.greeted({}, { initialCredit: 10 });
    victim.feed(open(1, 'x', 10));
    victim.mux.write(1, new Uint8Array(100));
    victim.output();
    expect(accountOf(victim.mux, 1)).toMatchObject({ sent: 10, queued: 90 });
    victim.feed(frame(Kind.credit, 1, varint(5)));
    expect(accountOf(victim.mux, 1)!.sendLimit).toBe(10);
    victim.feed(frame(Kind.credit, 1, varint(Number.MAX_SAFE_INTEGER)));
    victim.output();
    expect(accountOf(victim.mux, 1)).toMatchObject({ sent: 100, queued: 0 });
    victim.feed(frame(Kind.credit, 1, new Uint8Array(8).fill(255)));
    expect(victim.error?.code).toBe('ERR_MUX_PROTOCOL');
  });

  it('writes say stop at the high-water mark, and say when there is room', () => {
    const pair = new MuxPair({ a: { sendHighWater: 1_000 } });
    const id = pair.a.mux.open('x');
    expect(pair.a.mux.write(id, new Uint8Array(999))).toBe(true);
    expect(pair.a.mux.write(id, new Uint8Array(1))).toBe(false);
    pair.settle();
    expect(pair.a.of('writable').map((event) => event.id)).toEqual([id]);
  });
});
