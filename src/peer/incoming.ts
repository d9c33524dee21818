/** Channels that the peer opens: who takes them, and until when each counts against the peer's limit. */
import { toError } from '../base/errors.ts';
import { IdTable } from '../base/idTable.ts';
import {
  type ChannelMode,
  type ControlValue,
  describeCode,
  MuxError,
  type MuxEvent,
  WireCode,
} from '../mux/index.ts';
import { type ChannelHost, ChannelLink } from './channelLink.ts';

/** A channel that the peer opened. It waits, and what comes in it waits, until one of the two is called. */
export interface IncomingChannel {
  readonly id: number;
  readonly name: string;
  readonly meta: ControlValue;
  /** 'messages': what one end sends at once, the other gets at once. */
  readonly mode: ChannelMode;
  readonly urgency: number;
  accept(meta?: ControlValue): ChannelLink;
  refuse(code?: number): void;
}

/** The channel counts against the peer's limit until it is closed and what the handler returned has settled. */
export type IncomingHandler = (incoming: IncomingChannel) => void | Promise<void>;

export interface IncomingOptions {
  readonly takesMessages: boolean;
  /** A handler failed. */
  report(message: string, error: Error): void;
}

export class IncomingChannels {
  readonly #host: ChannelHost;
  /** All channels of the session, by number. */
  readonly #channels: IdTable<ChannelLink>;
  readonly #options: IncomingOptions;
  /** Those whose handler has not returned (or its promise not settled). */
  readonly #handling = new IdTable<true>();
  #handler: IncomingHandler | undefined;
  #waiting: IncomingChannel[] = [];

  constructor(host: ChannelHost, channels: IdTable<ChannelLink>, options: IncomingOptions) {
    this.#host = host;
    this.#channels = channels;
    this.#options = options;
  }

  /** Those that came before are handed over soon. */
  takenBy(handler: IncomingHandler): void {
    this.#handler = handler;
    queueMicrotask(() => {
      for (const incoming of this.#waiting.splice(0)) this.#handOver(incoming);
    });
  }

  came({ id, name, meta, mode, urgency }: MuxEvent & { type: 'incoming' }): void {
    if (mode === 'messages' && !this.#options.takesMessages) {
      this.#host.mux.refuse(id, WireCode.unsupported);
      this.#host.mux.release(id);
      return;
    }
    const channel = new ChannelLink(this.#host, id, name, mode);
    this.#channels.set(id, channel);
    this.#handling.set(id, true);
    const incoming: IncomingChannel = {
      id,
      name,
      meta,
      mode,
      urgency,
      accept: (answer) => {
        this.#host.mux.accept(id, answer);
        this.#host.flushSoon();
        return channel;
      },
      refuse: (code = WireCode.refused) => {
        const text = `channel was refused here with code ${describeCode(code)}`;
        if (this.#host.mux.refuse(id, code)) channel.abort(new MuxError('ERR_MUX_ABORTED', text), code);
        this.#host.flushSoon();
      },
    };
    if (this.#handler === undefined || this.#waiting.length > 0) this.#waiting.push(incoming);
    else this.#handOver(incoming);
  }

  /** Runs the application's handler; what it throws costs this channel only. */
  #handOver(incoming: IncomingChannel): void {
    const { id } = incoming;
    try {
      const result = this.#handler!(incoming);
      if (!(result instanceof Promise)) this.#handled(id);
      else result.catch((thrown) => this.#failed(incoming, thrown)).finally(() => this.#handled(id));
    } catch (thrown) {
      this.#failed(incoming, thrown);
      this.#handled(id);
    }
  }

  #failed({ id, name }: IncomingChannel, thrown: unknown): void {
    const cause = toError(thrown);
    this.#options.report(`handler of channel '${name}' failed`, cause);
    this.#host.mux.refuse(id, WireCode.internal);
    const error = new MuxError('ERR_MUX_HANDLER', 'the handler of the channel threw', { cause });
    this.#channels.get(id)?.abort(error, WireCode.internal);
    this.#host.flushSoon();
  }

  #handled(id: number): void {
    this.#handling.delete(id);
    this.channelOver(id);
  }

  /** The session is over: nobody will take what waits. */
  clear(): void {
    this.#waiting = [];
  }

  /** The channel, or its handler, has ended: with both gone the peer may open another. */
  channelOver(id: number): void {
    if (this.#channels.has(id) || this.#handling.has(id)) return;
    this.#host.mux.release(id);
    this.#host.flushSoon();
  }
}
