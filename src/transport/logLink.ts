/** Tells a logger what passes a link: when and how much, and what it is only if asked. */
import { hex as toHex } from '../base/bytes.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import type { Q2qError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { MAX_HEX_DUMP } from './limits.ts';
import type { Link, LinkHandler } from './link.ts';
import { LinkWrapper, sizeOf } from './linkWrapper.ts';

export interface LogOptions {
  /** Which link the lines speak of. */
  readonly name?: string;
  /** Bytes of each chunk to show in hex, at most 1,024. Contents may be secrets: nothing is shown unless told. */
  readonly hex?: number;
  readonly clock?: Clock;
}

/** Lines at level `debug`, with the fields `link`, `at` (ms since `start`), `bytes`, `total` and, if asked, `hex`. */
export function logLink(link: Link, logger: Logger, options: LogOptions = {}): Link {
  return new LoggedLink(link, logger, options);
}

class LoggedLink extends LinkWrapper {
  readonly #logger: Logger;
  readonly #name: string;
  readonly #hex: number;
  readonly #clock: Clock;
  #startedAt = 0;
  #received = 0;
  #sent = 0;

  constructor(below: Link, logger: Logger, options: LogOptions) {
    super(below);
    this.#logger = logger;
    this.#name = options.name ?? below.info.remote ?? below.info.kind;
    this.#hex = Math.min(options.hex ?? 0, MAX_HEX_DUMP);
    this.#clock = options.clock ?? systemClock;
  }

  override start(handler: LinkHandler): void {
    this.#startedAt = this.#clock.monotonic();
    super.start(handler);
  }

  override send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    const size = sizeOf(bytes);
    this.#sent += size;
    this.#say('sent', { bytes: size, total: this.#sent, ...this.#shown(bytes) });
    return this.below.send(bytes);
  }

  override closeWrite(): void {
    this.#say('sends no more', { total: this.#sent });
    super.closeWrite();
  }

  override close(): void {
    this.#say('closes', {});
    super.close();
  }

  override reset(code?: number): void {
    this.#say('resets', code === undefined ? {} : { code });
    super.reset(code);
  }

  override data(chunk: Uint8Array): void {
    this.#received += chunk.length;
    this.#say('received', { bytes: chunk.length, total: this.#received, ...this.#shown(chunk) });
    super.data(chunk);
  }

  override end(): void {
    this.#say('end', { total: this.#received });
    super.end();
  }

  override closed(error: Q2qError | undefined): void {
    this.#say('closed', {
      received: this.#received,
      sent: this.#sent,
      ...(error !== undefined && { error: error.code }),
    });
    super.closed(error);
  }

  #say(what: string, fields: Readonly<Record<string, unknown>>): void {
    const at = Math.round(this.#clock.monotonic() - this.#startedAt);
    this.#logger.log('debug', what, { link: this.#name, at, ...fields });
  }

  #shown(bytes: Uint8Array | readonly Uint8Array[]): { hex?: string } {
    if (this.#hex === 0) return {};
    const parts = bytes instanceof Uint8Array ? [bytes] : bytes;
    let hex = '';
    for (const part of parts) {
      if (hex.length >= this.#hex * 2) break;
      hex += toHex(part.subarray(0, this.#hex - hex.length / 2));
    }
    return { hex };
  }
}
