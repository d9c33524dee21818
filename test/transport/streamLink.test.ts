import { Duplex } from 'node:stream';
import { expect, it } from 'vitest';
import { StreamLink } from '../../src/transport/streamLink.node.ts';
import { VirtualClock } from '../support/clock.ts';

const ignore = (): void => {};
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A link that answers each byte of what comes with a byte, and how many bytes each system call would have written. */
function answering(
  clock: VirtualClock,
  work: number,
): { readonly stream: Duplex; readonly writes: number[] } {
  const writes: number[] = [];
  const stream = new Duplex({
    read: ignore,
    write(chunk: Uint8Array, _encoding, done) {
      writes.push(chunk.length);
      done();
    },
    writev(chunks, done) {
      writes.push(chunks.length);
      done();
    },
  });
  const info = { kind: 'tcp', messages: false, halfClose: true } as const;
  const link = new StreamLink(stream, stream, { info, abort: ignore, clock });
  const data = (chunk: Uint8Array): void => {
    for (const byte of chunk) {
      clock.advance(work);
      link.send(Uint8Array.of(byte));
    }
  };
  link.start({ data, drain: ignore, end: ignore, closed: ignore });
  return { stream, writes };
}

it('the answers of one turn of the event loop leave in one write', async () => {
  const { stream, writes } = answering(new VirtualClock(), 0);
  stream.push(Buffer.from('four'));
  stream.push(Buffer.from('five5'));
  await nextTurn();
  await nextTurn();
  expect(writes).toEqual([9]);
});

it('answers that take long leave while the turn lasts', async () => {
  const { stream, writes } = answering(new VirtualClock(), 0.03);
  stream.push(Buffer.from('seven77'));
  await new Promise((resolve) => process.nextTick(resolve));
  expect(writes).toEqual([2, 3]);
  await nextTurn();
  expect(writes).toEqual([2, 3, 2]);
});
