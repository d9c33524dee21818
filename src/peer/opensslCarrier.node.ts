/**
 * The link below as node:tls sees it. OpenSSL in Node takes the carrier's end for an end of TLS; so that a cut is never
 * an end (lesson 17), the carrier's end is kept back, and told as silence once OpenSSL has had every byte before it.
 */
import type { Duplex } from 'node:stream';
import type { Q2qError } from '../base/errors.ts';
import type { Link, LinkHandler } from '../transport/link.ts';
import { ThroughLink } from '../transport/throughLink.ts';
import { HelloWatch } from './opensslHello.node.ts';

export class OpenSslCarrier extends ThroughLink {
  readonly hello: HelloWatch = new HelloWatch();
  wireIn = 0;
  wireOut = 0;
  /** Nothing more comes from below. */
  isOver = false;
  /** Why that is, when it failed. */
  error: Q2qError | undefined;
  /** The stream that node:tls has. */
  duplex: Duplex | undefined;
  /** OpenSSL has had everything, and nothing more comes. Told again whenever somebody looks. */
  onSilence: () => void = () => {};
  readonly #role: 'client' | 'server';
  #isLooking = false;

  /** `role` is ours. */
  constructor(below: Link, role: 'client' | 'server') {
    super(below);
    this.#role = role;
  }

  override start(handler: LinkHandler): void {
    this.below.start({
      data: (chunk) => {
        this.wireIn += chunk.length;
        if (this.#role === 'client') this.hello.see(chunk);
        handler.data(chunk);
      },
      drain: () => handler.drain(),
      end: () => this.#over(undefined),
      closed: (error) => this.#over(error),
    });
  }

  override send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    for (const part of bytes instanceof Uint8Array ? [bytes] : bytes) {
      this.wireOut += part.length;
      if (this.#role === 'server') this.hello.see(part);
    }
    return this.below.send(bytes);
  }

  override resume(): void {
    this.below.resume();
    this.look();
  }

  /** The carrier ends when TLS has ended both ways, by `close`. */
  override closeWrite(): void {}

  /** Tells of the silence, if that is what there is, when OpenSSL has had its turn. */
  look(): void {
    if (!this.isOver || this.#isLooking) return;
    this.#isLooking = true;
    setImmediate(() => {
      this.#isLooking = false;
      if (this.error !== undefined || this.duplex!.readableLength === 0) this.onSilence();
    });
  }

  #over(error: Q2qError | undefined): void {
    this.isOver = true;
    this.error ??= error;
    this.look();
  }
}
