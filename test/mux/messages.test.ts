import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, hex } from '../../src/base/bytes.ts';
import { encodeOpen } from '../../src/mux/bodies.ts';
import { EOM, FIN, Kind } from '../../src/mux/frame.ts';
import { MessageLengths } from '../../src/mux/messageLengths.ts';
import { accountOf, unreadOf } from '../support/account.ts';
import { type MuxEnd, MuxPair, mirror } from '../support/muxPair.ts';
import { frame, Victim, varint } from '../support/muxPeer.ts';
import { pattern, SeededRandom } from '../support/random.ts';

function messagesOf(end: MuxEnd, id: number): string[] {
  const messages: string[] = [];
  for (let bytes = end.mux.read(id); bytes !== undefined; bytes = end.mux.read(id)) messages.push(hex(bytes));
  return messages;
}

const openMessages = (channel: number): Uint8Array =>
  frame(
    Kind.open,
    channel,
    encodeOpen({ mode: 1, urgency: 3, sharing: true, credit: 65_536, name: 'x', meta: undefined }),
  );

describe('a channel of messages', () => {
  it('C6: gives whole messages, whatever the frames, the chunks, the credit and the link', () => {
    const size = fc.oneof(fc.constant(0), fc.nat(3), fc.nat(300), fc.integer({ min: 0, max: 2_000 }));
    fc.assert(
      fc.property(
        fc.array(size, { maxLength: 40 }),
        fc.record({ messages: fc.boolean(), maxFrame: fc.constantFrom(256, 300, 16_384), seed: fc.nat() }),
        fc.constantFrom(2_000, 2_500, 10_000),
        (sizes, { messages, maxFrame, seed }, initialCredit) => {
          const random = new SeededRandom(seed);
          const limits = { maxFrame, initialCredit, maxMessage: 2_000 };
          const pair = new MuxPair({ messages, a: limits, b: limits, chunk: (n) => random.int(1, n) });
          pair.b.consumes = false;
          const id = pair.a.mux.open('x', undefined, { mode: 'messages' });
          const expected: string[] = [];
          const got: string[] = [];
          for (const [i, length] of sizes.entries()) {
            const bytes = pattern(seed, i * 7, length);
            expected.push(hex(bytes));
            const cut = random.int(0, length);
            pair.a.mux.write(id, i % 2 === 0 ? bytes : [bytes.slice(0, cut), bytes.slice(cut)]);
            if (random.next() < 0.3) pair.move(pair.a, random.int(1, 3_000));
            if (random.next() < 0.3) got.push(...messagesOf(pair.b, mirror(id)));
          }
          pair.a.mux.finish(id);
          for (let round = 0; round <= 2 * sizes.length + 2; round++) {
            pair.settle();
            const next = pair.b.mux.read(mirror(id));
            if (next !== undefined) got.push(hex(next));
          }
          expect(got).toEqual(expected);
          expect([pair.a.error, pair.b.error]).toEqual([undefined, undefined]);
          expect(pair.b.of('end').length).toBe(1);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('tells its mode, and one write of any size is one read', () => {
    const pair = new MuxPair();
    pair.b.consumes = false;
    const id = pair.a.mux.open('x', undefined, { mode: 'messages' });
    pair.a.mux.write(id, [pattern(1, 0, 40_000), pattern(1, 40_000, 25_536)]);
    pair.settle();
    expect(pair.b.of('incoming')[0]).toMatchObject({ mode: 'messages' });
    expect(pair.b.mux.read(mirror(id))).toEqual(pattern(1, 0, 65_536));
    expect(pair.b.mux.read(mirror(id))).toBeUndefined();
  });

  it('a message that came in one piece is the very bytes that came', () => {
    const victim = Victim.greeted();
    victim.consumes = false;
    victim.feed(openMessages(1));
    const chunk = frame(Kind.data | EOM, 1, Uint8Array.of(1, 2, 3));
    victim.mux.feed(chunk, 0);
    expect(victim.mux.next()).toMatchObject({ type: 'readable', id: 1 });
    expect(victim.mux.read(1)!.buffer).toBe(chunk.buffer);
  });

  it('half a message is not there: no event, no read, no end', () => {
    const victim = Victim.greeted();
    victim.consumes = false;
    victim.feed(openMessages(1), frame(Kind.data, 1, Uint8Array.of(1)));
    expect([victim.of('readable').length, victim.mux.read(1)]).toEqual([0, undefined]);
    victim.feed(frame(Kind.data | EOM | FIN, 1, Uint8Array.of(2)));
    expect([victim.of('readable').length, victim.of('end').length]).toEqual([1, 1]);
    expect(victim.mux.read(1)).toEqual(Uint8Array.of(1, 2));
  });

  it('C3: whole messages can be read after the link is gone, empty ones too', () => {
    const pair = new MuxPair();
    pair.b.consumes = false;
    const id = pair.a.mux.open('x', undefined, { mode: 'messages' });
    for (const size of [3, 0, 0, 2, 0]) pair.a.mux.write(id, new Uint8Array(size).fill(7));
    pair.a.mux.finish(id);
    pair.settle();
    pair.b.mux.abort();
    pair.b.pull();
    expect(messagesOf(pair.b, mirror(id))).toEqual(['070707', '', '', '0707', '']);
    expect(pair.b.mux.stats().channels).toBe(0);
  });

  it('W1, W9: credit never holds a message back for ever, even when one fills the whole window', () => {
    const limits = { initialCredit: 5_000, maxMessage: 5_000 };
    const pair = new MuxPair({ b: limits });
    pair.b.consumes = false;
    const id = pair.a.mux.open('x', undefined, { mode: 'messages' });
    for (const size of [700, 5_000, 1, 5_000, 4_999]) pair.a.mux.write(id, new Uint8Array(size));
    const got: number[] = [];
    for (let round = 0; round < 20; round++) {
      pair.settle();
      const message = pair.b.mux.read(mirror(id));
      if (message !== undefined) got.push(message.length);
    }
    expect(got).toEqual([700, 5_000, 1, 5_000, 4_999]);
  });

  it('W9: small messages that are read one by one do not cost a CREDIT each', () => {
    const limits = { initialCredit: 65_536, maxMessage: 65_536 };
    const pair = new MuxPair({ b: limits });
    const id = pair.a.mux.open('x', undefined, { mode: 'messages' });
    for (let i = 0; i < 2_000; i++) {
      pair.a.mux.write(id, new Uint8Array(20));
      pair.move(pair.a);
      pair.move(pair.b);
      pair.now += 30; // ACKs are due
    }
    expect(pair.b.length(mirror(id))).toBe(40_000);
    expect(pair.b.mux.stats().grants).toBeLessThanOrEqual(4);
  });

  it('a message above what the other end takes is refused at the write', () => {
    const pair = new MuxPair({ b: { maxMessage: 100 } });
    const early = pair.a.mux.open('early', undefined, { mode: 'messages' });
    pair.a.mux.write(early, new Uint8Array(101));
    pair.settle();
    expect(pair.a.of('reset')[0]).toMatchObject({ id: early, error: { code: 'ERR_MUX_ARGUMENT' } });
    const id = pair.a.mux.open('x', undefined, { mode: 'messages' });
    expect(() => pair.a.mux.write(id, new Uint8Array(101))).toThrow(
      /101 bytes, the other end takes at most 100/,
    );
    expect(pair.a.mux.write(id, new Uint8Array(100))).toBe(true);
    expect(() => pair.a.mux.write(pair.a.mux.open('bytes'), new Uint8Array(101))).not.toThrow();
    pair.settle();
    expect([pair.a.error, pair.b.error]).toEqual([undefined, undefined]);
  });

  it('W6: a message above maxMessage costs its channel, not the session, and not a byte of memory', () => {
    const victim = Victim.greeted({ maxMessage: 100 });
    victim.consumes = false;
    victim.feed(openMessages(1), openMessages(3));
    victim.output();
    victim.feed(frame(Kind.data, 1, new Uint8Array(100)), frame(Kind.data, 1, new Uint8Array(1)));
    expect(victim.of('reset')[0]).toMatchObject({ id: 1, error: { code: 'ERR_MUX_LIMIT', resetCode: 13 } });
    expect(unreadOf(victim.mux, 1)).toBe(0);
    expect(hex(victim.output())).toContain(`${hex(frame(Kind.reset, 1, Uint8Array.of(13, 0)))}04010${'10d'}`);
    victim.feed(
      frame(Kind.data | EOM, 1, new Uint8Array(90)),
      frame(Kind.data | EOM, 3, new Uint8Array(100)),
    );
    expect(victim.error).toBeUndefined();
    expect(victim.mux.read(3)!.length).toBe(100);
  });

  it('D3: a flood of empty messages that nobody reads ends the link, and costs no memory', () => {
    const victim = Victim.greeted();
    victim.consumes = false;
    victim.feed(openMessages(1));
    for (let i = 0; i < 200 && victim.error === undefined; i++)
      victim.feed(concat(Array.from({ length: 100 }, () => frame(Kind.data | EOM, 1))));
    expect(victim.error?.code).toBe('ERR_MUX_LIMIT');
  });

  it('C4: what the peer sends on a channel of messages that we stopped is discarded', () => {
    const victim = Victim.greeted();
    victim.consumes = false;
    victim.feed(openMessages(1), frame(Kind.data, 1, Uint8Array.of(1)));
    victim.mux.stop(1);
    victim.feed(frame(Kind.data | EOM, 1, Uint8Array.of(2)), frame(Kind.data | EOM | FIN, 1));
    expect([victim.error, victim.mux.read(1)]).toEqual([undefined, undefined]);
    expect(accountOf(victim.mux, 1)).toMatchObject({ received: 2, consumed: 2 });
    victim.feed(frame(Kind.reset, 1, concat([varint(0), varint(2)])));
    expect(victim.error).toBeUndefined();
  });
});

describe('lengths of waiting messages', () => {
  it('come out as they went in, and take little room', () => {
    const length = fc.oneof(fc.constant(0), fc.nat(63), fc.nat(70_000));
    const step = fc.oneof(length, fc.constant('shift' as const));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const lengths = new MessageLengths();
        const model: number[] = [];
        for (const one of steps) {
          if (one === 'shift') expect(lengths.shift()).toBe(model.shift());
          else {
            lengths.push(one);
            model.push(one);
          }
          expect(lengths.count).toBe(model.length);
        }
        while (model.length > 0) expect(lengths.shift()).toBe(model.shift());
        expect(lengths.shift()).toBeUndefined();
      }),
    );
  });
});
