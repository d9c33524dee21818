import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat } from '../../src/base/bytes.ts';
import { isQ2qError } from '../../src/base/errors.ts';
import { encodeOpen } from '../../src/mux/bodies.ts';
import { FIN, Kind } from '../../src/mux/frame.ts';
import { growth, LINEAR } from '../support/growth.ts';
import { MuxPair, mirror } from '../support/muxPair.ts';
import { frame, open, Victim, varint } from '../support/muxPeer.ts';
import { SeededRandom } from '../support/random.ts';
import { sized } from '../support/sized.ts';

/** Feeds until the victim gives up; returns how many frames that took and the CPU time. */
function flood(
  victim: Victim,
  most: number,
  frameOf: (i: number) => Uint8Array,
): { frames: number; ms: number } {
  const began = process.cpuUsage();
  let frames = 0;
  for (let i = 0; i < most && victim.error === undefined; i += 100) {
    victim.feed(concat(Array.from({ length: 100 }, (_, k) => frameOf(i + k))));
    victim.events.length = victim.error === undefined ? 0 : victim.events.length;
    frames += 100;
  }
  const { user, system } = process.cpuUsage(began);
  return { frames, ms: (user + system) / 1_000 };
}

describe('a hostile peer', () => {
  it('D1: a flood of PINGs gets one answer, then the link ends', () => {
    const victim = Victim.greeted();
    for (let seq = 1; seq <= 100; seq++) victim.feed(frame(Kind.ping, 0, varint(seq)));
    expect(victim.output()).toEqual(frame(Kind.pong, 0, varint(100)));
    const { frames } = flood(victim, 100_000, (i) => frame(Kind.ping, 0, varint(200 + i)));
    expect(victim.error?.code).toBe('ERR_MUX_LIMIT');
    expect(frames).toBeLessThan(11_000);
    expect(victim.output().length).toBeLessThan(50);
  });

  it.each([
    ['empty DATA', () => frame(Kind.data, 1)],
    ['CREDIT that adds nothing', () => frame(Kind.credit, 1, varint(1))],
    ['CREDIT by one byte', (i: number) => frame(Kind.credit, 1, varint(70_000 + i))],
    ['PONG that answers nothing', () => frame(Kind.pong, 0, varint(9))],
    ['MAXCH that adds nothing', () => frame(Kind.maxChannels, 0, varint(1))],
    ['BLOCKED', () => frame(Kind.blocked, 1, varint(1))],
    ['PRIORITY', () => frame(Kind.priority, 1, varint(1))],
    ['empty datagrams', () => frame(Kind.datagram, 0)],
    ['unknown extensions', () => frame(Kind.extension, 0, varint(2))],
    ['GOAWAY', () => frame(Kind.goaway, 0, Uint8Array.of(0x92, 0, 0))],
  ])('D3: a million of %s end the link in under a second of work', (_, frameOf) => {
    const victim = Victim.greeted();
    victim.feed(open(1));
    const { frames, ms } = flood(victim, 1_000_000, frameOf);
    expect(victim.error?.code).toBe('ERR_MUX_LIMIT');
    expect(frames).toBeLessThan(11_000);
    expect(ms).toBeLessThan(1_000);
  });

  it('D3: useless frames are no use between useful ones either, but honest traffic never trips', () => {
    const victim = Victim.greeted({ initialCredit: 1 << 30 });
    victim.feed(open(1));
    flood(victim, 40_000, (i) =>
      i % 2 === 0 ? frame(Kind.data, 1, new Uint8Array(300)) : frame(Kind.ping, 0, varint(i)),
    );
    expect(victim.error).toBeUndefined();
  });

  it('D2: channels that wait for an answer hold a bounded amount of names and meta data', () => {
    const victim = Victim.greeted({ resetRate: 1e9 });
    victim.accepts = false;
    const body = encodeOpen({
      mode: 0,
      urgency: 3,
      sharing: true,
      credit: 0,
      name: 'x',
      meta: 'm'.repeat(4_000),
    });
    for (let i = 0; i < 200; i++) victim.feed(frame(Kind.open, 2 * i + 1, body));
    const held = victim.of('incoming').length * body.length;
    expect(held).toBeGreaterThan(100_000);
    expect(held).toBeLessThanOrEqual(victim.mux.limits.backlogBytes);
    expect(victim.error).toBeUndefined();
    for (const { id } of victim.of('incoming')) victim.mux.accept(id);
    victim.feed(frame(Kind.open, 401, body));
    expect(victim.of('incoming').at(-1)!.id).toBe(401); // answered ones make room
  });

  it('D2: a channel counts until its handler has ended, whatever the peer resets', () => {
    const victim = Victim.greeted({ maxChannels: 100 });
    for (let id = 1; id < 200; id += 2)
      victim.feed(
        open(id),
        frame(Kind.reset, id, Uint8Array.of(7, 0)),
        frame(Kind.stop, id, Uint8Array.of(7)),
      );
    expect(victim.mux.stats()).toMatchObject({ channels: 0, incoming: 100 });
    expect(victim.of('gone').length).toBe(100);
    victim.feed(open(201));
    expect(victim.error?.code).toBe('ERR_MUX_LIMIT');
  });

  it('D2: places come back when handlers end', () => {
    const pair = new MuxPair({ b: { maxChannels: 8 } });
    for (let round = 0; round < 50; round++) {
      const id = pair.a.mux.open('x');
      pair.a.mux.finish(id);
      pair.settle();
      pair.b.mux.finish(mirror(id));
      pair.b.mux.release(mirror(id));
      pair.settle();
    }
    expect(pair.b.of('incoming').length).toBe(50);
    const waiting = Array.from({ length: 20 }, () => pair.a.mux.open('y'));
    pair.settle();
    expect(pair.b.mux.stats().channels).toBeLessThanOrEqual(8);
    expect(pair.b.mux.stats().channels).toBeGreaterThanOrEqual(6);
    expect(pair.a.mux.stats().channels).toBe(waiting.length);
  });

  it('D2: rapid reset ends the link even when handlers end at once', () => {
    const victim = Victim.greeted();
    let id = 1;
    flood(victim, 100_000, () => {
      const reset = concat([
        open(id),
        frame(Kind.reset, id, Uint8Array.of(7, 0)),
        frame(Kind.stop, id, Uint8Array.of(7)),
      ]);
      if (id > 1) victim.mux.release(id - 2);
      victim.output();
      id += 2;
      return reset;
    });
    expect(victim.error?.code).toBe('ERR_MUX_LIMIT');
    expect(id).toBeLessThan(10_000);
  });

  it('D2: channels that we must refuse (MadeYouReset) are counted, and so are answers nobody reads', () => {
    const victim = Victim.greeted({ acceptBacklog: 1, maxOrphanResets: 50 });
    victim.accepts = false;
    for (let id = 1; id <= 99; id += 2) victim.feed(open(id));
    expect(victim.error).toBeUndefined();
    for (let id = 101; id <= 199 && victim.error === undefined; id += 2) victim.feed(open(id));
    expect(victim.error?.code).toBe('ERR_MUX_LIMIT');
  });

  it('L2, D1: a peer that never reads costs bounded memory, and parsing goes on', () => {
    const victim = new Victim({ maxChannels: 200 });
    const peer = new MuxPair({ b: { maxChannels: 200 } });
    peer.settle();
    const ids = Array.from({ length: 200 }, () => peer.a.mux.open('x'));
    for (let round = 0; round < 50; round++) {
      for (const id of ids) peer.a.mux.write(id, new Uint8Array(10_000));
      peer.a.mux.ping(0);
      while (peer.move(peer.a) > 0);
    }
    expect(peer.b.mux.stats().channels).toBe(200);
    expect(peer.b.error).toBeUndefined();
    const owed = concat(peer.b.mux.takeOutput(1 << 24, 0)).length;
    expect(owed).toBeLessThan(200 * 40);
    expect(victim.error).toBeUndefined();
  });

  it('W6, fuzz: any frames in any state end in a coded error or none, and nothing is thrown', () => {
    const kinds = [
      0,
      0,
      0,
      1,
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      9,
      10,
      11,
      12,
      13,
      14,
      15,
      16,
      17,
      31,
      FIN,
      0x40,
      0x80,
    ];
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc.constantFrom(varint(0), varint(1), varint(65_536), varint(2 ** 40), concat([varint(7), varint(0)])),
    );
    const act = fc.oneof(
      { weight: 6, arbitrary: fc.tuple(fc.constant('frame'), fc.constantFrom(...kinds), fc.nat(9), body) },
      {
        weight: 3,
        arbitrary: fc.tuple(fc.constant('open'), fc.constant(0), fc.nat(5), fc.constant(varint(0))),
      },
      {
        weight: 1,
        arbitrary: fc.tuple(
          fc.constant('raw'),
          fc.constant(0),
          fc.constant(0),
          fc.uint8Array({ maxLength: 30 }),
        ),
      },
      { weight: 3, arbitrary: fc.tuple(fc.constant('app'), fc.nat(8), fc.nat(6), fc.constant(varint(0))) },
    );
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (script) => {
        const victim = Victim.greeted({ initialCredit: 100, maxChannels: 4 });
        let next = 1;
        for (const [what, kind, channel, bytes] of script) {
          if (what === 'frame') victim.feed(frame(kind, channel, bytes));
          else if (what === 'raw') victim.feed(bytes);
          else if (what === 'open') {
            victim.feed(open(next));
            next += 2;
          } else applicationStep(victim, kind, channel);
          victim.output();
        }
        expect(victim.of('closed').length).toBeLessThanOrEqual(1);
        if (victim.error === undefined) return;
        expect(isQ2qError(victim.error)).toBe(true);
        expect(victim.error.cause, String(victim.error.cause)).toBeUndefined();
        expect(victim.mux.stats().channels).toBe(0);
        expect(victim.output().length).toBe(0);
      }),
      { numRuns: sized(1_000, 10_000) },
    );
  });

  it('D3: one-byte frames cost linear time', () => {
    const dribble = (frames: number) => () => {
      const victim = Victim.greeted({ initialCredit: 1 << 30 });
      victim.feed(open(1));
      victim.mux.feed(concat(Array.from({ length: frames }, () => frame(Kind.data, 1, Uint8Array.of(1)))), 0);
      let bytes = 0;
      for (let event = victim.mux.next(); event !== undefined; event = victim.mux.next())
        if (event.type === 'readable') bytes += victim.mux.read(1)!.length;
      expect(bytes).toBe(frames);
    };
    expect(growth(5_000, dribble)).toBeLessThan(LINEAR);
  });
});

function applicationStep(victim: Victim, what: number, channel: number): void {
  const random = new SeededRandom(channel);
  const steps = [
    () => victim.mux.finish(channel),
    () => victim.mux.reset(channel, random.int(0, 300)),
    () => victim.mux.stop(channel),
    () => victim.mux.release(channel),
    () => victim.mux.write(channel, new Uint8Array(200)),
    () => victim.mux.isOver || victim.mux.ping(0),
    () => victim.mux.accept(channel),
    () => victim.mux.refuse(channel),
    () => {
      try {
        victim.mux.open('mine');
      } catch (error) {
        expect(isQ2qError(error)).toBe(true);
      }
    },
  ];
  steps[what]!();
}
