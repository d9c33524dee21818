import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat } from '../../src/base/bytes.ts';
import { FrameWriter } from '../../src/mux/frameWriter.ts';
import { Replay } from '../../src/mux/replay.ts';

const part = (from: number, length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => from + i);

describe('what was sent and is not acknowledged', () => {
  it('is replayed from any position that is held, in any portions, whatever is acknowledged meanwhile', () => {
    const step = fc.oneof(
      fc.record({ push: fc.integer({ min: 0, max: 40 }) }),
      fc.record({ trim: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.record({ rewind: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.record({ take: fc.integer({ min: 0, max: 50 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const replay = new Replay();
        const sent: number[] = []; // the whole stream
        let [start, position] = [0, 0];
        const between = (from: number, to: number, share: number): number =>
          from + Math.floor((to - from) * share);
        for (const act of steps) {
          if ('push' in act) {
            if (replay.isReplaying) continue;
            const bytes = part(sent.length, act.push);
            replay.push([bytes.slice(0, 7), bytes.slice(7)]);
            sent.push(...bytes);
            position = sent.length;
          } else if ('trim' in act) {
            const to = between(0, position, act.trim);
            expect(replay.trim(to)).toBe(true);
            start = Math.max(start, to);
          } else if ('rewind' in act) {
            start = position = between(start, sent.length, act.rewind);
            expect(replay.rewind(position)).toBe(true);
          } else {
            const bytes = concat(replay.take(act.take));
            expect(bytes.length).toBe(Math.min(act.take, sent.length - position));
            expect([...bytes]).toEqual(sent.slice(position, position + bytes.length));
            position += bytes.length;
          }
          expect([replay.start, replay.position, replay.end]).toEqual([start, position, sent.length]);
          expect(replay.length).toBe(sent.length - start);
        }
        expect(replay.rewind(start)).toBe(true);
        expect([...concat(replay.take(1e9))]).toEqual(sent.slice(start));
      }),
    );
  });

  it('refuses a position that was not sent or is held no more, and changes nothing', () => {
    const replay = new Replay();
    replay.push([part(0, 10), part(10, 10)]);
    expect(replay.trim(21)).toBe(false);
    expect(replay.trim(12)).toBe(true);
    expect(replay.trim(3)).toBe(true); // an older acknowledgement says nothing new
    expect([replay.rewind(11), replay.rewind(21)]).toEqual([false, false]);
    expect([replay.start, replay.length, replay.isReplaying]).toEqual([12, 8, false]);
    expect(replay.rewind(15)).toBe(true);
    expect(replay.trim(16)).toBe(false); // not sent on this link
  });

  it('keeps references, not copies', () => {
    const replay = new Replay();
    const large = new Uint8Array(16_320);
    replay.push([large]);
    replay.rewind(0);
    expect(replay.take(1e6)[0]).toBe(large);
  });

  it('holds a thousand small frames as one part of one slab', () => {
    const replay = new Replay();
    const writer = new FrameWriter();
    for (let i = 0; i < 1_000; i++) {
      writer.control(8, 0, Uint8Array.of(i & 63));
      replay.push(writer.take());
    }
    replay.rewind(0);
    expect(replay.take(1e6)).toHaveLength(1);
  });

  it('does not pin a large chunk for a small share of it', () => {
    const replay = new Replay();
    const chunk = new Uint8Array(1_000_000);
    replay.push([chunk.subarray(5_000, 6_100)]);
    replay.rewind(0);
    expect(replay.take(1e6)[0]!.buffer.byteLength).toBe(1_100);
  });

  it('lets everything go when the session is over', () => {
    const replay = new Replay();
    replay.push([part(0, 10)]);
    replay.clear();
    expect([replay.length, replay.isReplaying, replay.take(10)]).toEqual([0, false, []]);
  });
});
