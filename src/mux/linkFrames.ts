/** What the peer's frames on channel 0 do, and extensions anywhere. */
import { compareBytes } from '../base/bytes.ts';
import { decodeGoaway, decodeVarints } from './bodies.ts';
import { MuxError } from './errors.ts';
import { readExtension } from './extensions.ts';
import { Kind } from './frame.ts';
import { type InboxParts, protocol } from './inboxParts.ts';
import type { Patience } from './patience.ts';
import { decodeSettings, type PeerSettings } from './settings.ts';

export class LinkFrames {
  readonly #parts: InboxParts;
  readonly #patience: Patience;
  #settings: PeerSettings | undefined;
  #peerNonce: Uint8Array | undefined;

  constructor(parts: InboxParts) {
    this.#parts = parts;
    this.#patience = parts.patience;
  }

  /** True when the peer has introduced itself: nothing may come before. */
  get greeted(): boolean {
    return this.#settings !== undefined;
  }

  preface(nonce: Uint8Array): void {
    this.#peerNonce = nonce.slice();
  }

  /** Throws MuxError when the frame breaks a rule. */
  handle(kind: number, body: Uint8Array): void {
    switch (kind) {
      case Kind.maxChannels:
        this.#maxChannels(body);
        break;
      case Kind.ping:
        this.#ping(body);
        break;
      case Kind.pong:
        this.#pong(body);
        break;
      case Kind.ack:
        this.#ack(body);
        break;
      case Kind.settings:
        this.#onSettings(body);
        break;
      case Kind.goaway:
        this.#goaway(body);
        break;
      case Kind.resume:
      case Kind.resumed:
        throw protocol('RESUME frame on a link that has a session');
      default:
        this.#extension(body);
    }
  }

  #onSettings(body: Uint8Array): void {
    if (this.#settings !== undefined) throw protocol('second SETTINGS frame');
    const settings = decodeSettings(body);
    const peerNonce = this.#parts.messages ? settings.nonce : this.#peerNonce;
    if (peerNonce === undefined) throw protocol('SETTINGS frame without a nonce on a message link');
    const order = compareBytes(this.#parts.nonce, peerNonce);
    if (order === 0)
      throw new MuxError('ERR_MUX_ROLE', 'both ends drew the same nonce: a loop, or a copied state');
    if (order > 0) this.#parts.table.takeOddRole();
    this.#settings = settings;
    this.#parts.outbox.makeReady(settings.maxFrame, settings.maxChannels);
    this.#parts.owner.onSettings(settings);
  }

  #maxChannels(body: Uint8Array): void {
    const [count] = decodeVarints(body, 1, 'MAXCH') as [number];
    if (!this.#parts.outbox.channels.raiseOpenAllowance(count))
      this.#patience.glitch('MAXCH that adds nothing');
  }

  #ping(body: Uint8Array): void {
    const [seq] = decodeVarints(body, 1, 'PING') as [number];
    this.#parts.outbox.pong(seq);
    this.#patience.glitch('PING');
  }

  #pong(body: Uint8Array): void {
    const [seq] = decodeVarints(body, 1, 'PONG') as [number];
    if (!this.#parts.owner.onPong(seq)) this.#patience.glitch('PONG that answers nothing');
  }

  #ack(body: Uint8Array): void {
    const { acks, outbox } = this.#parts;
    if (!acks.confirm(body)) this.#patience.glitch('ACK that confirms nothing');
    else if (!outbox.forget(acks.acked)) throw protocol('ACK of bytes that were not sent again yet');
  }

  #goaway(body: Uint8Array): void {
    this.#patience.glitch('GOAWAY');
    const goaway = decodeGoaway(body);
    const last = goaway.lastAccepted === 0 ? 0 : this.#parts.table.fromWire(goaway.lastAccepted);
    this.#parts.owner.onGoaway({ ...goaway, lastAccepted: last });
  }

  /** Unknown extensions with an even number may be ignored, those with an odd one must be understood. */
  #extension(body: Uint8Array): void {
    readExtension(body);
    this.#patience.glitch('unknown extension');
  }
}
