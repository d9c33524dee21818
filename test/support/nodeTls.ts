/** Our engine against node:tls (OpenSSL) in one process: a Duplex in memory carries the records. */
import { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import { toError } from '../../src/base/errors.ts';
import type { PrivateKey } from '../../src/crypto/provider.ts';
import { formatPem } from '../../src/identity/index.ts';
import { type Credential, performOp, type TlsConnection, type TlsEvent } from '../../src/tls/index.ts';

export function pemOf({ chain, signer }: Credential): { cert: string; key: string } {
  return {
    cert: chain.map((der) => formatPem('CERTIFICATE', der)).join(''),
    key: formatPem('PRIVATE KEY', (signer as PrivateKey).dangerousExport()),
  };
}

/** Drives a connection over a Node stream: the smallest driver there is. */
export class Driver {
  readonly connection: TlsConnection;
  readonly events: TlsEvent[] = [];
  readonly #stream: Duplex;
  #wake: (() => void) | undefined;

  constructor(connection: TlsConnection, stream: Duplex) {
    this.connection = connection;
    this.#stream = stream;
    stream.on('data', (chunk: Uint8Array) => {
      connection.feed(new Uint8Array(chunk));
      this.turn();
    });
    for (const over of ['end', 'close'])
      stream.on(over, () => {
        connection.endOfInput();
        this.turn();
      });
    stream.on('error', () => {});
    this.turn();
  }

  /** Answers ops, records events, flushes output. */
  turn(): void {
    for (let event = this.connection.next(); event !== undefined; event = this.connection.next()) {
      this.events.push(event);
      if (event.type === 'op') this.#answer(event.id, event.op);
      else if (event.type === 'ticket') event.store.put(event.key, event.ticket);
    }
    for (const record of this.connection.takeOutput()) this.#stream.write(record);
    if (this.connection.error !== undefined) this.#stream.end();
    this.#wake?.();
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; this.turn()) at += this.connection.write(bytes.subarray(at));
  }

  closeWrite(): void {
    this.connection.closeWrite();
    this.turn();
    this.#stream.end();
  }

  get received(): string {
    const data = this.events.flatMap((event) => (event.type === 'data' ? [event.bytes] : []));
    return Buffer.concat(data).toString();
  }

  async until(done: (driver: Driver) => boolean): Promise<void> {
    while (!done(this)) {
      if (this.connection.error !== undefined) throw this.connection.error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The error the connection ends with. */
  async failure(): Promise<unknown> {
    await this.until(() => false).catch(() => {});
    return this.connection.error;
  }

  #answer(id: number, op: Parameters<typeof performOp>[0]): void {
    Promise.resolve()
      .then(() => performOp(op))
      .catch((error: unknown) => toError(error))
      .then((answer) => {
        if (this.connection.error !== undefined) return;
        this.connection.settle(id, answer);
        this.turn();
      });
  }
}

/** Two joined Duplex streams with half-close. */
export function duplexPair(): [Duplex, Duplex] {
  const make = (other: () => Duplex): Duplex =>
    new Duplex({
      allowHalfOpen: true,
      read() {},
      write(chunk: Uint8Array, _encoding, done) {
        other().push(chunk);
        done();
      },
      final(done) {
        other().push(null);
        done();
      },
    });
  const a: Duplex = make(() => b);
  const b: Duplex = make(() => a);
  return [a, b];
}

/** node:tls as the server at the other end of `stream`. */
export function nodeServer(stream: Duplex, options: tls.TlsOptions): tls.TLSSocket {
  const server = tls.createServer({ minVersion: 'TLSv1.3', ...options });
  server.on('tlsClientError', () => {});
  const { ALPNProtocols, ...rest } = options;
  const protocols = ALPNProtocols === undefined ? {} : { ALPNProtocols };
  return new tls.TLSSocket(stream as never, {
    isServer: true,
    server: server as never,
    secureContext: tls.createSecureContext({ minVersion: 'TLSv1.3', ...rest } as tls.SecureContextOptions),
    ...protocols,
    requestCert: options.requestCert ?? false,
    rejectUnauthorized: options.rejectUnauthorized ?? false,
  });
}
