/** Readers and writers for links in tests: they respect backpressure and check what they read against a pattern. */
import type { Q2qError } from '../../src/base/errors.ts';
import type { Link } from '../../src/transport/link.ts';
import { mismatch, pattern } from './random.ts';

export interface LinkLog {
  received: number;
  /** Index of the first byte that differs from the pattern, or -1. */
  wrongAt: number;
  ends: number;
  closes: number;
  error: Q2qError | undefined;
  /** Settles at `closed`. */
  readonly done: Promise<void>;
}

export interface Exercise {
  /** Pattern that the other end writes. */
  readonly reads?: number;
  /** Pattern and length that we write, then close our direction. */
  readonly writes?: { readonly seed: number; readonly length: number; readonly step?: number };
  readonly onData?: (bytes: Uint8Array) => void;
  readonly onEnd?: () => void;
  readonly onClosed?: () => void;
}

export function exercise(link: Link, { reads = 0, writes, onData, onEnd, onClosed }: Exercise): LinkLog {
  let settle!: () => void;
  const done = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const log: LinkLog = { received: 0, wrongAt: -1, ends: 0, closes: 0, error: undefined, done };
  let written = 0;
  const write = (): void => {
    if (writes === undefined) return;
    while (written < writes.length) {
      const step = Math.min(writes.step ?? 16_384, writes.length - written);
      const room = link.send(pattern(writes.seed, written, step));
      written += step;
      if (!room) return;
    }
    link.closeWrite();
  };
  link.start({
    data(bytes) {
      if (log.ends + log.closes > 0) throw new Error('data after the end');
      if (log.wrongAt < 0) log.wrongAt = mismatch(reads, log.received, bytes);
      log.received += bytes.length;
      onData?.(bytes);
    },
    drain: write,
    end() {
      log.ends++;
      onEnd?.();
    },
    closed(error) {
      log.closes++;
      log.error = error;
      onClosed?.();
      settle();
    },
  });
  write();
  return log;
}

/** Sends everything back, with backpressure, and ends when the other end does. */
export function echo(link: Link): void {
  link.start({
    data(bytes) {
      if (!link.send(bytes)) link.pause();
    },
    drain: () => link.resume(),
    end: () => link.closeWrite(),
    closed() {},
  });
}
