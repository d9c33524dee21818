/** Two connections in one process, and the pump between them: bytes one way, then the other, until nothing moves. */
import { concat } from '../../src/base/bytes.ts';
import { isQ2qError, toError } from '../../src/base/errors.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import {
  ClientContext,
  performOp,
  ServerContext,
  type TlsConfigInit,
  type TlsConnection,
  type TlsError,
  type TlsEvent,
} from '../../src/tls/index.ts';
import type { Seam } from '../../src/tls/seam.ts';
import { DOMAIN, Pki } from './pki.ts';

/** How the bytes of one direction are cut before they are fed. */
export type Cut = (bytes: Uint8Array) => Iterable<Uint8Array>;

export const whole: Cut = (bytes) => [bytes];

export function every(size: number): Cut {
  return function* (bytes) {
    for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
  };
}

/** One end with everything it said. */
export class End {
  readonly connection: TlsConnection;
  readonly events: TlsEvent[] = [];
  /** Everything it put on the wire. */
  readonly sent: Uint8Array[] = [];

  constructor(connection: TlsConnection) {
    this.connection = connection;
  }

  /** Pulls events and answers ops at once. */
  settleAll(): void {
    for (let event = this.connection.next(); event !== undefined; event = this.connection.next()) {
      this.events.push(event);
      if (event.type === 'op') settle(this.connection, event.id, event.op);
    }
  }

  take(): Uint8Array {
    const bytes = concat(this.connection.takeOutput());
    if (bytes.length > 0) this.sent.push(new Uint8Array(bytes));
    return bytes;
  }

  get data(): Uint8Array {
    return concat(this.events.flatMap((event) => (event.type === 'data' ? [event.bytes] : [])));
  }

  get error(): TlsError | undefined {
    return this.connection.error;
  }

  /** Event types in order, data runs as one. */
  get story(): string[] {
    return this.events
      .map((event) => (event.type === 'op' ? `op ${event.op.kind}` : event.type))
      .filter((type, i, all) => type !== 'data' || all[i - 1] !== 'data');
  }
}

function settle(connection: TlsConnection, id: number, op: Parameters<typeof performOp>[0]): void {
  let answer: ReturnType<typeof performOp> | Error;
  try {
    answer = performOp(op);
  } catch (error) {
    answer = toError(error);
  }
  if (answer instanceof Promise) throw new Error('a synchronous pair needs synchronous answers');
  connection.settle(id, answer);
}

export interface Pair {
  readonly client: End;
  readonly server: End;
}

/** Moves bytes until both ends are silent. */
export function pump({ client, server }: Pair, cut: Cut = whole): void {
  for (;;) {
    client.settleAll();
    server.settleAll();
    const up = client.take();
    for (const chunk of cut(up)) {
      server.connection.feed(chunk);
      server.settleAll();
    }
    const down = server.take();
    for (const chunk of cut(down)) {
      client.connection.feed(chunk);
      client.settleAll();
    }
    if (up.length === 0 && down.length === 0) return;
  }
}

export interface PairOptions {
  readonly client?: Partial<TlsConfigInit>;
  readonly server?: Partial<TlsConfigInit>;
  readonly clientProvider?: CryptoProvider;
  readonly serverProvider?: CryptoProvider;
  readonly clientSeam?: Seam;
  readonly serverSeam?: Seam;
  readonly serverName?: string;
  readonly pki?: Pki;
}

const sharedPki = new Pki();
const sharedServer = sharedPki.server();
const sharedUser = sharedPki.user('alice');

/** Mutually authenticating ends of one domain unless told otherwise; nothing has moved yet. */
export function pair(options: PairOptions = {}): Pair {
  const { clientProvider = node, serverProvider = node, pki = sharedPki } = options;
  const client = new ClientContext(
    {
      verifier: pki.serverVerifier(clientProvider),
      credentials: [pki === sharedPki ? sharedUser : pki.user('alice')],
      ...options.client,
    },
    clientProvider,
  );
  const server = new ServerContext(
    {
      verifier: pki.clientVerifier(serverProvider),
      credentials: [pki === sharedPki ? sharedServer : pki.server()],
      ...options.server,
    },
    serverProvider,
  );
  return {
    client: new End(
      client.connectThrough({ serverName: options.serverName ?? DOMAIN }, options.clientSeam ?? {}),
    ),
    server: new End(server.acceptThrough(options.serverSeam ?? {})),
  };
}

/** A pair whose handshake is complete. Throws the error of the side that failed first. */
export function openPair(options: PairOptions = {}): Pair {
  const ends = pair(options);
  pump(ends);
  const broken = [ends.client.error, ends.server.error].find((error) => error?.alertFrom !== 'peer' && error);
  if (broken) throw broken;
  return ends;
}

/** Code and alert of an error, for comparison. */
export function fault(error: unknown): string {
  if (!isQ2qError(error)) return String(error);
  const { alert, alertFrom } = error as TlsError;
  return alert === undefined ? error.code : `${error.code} ${alert} ${alertFrom}`;
}
