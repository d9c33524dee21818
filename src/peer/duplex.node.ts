/** A channel or any link as a Node Duplex, for `pipeline`, `http`, `ssh2` and everything else that wants one. */
import { Duplex } from 'node:stream';
import type { Q2qError } from '../base/errors.ts';
import type { Link } from '../transport/link.ts';

/**
 * Takes the link over. `end()` ends our direction only. Destroying the stream without an error closes the link,
 * with one it resets it. A written buffer must not be changed afterwards.
 */
export function toDuplex(link: Link): Duplex {
  return new LinkDuplex(link);
}

class LinkDuplex extends Duplex {
  readonly #link: Link;
  #onRoom: ((error?: Error) => void) | undefined;
  #gone = false;

  constructor(link: Link) {
    super({ allowHalfOpen: true, emitClose: true, autoDestroy: true });
    this.#link = link;
    link.pause();
    link.start({
      data: (chunk) => {
        if (!this.push(chunk)) link.pause();
      },
      drain: () => this.#roomAgain(),
      end: () => this.push(null),
      closed: (error) => this.#onClosed(error),
    });
  }

  override _read(): void {
    this.#link.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#send(chunk, done);
  }

  override _writev(
    chunks: readonly { chunk: Buffer; encoding: BufferEncoding }[],
    done: (error?: Error | null) => void,
  ): void {
    const parts: Uint8Array[] = chunks.map((each) => each.chunk);
    this.#send(parts, done);
  }

  #send(bytes: Uint8Array | readonly Uint8Array[], done: (error?: Error) => void): void {
    if (this.#link.send(bytes)) done();
    else if (this.#gone) done(new Error('link is closed'));
    else this.#onRoom = done;
  }

  #roomAgain(error?: Error): void {
    const done = this.#onRoom;
    this.#onRoom = undefined;
    done?.(error);
  }

  override _final(done: () => void): void {
    this.#link.closeWrite();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#gone) {
      if (error === null) this.#link.close();
      else this.#link.reset();
    }
    done(error);
  }

  #onClosed(error: Q2qError | undefined): void {
    this.#gone = true;
    if (error !== undefined) this.destroy(error);
    this.#roomAgain(error ?? new Error('link is closed'));
    if (error === undefined && !this.readableEnded) this.push(null);
  }
}
