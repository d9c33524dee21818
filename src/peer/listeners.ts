/** What this peer answers to: protocols per identity, with who may come and what happens then. */
import type { Authorize, ChannelHandler } from './types.ts';

export interface ListenerEntry {
  /** Label of the identity that listens. */
  readonly as: string;
  readonly protocol: string;
  readonly description: string;
  readonly authorize: Authorize;
  readonly anonymous?: boolean;
  readonly handler: ChannelHandler;
}

export class Listeners {
  readonly #entries = new Map<string, Map<string, ListenerEntry>>();

  get size(): number {
    let size = 0;
    for (const entries of this.#entries.values()) size += entries.size;
    return size;
  }

  /** False when that identity answers that protocol already. */
  add(entry: ListenerEntry): boolean {
    let entries = this.#entries.get(entry.as);
    if (entries === undefined) this.#entries.set(entry.as, (entries = new Map()));
    if (entries.has(entry.protocol)) return false;
    entries.set(entry.protocol, entry);
    return true;
  }

  remove(entry: ListenerEntry): void {
    const entries = this.#entries.get(entry.as);
    if (entries?.get(entry.protocol) !== entry) return;
    entries.delete(entry.protocol);
    if (entries.size === 0) this.#entries.delete(entry.as);
  }

  find(as: string, protocol: string): ListenerEntry | undefined {
    return this.#entries.get(as)?.get(protocol);
  }

  of(as: string): readonly ListenerEntry[] {
    return [...(this.#entries.get(as)?.values() ?? [])];
  }
}
