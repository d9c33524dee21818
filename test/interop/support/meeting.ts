/** How an interop test meets a TLS stack nobody here wrote: what it is asked for, and what carries the records. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { GroupName } from '../../../src/crypto/suites.ts';
import type { AlertName } from '../../../src/tls/index.ts';
import type { Program } from '../../support/program.ts';
import type { Kind, Pair } from './pki.ts';

/** What the far end shall do. A role that has no way to do it says so in `lacks`. */
export interface Wish {
  /** What it shows; servers always have one. */
  readonly credential?: Pair;
  /** The roots it believes, a file. */
  readonly ca: string;
  /** Clients: the name it asks for and wants to see. */
  readonly name: string;
  readonly groups?: readonly GroupName[];
  readonly alpn?: readonly string[];
  /** Servers; 'none' when left out. */
  readonly clientCertificate?: 'none' | 'request' | 'require';
  /** Sessions are kept: it gives tickets, or asks for them and comes `again` with one. */
  readonly sessions?: true;
  /** Early data: servers accept it; clients send the content of this file when they come `again`. */
  readonly earlyData?: string;
  /** It shows `credential.key` as a raw public key (RFC 7250), and wants to see a raw key. */
  readonly rawKeys?: true;
  /** The largest plaintext it takes in one record (RFC 8449). */
  readonly recordSize?: number;
  /** Servers: a file with an OCSP response to staple; clients: ask for a staple, any text. */
  readonly staple?: string;
  /** The label of an exporter (RFC 9846 §7.5) with 32 bytes and an empty context: it prints the bytes. */
  readonly exporter?: string;
}

/** One connection to a far end. */
export interface Meeting {
  /** Records pass through here. */
  readonly carrier: Duplex;
  readonly far: Program;
  /** Another connection with the same far end, which knows the sessions of the first. */
  readonly again?: () => Promise<Meeting>;
  readonly close?: () => void;
}

export interface Role {
  start(wish: Wish): Promise<Meeting>;
  /**
   * How it is made to talk: `echo` sends back what comes; `talk` has standard input and output; `http` answers one
   * request.
   */
  readonly speaks: 'echo' | 'talk' | 'http';
  /** Subjects it has not, each with the reason. */
  readonly lacks: Lacks;
  /** Where its output shows exported bytes, in hexadecimal. */
  readonly exported?: RegExp;
  /** What it says of a session that goes on. */
  readonly resumed?: RegExp;
  /** What it says of a staple. */
  readonly stapled?: RegExp;
  /** The record size it asks for, when that is not ours to choose. */
  readonly recordSize?: number;
  /** It ends only when its input has ended, too. */
  readonly endsWithInput?: true;
  /** It comes again by itself, having said nothing. */
  readonly resumesAtOnce?: true;
  /** Early data is not shown or echoed: only whether it was accepted is known. */
  readonly swallowsEarlyData?: true;
  /** What it says when its certificate is refused, where it does not name the alert. */
  readonly refused?: RegExp;
  /** Makes it update its keys, and ask for ours. */
  rekey?(far: Program): Promise<void> | void;
  /** The one protocol it can agree on, when it is not ours to choose. */
  readonly protocol?: 'http/1.1';
  /** Alerts it sends in place of what RFC 9846 names; some just drop the connection. */
  readonly alerts?: {
    readonly noCertificate?: AlertName;
    readonly untrusted?: AlertName | 'dropped';
    readonly noProtocol?: AlertName;
  };
}

export type Subject =
  | 'keys'
  | 'retry'
  | 'cookie alone'
  | 'protocol'
  | 'no common protocol'
  | 'our key update'
  | 'their key update'
  | 'client certificate'
  | 'requested certificate'
  | 'untrusted certificate'
  | 'exporter'
  | 'bulk'
  | 'our half-close'
  | 'their half-close'
  | 'their close'
  | 'resumption'
  | 'retried resumption'
  | 'early data'
  | 'early data and a retry'
  | 'raw keys'
  | 'record size'
  | 'staple'
  | 'close';

export type Lacks = Partial<Record<Subject, string>>;

export interface Peer {
  readonly name: string;
  readonly found: boolean;
  /** Keys of certificates that it takes, from either side. */
  readonly kinds: readonly Kind[];
  /** It knows X25519MLKEM768. */
  readonly hybrid?: boolean;
  readonly server?: Role;
  readonly client?: Role;
}

/** The far end listens on `port` of this machine. */
export async function dialled(far: Program, port: number): Promise<Meeting> {
  const carrier = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    carrier.once('connect', () => resolve());
    carrier.once('error', reject);
  });
  return { carrier, far, again: () => dialled(far, port) };
}

/** The far end dials a port of ours. `again` makes it dial once more; the program may be another one then. */
export async function dialling(
  start: (port: number) => Program,
  again: (far: Program, port: number) => Program | Promise<Program> = (far) => far,
): Promise<Meeting> {
  const door = await Door.open();
  const meet = async (far: Program): Promise<Meeting> => {
    const carrier = await Promise.race([door.next(), far.exited.then(() => undefined)]);
    if (carrier === undefined) throw new Error(`ended without dialling:\n${far.output}`);
    const once = async (): Promise<Meeting> => meet(await again(far, door.port));
    return { carrier, far, again: once, close: () => door.close() };
  };
  return meet(start(door.port));
}

/** A listening port; connections come one after the other. */
export class Door {
  readonly port: number;
  readonly #server: Server;
  readonly #waiting: Socket[] = [];
  #wanted: ((socket: Socket) => void) | undefined;

  constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as { port: number }).port;
    server.on('connection', (socket) => {
      socket.on('error', () => {});
      if (this.#wanted === undefined) this.#waiting.push(socket);
      else this.#wanted(socket);
      this.#wanted = undefined;
    });
  }

  static async open(): Promise<Door> {
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Door(server);
  }

  async next(): Promise<Socket> {
    return (
      this.#waiting.shift() ??
      (await new Promise<Socket>((resolve) => {
        this.#wanted = resolve;
      }))
    );
  }

  close(): void {
    this.#server.close();
  }
}
