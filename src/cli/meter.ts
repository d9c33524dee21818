/** Counts what goes over our links to relays: everything, the multiplexer's frames and the control channel included. */
import type { Connect } from '../peer/types.ts';
import type { Link, LinkHandler, LinkInfo } from '../transport/link.ts';

export class Meter {
  received = 0;
  sent = 0;

  /** A `connect` whose links are counted here. */
  over(connect: Connect): Connect {
    return async (url, options) => new MeteredLink(await connect(url, options), this);
  }
}

class MeteredLink implements Link {
  readonly info: LinkInfo;
  readonly #link: Link;
  readonly #meter: Meter;

  constructor(link: Link, meter: Meter) {
    this.info = link.info;
    this.#link = link;
    this.#meter = meter;
  }

  get buffered(): number {
    return this.#link.buffered;
  }

  start(handler: LinkHandler): void {
    this.#link.start({
      data: (chunk) => {
        this.#meter.received += chunk.length;
        handler.data(chunk);
      },
      drain: () => handler.drain(),
      end: () => handler.end(),
      closed: (error) => handler.closed(error),
    });
  }

  send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    if (bytes instanceof Uint8Array) this.#meter.sent += bytes.length;
    else for (const part of bytes) this.#meter.sent += part.length;
    return this.#link.send(bytes);
  }

  pause(): void {
    this.#link.pause();
  }

  resume(): void {
    this.#link.resume();
  }

  closeWrite(): void {
    this.#link.closeWrite();
  }

  close(): void {
    this.#link.close();
  }

  reset(code?: number): void {
    this.#link.reset(code);
  }
}
