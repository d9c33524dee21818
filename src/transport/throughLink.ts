/** A link that is another link but for what its subclass changes. */
import type { Link, LinkHandler, LinkInfo, WireBytes } from './link.ts';

export abstract class ThroughLink implements Link {
  protected readonly below: Link;

  constructor(below: Link) {
    this.below = below;
  }

  get info(): LinkInfo {
    return this.below.info;
  }

  get buffered(): number {
    return this.below.buffered;
  }

  get wire(): WireBytes | undefined {
    return this.below.wire;
  }

  abstract start(handler: LinkHandler): void;

  send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    return this.below.send(bytes);
  }

  pause(): void {
    this.below.pause();
  }

  resume(): void {
    this.below.resume();
  }

  closeWrite(): void {
    this.below.closeWrite();
  }

  close(): void {
    this.below.close();
  }

  reset(code?: number): void {
    this.below.reset(code);
  }
}
