/**
 * The shape of the state machines. A state takes one message and gives the next state; it lists the messages it
 * accepts, and everything else is unexpected_message before it is even decoded (lesson 4). While a state handles a
 * message its owner holds `POISONED`, so that a throw or a re-entrant call can never continue from a stale state.
 */
import type { Bytes } from '../base/bytes.ts';
import type { TlsConfig } from './config.ts';
import { misuse, unexpectedMessage } from './errors.ts';
import type { Op, OpAnswer, TicketEvent } from './events.ts';
import type { KeyLogLabel } from './keylog.ts';
import type { HandshakeName } from './messages/codePoints.ts';
import type { HandshakeMessage } from './messages/handshake.ts';
import type { RecordAligned } from './proofs.ts';
import type { TrafficKeys } from './schedule/schedule.ts';
import type { Transcript } from './schedule/transcript.ts';
import type { IssuedTicket, TicketIssuer } from './tickets/issuer.ts';

export interface State {
  readonly name: string;
  readonly accepts: readonly HandshakeName[];
  handle(message: HandshakeMessage, out: Output): State;
}

export interface Destroyable {
  destroy(): void;
}

/** What a state may do to its connection. */
export interface Output {
  /** Adds a handshake message to the flight and to the transcript. */
  send(name: HandshakeName, message: Bytes, transcript?: Transcript): void;
  /** Sends a compatibility ChangeCipherSpec unless one was sent: now, or in front of the next protected record. */
  changeCipherSpec(when: 'now' | 'beforeNext'): void;
  /** Whether the peer's compatibility ChangeCipherSpec may come (RFC 9846 §5). */
  tolerateChangeCipherSpec(may: boolean): void;
  writeKeys(keys: TrafficKeys): void;
  /** The proof says that no byte under the old key is left over. */
  readKeys(keys: TrafficKeys, aligned: RecordAligned): void;
  keyLog(label: KeyLogLabel, clientRandom: Uint8Array, secret: Uint8Array): void;
  /** The client's second hello goes in the clear again, behind early data that was refused. */
  dropWriteKeys(): void;
  /** The client sends early data that we will not read; tickets of ours allow this many bytes. */
  skipEarlyData(allowed: number): void;
  /** Early data comes under the current keys, at most this many bytes of it; 0 once it has ended. */
  expectEarlyData(limit: number): void;
  /** `writeEarly` may write this much under the current keys; 0 ends it. */
  allowEarlyWrites(limit: number): void;
  /** Our limit holds for what comes under the keys from here on, the peer's for what we send (RFC 8449). */
  limitRecords(limits: { readonly ours?: number; readonly peers?: number }): void;
  /** Another context was chosen: its record size and key log count from here on. */
  adopt(config: TlsConfig): void;
  /** Secrets of the handshake, destroyed with the connection if it fails before they were. */
  own(...secrets: readonly Destroyable[]): void;
  /** Asks for a ticket beside everything else, and sends it when it is there. */
  issueTicket(issuer: TicketIssuer, state: Bytes, encode: (issued: IssuedTicket) => Bytes): void;
  /** A ticket came: the driver keeps it. */
  offerTicket(event: TicketEvent): void;
  /** The peer asked for a KeyUpdate: one answer in front of our next data, however often it asks meanwhile (§4.7.3). */
  answerKeyUpdate(): void;
}

/** Waits for the answer to an op. No message is processed meanwhile. */
export class Suspended implements State {
  readonly name: string;
  readonly accepts: readonly HandshakeName[] = [];
  readonly op: Op;
  readonly #resume: (answer: OpAnswer | Error, out: Output) => State;

  constructor(name: string, op: Op, resume: (answer: OpAnswer | Error, out: Output) => State) {
    this.name = name;
    this.op = op;
    this.#resume = resume;
  }

  handle(message: HandshakeMessage): State {
    throw unexpectedMessage(`${message.name} while ${this.name}`);
  }

  settle(answer: OpAnswer | Error, out: Output): State {
    return this.#resume(answer, out);
  }
}

class Poisoned implements State {
  readonly name = 'Poisoned';
  readonly accepts: readonly HandshakeName[] = [];

  handle(): State {
    throw misuse('the connection failed, or was called from inside its own call');
  }
}

export const POISONED: State = new Poisoned();

/** The only way into a state: checks its list first. */
export function advance(state: State, message: HandshakeMessage, out: Output): State {
  if (!state.accepts.includes(message.name)) {
    const wanted = state.accepts.length === 0 ? 'nothing' : state.accepts.join(' or ');
    throw unexpectedMessage(`got ${message.name} in ${state.name}, wanted ${wanted}`);
  }
  return state.handle(message, out);
}
