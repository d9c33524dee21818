/** What the states do to their connection: to both halves of its record layer, its secrets and its events. */
import type { Bytes } from '../base/bytes.ts';
import type { Fifo } from '../base/fifo.ts';
import { Secret } from '../base/secret.ts';
import type { TlsConfig } from './config.ts';
import type { OpAnswer, TicketEvent, TlsEvent } from './events.ts';
import type { KeyLogLabel } from './keylog.ts';
import { keyLogLine } from './keylog.ts';
import { MAX_TICKET_LENGTH, MAX_TICKET_LIFETIME } from './limits.ts';
import type { HandshakeName } from './messages/codePoints.ts';
import type { Ops } from './ops.ts';
import type { RecordAligned } from './proofs.ts';
import type { RecordReader } from './record/reader.ts';
import type { RecordWriter } from './record/writer.ts';
import type { TrafficKeys } from './schedule/schedule.ts';
import type { Transcript } from './schedule/transcript.ts';
import type { Seam } from './seam.ts';
import type { Destroyable, Output } from './state.ts';
import type { IssuedTicket, TicketIssuer } from './tickets/issuer.ts';

/** What a connection lends its states. */
export interface Parts {
  readonly reader: RecordReader;
  readonly writer: RecordWriter;
  readonly ops: Ops;
  readonly events: Fifo<TlsEvent>;
}

export class ConnectionOutput implements Output {
  /** Bytes that `writeEarly` may still take, and that may still come as early data. */
  earlyWriteLeft = 0;
  earlyReadLeft = 0;
  /** The peer asked for new keys of ours. */
  keyUpdateDue = false;
  /** We sent close_notify: nothing follows. */
  isClosed = false;
  readonly #parts: Parts;
  readonly #seam: Seam;
  #keyLog: TlsConfig['keyLog'];
  #sentChangeCipherSpec = false;
  #owned: Destroyable[] = [];

  constructor(parts: Parts, config: TlsConfig, seam: Seam) {
    this.#parts = parts;
    this.#seam = seam;
    this.#keyLog = config.keyLog;
    this.adopt(config);
  }

  send(name: HandshakeName, message: Bytes, transcript?: Transcript): void {
    for (const part of this.#seam.rewrite?.(name, message) ?? [message]) {
      transcript?.add(part);
      this.#parts.writer.handshake(part);
    }
  }

  changeCipherSpec(when: 'now' | 'beforeNext'): void {
    if (this.#sentChangeCipherSpec) return;
    this.#sentChangeCipherSpec = true;
    if (when === 'now') this.#parts.writer.changeCipherSpec();
    else this.#parts.writer.changeCipherSpecBeforeNext();
  }

  tolerateChangeCipherSpec(may: boolean): void {
    this.#parts.reader.toleratesChangeCipherSpec = may;
  }

  writeKeys(keys: TrafficKeys): void {
    this.#parts.writer.setKeys(keys);
  }

  readKeys(keys: TrafficKeys, aligned: RecordAligned): void {
    this.#parts.reader.setKeys(keys, aligned);
  }

  dropWriteKeys(): void {
    this.#parts.writer.dropKeys();
  }

  keyLog(label: KeyLogLabel, clientRandom: Uint8Array, secret: Uint8Array): void {
    this.#keyLog?.(keyLogLine(label, clientRandom, secret));
  }

  skipEarlyData(allowed: number): void {
    this.#parts.reader.skipEarlyData(allowed);
  }

  expectEarlyData(limit: number): void {
    this.earlyReadLeft = limit;
  }

  allowEarlyWrites(limit: number): void {
    this.earlyWriteLeft = limit;
  }

  limitRecords({ ours, peers }: { readonly ours?: number; readonly peers?: number }): void {
    if (ours !== undefined) this.#parts.reader.limitPlaintext(ours);
    if (peers !== undefined) this.#parts.writer.limitPlaintext(peers);
  }

  adopt({ keyLog, maxPlaintext, padTo }: TlsConfig): void {
    this.#keyLog = keyLog;
    this.#parts.writer.maxPlaintext = maxPlaintext;
    this.#parts.writer.padTo = padTo;
  }

  own(...secrets: readonly Destroyable[]): void {
    this.#owned.push(...secrets);
  }

  /** What is left of the handshake's secrets has another owner now. */
  disown(): void {
    this.#owned = [];
  }

  destroyOwned(): void {
    for (const secret of this.#owned) secret.destroy();
    this.#owned = [];
  }

  /** No answer, or none that is a ticket, is no ticket. */
  issueTicket(issuer: TicketIssuer, state: Bytes, encode: (issued: IssuedTicket) => Bytes): void {
    this.#parts.ops.askBeside({ kind: 'issueTicket', issuer, state: new Secret(state) }, (answer) => {
      if (isIssued(answer) && !this.isClosed) this.send('new_session_ticket', encode(answer));
    });
  }

  offerTicket(event: TicketEvent): void {
    this.#parts.events.push(event);
  }

  answerKeyUpdate(): void {
    if (!this.isClosed) this.keyUpdateDue = true;
  }
}

function isIssued(answer: OpAnswer | Error): answer is IssuedTicket {
  const { ticket, lifetime } = (answer ?? {}) as Partial<IssuedTicket>;
  return (
    ticket instanceof Uint8Array &&
    ticket.length > 0 &&
    ticket.length <= MAX_TICKET_LENGTH &&
    Number.isInteger(lifetime) &&
    lifetime! > 0 &&
    lifetime! <= MAX_TICKET_LIFETIME
  );
}
