/**
 * The public face of one authenticated byte stream. Fast: `start(handler)` and `send`, as on any link. Comfortable: Web
 * Streams, `for await`. Use one way of reading, not several.
 */
import { deferred } from '../base/deferred.ts';
import type { Q2qError } from '../base/errors.ts';
import { Events } from '../base/events.ts';
import type { Identity, PeerIdentity } from '../identity/index.ts';
import type { ChannelTraffic, MuxStats } from '../mux/index.ts';
import type { Negotiated } from '../tls/index.ts';
import type { Link, LinkHandler, LinkInfo } from '../transport/link.ts';
import { abortable } from './abort.ts';
import { type ChannelBytes, channelBytes } from './bytes.ts';
import { CLOSE_CODES, resetCodeOf } from './codes.ts';
import { PeerError } from './errors.ts';
import { Room } from './room.ts';
import type { ChannelPath } from './route.ts';
import type { SecureLink, SecureStats } from './secureLink.ts';
import { linkBatches, linkChunks, linkReadable, linkWritable, type ReadOptions } from './streams.ts';

/** What the endpoint knows of a channel; `path` may be a getter. */
export interface ChannelFacts {
  /** Who is at the other end, as its certificate proved. */
  readonly peer: PeerIdentity;
  /** Who we are in this channel. */
  readonly local: Pick<Identity, 'keyId' | 'name' | 'device'>;
  readonly protocol: string;
  readonly path: ChannelPath;
  /** Counters of the session A⇄B, which the channel shares with others to the same peer. */
  readonly sessionStats?: () => MuxStats;
  /** What the multiplexer below the channel's TLS counts for it. */
  readonly traffic?: ChannelTraffic;
}

export interface ChannelEvents {
  /** `send` returned false before; now there is room. */
  readonly drain: undefined;
  readonly path: ChannelPath;
}

/** What a channel stands on: a protected link, or one with its greeting taken off. */
export type ChannelCarrier = Link & Pick<SecureLink, 'negotiated' | 'stats'>;

export class Channel implements Link, AsyncDisposable {
  readonly info: LinkInfo;
  readonly peer: PeerIdentity;
  readonly local: ChannelFacts['local'];
  readonly protocol: string;
  /**
   * Settles when the channel is gone: fulfilled if both directions ended cleanly, rejected with the reason if not. It
   * may be ignored.
   */
  readonly closed: Promise<void>;
  readonly #link: ChannelCarrier;
  readonly #facts: ChannelFacts;
  readonly #events = new Events<ChannelEvents>();
  readonly #room = new Room();
  #handler: LinkHandler | undefined;
  #paused = false;
  #catchingUp = false; // the handler is about to be told what happened before it came
  #ended = false;
  #gone = false;
  #error: Q2qError | undefined;
  #cut: PeerError | undefined;

  /** Takes over a link that nobody has started. Endpoints make channels; applications get them. */
  constructor(link: ChannelCarrier, facts: ChannelFacts) {
    const closed = deferred<void>();
    closed.promise.catch(() => {}); // whoever wants the error awaits `closed`
    this.closed = closed.promise;
    this.info = link.info;
    this.peer = facts.peer;
    this.local = facts.local;
    this.protocol = facts.protocol;
    this.#link = link;
    this.#facts = facts;
    link.pause(); // until somebody reads
    link.start({
      data: (chunk) => this.#handler!.data(chunk),
      drain: () => {
        this.#room.open();
        this.#handler?.drain();
        this.#events.emit('drain', undefined);
      },
      end: () => {
        this.#ended = true;
        if (!this.#catchingUp) this.#handler?.end();
      },
      closed: (below) => {
        const error = this.#cut ?? revocationIn(below) ?? below;
        this.#gone = true;
        this.#error = error;
        this.#room.close(() => error ?? new PeerError('ERR_PEER_CLOSED', 'channel is closed'));
        if (!this.#catchingUp) this.#handler?.closed(error);
        if (error === undefined) closed.resolve();
        else closed.reject(error);
      },
    });
  }

  get path(): ChannelPath {
    return this.#facts.path;
  }

  /** Suite, group, ALPN, and the proof of who the peer is. */
  get negotiated(): Negotiated {
    return this.#link.negotiated;
  }

  get stats(): SecureStats {
    return this.#link.stats;
  }

  /** What has passed so far: the application's bytes, and what TLS and the multiplexer added for this channel. */
  bytes(): ChannelBytes {
    return channelBytes(this.#link.stats, this.#facts.traffic);
  }

  /** Counters of the session that carries this channel and others to the same peer: frames, bytes, round trip. */
  get sessionStats(): MuxStats | undefined {
    return this.#facts.sessionStats?.();
  }

  get buffered(): number {
    return this.#link.buffered;
  }

  /** Returns the function that removes the listener. */
  on<Name extends keyof ChannelEvents>(
    name: Name,
    listener: (payload: ChannelEvents[Name]) => void,
  ): () => void {
    return this.#events.on(name, listener);
  }

  /** For the endpoint: the bytes travel another way now. */
  pathChanged(): void {
    this.#events.emit('path', this.path);
  }

  start(handler: LinkHandler): void {
    if (this.#handler !== undefined) throw new Error('channel was started twice: it has one reader');
    this.#handler = handler;
    this.#catchingUp = true;
    queueMicrotask(() => {
      this.#catchingUp = false;
      if (this.#ended) handler.end();
      if (this.#gone) handler.closed(this.#error);
    });
    if (!this.#paused) this.#link.resume();
  }

  /** Takes the bytes over: they must not be changed afterwards. False: stop until `drain`. */
  send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    return this.#room.after(this.#link.send(bytes));
  }

  /** Resolves when `send` may go on, at once if it did not say stop. Rejects when the channel is gone. */
  drained(signal?: AbortSignal): Promise<void> {
    return this.#room.drained(signal);
  }

  pause(): void {
    this.#paused = true;
    this.#link.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#handler !== undefined) this.#link.resume();
  }

  /** Cancelling it resets the channel: TLS has no way to end one direction but in good order. */
  get readable(): ReadableStream<Uint8Array> {
    return linkReadable(this);
  }

  /** `close` ends our direction, `abort` resets the channel. A chunk is copied: `linkWritable` can do without. */
  get writable(): WritableStream<Uint8Array> {
    return linkWritable(this);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    return linkChunks(this);
  }

  /** Everything that waits at a time: `for await (const chunks of channel.batches())`. */
  batches(options?: ReadOptions): AsyncIterableIterator<Uint8Array[]> {
    return linkBatches(this, options);
  }

  /** Ends our direction after what was sent; the other one goes on. */
  closeWrite(): void {
    this.#room.close(() => new PeerError('ERR_PEER_CLOSED', 'our direction of the channel has ended'));
    this.#link.closeWrite();
  }

  /** Sends what is queued and ends both directions; what still arrives is dropped. Settles as `closed` does, or by the signal. */
  close(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    this.#link.close();
    return signal === undefined ? this.closed : abortable(this.closed, signal);
  }

  /** Cuts both directions now. The other end sees a failure and, below 2^32, the code. */
  reset(code?: number): void {
    this.#link.reset(code);
  }

  /** For the endpoint: the domain has withdrawn what the channel stands on. */
  cut(error: PeerError): void {
    this.#cut = error;
    this.#link.reset(CLOSE_CODES.revoked);
  }

  /** Closes and waits. A failure is left to `closed`: a block that already throws keeps its own error. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close().catch(() => {});
  }
}

/** Whoever cut the channel, or its path, said why. */
function revocationIn(error: Q2qError | undefined): PeerError | undefined {
  if (resetCodeOf(error) !== CLOSE_CODES.revoked) return undefined;
  return new PeerError('ERR_PEER_REVOKED', 'the domain has withdrawn the certificate of one end', {
    cause: error,
  });
}
