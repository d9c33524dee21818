/** What messages weigh as WebSocket frames (RFC 6455 §5.2), one each: the client's are masked. Close and ping apart. */
import type { WireBytes } from './link.ts';

export class WebSocketWire implements WireBytes {
  sent = 0;
  received = 0;
  readonly #masks: boolean;

  constructor(isClient: boolean) {
    this.#masks = isClient;
  }

  send(payload: number): void {
    this.sent += weight(payload, this.#masks);
  }

  receive(payload: number): void {
    this.received += weight(payload, !this.#masks);
  }
}

function weight(payload: number, masked: boolean): number {
  return payload + (payload < 126 ? 2 : payload < 65_536 ? 4 : 10) + (masked ? 4 : 0);
}
