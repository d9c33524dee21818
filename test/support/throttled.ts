/** How much a throttled link lets pass between ends that never have enough. */
import type { Link, LinkHandler, LinkInfo } from '../../src/transport/index.ts';
import { sizeOf } from '../../src/transport/linkWrapper.ts';
import { throttleLink } from '../../src/transport/throttleLink.ts';
import { VirtualClock } from './simLink.ts';

/** An end that takes all it is given and has as much to give as it is asked for. */
export class Endless implements Link {
  readonly info: LinkInfo;
  readonly buffered = 0;
  taken = 0;
  onSend: (bytes: Uint8Array | readonly Uint8Array[]) => void = () => {};
  readonly #piece: Uint8Array;
  #handler: LinkHandler | undefined;
  #paused = false;

  constructor(messages: boolean, size: number) {
    this.info = { kind: 'memory', messages, halfClose: true };
    this.#piece = new Uint8Array(size);
  }

  start(handler: LinkHandler): void {
    this.#handler = handler;
    queueMicrotask(() => this.#give());
  }

  #give(): void {
    while (!this.#paused && this.#piece.length > 0) this.#handler!.data(this.#piece);
  }

  send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    this.taken += sizeOf(bytes);
    this.onSend(bytes);
    return true;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    queueMicrotask(() => this.#give());
  }

  closeWrite(): void {}
  close(): void {}
  reset(): void {}
}

export interface FlowOptions {
  readonly rate: number;
  readonly size: number;
  readonly burst?: number;
  readonly messages?: boolean;
}

/** What passes in this time, in the direction that is throttled. */
export async function passed(
  direction: 'read' | 'write',
  time: number,
  options: FlowOptions,
): Promise<number> {
  const { rate, size, burst, messages = false } = options;
  const clock = new VirtualClock();
  const end = new Endless(messages, direction === 'read' ? size : 0);
  const link = throttleLink(end, { [direction]: rate, clock, ...(burst !== undefined && { burst }) });
  let received = 0;
  const piece = new Uint8Array(size);
  const drain = (): void => {
    while (link.send(piece));
  };
  link.start({ data: ({ length }) => void (received += length), drain, end() {}, closed() {} });
  if (direction === 'write') drain();
  await clock.advance(time);
  return direction === 'read' ? received : end.taken;
}
