/** A channel or any link as a Node Duplex, for `pipeline`, `http`, `ssh2` and everything else that wants one. */
import { Duplex, type DuplexOptions } from 'node:stream';
import type { Q2qError } from '../base/errors.ts';
import { LinkError } from '../transport/errors.ts';
import type { Link } from '../transport/link.ts';
import { resetCodeOf } from './codes.ts';

/** `signal` destroys the stream, at any time. */
export type LinkDuplexOptions = Pick<
  DuplexOptions,
  'signal' | 'readableHighWaterMark' | 'writableHighWaterMark'
>;

/**
 * Takes the link over. `end()` ends our direction only. Destroying the stream closes the link; with an error, or when
 * bytes written to it never reached the link, it resets it, with the code of the error if that has one. Node cannot end
 * one direction alone but in good order, so a peer that resets or stops one destroys the stream. A written buffer must
 * not be changed afterwards.
 */
export function toDuplex(link: Link, options?: LinkDuplexOptions): Duplex {
  return new LinkDuplex(link, options);
}

type Done = (error?: Error | null) => void;

class LinkDuplex extends Duplex {
  readonly #link: Link;
  #done: Done | undefined; // of the write that waits for room
  #sending = 0; // bytes of it, which the link has
  #gone = false;

  constructor(link: Link, options: LinkDuplexOptions = {}) {
    super({ ...options, allowHalfOpen: true, emitClose: true, autoDestroy: true });
    this.#link = link;
    link.pause();
    link.start({
      data: (chunk) => {
        if (!this.push(chunk)) link.pause(); // until `_read`
      },
      drain: () => this.#settle(),
      end: () => this.push(null),
      closed: (error) => this.#onClosed(error),
    });
  }

  override _read(): void {
    this.#link.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#send(chunk, chunk.length, done);
  }

  override _writev(chunks: readonly { chunk: Buffer; encoding: BufferEncoding }[], done: Done): void {
    const parts: Uint8Array[] = chunks.map((each) => each.chunk);
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    this.#send(parts, length, done);
  }

  /** Without room, `done` waits for `drain`, or for the end of the link, which comes whatever happens. */
  #send(bytes: Uint8Array | readonly Uint8Array[], length: number, done: Done): void {
    if (this.#link.send(bytes)) done();
    else if (this.#gone) done(closedEarly());
    else {
      this.#done = done;
      this.#sending = length;
    }
  }

  #settle(error?: Error): void {
    const done = this.#done;
    this.#done = undefined;
    this.#sending = 0;
    done?.(error);
  }

  override _final(done: Done): void {
    this.#link.closeWrite();
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    if (!this.#gone) {
      if (error === null && this.writableLength === this.#sending) this.#link.close();
      else this.#link.reset(resetCodeOf(error));
    }
    this.#settle(error ?? new LinkError('ERR_LINK_ABORTED', 'stream was destroyed'));
    done(error);
  }

  /** What was read waits in Node and is still delivered after a clean end. */
  #onClosed(error: Q2qError | undefined): void {
    this.#gone = true;
    if (error !== undefined) this.destroy(error);
    else if (this.writableLength > 0) this.destroy(closedEarly());
    else {
      this.push(null);
      this.end();
    }
  }
}

function closedEarly(): LinkError {
  return new LinkError('ERR_LINK_CLOSED', 'link was closed before all was written');
}
