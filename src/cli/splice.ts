/** Two links joined: what one delivers the other sends, each direction held back and ended on its own. */
import type { Writable } from 'node:stream';
import type { Q2qError } from '../base/errors.ts';
import type { Link, LinkHandler } from '../transport/link.ts';

export interface SpliceOptions {
  /** Called with the size of each chunk: from `a` to `b`, and from `b` to `a`. */
  readonly onForward?: (bytes: number) => void;
  readonly onBackward?: (bytes: number) => void;
  /** When `b` ends its direction, so do we: `a` is a person at a terminal, who would have to guess it. */
  readonly endWithB?: boolean;
  /** What `b` is told when `a` fails. */
  readonly resetB?: number;
  /** True for failures of `a` that lose nothing: they count as its end. */
  readonly forgiveA?: (error: Q2qError) => boolean;
}

/** How both links ended: the first failure, if any. */
export interface SpliceEnd {
  readonly error: Q2qError | undefined;
  readonly side: 'a' | 'b' | undefined;
}

/** Joins the links until both are closed. A failure of one resets the other, so that no end is taken for a clean one. */
export function splice(a: Link, b: Link, options: SpliceOptions = {}): Promise<SpliceEnd> {
  return new Promise((resolve) => {
    let open = 2;
    let first: SpliceEnd = { error: undefined, side: undefined };
    const over = (side: 'a' | 'b', error: Q2qError | undefined): void => {
      if (error !== undefined && first.error === undefined) first = { error, side };
      if (--open === 0) resolve(first);
    };
    const { onForward, onBackward, endWithB, resetB, forgiveA } = options;
    a.start({
      ...passing(a, b, onForward),
      closed(failure) {
        const error = failure !== undefined && forgiveA?.(failure) === true ? undefined : failure;
        if (error === undefined) b.close();
        else b.reset(resetB);
        over('a', error);
      },
    });
    b.start({
      ...passing(b, a, onBackward),
      end() {
        a.closeWrite();
        if (endWithB === true) b.closeWrite();
      },
      closed(error) {
        if (error === undefined) a.close();
        else a.reset();
        over('b', error);
      },
    });
  });
}

/** One direction: what `from` delivers goes to `to`; `from` waits when `to` is full, and `to` when `from` was. */
function passing(
  from: Link,
  to: Link,
  onBytes: ((bytes: number) => void) | undefined,
): Omit<LinkHandler, 'closed'> {
  return {
    data(chunk) {
      onBytes?.(chunk.length);
      if (!to.send(chunk)) from.pause();
    },
    drain: () => to.resume(),
    end: () => to.closeWrite(),
  };
}

/** Sends back what it gets, held back by the reader; resolves when the link is closed. */
export function echo(link: Link): Promise<Q2qError | undefined> {
  return new Promise((resolve) => {
    link.start({
      data: (chunk) => {
        if (!link.send(chunk)) link.pause();
      },
      drain: () => link.resume(),
      end: () => link.closeWrite(),
      closed: resolve,
    });
  });
}

/** Writes what comes to a stream that goes on afterwards; ends our direction when everything has left for it. */
export function pour(
  link: Link,
  into: Writable,
  onBytes?: (bytes: number) => void,
): Promise<Q2qError | undefined> {
  return new Promise((resolve) => {
    const resume = (): void => link.resume();
    into.on('drain', resume);
    link.start({
      data(chunk) {
        onBytes?.(chunk.length);
        if (!into.write(chunk)) link.pause();
      },
      drain: () => {},
      end: () => into.write('', () => link.closeWrite()),
      closed(error) {
        into.off('drain', resume);
        resolve(error);
      },
    });
  });
}
