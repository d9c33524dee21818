/**
 * How a session gets its next link, whichever end makes it, and what a link that is meant for another session does. The
 * session is linked, or waits; `docs/decisions/0013` has the states of both ends.
 */
import type { Clock } from '../base/clock.ts';
import type { Q2qError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { MuxError, type MuxSession, type ResumeRequest } from '../mux/index.ts';
import type { Carrier } from './carrier.ts';
import type { MuxDriver } from './muxDriver.ts';
import { Reconnector } from './reconnect.ts';
import type { Resumable } from './resumeAcceptor.ts';
import type { ChannelPath, Route } from './route.ts';
import type { ResumeOptions } from './sessionOptions.ts';

/** What of the session is needed here. */
export interface RelinkHost {
  readonly mux: MuxSession;
  readonly clock: Clock;
  giveUp(why: string): void;
}

export interface RelinkingOptions {
  readonly resume: ResumeOptions;
  readonly carrier: Carrier;
  readonly driver: MuxDriver;
  readonly random: (length: number) => Uint8Array;
  readonly logger: Logger;
  /** How the bytes of the first link travel. */
  readonly path: ChannelPath | undefined;
}

export class Relinking implements Resumable {
  readonly #host: RelinkHost;
  readonly #options: RelinkingOptions;
  readonly #reconnector: Reconnector | undefined;
  #path: ChannelPath | undefined;
  /** That of the link on which the other end was asked last. */
  #asked: ChannelPath | undefined;

  constructor(host: RelinkHost, options: RelinkingOptions) {
    this.#host = host;
    this.#options = options;
    this.#path = this.#asked = options.path;
    const { connect, hold } = options.resume;
    if (connect === undefined) return;
    this.#reconnector = new Reconnector({
      ...{ connect, hold, random: options.random, clock: host.clock },
      attach: (route) => this.#ask(route),
      expired: (cause) => {
        const error = new MuxError('ERR_MUX_LINK_CLOSED', cause.message, { cause });
        options.driver.step((now) => host.mux.linkLost(error, now));
      },
    });
  }

  get path(): ChannelPath | undefined {
    return this.#path;
  }

  arm(secret: Uint8Array): void {
    const { mux } = this.#host;
    const id = mux.resumption?.arm(secret);
    if (id !== undefined && !mux.isOver) this.#options.resume.acceptor?.add(this, id);
  }

  /** There is a link, or an attempt to make one, now, fails and says why. Nobody waits where links are made by the other end. */
  now(): Promise<void> {
    return this.#reconnector?.now() ?? Promise.resolve();
  }

  /** Looks for another link while there is one. `stay` takes it back. */
  seek(): void {
    if (this.#host.mux.resumption?.isArmed) this.#reconnector?.seek();
  }

  stay(): void {
    this.#reconnector?.stay();
  }

  /** Goes on over this link, which was made here. False, and nothing is done with it, where the session cannot. */
  moveOver(route: Route): boolean {
    return !!this.#host.mux.resumption?.isArmed && !!this.#reconnector?.offer(route);
  }

  #ask({ link, path }: Route): void {
    const { mux } = this.#host;
    const { carrier, driver, resume } = this.#options;
    driver.step((now) => {
      mux.resumption!.ask(link.info.messages, now, !resume.manyWays);
      this.#asked = path;
      carrier.attach(link);
    });
  }

  /** False for the end of a link that is meant for the session. */
  survives(cause: Q2qError): boolean {
    return this.#options.resume.survives?.(cause) ?? true;
  }

  // For the acceptor.

  get held(): number {
    return this.#host.mux.held;
  }

  moveTo(route: () => Route, request: ResumeRequest): boolean {
    const { mux } = this.#host;
    const { carrier, driver } = this.#options;
    let accepted = false;
    driver.step((now) => {
      accepted = mux.acceptResume(request, now);
      if (!accepted) return;
      const { link, path } = route();
      this.#asked = path;
      carrier.attach(link);
    });
    return accepted;
  }

  giveUp(why: string): void {
    this.#host.giveUp(why);
  }

  /** The session's link is meant for another one, which gets it with all that was read too far. False: it is not here. */
  handOver(request: ResumeRequest): boolean {
    const { mux } = this.#host;
    const { carrier, resume } = this.#options;
    const route = (): Route => ({ link: carrier.handOver(mux.handOver()), path: this.#path });
    return resume.acceptor?.take(request, route) ?? false;
  }

  // What the engine tells.

  suspended(error: MuxError): void {
    const { carrier, logger, resume } = this.#options;
    carrier.cut();
    logger.log('info', 'a link was lost, the session waits for another', { error });
    resume.acceptor?.suspended(this);
    resume.watch?.suspended(error);
    this.#reconnector?.lost(error);
  }

  resumed(replayed: number): void {
    const { logger, resume } = this.#options;
    this.#path = this.#asked;
    logger.log('info', 'the session goes on over another link', { replayed });
    resume.acceptor?.linked(this);
    this.#reconnector?.linked();
    resume.watch?.resumed();
  }

  over(reason: Error): void {
    this.#reconnector?.stop(reason);
    this.#options.resume.acceptor?.remove(this);
  }
}
