/** Frames of one output, each on the account of whose it is: its channel's, or the link's own. */
import { FrameWriter } from './frameWriter.ts';
import type { Counters } from './stats.ts';
import type { MuxStream } from './stream.ts';
import type { ChannelTable } from './table.ts';

export class FrameLedger extends FrameWriter {
  readonly #table: ChannelTable;
  readonly #counters: Counters;

  constructor(table: ChannelTable, counters: Counters) {
    super();
    this.#table = table;
    this.#counters = counters;
  }

  /** A frame other than DATA that is on no channel's account: on channel 0, or for a channel that is not in the table. */
  override control(kind: number, channel: number, body: Uint8Array): void {
    this.#counters.framesSent++;
    super.control(kind, channel, body);
  }

  onChannel(stream: MuxStream, kind: number, body: Uint8Array): void {
    const before = this.size;
    this.control(kind, this.#table.toWire(stream.id), body);
    this.#charge(stream, this.size - before);
  }

  /** The next `size` bytes that the channel has. `last`: the frame ends its message and says no length. */
  data(stream: MuxStream, type: number, size: number, last: boolean): void {
    const before = this.size;
    this.header(type, this.#table.toWire(stream.id), last ? undefined : size);
    this.#charge(stream, this.size - before);
    stream.queue.move(size, this);
    this.#counters.framesSent++;
    this.#counters.payloadSent += size;
  }

  #charge(stream: MuxStream, bytes: number): void {
    stream.overheadSent += bytes;
    this.#counters.overheadSent += bytes;
  }
}
