/**
 * Many channels over any link: TCP, WebSocket, stdio, TLS, or a channel of another session. `MuxDriver` lends the engine
 * its link and its clock; here are the channels, and what the engine's events mean to them. Nothing the peer or an
 * application does here throws into the link.
 */
import { type Clock, systemClock } from '../base/clock.ts';
import { type Deferred, deferred } from '../base/deferred.ts';
import { type Q2qError, toError } from '../base/errors.ts';
import { IdTable } from '../base/idTable.ts';
import { type Logger, silent } from '../base/log.ts';
import {
  type ControlValue,
  MuxError,
  type MuxEvent,
  MuxSession,
  NONCE_LENGTH,
  type ResumeRequest,
  WireCode,
} from '../mux/index.ts';
import type { Link, LinkInfo } from '../transport/link.ts';
import { abortable } from './abort.ts';
import { type SessionBytes, sessionBytes } from './bytes.ts';
import { Carrier, GOODBYE_TIMEOUT } from './carrier.ts';
import { type ChannelHost, ChannelLink } from './channelLink.ts';
import { IncomingChannels, type IncomingHandler } from './incoming.ts';
import { MuxDriver, type Pump } from './muxDriver.ts';
import { PendingPings } from './pendingPings.ts';
import { type RelinkHost, Relinking } from './relinking.ts';
import type { ChannelPath, Route } from './route.ts';
import type { OpenChannelOptions, SessionOptions, SessionStats } from './sessionOptions.ts';

export class Session implements ChannelHost, RelinkHost, AsyncDisposable {
  readonly mux: MuxSession;
  readonly clock: Clock;
  readonly channelInfo: LinkInfo;
  /** Settles when the session is over; with undefined when both ends had said goodbye. */
  readonly closed: Promise<Q2qError | undefined>;
  readonly #closed: Deferred<Q2qError | undefined> = deferred();
  readonly #linkClosed: Deferred<void> = deferred();
  readonly #logger: Logger;
  readonly #channels = new IdTable<ChannelLink>();
  readonly #incoming: IncomingChannels;
  readonly #pings = new PendingPings();
  #onGoaway: (code: number, reason: string) => void = () => {};
  #onDatagram: (bytes: Uint8Array) => void = () => {};
  readonly #carrier: Carrier;
  readonly #driver: MuxDriver;
  readonly #path: ChannelPath | undefined;
  /** Undefined: the session ends with its link. */
  readonly #relinking: Relinking | undefined;

  constructor(link: Link, options: SessionOptions) {
    const { limits, resume, software } = options;
    const via = link.info;
    this.channelInfo = Object.freeze({ ...via, kind: 'channel', messages: false, halfClose: true, via });
    this.closed = this.#closed.promise;
    this.clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silent;
    this.mux = new MuxSession({
      messages: link.info.messages,
      nonce: options.random(NONCE_LENGTH),
      now: this.clock.monotonic(),
      limits,
      software,
      hmac: resume?.hmac,
    });
    this.#incoming = new IncomingChannels(this, this.#channels, {
      takesMessages: options.takesMessages ?? false,
      report: (message, error) => this.#report(message, error),
    });
    const owner = {
      onData: (chunk: Uint8Array) => this.#driver.feed(chunk),
      onDrain: () => this.flushSoon(),
      onEnd: () => this.#driver.step((now) => this.mux.endOfInput(now)),
      onLinkClosed: (error: Q2qError | undefined) => this.#onLinkClosed(error),
    };
    const carrier = (this.#carrier = new Carrier(owner, this.clock, link));
    const driver = (this.#driver = new MuxDriver(this.mux, carrier, this.clock, (event) =>
      this.#handle(event),
    ));
    const { path, random } = options;
    this.#path = path;
    const logger = this.#logger;
    this.#relinking = resume && new Relinking(this, { resume, carrier, driver, random, logger, path });
    carrier.attach(link);
    driver.arm();
    this.flushSoon();
  }

  /**
   * Opens a channel, usable at once: what is sent rides behind the OPEN. Throws MuxError when the session takes no
   * more (ERR_MUX_CLOSED, ERR_MUX_GOAWAY, or what ended it).
   */
  open(name: string, meta?: ControlValue, options: OpenChannelOptions = {}): ChannelLink {
    const { signal, mode } = options;
    signal?.throwIfAborted();
    const channel = new ChannelLink(this, this.mux.open(name, meta, options), name, mode);
    this.#channels.set(channel.id, channel);
    this.flushSoon();
    if (signal !== undefined)
      channel.whenAccepted(signal).catch(() => {
        if (signal.aborted) channel.abort(notWanted(signal), WireCode.cancelled);
      });
    return channel;
  }

  /** Sets who takes the peer's channels; those that came before are handed over soon. */
  onIncoming(handler: IncomingHandler): void {
    this.#incoming.takenBy(handler);
  }

  /** Sends a datagram that belongs to no channel. False when it cannot be sent now; throws MuxError when it is too large. */
  sendDatagram(bytes: Uint8Array): boolean {
    const sent = this.mux.sendDatagram(0, bytes);
    this.flushSoon();
    return sent;
  }

  /** Sets who gets datagrams that belong to no channel. */
  onDatagram(handler: (bytes: Uint8Array) => void): void {
    this.#onDatagram = handler;
  }

  /** Called when the peer says that it takes no new channels. */
  onGoaway(handler: (code: number, reason: string) => void): void {
    this.#onGoaway = handler;
  }

  /** Milliseconds to the other end and back. */
  ping(signal?: AbortSignal): Promise<number> {
    if (this.mux.isOver) return Promise.reject(this.#overError());
    if (signal?.aborted) return Promise.reject(signal.reason);
    const seq = this.mux.ping(this.clock.monotonic());
    const answer = this.#pings.ask(seq);
    this.flushSoon();
    return signal === undefined ? answer : abortable(answer, signal);
  }

  /** Takes no new channels; the open ones go on. */
  goaway(reason = '', code: number = WireCode.none): void {
    this.mux.goaway(code, reason);
    this.flushSoon();
  }

  /** Says goodbye, waits for the open channels to end, then ends the link. `destroy` cuts the wait short, a signal only leaves it. */
  close(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    this.goaway();
    return signal === undefined ? this.#linkClosed.promise : abortable(this.#linkClosed.promise, signal);
  }

  /** Closes, but waits for channels that are still open no longer than a goodbye may take. Fails never. */
  async [Symbol.asyncDispose](): Promise<void> {
    const cancel = this.clock.after(GOODBYE_TIMEOUT, () => this.destroy());
    await this.close();
    cancel();
  }

  /** The newest link. A session that waits for another has only that it had. */
  get link(): Link {
    return this.#carrier.link;
  }

  /**
   * Names the session by a secret that only both its ends have: 48 bytes exported, under `RESUME_LABEL` and without a
   * context, from a TLS connection that both ends have in one of its channels. From now on it outlives its link.
   */
  arm(secret: Uint8Array): void {
    this.#relinking?.arm(secret);
  }

  /** There is a link, or an attempt to make one, now, fails and says why. Nobody waits where links are made by the other end. */
  relinked(): Promise<void> {
    return this.#relinking?.now() ?? Promise.resolve();
  }

  /** How the bytes travel now, as whoever made the link said. */
  get path(): ChannelPath | undefined {
    return this.#relinking === undefined ? this.#path : this.#relinking.path;
  }

  /** Another link is wanted, as this one may be lost: it is looked for and taken, unless `keepLink` comes first. */
  seekLink(): void {
    this.#relinking?.seek();
  }

  keepLink(): void {
    this.#relinking?.stay();
  }

  /** Goes on over this link, which was made here; the one there is is cut. False: the session cannot, and the link is untouched. */
  moveOver(route: Route): boolean {
    return this.#relinking?.moveOver(route) ?? false;
  }

  /** Waits for no link any more: channels end with ERR_MUX_LOST. */
  giveUp(why: string): void {
    this.#driver.step(() => this.mux.giveUp(why));
  }

  /** Gives everything up: every channel's `closed` gets a typed error. */
  destroy(cause?: Error): void {
    const text =
      cause === undefined ? 'session was destroyed here' : `session was destroyed here: ${cause.message}`;
    this.mux.abort(new MuxError('ERR_MUX_ABORTED', text, { cause }));
    this.flushSoon();
  }

  /** What has passed so far, and what it was for. */
  bytes(): SessionBytes {
    return sessionBytes(this.mux.stats(), this.#carrier.wire);
  }

  stats(): SessionStats {
    return { ...this.mux.stats(), linkBuffered: this.#carrier.isLive ? this.link.buffered : 0 };
  }

  // What the link tells.

  #onLinkClosed(cause: Q2qError | undefined): void {
    this.#driver.step((now) => {
      if (cause === undefined) this.mux.endOfInput(now);
      else {
        const error = new MuxError('ERR_MUX_LINK_CLOSED', linkFailure(cause), { cause });
        if (this.#relinking?.survives(cause) ?? true) this.mux.linkLost(error, now);
        else this.mux.abort(error);
      }
    });
    if (this.mux.isOver) this.#linkClosed.resolve();
  }

  // Its other links.

  /** Our link is meant for another session, which gets it with all that we have read too far. */
  #onResume(request: ResumeRequest): void {
    this.#driver.sendOnce(); // the other end expects a byte link's preface
    if (!this.#relinking?.handOver(request)) {
      this.mux.refuseResume();
      return;
    }
    this.#driver.disarm();
    this.#closed.resolve(undefined);
    this.#linkClosed.resolve();
  }

  // For its channels.

  flushSoon(): void {
    this.#driver.flushSoon();
  }

  pumpSoon(channel: Pump): void {
    this.#driver.pumpSoon(channel);
  }

  // What the engine tells.

  #handle(event: MuxEvent): void {
    switch (event.type) {
      case 'readable':
        this.#channels.get(event.id)?.onReadable();
        break;
      case 'end':
        this.#channels.get(event.id)?.onEnd();
        break;
      case 'writable':
        this.#channels.get(event.id)?.onWritable();
        break;
      case 'incoming':
        this.#incoming.came(event);
        break;
      case 'accepted':
        this.#channels.get(event.id)?.onAccepted(event.meta);
        break;
      case 'reset':
        this.#channels.get(event.id)?.onReset(event.error);
        break;
      case 'refused':
        this.#channels.get(event.id)?.abort(event.error, WireCode.cancelled);
        break;
      case 'stopped':
        this.#channels.get(event.id)?.onStopped(event.error, event.lost);
        break;
      case 'gone':
        this.#channels.get(event.id)?.onGone();
        break;
      case 'pong':
        this.#pings.answered(event.seq, event.rtt);
        break;
      case 'goaway':
        this.#guard('goaway handler', () => this.#onGoaway(event.code, event.reason));
        break;
      case 'closed':
        this.#over(event.error);
        break;
      case 'suspended':
        this.#relinking!.suspended(event.error);
        break;
      case 'resumed':
        this.#relinking!.resumed(event.replayed);
        break;
      case 'resume':
        this.#onResume(event.request);
        break;
      case 'datagram':
        this.#datagram(event.id, event.bytes);
        break;
      case 'ready':
        break;
    }
  }

  #datagram(id: number, bytes: Uint8Array): void {
    if (id === 0) this.#guard('datagram handler', () => this.#onDatagram(bytes));
    else this.#channels.get(id)?.datagram(bytes);
  }

  channelOver(channel: ChannelLink): void {
    this.#channels.delete(channel.id);
    this.#incoming.channelOver(channel.id);
  }

  handlerFailed(channel: ChannelLink, error: Error): void {
    this.#report(`handler of channel '${channel.name}' threw`, error);
  }

  /** The end, once: channels hear it, then the link is closed behind the last words. */
  #over(error: MuxError | undefined): void {
    this.#driver.disarm();
    const reason = error ?? this.#overError();
    for (const channel of this.#channels.values()) channel.onSessionOver(reason);
    this.#pings.fail(reason);
    this.#incoming.clear();
    this.#relinking?.over(reason);
    this.#closed.resolve(error);
    if (!this.#carrier.isLive) this.#linkClosed.resolve();
    this.#carrier.expectGoodbye();
    this.flushSoon();
  }

  #overError(): MuxError {
    return this.mux.error ?? new MuxError('ERR_MUX_CLOSED', 'session is closed');
  }

  #guard(what: string, call: () => void): void {
    try {
      call();
    } catch (thrown) {
      this.#report(`${what} threw`, toError(thrown));
    }
  }

  #report(message: string, error: Error): void {
    this.#logger.log('error', message, { error });
  }
}

function notWanted(signal: AbortSignal): MuxError {
  return new MuxError('ERR_MUX_ABORTED', 'channel was given up here before it was accepted', {
    cause: signal.reason,
  });
}

/** A session over a channel of another session says once, not once a floor, that the link failed. */
function linkFailure(cause: Q2qError): string {
  return cause.code === 'ERR_MUX_LINK_CLOSED' ? cause.message : `link failed: ${cause.message}`;
}
