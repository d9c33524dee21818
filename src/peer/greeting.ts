/**
 * The listener's first byte: "you are verified and allowed". Until it has come, the caller knows who answers but not
 * whether it is let in: in TLS 1.3 a client is done before its own certificate was read.
 */
import type { Q2qError } from '../base/errors.ts';
import type { Negotiated } from '../tls/index.ts';
import type { LinkHandler, LinkInfo } from '../transport/link.ts';
import type { ChannelCarrier } from './channel.ts';
import { PeerError } from './errors.ts';
import { GREETING } from './names.ts';
import type { SecureLink, SecureStats } from './secureLink.ts';

/** Resolves with what follows the greeting, not started; rejects with what came instead. */
export function awaitGreeting(link: SecureLink, signal?: AbortSignal): Promise<ChannelCarrier> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      link.reset();
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      reject(signal!.reason);
      link.reset();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    const settled = (): void => signal?.removeEventListener('abort', onAbort);
    const greeted = new GreetedLink(
      link,
      () => {
        settled();
        resolve(greeted);
      },
      (error) => {
        settled();
        reject(error);
      },
    );
  });
}

class GreetedLink implements ChannelCarrier, LinkHandler {
  readonly info: LinkInfo;
  readonly #link: SecureLink;
  readonly #onGreeting: () => void;
  readonly #onFailure: (error: Error) => void;
  #greeted = false;
  #handler: LinkHandler | undefined;
  #paused = false;
  /** What came before somebody read: bounded, as the link below is paused. */
  #held: Uint8Array[] = [];
  #ended = false;
  #gone: { readonly error: Q2qError | undefined } | undefined;
  #delivering = false;

  constructor(link: SecureLink, onGreeting: () => void, onFailure: (error: Error) => void) {
    this.info = link.info;
    this.#link = link;
    this.#onGreeting = onGreeting;
    this.#onFailure = onFailure;
    link.start(this);
  }

  get negotiated(): Negotiated {
    return this.#link.negotiated;
  }

  get stats(): SecureStats {
    return this.#link.stats;
  }

  get buffered(): number {
    return this.#link.buffered;
  }

  start(handler: LinkHandler): void {
    if (this.#handler !== undefined) throw new Error('link was started twice');
    this.#handler = handler;
    const gone = this.#gone;
    if (gone?.error !== undefined) queueMicrotask(() => handler.closed(gone.error));
    else this.#deliverSoon();
  }

  send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    return this.#link.send(bytes);
  }

  pause(): void {
    this.#paused = true;
    this.#link.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#handler !== undefined) this.#deliverSoon();
  }

  closeWrite(): void {
    this.#link.closeWrite();
  }

  /** What came and was not read is dropped: nothing waits for a reader any more. */
  close(): void {
    this.#held = [];
    this.resume();
    this.#link.close();
  }

  reset(code?: number): void {
    this.#link.reset(code);
  }

  data(chunk: Uint8Array): void {
    if (!this.#greeted) {
      if (chunk[0] !== GREETING) {
        this.#link.reset();
        this.#onFailure(
          new PeerError('ERR_PEER_PROTOCOL', 'the other end began without the greeting of a q2q listener'),
        );
        return;
      }
      this.#greeted = true;
      this.#link.pause();
      if (chunk.length > 1) this.#held.push(chunk.subarray(1));
      this.#onGreeting();
    } else if (this.#direct) this.#handler!.data(chunk);
    else this.#held.push(chunk);
  }

  drain(): void {
    this.#handler?.drain();
  }

  end(): void {
    if (this.#direct) this.#handler!.end();
    else this.#ended = true;
    if (!this.#greeted) this.#link.close();
  }

  closed(error: Q2qError | undefined): void {
    if (!this.#greeted)
      this.#onFailure(
        error ?? new PeerError('ERR_PEER_UNREACHABLE', 'the other end closed before it let us in'),
      );
    else if (error !== undefined || this.#direct) {
      this.#held = [];
      this.#gone = { error };
      this.#handler?.closed(error);
    } else this.#gone = { error };
  }

  /** Nothing waits and somebody reads. */
  get #direct(): boolean {
    return this.#handler !== undefined && !this.#paused && this.#held.length === 0 && !this.#delivering;
  }

  #deliverSoon(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    queueMicrotask(() => {
      this.#delivering = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    const handler = this.#handler!;
    while (!this.#paused && this.#held.length > 0) handler.data(this.#held.shift()!);
    if (this.#paused) return;
    if (this.#ended) {
      this.#ended = false;
      handler.end();
    }
    if (this.#gone === undefined) this.#link.resume();
    else if (this.#gone.error === undefined) handler.closed(undefined);
  }
}
