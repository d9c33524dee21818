/** What the peer's control frames on channels do. */
import { decodeAccept, decodeOpen, decodePriority, decodeVarints, MODES } from './bodies.ts';
import { describeCode, MuxError, WireCode } from './errors.ts';
import type { EventQueue } from './events.ts';
import { Kind } from './frame.ts';
import { isSendOver } from './halves.ts';
import { acceptedBy, findOrLate, type InboxParts, protocol } from './inboxParts.ts';
import { MIN_CREDIT_STEP } from './limits.ts';
import type { Outbox } from './outbox.ts';
import type { Patience } from './patience.ts';
import { rememberDecoded } from './remembered.ts';
import { type MuxStream, Owed } from './stream.ts';
import type { ChannelTable } from './table.ts';

export class ChannelFrames {
  readonly #parts: InboxParts;
  readonly #table: ChannelTable;
  readonly #outbox: Outbox;
  readonly #events: EventQueue;
  readonly #patience: Patience;
  readonly #decodeOpen = rememberDecoded(decodeOpen);
  readonly #decodeAccept = rememberDecoded(decodeAccept);

  constructor(parts: InboxParts) {
    this.#parts = parts;
    this.#table = parts.table;
    this.#outbox = parts.outbox;
    this.#events = parts.events;
    this.#patience = parts.patience;
  }

  /** Throws MuxError when the frame breaks a rule. */
  handle(kind: number, channel: number, body: Uint8Array): void {
    switch (kind) {
      case Kind.open:
        this.#open(channel, body);
        break;
      case Kind.accept:
        this.#accept(channel, body);
        break;
      case Kind.reset:
        this.#reset(channel, body);
        break;
      case Kind.stop:
        this.#stop(channel, body);
        break;
      case Kind.credit:
        this.#credit(channel, body);
        break;
      case Kind.priority:
        this.#priority(channel, body);
        break;
      case Kind.blocked:
        this.#blocked(channel, body);
        break;
    }
  }

  #open(channel: number, body: Uint8Array): void {
    const { limits } = this.#parts;
    const id = this.#table.fromWire(channel);
    const open = this.#decodeOpen(body);
    this.#table.claimThere(id);
    const full =
      this.#table.backlog >= limits.acceptBacklog ||
      this.#table.backlogBytes + body.length > limits.backlogBytes;
    const { draining } = this.#parts.owner;
    if (draining || full || open.mode >= MODES.length) {
      const why = full ? WireCode.busy : WireCode.unsupported;
      this.#refuseAtOnce(id, draining ? WireCode.goaway : why);
      return;
    }
    this.#patience.useful();
    this.#parts.counters.accepted++;
    const { name, meta, urgency, sharing, credit } = open;
    const mode = MODES[open.mode]!;
    const messages = mode === 'messages';
    const openSize = body.length;
    this.#table.openThere(id, { messages, urgency, sharing, sendLimit: credit, openSize });
    this.#events.push({ type: 'incoming', id, name, meta, mode, urgency });
  }

  /** No stream is made, so nothing of it is kept but the answer. */
  #refuseAtOnce(id: number, code: number): void {
    this.#patience.reset('channels that must be refused');
    this.#table.freeOne();
    this.#outbox.channels.refuse(id, code);
  }

  #accept(channel: number, body: Uint8Array): void {
    const accept = this.#decodeAccept(body);
    const stream = findOrLate(this.#parts, channel);
    if (stream === undefined) return;
    if (!stream.openedHere) throw protocol(`ACCEPT on channel ${channel}, which its sender opened`);
    if (stream.accepted) {
      this.#patience.glitch('second ACCEPT');
      return;
    }
    stream.credit.raise(accept.credit);
    acceptedBy(this.#parts, stream, accept.meta);
    this.#outbox.channels.wake(stream);
  }

  #reset(channel: number, body: Uint8Array): void {
    const [code, finalSize] = decodeVarints(body, 2, 'RESET') as [number, number];
    const stream = findOrLate(this.#parts, channel);
    if (stream === undefined) return;
    this.#parts.counters.resetsReceived++;
    this.#countReset(stream);
    const { receive, grant } = stream;
    const crossed = receive === 'ended' || receive === 'reset'; // behind its end it says nothing
    if (!crossed && finalSize !== grant.received)
      throw protocol(`RESET on channel ${channel} at ${finalSize} bytes, ${grant.received} came`);
    if (stream.openedHere && !stream.accepted) {
      this.#refused(stream, code);
      return;
    }
    if (!stream.stepReceive('reset')) return;
    stream.discard();
    const text = `channel was reset by the other end with code ${describeCode(code)}`;
    const error = new MuxError('ERR_MUX_RESET', text, { resetCode: code });
    this.#events.push({ type: 'reset', id: stream.id, error });
    this.#table.settle(stream);
  }

  /** RESET before ACCEPT ends both directions at once: nothing was processed. */
  #refused(stream: MuxStream, code: number): void {
    const text = `channel was refused with code ${describeCode(code)}`;
    const name = code === WireCode.goaway ? 'ERR_MUX_GOAWAY' : 'ERR_MUX_REFUSED';
    stream.queue.clear();
    stream.stepSend('reset');
    stream.stepReceive('reset');
    stream.discard();
    this.#table.remove(stream);
    this.#events.push({
      type: 'refused',
      id: stream.id,
      error: new MuxError(name, text, { resetCode: code }),
    });
  }

  /** The peer reads no more: our direction ends with a RESET of the same code (RFC 9000 §3.5). */
  #stop(channel: number, body: Uint8Array): void {
    const [code] = decodeVarints(body, 1, 'STOP') as [number];
    const stream = findOrLate(this.#parts, channel);
    if (stream === undefined) return;
    if (isSendOver(stream.send)) return; // it crossed our FIN or RESET
    if (code !== WireCode.none) this.#countReset(stream);
    const lost = stream.queue.clear() > 0;
    stream.stepSend('reset');
    stream.resetCode = code;
    this.#outbox.channels.owe(stream, Owed.reset);
    const text = `the other end stopped reading the channel with code ${describeCode(code)}`;
    const error = new MuxError('ERR_MUX_STOPPED', text, { resetCode: code });
    this.#events.push({ type: 'stopped', id: stream.id, error, lost });
    this.#table.settle(stream);
  }

  #countReset(stream: MuxStream): void {
    if (!stream.openedHere) this.#patience.reset();
  }

  #credit(channel: number, body: Uint8Array): void {
    const [limit] = decodeVarints(body, 1, 'CREDIT') as [number];
    const stream = findOrLate(this.#parts, channel);
    if (stream === undefined) return;
    if (isSendOver(stream.send)) return;
    if (stream.credit.raise(limit) < MIN_CREDIT_STEP)
      this.#patience.glitch('CREDIT that adds next to nothing');
    this.#outbox.channels.wake(stream);
  }

  /** How the peer wants its direction of the channel to be sent. */
  #priority(channel: number, body: Uint8Array): void {
    const priority = decodePriority(body);
    const stream = findOrLate(this.#parts, channel);
    if (stream === undefined) return;
    this.#patience.glitch('PRIORITY');
    this.#outbox.prioritize(stream, priority);
  }

  /** The peer waits for credit: what is held back for a larger grant leaves now, when it is worth a frame. */
  #blocked(channel: number, body: Uint8Array): void {
    const [limit] = decodeVarints(body, 1, 'BLOCKED') as [number];
    const stream = findOrLate(this.#parts, channel);
    if (stream === undefined) return;
    this.#parts.counters.blockedReceived++;
    if (!stream.grant.blocked(limit, this.#patience.now)) this.#patience.glitch('BLOCKED');
    else if (stream.grant.withheld >= this.#parts.limits.maxFrame)
      this.#outbox.channels.owe(stream, Owed.credit);
  }
}
