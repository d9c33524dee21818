import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat } from '../../src/base/bytes.ts';
import { Kind } from '../../src/mux/frame.ts';
import { MuxPair, mirror } from '../support/muxPair.ts';
import { frame, open, preface, settings, Victim, varint } from '../support/muxPeer.ts';

const ack = (position: number, delay = 0): Uint8Array =>
  frame(Kind.ack, 0, concat([varint(position), varint(delay)]));
const data = (length: number): Uint8Array => frame(Kind.data, 1, new Uint8Array(length));

/** A victim with an open channel 1 and nothing owed; returns it and the position that it has told. */
function quiet(initialCredit = 1 << 20): { victim: Victim; told: number } {
  const victim = Victim.greeted({ initialCredit });
  victim.feed(open(1));
  victim.now += 1_000;
  victim.output();
  return { victim, told: settings().length + open(1).length };
}

describe('ACK', () => {
  it('rides on output that leaves anyway, with the position and the time since its last byte', () => {
    const { victim, told } = quiet();
    victim.feed(data(10), frame(Kind.ping, 0, varint(7)));
    victim.now += 3.5;
    const came = told + data(10).length + 4;
    expect(victim.output()).toEqual(concat([frame(Kind.pong, 0, varint(7)), ack(came, 3_500)]));
    expect(victim.mux.received).toBe(came);
  });

  it('stands before DATA, where a message link can still hold it', () => {
    const { victim, told } = quiet();
    victim.feed(data(10));
    victim.mux.write(1, Uint8Array.of(9));
    expect(victim.output()).toEqual(concat([ack(told + 13), frame(Kind.data, 1, Uint8Array.of(9))]));
  });

  it('leaves alone after 25 ms, when the deadline says so, and not before', () => {
    const { victim, told } = quiet();
    victim.now += 1;
    victim.feed(data(10));
    expect(victim.mux.deadline()).toBe(victim.now + 25);
    victim.now += 24.9;
    expect(victim.output().length).toBe(0);
    victim.now += 0.1;
    expect(victim.output()).toEqual(ack(told + 13, 25_000));
    expect(victim.mux.deadline()).toBeGreaterThan(victim.now + 1_000);
  });

  it('that cannot leave, because the link is full, asks for no more ticks', () => {
    const { victim } = quiet();
    victim.feed(data(10));
    victim.now += 25;
    victim.mux.tick(victim.now);
    expect(victim.mux.deadline()).toBeGreaterThan(victim.now + 1_000);
    expect(victim.output()[0]).toBe(Kind.ack);
  });

  it('leaves alone at once after 64 KiB, whatever the time', () => {
    const { victim } = quiet();
    victim.feed(data(16_300), data(16_300), data(16_300), data(16_300));
    expect(victim.output().length).toBe(0);
    expect(victim.mux.deadline()).toBe(victim.now + 5);
    victim.feed(data(400));
    expect(victim.output()[0]).toBe(Kind.ack);
  });

  it('answers full frames sooner, at most every 5 ms, also in the middle of a long one', () => {
    const { victim } = quiet();
    const times: number[] = [];
    const frames = concat(Array.from({ length: 40 }, () => data(256)));
    for (let at = 0; at < frames.length; at += 26) {
      victim.now += 1;
      victim.feed(frames.slice(at, at + 26));
      if (victim.output()[0] === Kind.ack) times.push(victim.now);
    }
    const gaps = times.slice(1).map((time, i) => time - times[i]!);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(5);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(11);
  });

  it('is owed for PING and PONG when 4 KiB of them have come, and waits for company then', () => {
    const { victim, told } = quiet();
    const ping = frame(Kind.ping, 0, varint(1));
    const before = Math.ceil(4_096 / ping.length) - 1;
    for (let i = 0; i < before; i++) {
      victim.feed(ping);
      expect(victim.output()).toEqual(frame(Kind.pong, 0, varint(1)));
    }
    victim.now += 1_000;
    expect(victim.output().length).toBe(0);
    victim.feed(ping, ping);
    const position = told + (before + 2) * ping.length;
    expect(victim.output()).toEqual(concat([frame(Kind.pong, 0, varint(1)), ack(position)]));
    victim.feed(ping);
    expect(victim.output()).toEqual(frame(Kind.pong, 0, varint(1)));
  });

  it('rides on a PONG for what came before, which covers the PING too', () => {
    const { victim, told } = quiet();
    victim.feed(frame(Kind.ping, 0, varint(1)), data(1));
    expect(victim.output()).toEqual(concat([frame(Kind.pong, 0, varint(1)), ack(told + 8)]));
  });

  it('says when it left while data goes both ways, and only then', () => {
    const { victim, told } = quiet();
    const answer = (...frames: Uint8Array[]): Uint8Array => {
      victim.feed(...frames);
      victim.now += 30;
      return victim.output();
    };
    const later = (bytes: number): Uint8Array => concat([varint(told + bytes), varint(30_000)]);
    expect(answer(data(300))).toEqual(frame(Kind.ack, 0, later(304)));
    victim.mux.write(1, new Uint8Array(300));
    victim.output();
    const clock = varint((victim.now + 30) * 1_000);
    expect(answer(data(300))).toEqual(frame(Kind.ack, 0, concat([later(608), clock])));
    victim.now += 1_000;
    expect(answer(data(1))).toEqual(frame(Kind.ack, 0, later(612)));
  });

  it('with a clock that is cut short ends the session', () => {
    const { victim } = quiet();
    victim.feed(frame(Kind.ack, 0, concat([varint(10), varint(0), Uint8Array.of(0x80, 0)])));
    expect(victim.error?.code).toBe('ERR_MUX_PROTOCOL');
  });

  it('is never sent for ACKs alone', () => {
    const pair = new MuxPair();
    pair.settle();
    const id = pair.a.mux.open('x');
    pair.a.mux.write(id, new Uint8Array(1_000));
    for (let step = 0; step < 20; step++) {
      pair.now += 30;
      pair.settle();
    }
    const before = [pair.a.mux.stats().framesSent, pair.b.mux.stats().framesSent];
    pair.now += 1_000;
    pair.settle();
    expect([pair.a.mux.stats().framesSent, pair.b.mux.stats().framesSent]).toEqual(before);
    expect(pair.b.length(mirror(id))).toBe(1_000);
  });

  it('confirms what was sent: never more, and what goes back or stands still is a useless frame', () => {
    const { victim } = quiet();
    const sent = victim.mux.stats().bytesSent - preface().length;
    victim.feed(ack(sent - 5));
    expect([victim.mux.acked, victim.mux.stats().glitches]).toEqual([sent - 5, 0]);
    victim.feed(ack(sent - 5), ack(3), ack(sent));
    expect([victim.mux.acked, victim.mux.stats().glitches]).toEqual([sent, 2]);
    victim.feed(ack(sent + 1));
    expect(victim.error?.code).toBe('ERR_MUX_PROTOCOL');
    expect(victim.error?.message).toContain(`${sent} were sent`);
  });

  it('names the position of the other end exactly, however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.array(fc.record({ size: fc.nat(20_000), wait: fc.nat(40), back: fc.boolean() }), {
          maxLength: 20,
        }),
        fc.integer({ min: 1, max: 9_000 }),
        (messages, script, cut) => {
          const pair = new MuxPair({ messages, chunk: (n) => Math.min(n, cut) });
          const start = messages ? 0 : preface().length;
          const id = pair.a.mux.open('x');
          pair.settle();
          for (const { size, wait, back } of script) {
            pair.now += wait;
            if (back) pair.b.mux.write(mirror(id), new Uint8Array(size));
            else pair.a.mux.write(id, new Uint8Array(size));
            pair.settle();
            expect(pair.b.mux.received).toBe(pair.a.mux.stats().bytesSent - start);
            expect(pair.a.mux.received).toBe(pair.b.mux.stats().bytesSent - start);
          }
          pair.now += 30;
          pair.settle();
          // All but the last words, which were ACKs of ten bytes at most, are confirmed.
          expect(pair.a.mux.received - pair.b.mux.acked).toBeLessThanOrEqual(10 * (2 * script.length + 2));
          expect(pair.b.mux.received - pair.a.mux.acked).toBeLessThanOrEqual(10 * (2 * script.length + 2));
          expect([pair.a.error, pair.b.error]).toEqual([undefined, undefined]);
        },
      ),
      { numRuns: 50 },
    );
  });
});
