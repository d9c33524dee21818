/** Events that wait for the driver's `next()`. At most a few per parsed frame or taken output: parsing is on demand. */
import type { MuxEvent } from './events.ts';

export class EventQueue {
  #events: MuxEvent[] = [];
  #head = 0;

  push(event: MuxEvent): void {
    this.#events.push(event);
  }

  shift(): MuxEvent | undefined {
    if (this.#head === this.#events.length) return undefined;
    const event = this.#events[this.#head++]!;
    if (this.#head === this.#events.length) this.clear();
    return event;
  }

  clear(): void {
    this.#events.length = 0;
    this.#head = 0;
  }
}
