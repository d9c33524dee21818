import { describe, expect, it } from 'vitest';
import { concat, hex } from '../../src/base/bytes.ts';
import { FIN, Kind } from '../../src/mux/frame.ts';
import { MuxPair, mirror } from '../support/muxPair.ts';
import { control, frame, open, preface, settings, Victim, varint } from '../support/muxPeer.ts';
import { pattern, SeededRandom } from '../support/random.ts';
import { sized } from '../support/sized.ts';

describe('closing a channel', () => {
  it('C1: write n bytes and finish at once: the reader gets exactly n, then the end', () => {
    for (const edge of [0, 1, 63, 64, 255, 256, 1_000, 4_096, 16_384, 65_536])
      for (const n of [edge - 1, edge, edge + 1].filter((size) => size >= 0)) {
        const pair = new MuxPair({ b: { initialCredit: 4_096 } });
        const id = pair.a.mux.open('x');
        pair.a.mux.write(id, pattern(n, 0, n));
        pair.a.mux.finish(id);
        pair.settle();
        expect(pair.b.length(mirror(id))).toBe(n);
        expect(hex(pair.b.received(mirror(id)))).toBe(hex(pattern(n, 0, n)));
        const kinds = pair.b.events.map((event) => event.type).filter((type) => type !== 'ready');
        expect(kinds.at(-1)).toBe('end');
        expect(kinds.filter((kind) => kind === 'end').length).toBe(1);
      }
  });

  it('C2: ten windows queued, then finish: a slow reader gets all of it', () => {
    const pair = new MuxPair({ b: { initialCredit: 10_000 } });
    pair.b.consumes = false;
    const id = pair.a.mux.open('x');
    for (let i = 0; i < 10; i++) pair.a.mux.write(id, pattern(1, i * 10_000, 10_000));
    pair.a.mux.finish(id);
    for (let round = 0; round < 1_000 && pair.b.length(mirror(id)) < 100_000; round++) {
      pair.settle();
      pair.b.read(mirror(id), 777);
    }
    pair.settle();
    expect(hex(pair.b.received(mirror(id)))).toBe(hex(pattern(1, 0, 100_000)));
    expect(pair.b.of('end').length).toBe(1);
  });

  it('C4: late frames on a closed channel are counted and ignored, in every way of closing', () => {
    const bye: Record<string, (victim: Victim) => void> = {
      finished: (victim) => {
        victim.mux.finish(1);
        victim.output();
        victim.feed(frame(Kind.data | FIN, 1));
      },
      reset: (victim) => {
        victim.mux.reset(1);
        victim.mux.stop(1);
      },
      'reset by the peer': (victim) => {
        victim.feed(frame(Kind.reset, 1, Uint8Array.of(7, 0)), frame(Kind.stop, 1, Uint8Array.of(7)));
      },
      refused: () => {},
    };
    for (const [way, close] of Object.entries(bye)) {
      const victim = Victim.greeted();
      victim.accepts = way !== 'refused';
      victim.feed(open(1));
      if (way === 'refused') victim.mux.refuse(1);
      close(victim);
      victim.output();
      expect(victim.of('gone').length, way).toBe(1);
      victim.feed(
        frame(Kind.data, 1, new Uint8Array(100)),
        frame(Kind.data | FIN, 1),
        frame(Kind.credit, 1, varint(1_000_000)),
        frame(Kind.reset, 1, Uint8Array.of(7, 50)),
        frame(Kind.stop, 1, Uint8Array.of(7)),
        frame(Kind.blocked, 1, Uint8Array.of(7)),
      );
      expect(victim.error, way).toBeUndefined();
      expect(victim.mux.stats()).toMatchObject({ lateFrames: 6, lateBytes: 100, channels: 0 });
      expect(victim.of('incoming').length).toBe(1);
      expect(victim.output().length).toBe(0);
    }
  });

  it.each([
    ['DATA after FIN', [open(1), frame(Kind.data | FIN, 1), frame(Kind.data, 1, Uint8Array.of(1))]],
    ['DATA on a channel never opened', [frame(Kind.data, 3, Uint8Array.of(1))]],
    ['CREDIT on a channel that we never opened', [frame(Kind.credit, 2, varint(9))]],
    ['an id used twice', [open(1), open(1)]],
    ['an id left out', [open(3)]],
    ["the other end's id", [open(2)]],
    ['ACCEPT by the opener', [open(1), frame(Kind.accept, 1, control([5]))]],
    ['a second SETTINGS', [settings()]],
    ['an OPEN that is no OPEN', [frame(Kind.open, 1, control({ name: 'x' }))]],
    ['an extension that must be understood', [frame(Kind.extension, 0, varint(7))]],
  ])('C7: %s ends the link with a code', (_, frames) => {
    const victim = Victim.greeted();
    victim.feed(...frames);
    expect(victim.error?.code).toBe('ERR_MUX_PROTOCOL');
    expect(victim.output()[0]).toBe(Kind.goaway);
    expect(victim.of('closed').length).toBe(1);
    victim.feed(open(1));
    expect(victim.of('closed').length).toBe(1);
  });

  it('ignores an unknown extension with an even number', () => {
    const victim = Victim.greeted();
    victim.feed(frame(Kind.extension, 0, varint(8)), frame(Kind.extension, 1_000, varint(70_000)));
    expect(victim.error).toBeUndefined();
  });

  it('C7: an end that talks to itself fails cleanly', () => {
    const victim = new Victim();
    victim.feed(victim.output());
    expect(victim.error?.code).toBe('ERR_MUX_ROLE');
  });

  it('C7: frames before SETTINGS end the link', () => {
    for (const early of [open(1), frame(Kind.data, 1, Uint8Array.of(1)), frame(Kind.ping, 0, varint(1))]) {
      const victim = new Victim();
      victim.feed(preface(), early);
      expect(victim.error?.code).toBe('ERR_MUX_PROTOCOL');
    }
  });

  it.each(['a', 'b'] as const)('works the same whichever end draws the larger nonce (%s)', (odd) => {
    const pair = new MuxPair({ odd });
    const early = pair.a.mux.open('early');
    pair.a.mux.write(early, Uint8Array.of(1, 2, 3));
    pair.settle();
    const back = pair.b.mux.open('back');
    pair.settle();
    expect(pair.b.of('incoming')[0]).toMatchObject({ id: mirror(early), name: 'early' });
    expect(pair.a.of('incoming')[0]).toMatchObject({ id: mirror(back), name: 'back' });
    expect(pair.a.mux.wireId(early)).toBe(pair.b.mux.wireId(mirror(early)));
    expect(pair.a.mux.wireId(early) % 2).toBe(odd === 'a' ? 1 : 0);
    expect(pair.b.length(mirror(early))).toBe(3);
  });

  const channels = sized(4_000, 20_000);
  it(`C5: ${channels} channels in every order of closing leave empty tables`, () => {
    const random = new SeededRandom(5);
    const pair = new MuxPair({ a: { resetRate: 1e9 }, b: { resetRate: 1e9 } });
    pair.settle();
    for (let round = 0; round < channels / 100; round++) {
      const ids = Array.from({ length: 100 }, () => pair.a.mux.open('x'));
      if (random.next() < 0.5) pair.settle();
      for (const id of ids) {
        const ends = [
          () => pair.a.mux.finish(id),
          () => pair.b.mux.finish(mirror(id)),
          () => pair.a.mux.reset(id),
          () => pair.b.mux.reset(mirror(id)),
          () => pair.a.mux.stop(id),
          () => pair.b.mux.stop(mirror(id)),
        ];
        for (let i = random.int(0, 5); i > 0; i--) ends[random.int(0, 5)]!();
      }
      if (random.next() < 0.5) pair.settle();
      pair.now += 1_000;
      for (const id of ids) {
        pair.a.mux.reset(id);
        pair.a.mux.stop(id);
      }
      pair.settle();
      for (const id of ids) {
        pair.b.mux.reset(mirror(id));
        pair.b.mux.stop(mirror(id));
        pair.b.mux.release(mirror(id));
      }
      pair.settle();
      pair.a.events.length = pair.b.events.length = 0;
    }
    expect([pair.a.error, pair.b.error]).toEqual([undefined, undefined]);
    expect(pair.a.mux.stats()).toMatchObject({ channels: 0, opened: channels });
    expect(pair.b.mux.stats()).toMatchObject({ channels: 0, incoming: 0, accepted: channels });
  });

  it('a channel that its opener stopped reading before it was accepted is not refused by the answer', () => {
    const pair = new MuxPair();
    pair.b.accepts = false;
    const id = pair.a.mux.open('x');
    pair.a.mux.stop(id);
    pair.settle();
    pair.b.mux.accept(mirror(id));
    pair.a.mux.write(id, new Uint8Array(100));
    pair.a.mux.finish(id);
    pair.settle();
    expect(pair.a.of('refused')).toEqual([]);
    expect(pair.b.length(mirror(id))).toBe(100);
    expect([pair.a.mux.stats().channels, pair.b.mux.stats().channels]).toEqual([0, 0]);
  });

  it('nothing leaves on a channel before it is accepted, so that refusing it is always clean', () => {
    for (const finish of [false, true]) {
      const pair = new MuxPair();
      pair.b.accepts = false;
      const id = pair.a.mux.open('x');
      pair.a.mux.write(id, new Uint8Array(300_000));
      pair.settle();
      pair.b.mux.write(mirror(id), new Uint8Array(10));
      if (finish) pair.b.mux.finish(mirror(id));
      pair.settle();
      expect(pair.a.arrived(id)).toBe(0);
      pair.b.mux.refuse(mirror(id), 256);
      pair.settle();
      expect(pair.a.of('refused').length).toBe(1);
      expect([pair.a.mux.stats().channels, pair.b.mux.stats().channels]).toEqual([0, 0]);
    }
  });

  it('giving up our direction before accepting refuses the channel', () => {
    const pair = new MuxPair();
    pair.b.accepts = false;
    const id = pair.a.mux.open('x');
    pair.settle();
    pair.b.mux.reset(mirror(id), 256);
    pair.settle();
    expect(pair.a.of('refused')[0]!.error).toMatchObject({ resetCode: 256 });
    expect([pair.a.mux.stats().channels, pair.b.mux.stats().channels]).toEqual([0, 0]);
  });

  it('a channel is refused with a code before it did anything', () => {
    const pair = new MuxPair();
    pair.b.accepts = false;
    const id = pair.a.mux.open('x');
    pair.a.mux.write(id, new Uint8Array(100));
    pair.settle();
    pair.b.mux.refuse(mirror(id), 256);
    pair.settle();
    expect(pair.a.of('refused')[0]!.error).toMatchObject({ code: 'ERR_MUX_REFUSED', resetCode: 256 });
    expect([pair.a.mux.stats().channels, pair.b.mux.stats().channels]).toEqual([0, 0]);
  });
});

describe('saying goodbye', () => {
  it('takes channels that cross the announcement, and turns later ones away with a typed error', () => {
    const pair = new MuxPair();
    const id = pair.a.mux.open('old');
    pair.settle();
    pair.b.mux.goaway(0, 'restarting');
    const crossing = pair.a.mux.open('crossing');
    pair.settle();
    expect(pair.a.of('goaway')).toMatchObject([{ code: 0, reason: 'restarting' }]);
    expect(pair.b.of('incoming').map(({ name }) => name)).toEqual(['old', 'crossing']);
    expect(pair.a.of('refused')).toEqual([]);
    expect(() => pair.a.mux.open('late')).toThrow(/takes no new channels/);
    for (const one of [id, crossing]) {
      pair.a.mux.write(one, new Uint8Array(1_000));
      pair.a.mux.finish(one);
      pair.settle();
      expect(pair.b.length(mirror(one))).toBe(1_000);
      pair.b.mux.finish(mirror(one));
    }
    expect(pair.b.mux.isDrained).toBe(false);
    pair.settle();
    for (const one of [id, crossing]) pair.b.mux.release(mirror(one));
    expect(pair.b.mux.isDrained).toBe(true);
    pair.a.mux.endOfInput();
    pair.b.mux.endOfInput();
    pair.a.pull();
    pair.b.pull();
    expect([pair.a.error, pair.b.error]).toEqual([undefined, undefined]);
    expect([pair.a.of('closed').length, pair.b.of('closed').length]).toEqual([1, 1]);
  });

  it('channels that wait to be opened never leave: the application hears so at once', () => {
    const pair = new MuxPair({ b: { maxChannels: 1 } });
    const ids = [pair.a.mux.open('one'), pair.a.mux.open('two')];
    pair.settle();
    pair.b.mux.goaway();
    pair.settle();
    expect(pair.a.of('refused')).toMatchObject([{ id: ids[1], error: { code: 'ERR_MUX_GOAWAY' } }]);
    expect(pair.a.mux.stats().channels).toBe(1);
  });

  it('does in one step where no channel is open, or the peer is leaving too', () => {
    const victim = Victim.greeted();
    victim.mux.goaway();
    expect(hex(victim.output())).toBe('0c0004930000a0');
    const both = new MuxPair();
    both.a.mux.open('x');
    both.settle();
    both.a.mux.goaway();
    both.settle();
    both.b.mux.goaway();
    expect(both.b.mux.stats().channels).toBe(1);
    both.settle();
    expect([both.a.error, both.b.error]).toEqual([undefined, undefined]);
  });

  it('a peer that does not answer is not waited for', () => {
    const victim = Victim.greeted();
    victim.feed(open(1));
    victim.output();
    victim.mux.goaway();
    expect(hex(victim.output()).slice(0, 20)).toBe('0c000893ce3fffffff00');
    const deadline = victim.mux.deadline()!;
    expect(deadline).toBeLessThanOrEqual(1_000);
    for (let now = 0; now <= 1_000; now += 100) victim.mux.tick(now);
    expect(hex(victim.output())).toContain('0c0004930100a0');
    victim.feed(open(3));
    expect(victim.of('incoming').length).toBe(1);
    expect(hex(victim.output())).toContain(hex(frame(Kind.reset, 3, Uint8Array.of(8, 0))));
  });

  it('C7: when channel numbers are used up, the session says goodbye', () => {
    const pair = new MuxPair({ a: { maxChannelId: 8 } });
    for (let i = 0; i < 4; i++) pair.a.mux.open(String(i));
    expect(() => pair.a.mux.open('one too many')).toThrow(/channel numbers .* used up/);
    expect(() => pair.a.mux.open('another')).toThrow(/closing here/);
    pair.settle();
    expect(pair.b.of('incoming').length).toBe(4);
    expect(pair.b.of('goaway')).toMatchObject([{ code: 0, reason: 'channel numbers are used up' }]);
  });

  it('a link that ends without a goodbye is an error, in the middle of a frame too', () => {
    const pair = new MuxPair();
    pair.settle();
    pair.a.mux.endOfInput();
    pair.a.pull();
    expect(pair.a.error?.code).toBe('ERR_MUX_LINK_CLOSED');
    const victim = Victim.greeted();
    victim.mux.goaway();
    victim.feed(open(1).slice(0, 5));
    victim.mux.endOfInput();
    victim.pull();
    expect(victim.error?.code).toBe('ERR_MUX_LINK_CLOSED');
  });
});

describe('golden bytes', () => {
  it('preface and SETTINGS', () => {
    const fresh = new Victim({ maxFrame: 16_384, initialCredit: 262_144, maxChannels: 1_024 });
    const settingsBody = '8701cd400002ce0004000004cd040005cdea60' + '06cd1000' + '0bce00010000' + '4000';
    expect(hex(fresh.output())).toBe(`5132514d0100000000000000000b001f${settingsBody}1f00011a`);
  });

  it('OPEN with DATA and FIN in the same output', () => {
    const victim = Victim.greeted();
    const id = victim.mux.open('echo', { a: 1 }, { urgency: 2 });
    victim.mux.write(id, Uint8Array.of(1, 2, 3));
    victim.mux.finish(id);
    const openBody = '950002' + 'ce00010000' + 'a46563686f' + '81a16101';
    expect(hex(victim.output())).toBe(`010211${openBody}200203010203`);
  });

  it('PONG, GOAWAY, ACCEPT, RESET, STOP and the ACK that rides along', () => {
    const victim = Victim.greeted();
    victim.feed(open(1), frame(Kind.data, 1, new Uint8Array(4)), frame(Kind.ping, 0, varint(300)));
    victim.mux.reset(1, 256);
    victim.mux.stop(1, 9);
    victim.mux.goaway(0, 'bye');
    expect(hex(victim.output())).toBe(
      '0c000b93ce3fffffff00a3627965' +
        '090002412c' +
        '08000101' +
        '02010691ce00010000' +
        '030103410000' +
        '04010109' +
        hex(frame(Kind.ack, 0, concat([varint(victim.mux.received), varint(0)]))),
    );
  });
});
