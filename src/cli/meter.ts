/** Counts what goes over our links to relays: everything, the multiplexer's frames and the control channel included. */
import type { Connect } from '../peer/types.ts';
import type { Link, LinkHandler } from '../transport/link.ts';
import { ThroughLink } from '../transport/throughLink.ts';

export class Meter {
  received = 0;
  sent = 0;

  /** A `connect` whose links are counted here. */
  over(connect: Connect): Connect {
    return async (url, options) => new MeteredLink(await connect(url, options), this);
  }
}

class MeteredLink extends ThroughLink {
  readonly #meter: Meter;

  constructor(link: Link, meter: Meter) {
    super(link);
    this.#meter = meter;
  }

  override start(handler: LinkHandler): void {
    this.below.start({
      data: (chunk) => {
        this.#meter.received += chunk.length;
        handler.data(chunk);
      },
      drain: () => handler.drain(),
      end: () => handler.end(),
      closed: (error) => handler.closed(error),
    });
  }

  override send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    if (bytes instanceof Uint8Array) this.#meter.sent += bytes.length;
    else for (const part of bytes) this.#meter.sent += part.length;
    return super.send(bytes);
  }
}
