/** One connection from the first byte to the end: the handshake, what the flags ask for, then the echo. */
import type { Socket } from 'node:net';
import { utf8 } from '../../../src/base/bytes.ts';
import { deferred } from '../../../src/base/deferred.ts';
import { toError } from '../../../src/base/errors.ts';
import type { OpAnswer, OpEvent, TlsConnection } from '../../../src/tls/index.ts';
import { performOp } from '../../../src/tls/index.ts';
import { checkHandshake, checkTickets } from './expectations.ts';
import type { Options } from './options.ts';
import type { Sessions } from './sessions.ts';
import type { Watch } from './watch.ts';

/** What BoringSSL's shim writes first, and under `-write-different-record-sizes`. */
const HELLO: Uint8Array = utf8('hello');
const SIZES = [0, 1, 255, 256, 257, 16383, 16384, 16385, 32767, 32768, 32769];

/** The handshake messages that `-early-write-after-message` names. */
const MESSAGES: Readonly<Record<number, string>> = { 2: 'server_hello', 8: 'encrypted_extensions' };

/** How long the peer may take to read our last bytes and close. */
export const LINGER_MS = 5000;

/** Bytes per read under `-async`: every header and every message is cut somewhere. */
const SMALL_READ = 7;

export interface ExchangeInit {
  readonly options: Options;
  /** What the runner wants of a client from the moment its early data was rejected. */
  readonly retry: Options;
  readonly watch: Watch;
  readonly sessions: Sessions;
  readonly connection: TlsConnection;
  readonly socket: Socket;
}

export class Exchange {
  /** Resolved when the peer's close_notify came and was answered; rejected when the alert had its time to arrive. */
  readonly done: Promise<void>;
  readonly #retry: Options;
  readonly #watch: Watch;
  readonly #sessions: Sessions;
  readonly #connection: TlsConnection;
  readonly #socket: Socket;
  readonly #settled = deferred<void>();
  #options: Options;
  /** What the first write has not said yet. */
  #hello: Uint8Array;
  /** The rest of a record of which one byte was let through. */
  #heldBack: Uint8Array | undefined;
  #isOver = false;

  constructor({ options, retry, watch, sessions, connection, socket }: ExchangeInit) {
    this.done = this.#settled.promise;
    this.#options = options;
    this.#retry = retry;
    this.#watch = watch;
    this.#sessions = sessions;
    this.#connection = connection;
    this.#socket = socket;
    this.#hello = helloOf(options);
    socket.on('data', (chunk: Uint8Array) => this.#received(chunk));
    socket.on('end', () => this.#ended());
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => this.#fail(new Error('the runner closed the carrier')));
    this.#turn();
  }

  #received(chunk: Uint8Array): void {
    const size = this.#options.async ? SMALL_READ : chunk.length;
    for (let at = 0; at < chunk.length && !this.#isOver; at += size) {
      this.#connection.feed(new Uint8Array(chunk.subarray(at, at + size)));
      this.#turn();
    }
  }

  #ended(): void {
    if (this.#isOver) return;
    // Who closes first may not care how the peer does.
    const { shimShutsDown, checkCloseNotify } = this.#options;
    if (this.#connection.phase === 'open' && shimShutsDown && !checkCloseNotify) {
      this.#finish();
      return;
    }
    this.#connection.endOfInput();
    this.#turn();
  }

  #turn(): void {
    try {
      for (let event = this.#connection.next(); event !== undefined; event = this.#connection.next()) {
        if (event.type === 'op') this.#answer(event);
        else if (event.type === 'handshake') this.#opened();
        else if (event.type === 'data' || event.type === 'earlyData') this.#echo(event.bytes);
        else if (event.type === 'end') this.#finish();
        else if (event.type === 'error') throw event.error;
        else {
          this.#watch.got.push(event.ticket);
          event.store.put(event.key, event.ticket);
        }
      }
      this.#writeEarly();
    } catch (error) {
      this.#fail(error);
    }
    this.#flush();
  }

  #answer({ id, op }: OpEvent): void {
    const settle = (): void => {
      let answer: OpAnswer | Error;
      try {
        answer = performOp(op) as OpAnswer; // nothing here answers later
      } catch (error) {
        answer = toError(error);
      }
      this.#connection.settle(id, answer);
    };
    // A ticket that comes late might come after the runner has left.
    if (!this.#options.async || op.kind === 'issueTicket') {
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
    const connection = this.#connection;
    const negotiated = connection.negotiated!;
    const { before } = this.#sessions;
    if (negotiated.role === 'client' && negotiated.earlyData === 'rejected') {
      this.#options = this.#retry;
      this.#hello = helloOf(this.#retry);
    }
    const options = this.#options;
    checkHandshake(options, negotiated, this.#watch, before);
    this.#sessions.before = { options, negotiated };
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
    } else if (this.#hello.length > 0) {
      this.#writeHello(() => connection.write(this.#hello));
    }
    if (options.shimShutsDown) connection.closeWrite();
  }

  /** The first write goes as early data as far as that may be. */
  #writeEarly(): void {
    const { earlyWriteAfterMessage: after } = this.#options;
    if (this.#hello.length === 0 || this.#connection.phase !== 'handshake') return;
    if (after !== undefined && !this.#watch.messages.includes(MESSAGES[after]!)) return;
    this.#writeHello(() => {
      const taken = this.#connection.writeEarly(this.#hello);
      // BoringSSL's shim goes on as if the handshake were complete.
      if (taken > 0 && this.#options.exportLength > 0) this.#connection.exportKey('', undefined, 32);
      return taken;
    });
  }

  #writeHello(write: () => number): void {
    this.#flush();
    this.#hello = this.#hello.subarray(write());
    if (!this.#options.unfinishedWrite || this.#connection.outputSize === 0) {
      this.#flush();
      return;
    }
    const record = Buffer.concat(this.#connection.takeOutput());
    this.#socket.write(record.subarray(0, 1));
    this.#heldBack = record.subarray(1);
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
    const connection = this.#connection;
    for (let at = 0; at < bytes.length; at += readSize) {
      const answer = bytes.subarray(at, at + readSize).map((byte) => byte ^ 0xff);
      if (connection.phase === 'handshake') {
        connection.writeEarly(answer);
        continue;
      }
      if (exporterBetweenReads) connection.exportKey('some label', utf8('some context'), 1024);
      if (keyUpdate) connection.updateKeys();
      this.#write(answer);
    }
  }

  #write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; this.#flush()) at += this.#connection.write(bytes.subarray(at));
  }

  #flush(): void {
    const records = this.#connection.takeOutput();
    if (records.length === 0) return;
    if (this.#heldBack !== undefined) records.unshift(this.#heldBack);
    this.#heldBack = undefined;
    for (const record of records) this.#socket.write(record);
  }

  /** The peer's close_notify: ours follows, and all is well. */
  #finish(): void {
    if (this.#isOver) return;
    checkTickets(this.#options, this.#watch, this.#connection.negotiated);
    this.#connection.closeWrite();
    this.#flush();
    this.#isOver = true;
    this.#socket.end();
    this.#settled.resolve();
  }

  /** The alert goes out, our half closes, and what still comes is read: a reset would swallow the alert. */
  #fail(error: unknown): void {
    if (this.#isOver) return;
    if (this.#connection.error === undefined) this.#connection.abort();
    this.#flush();
    this.#isOver = true;
    const leave = (): void => this.#settled.reject(toError(error));
    if (this.#socket.closed) leave();
    this.#socket.once('close', leave);
    this.#socket.end();
    setTimeout(leave, LINGER_MS).unref();
  }
}

function helloOf({ shimWritesFirst, unfinishedWrite, writeDifferentSizes }: Options): Uint8Array {
  return (shimWritesFirst || unfinishedWrite) && !writeDifferentSizes ? HELLO : new Uint8Array();
}
