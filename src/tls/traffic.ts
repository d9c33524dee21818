/** The open state: application data, KeyUpdate, tickets (RFC 9846 §4.7). Both roles end here. */
import type { Bytes } from '../base/bytes.ts';
import type { Secret } from '../base/secret.ts';
import { TlsError } from './errors.ts';
import type { Negotiated, TicketEvent } from './events.ts';
import { MAX_KEY_UPDATES, MAX_TICKET_LENGTH, MAX_TICKETS } from './limits.ts';
import type { HandshakeName } from './messages/codePoints.ts';
import type { HandshakeMessage } from './messages/handshake.ts';
import { decodeKeyUpdate, encodeKeyUpdate } from './messages/keyUpdate.ts';
import type { NewSessionTicket } from './messages/newSessionTicket.ts';
import { decodeNewSessionTicket } from './messages/newSessionTicket.ts';
import type { PeerFacts, PeerProof } from './proofs.ts';
import { FinishedVerified, factsOf, isPeerProof, RecordAligned } from './proofs.ts';
import type { Exporter } from './schedule/exporter.ts';
import type { ResumptionMaster, TrafficSecret } from './schedule/schedule.ts';
import type { Output, State } from './state.ts';

/** What the handshake leaves behind. */
export interface TrafficSecrets {
  readonly read: TrafficSecret;
  readonly write: TrafficSecret;
  readonly exporter: Exporter;
}

/** What was agreed, before the peer's part is added from its proof. */
export type Agreement = Omit<Negotiated, 'version' | keyof PeerFacts>;

/** What a client makes of the tickets that come: only where there is a store to keep them. */
export interface Resumable {
  readonly master: ResumptionMaster;
  ticketOf(message: NewSessionTicket, psk: Secret): TicketEvent;
}

export class Traffic implements State {
  readonly name = 'Traffic';
  readonly accepts: readonly HandshakeName[];
  readonly negotiated: Negotiated;
  readonly #exporter: Exporter;
  #read: TrafficSecret;
  #write: TrafficSecret;
  readonly #resumable: Resumable | undefined;
  #awaitsAnswer = false;
  /** KeyUpdates and tickets since the last record with data (lesson 7). */
  #updates = 0;
  #tickets = 0;

  /** The proofs are demanded, not used: to have them is to have done the checks. */
  constructor(
    agreement: Agreement,
    peer: PeerProof,
    finished: FinishedVerified,
    secrets: TrafficSecrets,
    resumable?: Resumable,
  ) {
    if (!isPeerProof(peer) || !FinishedVerified.isProof(finished)) throw new TypeError('proofs are missing');
    this.accepts = agreement.role === 'client' ? ['new_session_ticket', 'key_update'] : ['key_update'];
    this.negotiated = Object.freeze({ version: 'TLSv1.3', ...agreement, ...factsOf(peer) });
    this.#exporter = secrets.exporter;
    this.#resumable = resumable;
    this.#read = secrets.read;
    this.#write = secrets.write;
  }

  /** We asked the peer for new keys and it has not answered. */
  get awaitsAnswer(): boolean {
    return this.#awaitsAnswer;
  }

  handle(message: HandshakeMessage, out: Output): State {
    if (message.name === 'key_update') this.#keyUpdate(message, out);
    else this.#ticket(message, out);
    return this;
  }

  /** The peer sent data: what came before was not a flood. */
  sawData(): void {
    this.#updates = 0;
    this.#tickets = 0;
  }

  /** Sends KeyUpdate and moves our direction to the next generation. */
  updateKeys(requestPeer: boolean, out: Output): void {
    if (requestPeer) this.#awaitsAnswer = true;
    out.send('key_update', encodeKeyUpdate(requestPeer));
    this.#write = this.#write.next();
    out.writeKeys(this.#write.keys());
  }

  exportKey(label: string, context: Uint8Array, length: number): Bytes {
    return this.#exporter.export(label, context, length);
  }

  destroy(): void {
    this.#exporter.destroy();
    this.#resumable?.master.destroy();
    this.#read.destroy();
    this.#write.destroy();
  }

  #keyUpdate(message: HandshakeMessage, out: Output): void {
    const asksBack = decodeKeyUpdate(message.body);
    const aligned = RecordAligned.check(message);
    if (++this.#updates > MAX_KEY_UPDATES)
      throw new TlsError('ERR_TLS_FLOOD', `more than ${MAX_KEY_UPDATES} KeyUpdates without data between`);
    this.#awaitsAnswer = false;
    this.#read = this.#read.next();
    out.readKeys(this.#read.keys(), aligned);
    if (asksBack) out.answerKeyUpdate();
  }

  /** Without a store a ticket is checked for form and dropped (§4.7.1), as one that is over at once is, or too large to show. */
  #ticket(message: HandshakeMessage, out: Output): void {
    const ticket = decodeNewSessionTicket(message.body);
    if (++this.#tickets > MAX_TICKETS)
      throw new TlsError('ERR_TLS_FLOOD', `more than ${MAX_TICKETS} tickets without data between`);
    if (this.#resumable === undefined || ticket.lifetime === 0 || ticket.ticket.length > MAX_TICKET_LENGTH)
      return;
    out.offerTicket(this.#resumable.ticketOf(ticket, this.#resumable.master.ticketPsk(ticket.nonce)));
  }
}
