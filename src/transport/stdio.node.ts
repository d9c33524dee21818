/**
 * Links over pipes: our own standard input and output, or those of a child process. End of file is half-close; a pipe
 * has no reset, so there the other end sees only that data is missing.
 */
import type { ChildProcess } from 'node:child_process';
import { fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { type Clock, systemClock } from '../base/clock.ts';
import type { Q2qError } from '../base/errors.ts';
import { LinkError } from './errors.ts';
import { LINGER_TIMEOUT, SEND_HIGH_WATER } from './limits.ts';
import type { Link, LinkHandler, LinkInfo } from './link.ts';
import { fromNodeError } from './nodeErrors.node.ts';
import { StreamLink } from './streamLink.node.ts';

export interface StdioOptions {
  /** What errors call the other end: `ssh host`, `standard input and output`. */
  readonly name?: string;
  readonly clock?: Clock;
}

/** A link over any two streams. It takes both over. */
export function stdioLink(readable: Readable, writable: Writable, options: StdioOptions = {}): Link {
  const { name = 'stdio', clock = systemClock } = options;
  return new StreamLink(readable, writable, {
    info: { kind: 'stdio', messages: false, halfClose: true, remote: name },
    abort: () => {
      readable.destroy();
      writable.destroy();
    },
    clock,
  });
}

/**
 * This process's standard input and output. Nothing else may write to standard output (`console.log` does).
 *
 * A pipe is opened anew instead of using `process.stdout`: that one never closes its descriptor, so the other end would
 * not see our half-close.
 */
export function processStdioLink(options: StdioOptions = {}): Link {
  const name = options.name ?? 'standard input and output';
  return stdioLink(process.stdin, standardOutput(), { ...options, name });
}

function standardOutput(): Writable {
  const stat = fstatSync(1);
  if (!stat.isFIFO() && !stat.isSocket()) return process.stdout;
  const options = { fd: 1, readable: false, writable: true, writableHighWaterMark: SEND_HIGH_WATER };
  return new Socket(options);
}

/**
 * The standard input and output of a child, spawned with pipes. The link is closed when the pipes are and the child has
 * ended; its exit code or signal is part of the error. `close` gives it time to end by itself, `reset` kills it.
 */
export function processLink(child: ChildProcess, options: StdioOptions = {}): Link {
  return new ProcessLink(child, options);
}

class ProcessLink implements Link {
  readonly info: LinkInfo;
  readonly #child: ChildProcess;
  readonly #pipes: Link;
  readonly #clock: Clock;
  #spawnError: LinkError | undefined;

  constructor(child: ChildProcess, options: StdioOptions) {
    const { stdin, stdout } = child;
    if (stdin === null || stdout === null) throw new TypeError('child has no pipes for stdin and stdout');
    const name = options.name ?? child.spawnfile;
    this.#child = child;
    this.#clock = options.clock ?? systemClock;
    this.#pipes = stdioLink(stdout, stdin, { ...options, name });
    this.info = { ...this.#pipes.info, kind: 'process' };
    child.on('error', (error) => {
      this.#spawnError = fromNodeError(error, name);
      this.#pipes.reset(); // a child that could not start has pipes that never end
    });
  }

  get buffered(): number {
    return this.#pipes.buffered;
  }

  start(handler: LinkHandler): void {
    this.#pipes.start({
      data: (chunk) => handler.data(chunk),
      drain: () => handler.drain(),
      end: () => handler.end(),
      closed: (error) => this.#afterExit(() => handler.closed(this.#verdict(error))),
    });
  }

  send(bytes: Uint8Array | readonly Uint8Array[]): boolean {
    return this.#pipes.send(bytes);
  }

  pause(): void {
    this.#pipes.pause();
  }

  resume(): void {
    this.#pipes.resume();
  }

  closeWrite(): void {
    this.#pipes.closeWrite();
  }

  close(): void {
    this.#pipes.close();
  }

  reset(code?: number): void {
    this.#pipes.reset(code);
    this.#child.kill('SIGKILL');
  }

  /** The pipes are closed. A child that then does not end is ended. */
  #afterExit(run: () => void): void {
    if (this.#hasExited()) run();
    else {
      const cancel = this.#clock.after(LINGER_TIMEOUT, () => this.#child.kill('SIGTERM'));
      this.#child.once('exit', () => {
        cancel();
        run();
      });
    }
  }

  #hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null || this.#spawnError !== undefined;
  }

  /** A bad exit explains a broken pipe better than the pipe does. */
  #verdict(error: Q2qError | undefined): Q2qError | undefined {
    const { exitCode, signalCode } = this.#child;
    if (this.#spawnError !== undefined) return this.#spawnError;
    if (error?.code === 'ERR_LINK_ABORTED' || (exitCode === 0 && error === undefined)) return error;
    if (exitCode === 0) return error;
    const how = signalCode === null ? `exited with code ${exitCode}` : `was ended by ${signalCode}`;
    return new LinkError('ERR_LINK_EXITED', `${this.info.remote} ${how}`, { cause: error });
  }
}
