/**
 * A **link** is an ordered byte carrier with backpressure. TCP is a link, a WebSocket is a link, a mux channel is a link,
 * and TLS over a link is a link: every layer stands on this interface and offers it again.
 *
 * Delivery is by synchronous calls on one `LinkHandler`. Nothing is delivered before `start`; bytes that arrive earlier
 * wait below, where they hold the sender back. A handler must not throw; a link never calls a handler from inside
 * `start`, `send`, `pause` or `resume`'s own caller stack unless its documentation says so.
 */
import type { Q2qError } from '../base/errors.ts';

export interface Link {
  readonly info: LinkInfo;

  /** Attaches the one reader and begins delivery. Throws when called twice. */
  start(handler: LinkHandler): void;

  /**
   * Queues bytes, in order. The arrays are shared from now on: the caller must not write to them, and the link only reads
   * them, however long; it neither writes to them, nor detaches their buffers, nor lets its reader have them. The caller
   * may send them again over another link (a session that is resumed does). On a message link (`info.messages`) one call
   * is one message. Returns false when the caller should stop until `handler.drain`. After `closeWrite`, `close` or
   * `reset` it does nothing and returns false.
   */
  send(bytes: Uint8Array | readonly Uint8Array[]): boolean;

  /** Bytes accepted by `send` that have not left for the layer below. */
  readonly buffered: number;

  /** What went over the carrier so far with the link's own framing; missing where that is not known, or nothing. */
  readonly wire?: WireBytes | undefined;

  /** Stops delivery of data; what keeps arriving is held back below, not buffered without bound. */
  pause(): void;
  resume(): void;

  /** Ends our direction after what was sent; the other direction goes on. */
  closeWrite(): void;
  /** Sends what is queued, ends both directions; `handler.closed` follows. Idempotent. */
  close(): void;
  /** Drops what is queued and ends both directions at once; the other end sees a failure where the carrier can say so. */
  reset(code?: number): void;

  /**
   * Gives up reading alone: what waits is dropped, the other end is told to send no more, our direction goes on. Only
   * links whose carrier can say so to the other end have it. `code` is not 0, which is what `close` says.
   */
  stop?(code?: number): void;
  /** Gives up sending alone: what is queued is dropped, the other end sees a failure in place of an end. As `stop`. */
  resetWrite?(code?: number): void;
}

export interface WireBytes {
  readonly sent: number;
  readonly received: number;
}

export interface LinkHandler {
  /** Bytes in order. The view is the handler's from now on: the link never touches it again. */
  data(chunk: Uint8Array): void;
  /** `send` returned false before; now there is room. */
  drain(): void;
  /** The other end closed its direction cleanly: no data follows. */
  end(): void;
  /** The link is gone, once, last. `error` is undefined only if both directions ended cleanly. */
  closed(error: Q2qError | undefined): void;

  /** The other end gave up its direction (`resetWrite`). Who has no such method loses the whole link instead. */
  readFailed?(error: Q2qError): void;
  /** The other end reads no more (`stop`), or bytes for an end that has closed are lost. Likewise. */
  writeFailed?(error: Q2qError): void;
}

export interface LinkInfo {
  readonly kind: 'memory' | 'tcp' | 'unix' | 'websocket' | 'stdio' | 'process' | 'channel' | 'tls';
  /** True when `send` calls keep their boundaries (WebSocket, MessagePort). */
  readonly messages: boolean;
  /** True when a half-close passes to the other end; where false, `closeWrite` closes nothing until `close`. */
  readonly halfClose: boolean;
  /** Human-readable addresses, where the carrier has them. */
  readonly local?: string;
  readonly remote?: string;
  /** What carries this link, where that is a link too. */
  readonly via?: LinkInfo;
}
