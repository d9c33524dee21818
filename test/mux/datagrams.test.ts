import { describe, expect, it } from 'vitest';
import { Kind } from '../../src/mux/frame.ts';
import { accountOf } from '../support/account.ts';
import { MuxPair, mirror } from '../support/muxPair.ts';
import { frame, open, Victim } from '../support/muxPeer.ts';

describe('datagrams', () => {
  it.each([false, true])('arrive on the session and on a channel, beside DATA (messages: %s)', (messages) => {
    const pair = new MuxPair({ messages });
    expect(pair.a.mux.sendDatagram(0, Uint8Array.of(1))).toBe(false); // the peer has not said that it takes any
    pair.settle();
    const id = pair.a.mux.open('x');
    expect(pair.a.mux.sendDatagram(id, Uint8Array.of(1))).toBe(false); // not open there
    pair.settle();
    pair.a.mux.write(id, new Uint8Array(100_000));
    expect(pair.a.mux.sendDatagram(id, Uint8Array.of(2))).toBe(true);
    expect(pair.b.mux.sendDatagram(mirror(id), Uint8Array.of(3))).toBe(true);
    expect(pair.a.mux.sendDatagram(0, Uint8Array.of(4))).toBe(true);
    pair.settle();
    expect(pair.b.of('datagram').map(({ id, bytes }) => [id, bytes[0]])).toEqual([
      [mirror(id), 2],
      [0, 4],
    ]);
    expect(pair.a.of('datagram')[0]).toMatchObject({ id, bytes: Uint8Array.of(3) });
    expect(pair.b.length(mirror(id))).toBe(100_000);
    expect(pair.a.mux.stats()).toMatchObject({ datagramsSent: 2, datagramsReceived: 1, datagramsDropped: 0 });
  });

  it('D4: wait in a bounded queue, and the oldest are dropped', () => {
    const pair = new MuxPair({ a: { datagramQueue: 10_000 } });
    pair.settle();
    for (let i = 0; i < 100; i++) pair.a.mux.sendDatagram(0, new Uint8Array(936).fill(i));
    for (let i = 0; i < 1_000; i++) pair.a.mux.sendDatagram(0, new Uint8Array(0));
    expect(pair.a.mux.stats().datagramsDropped).toBe(1_100 - 156);
    pair.settle();
    expect(pair.b.of('datagram').length).toBe(156);
  });

  it('leave DATA its half of an output', () => {
    const victim = Victim.greeted();
    victim.feed(open(1));
    victim.output();
    victim.mux.write(1, new Uint8Array(50_000));
    for (let i = 0; i < 60; i++) victim.mux.sendDatagram(0, new Uint8Array(1_000));
    victim.output(20_000);
    expect(accountOf(victim.mux, 1)!.sent).toBeGreaterThan(8_000);
    expect(victim.mux.stats().datagramsSent).toBeGreaterThan(8);
  });

  it('are not sent where they are not taken, or are larger than that', () => {
    const pair = new MuxPair({ a: { maxDatagram: 0 }, b: { maxDatagram: 10 } });
    pair.settle();
    expect(pair.b.mux.sendDatagram(0, new Uint8Array(1))).toBe(false);
    expect(() => pair.a.mux.sendDatagram(0, new Uint8Array(11))).toThrow(
      /11 bytes, the other end takes at most 10/,
    );
    expect(pair.a.mux.sendDatagram(0, new Uint8Array(10))).toBe(true);
    pair.settle();
    expect(pair.b.of('datagram').length).toBe(1);
  });

  it('C4: those for a channel that is closed are ignored, here and there', () => {
    const pair = new MuxPair();
    const id = pair.a.mux.open('x');
    pair.settle();
    pair.a.mux.sendDatagram(id, Uint8Array.of(1));
    pair.a.mux.reset(id);
    pair.a.mux.stop(id);
    pair.settle();
    expect(pair.a.mux.stats().datagramsDropped).toBe(1);
    expect(pair.a.mux.sendDatagram(id, Uint8Array.of(1))).toBe(false);
    const victim = Victim.greeted();
    victim.feed(open(1));
    victim.mux.reset(1);
    victim.mux.stop(1);
    victim.feed(frame(Kind.datagram, 1, Uint8Array.of(1)));
    expect([victim.error, victim.of('datagram').length]).toEqual([undefined, 0]);
  });
});
