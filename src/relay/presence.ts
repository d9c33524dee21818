/** Who listens to what, right now. */
import type { Client, Listener } from './client.ts';

export class Presence {
  /** Address and protocol → listeners in order of registration. */
  readonly #byService = new Map<string, Set<Listener>>();

  get size(): number {
    return this.#byService.size;
  }

  add(listener: Listener): void {
    for (const service of services(listener)) {
      let set = this.#byService.get(service);
      if (set === undefined) this.#byService.set(service, (set = new Set()));
      set.add(listener);
    }
    listener.client.listeners.set(listener.id, listener);
  }

  remove(listener: Listener): void {
    for (const service of services(listener)) {
      const set = this.#byService.get(service);
      if (set?.delete(listener) && set.size === 0) this.#byService.delete(service);
    }
    listener.client.listeners.delete(listener.id);
  }

  removeAll(client: Client): void {
    for (const listener of [...client.listeners.values()]) this.remove(listener);
  }

  /** At most `max`, one per control channel: a device is asked once. */
  find(address: string, protocol: string, max: number): Listener[] {
    const found: Listener[] = [];
    const seen = new Set<Client>();
    for (const listener of this.#byService.get(service(address, protocol)) ?? []) {
      if (found.length === max) break;
      if (seen.has(listener.client)) continue;
      seen.add(listener.client);
      found.push(listener);
    }
    return found;
  }
}

/** Neither part can hold a space. */
function service(address: string, protocol: string): string {
  return `${address} ${protocol}`;
}

function* services(listener: Listener): Iterable<string> {
  for (const address of listener.client.addresses)
    for (const protocol of listener.protocols) yield service(address, protocol);
}
