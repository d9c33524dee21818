/** Every byte that leaves belongs to a channel's payload, a channel's overhead, or the link: counted against the wire itself. */
import { expect, test } from 'vitest';
import { concat } from '../../src/base/bytes.ts';
import { FrameParser } from '../../src/mux/codec.ts';
import { type MuxEnd, MuxPair, mirror } from '../support/muxPair.ts';
import { SeededRandom } from '../support/random.ts';

interface Seen {
  payload: number;
  overhead: number;
}

/** Reads one direction of the wire as a stranger would: what each channel's frames weigh, 0 for the link. */
function weigh(wire: Uint8Array): Map<number, Seen> {
  const parser = new FrameParser(false, 16_384);
  const seen = new Map<number, Seen>([[0, { payload: 0, overhead: 13 }]]); // the preface
  let counted = 0;
  parser.push(wire);
  for (let step = parser.next(); step !== 'more'; step = parser.next()) {
    const size = parser.position - counted;
    counted = parser.position;
    if (step === 'preface') continue;
    const channel = seen.get(parser.channel) ?? { payload: 0, overhead: 0 };
    seen.set(parser.channel, channel);
    if (step === 'piece') channel.payload += size;
    else channel.overhead += size;
  }
  return seen;
}

/** A pair of engines whose wires are kept. */
class TappedPair extends MuxPair {
  readonly wires = new Map<MuxEnd, Uint8Array[]>([
    [this.a, []],
    [this.b, []],
  ]);

  override move(from: MuxEnd, max = 65_536): number {
    const take = from.mux.takeOutput;
    from.mux.takeOutput = (...args) => {
      const parts = take.apply(from.mux, args);
      this.wires.get(from)!.push(concat(parts));
      return parts;
    };
    try {
      return super.move(from, max);
    } finally {
      from.mux.takeOutput = take;
    }
  }
}

test.each([1, 2, 3, 4, 5])(
  'channels and link add up to the bytes handed over, exactly, both ways (seed %i)',
  (seed) => {
    const random = new SeededRandom(seed);
    const pair = new TappedPair({ odd: seed % 2 === 0 ? 'a' : 'b', chunk: (n) => random.int(1, n) });
    const ids = Array.from({ length: 12 }, (_, i) => pair.a.mux.open(`channel ${i}`, { number: i }));
    pair.settle();
    // Live objects, taken while the channels are: they go on counting, and outlive them.
    const traffic = ids.map((id) => [pair.a.mux.channel(id)!, pair.b.mux.channel(mirror(id))!] as const);
    for (let round = 0; round < 30; round++) {
      for (const id of ids) {
        if (random.int(0, 2) === 0) pair.a.mux.write(id, random.bytes(random.int(1, 40_000)));
        if (random.int(0, 2) === 0) pair.b.mux.write(mirror(id), random.bytes(random.int(1, 300)));
      }
      const datagram = (): Uint8Array => random.bytes(random.int(0, 500));
      pair.a.mux.sendDatagram([0, ...ids][random.int(0, ids.length)]!, datagram());
      pair.b.mux.sendDatagram(mirror(ids[random.int(0, ids.length - 1)]!), datagram());
      if (round === 10) for (const id of ids.slice(0, 3)) pair.a.mux.reset(id, 256);
      if (round === 15) for (const id of ids.slice(3, 6)) pair.b.mux.stop(mirror(id), 257);
      if (round === 20) for (const id of ids.slice(6, 9)) pair.a.mux.finish(id);
      if (round % 5 === 0) pair.a.mux.ping(pair.now);
      pair.now += 30;
      pair.settle();
    }
    const sides = [pair.a, pair.b] as const;
    for (const [side, from] of sides.entries()) {
      const wire = concat(pair.wires.get(from)!);
      const seen = weigh(wire);
      const [sender, receiver] = [from.mux.stats(), sides[1 - side]!.mux.stats()];
      let [payload, overhead] = [0, 0];
      for (const [i, id] of ids.entries()) {
        const channel = seen.get(pair.a.mux.wireId(id))!;
        const [mine, theirs] = side === 0 ? traffic[i]! : [traffic[i]![1], traffic[i]![0]];
        expect({ payload: mine.payloadSent, overhead: mine.overheadSent }).toEqual(channel);
        // What came for a channel that was gone is the link's, at the end that had forgotten it.
        expect(theirs.payloadReceived).toBeLessThanOrEqual(channel.payload);
        expect(theirs.overheadReceived).toBeLessThanOrEqual(channel.overhead);
        if (i >= 9)
          expect({ payload: theirs.payloadReceived, overhead: theirs.overheadReceived }).toEqual(channel);
        payload += channel.payload;
        overhead += channel.overhead;
      }
      expect([sender.payloadSent, sender.overheadSent]).toEqual([payload, overhead]);
      expect(payload + overhead + seen.get(0)!.overhead).toBe(wire.length);
      expect([sender.bytesSent, receiver.bytesReceived]).toEqual([wire.length, wire.length]);
      expect(receiver.payloadReceived + receiver.lateBytes).toBe(payload);
      expect(receiver.overheadReceived).toBeLessThanOrEqual(overhead);
    }
  },
);
