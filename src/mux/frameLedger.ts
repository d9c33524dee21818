/** Frames of one output, each on the account of whose it is: its channel's, or the link's own. */
import { FrameWriter } from './frameWriter.ts';
import type { Counters } from './stats.ts';
import type { MuxStream } from './stream.ts';
import type { ChannelTable } from './table.ts';

export class FrameLedger {
  readonly #writer = new FrameWriter();
  readonly #table: ChannelTable;
  readonly #counters: Counters;

  constructor(table: ChannelTable, counters: Counters) {
    this.#table = table;
    this.#counters = counters;
  }

  /** Bytes laid out since the last `take`. */
  get size(): number {
    return this.#writer.size;
  }

  take(): Uint8Array[] {
    return this.#writer.take();
  }

  /** A frame other than DATA. Not on a channel's account: channel 0, and channels that are not in the table. */
  control(kind: number, channel: number, body: Uint8Array): void {
    this.#counters.framesSent++;
    this.#writer.control(kind, channel, body);
  }

  onChannel(stream: MuxStream, kind: number, body: Uint8Array): void {
    const before = this.#writer.size;
    this.control(kind, this.#table.toWire(stream.id), body);
    this.#charge(stream, this.#writer.size - before);
  }

  /** The next `size` bytes that the channel has. `last`: the frame ends its message and says no length. */
  data(stream: MuxStream, type: number, size: number, last: boolean): void {
    const writer = this.#writer;
    const before = writer.size;
    writer.header(type, this.#table.toWire(stream.id), last ? undefined : size);
    this.#charge(stream, writer.size - before);
    stream.queue.move(size, writer);
    this.#counters.framesSent++;
    this.#counters.payloadSent += size;
  }

  #charge(stream: MuxStream, bytes: number): void {
    stream.overheadSent += bytes;
    this.#counters.overheadSent += bytes;
  }
}
