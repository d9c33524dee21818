/**
 * The carriers' limits, each with its reason. Worst case per link, both directions together: `SEND_HIGH_WATER` plus
 * one send, and what one read brings (64 KiB on a socket, `MAX_MESSAGE` on a WebSocket).
 */

/**
 * Bytes queued in front of a carrier before `send` says stop. Larger queues only add delay to what is sent next
 * (measured: 128 KiB keeps loopback TCP saturated and a ping beside bulk near 1 ms).
 */
export const SEND_HIGH_WATER: number = 128 * 1024;

/** Largest WebSocket message taken in. The multiplexer sends at most 128 KiB; the rest is room for other senders. */
export const MAX_MESSAGE: number = 1024 * 1024;

/**
 * Bytes held for a paused reader on a carrier that cannot be paused (browser WebSocket). The multiplexer's receive
 * budget keeps an honest peer below this; beyond it the link is cut.
 */
export const MAX_HELD: number = 16 * 1024 * 1024;

/** Milliseconds to connect, name look-up and WebSocket upgrade included. */
export const CONNECT_TIMEOUT = 20_000;

/** Milliseconds that sends are gathered within one turn of the event loop, before they leave while it lasts. */
export const CORK_TIME: number = 0.05;

/** Milliseconds that `close` may take to flush to a slow reader, before the link is cut. */
export const FLUSH_TIMEOUT = 30_000;

/** Milliseconds that a flushed, closed link waits for the other end's close, so that no reset overtakes the data. */
export const LINGER_TIMEOUT = 2_000;

/** Milliseconds that a link whose write side broke still listens for the other end's last words. */
export const LAST_WORDS_TIMEOUT = 500;

/** Milliseconds of a throttled link's rate that pass at once after a rest: twice what timers on a busy machine are late by. */
export const THROTTLE_BURST = 100;

/** … and at least this many: timers tick in milliseconds, half a burst is one wait, and a late tick must fit in the other half. */
export const THROTTLE_TICK = 4;

/** Bytes of one chunk that `logLink` shows when asked to: enough for headers, and a log is no capture. */
export const MAX_HEX_DUMP = 1_024;
