/** One connection from the first byte to the exit code: the handshake, what the flags ask for, then the echo. */
import type { Socket } from 'node:net';
import { utf8 } from '../../../src/base/bytes.ts';
import { toError } from '../../../src/base/errors.ts';
import type { OpEvent, TlsConnection } from '../../../src/tls/index.ts';
import { performOp } from '../../../src/tls/index.ts';
import type { Watch } from './contexts.ts';
import { checkExpectations } from './expectations.ts';
import type { Options } from './options.ts';
import { UNIMPLEMENTED } from './options.ts';

/** What BoringSSL's shim writes under `-write-different-record-sizes`. */
const SIZES = [0, 1, 255, 256, 257, 16383, 16384, 16385, 32767, 32768, 32769];

/** How long the peer may take to read our last bytes and close. */
const LINGER_MS = 5000;

/** Bytes per read under `-async`: every header and every message is cut somewhere. */
const SMALL_READ = 7;

export class Exchange {
  readonly #options: Options;
  readonly #watch: Watch;
  readonly #connection: TlsConnection;
  readonly #socket: Socket;
  /** The rest of a write of which one byte was let through. */
  #heldBack: Uint8Array | undefined;
  #isOver = false;

  constructor(options: Options, watch: Watch, connection: TlsConnection, socket: Socket) {
    this.#options = options;
    this.#watch = watch;
    this.#connection = connection;
    this.#socket = socket;
    socket.on('data', (chunk: Uint8Array) => {
      const size = options.async ? SMALL_READ : chunk.length;
      for (let at = 0; at < chunk.length && !this.#isOver; at += size) {
        connection.feed(new Uint8Array(chunk.subarray(at, at + size)));
        this.#turn();
      }
    });
    socket.on('end', () => {
      if (this.#isOver) return;
      // Who closes first may not care how the peer does.
      const { shimShutsDown, checkCloseNotify } = options;
      if (connection.phase === 'open' && shimShutsDown && !checkCloseNotify) {
        this.#finish();
        return;
      }
      connection.endOfInput();
      this.#turn();
    });
    socket.on('error', () => process.exit(process.exitCode));
    socket.on('close', () => process.exit(process.exitCode));
    process.exitCode = 1; // until the end is reached
    this.#turn();
  }

  #turn(): void {
    try {
      for (let event = this.#connection.next(); event !== undefined; event = this.#connection.next()) {
        if (event.type === 'op') this.#answer(event);
        else if (event.type === 'handshake') this.#opened();
        else if (event.type === 'data') this.#echo(event.bytes);
        else if (event.type === 'end') this.#finish();
        else if (event.type === 'error') throw event.error;
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#flush();
  }

  #answer({ id, op }: OpEvent): void {
    const settle = (): void => {
      let answer: Awaited<ReturnType<typeof performOp>> | Error;
      try {
        answer = performOp(op) as Awaited<ReturnType<typeof performOp>>; // nothing here answers later
      } catch (error) {
        answer = toError(error);
      }
      this.#connection.settle(id, answer);
    };
    if (!this.#options.async) {
      settle();
      return;
    }
    setImmediate(() => {
      if (this.#isOver) return;
      settle();
      this.#turn();
    });
  }

  #opened(): void {
    const options = this.#options;
    const connection = this.#connection;
    checkExpectations(options, connection.negotiated!, this.#watch);
    if (options.exportLength > 0)
      this.#write(
        connection.exportKey(options.exportLabel, utf8(options.exportContext), options.exportLength),
      );
    if (options.exportTrafficSecrets) this.#write(this.#trafficSecrets());
    if (options.sendAlert) {
      connection.abort('decompression_failure');
      return;
    }
    if (options.writeDifferentSizes) {
      for (const size of SIZES) this.#write(new Uint8Array(size).fill(0x42));
    } else if (options.unfinishedWrite) {
      this.#flush();
      connection.write(utf8('hello'));
      const record = Buffer.concat(connection.takeOutput());
      this.#socket.write(record.subarray(0, 1));
      this.#heldBack = record.subarray(1);
    } else if (options.shimWritesFirst) this.#write(utf8('hello'));
    if (options.shimShutsDown) connection.closeWrite();
  }

  /** Length (little-endian), reading secret, writing secret. */
  #trafficSecrets(): Uint8Array {
    const secret = (side: string): Uint8Array => {
      const line = this.#watch.keyLog.find((entry) => entry.startsWith(`${side}_TRAFFIC_SECRET_0 `))!;
      return Buffer.from(line.split(' ')[2]!, 'hex');
    };
    const { server } = this.#options;
    const read = secret(server ? 'CLIENT' : 'SERVER');
    const write = secret(server ? 'SERVER' : 'CLIENT');
    return Buffer.concat([Uint8Array.of(read.length & 255, read.length >> 8), read, write]);
  }

  #echo(bytes: Uint8Array): void {
    const { readSize, keyUpdate, exporterBetweenReads, shimShutsDown } = this.#options;
    if (shimShutsDown) return;
    for (let at = 0; at < bytes.length; at += readSize) {
      if (this.#heldBack !== undefined) {
        this.#socket.write(this.#heldBack);
        this.#heldBack = undefined;
      }
      if (exporterBetweenReads) this.#connection.exportKey('some label', utf8('some context'), 1024);
      if (keyUpdate) this.#connection.updateKeys();
      this.#write(bytes.subarray(at, at + readSize).map((byte) => byte ^ 0xff));
    }
  }

  #write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; this.#flush()) at += this.#connection.write(bytes.subarray(at));
  }

  #flush(): void {
    if (this.#heldBack !== undefined) return;
    for (const record of this.#connection.takeOutput()) this.#socket.write(record);
  }

  /** The peer's close_notify: ours follows, and all is well. */
  #finish(): void {
    // Resumption is not built yet: a test gets as far as its first connection, which may be all it is about.
    process.exitCode = this.#options.resumeCount > 0 ? UNIMPLEMENTED : 0;
    this.#connection.closeWrite();
    this.#flush();
    this.#leave();
  }

  /** The alert goes out, our half closes, and what still comes is read: a reset would swallow the alert. */
  #fail(error: unknown): void {
    if (this.#isOver) return;
    process.exitCode = 1;
    process.stderr.write(`${describe(error)}\n`);
    if (this.#connection.error === undefined) this.#connection.abort();
    this.#flush();
    this.#leave();
  }

  #leave(): void {
    this.#isOver = true;
    this.#socket.end();
    setTimeout(() => process.exit(process.exitCode), LINGER_MS).unref();
  }
}

/** Code, alert and text, which the runner's ErrorMap looks into. */
export function describe(error: unknown): string {
  const { code, alert, alertFrom, message } = toError(error) as Error & Record<string, unknown>;
  const told = alert === undefined ? '' : ` [${String(alert)} ${String(alertFrom)}]`;
  return `${typeof code === 'string' ? code : 'SHIM'}${told} ${message}`;
}
