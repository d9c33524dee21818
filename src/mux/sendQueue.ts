/**
 * What a channel still has to send, as the writes it came in: a frame holds whole writes where they fit, so that one
 * TLS record stays one DATA frame.
 */
import { Fifo } from '../base/fifo.ts';
import type { FrameWriter } from './frameWriter.ts';

interface Write {
  readonly parts: readonly Uint8Array[];
  index: number; // first part not sent
  offset: number; // bytes of it that are
  left: number;
}

export class SendQueue {
  readonly #writes = new Fifo<Write>();
  length = 0;

  push(bytes: Uint8Array | readonly Uint8Array[]): void {
    const parts = bytes instanceof Uint8Array ? [bytes] : bytes;
    let left = 0;
    for (const part of parts) left += part.length;
    if (left === 0) return;
    this.#writes.push({ parts, index: 0, offset: 0, left });
    this.length += left;
  }

  /** Size of the next frame when it may hold `max`: whole writes, or as much of the first as fits. */
  nextSize(max: number): number {
    let size = 0;
    for (let i = 0; i < this.#writes.length; i++) {
      const wanted = size + this.#writes.at(i)!.left;
      if (wanted > max) return size === 0 ? max : size;
      size = wanted;
    }
    return size;
  }

  /** Moves `count` bytes into a frame. */
  move(count: number, frame: FrameWriter): void {
    this.length -= count;
    let left = count;
    while (left > 0) {
      const write = this.#writes.at(0)!;
      left -= moveFrom(write, left, frame);
      if (write.left === 0) this.#writes.shift();
    }
  }

  /** Drops everything; returns how many bytes that were. */
  clear(): number {
    const dropped = this.length;
    this.#writes.clear();
    this.length = 0;
    return dropped;
  }
}

function moveFrom(write: Write, count: number, frame: FrameWriter): number {
  let moved = 0;
  while (moved < count && write.left > 0) {
    const part = write.parts[write.index]!;
    const size = Math.min(part.length - write.offset, count - moved);
    frame.payload(size === part.length ? part : part.subarray(write.offset, write.offset + size));
    moved += size;
    write.left -= size;
    write.offset += size;
    if (write.offset === part.length) {
      write.index++;
      write.offset = 0;
    }
  }
  return moved;
}
