/** Control messages over a protected link: whole, checked, bounded both ways. Both ends of "control" and "enroll" use it. */
import type { Q2qError } from '../base/errors.ts';
import { CLOSE_CODES, type CloseCodeName } from './codes.ts';
import { PeerError } from './errors.ts';
import { MAX_CONTROL_BACKLOG, MAX_MESSAGE, MAX_MESSAGE_TO_PEER } from './limits.ts';
import {
  type ControlMessage,
  encodeMessage,
  isToPeer,
  MessageReader,
  type ToPeer,
  type ToRelay,
} from './messages.ts';
import type { SecureLink } from './secureLink.ts';

export interface ControlHandler<In> {
  message(message: In): void;
  /** Once, last. Undefined when the other end said goodbye. */
  closed(error: Q2qError | undefined): void;
}

/** The end that we are decides which messages may come. */
export type ControlSide = 'peer' | 'relay';

export class ControlStream<Side extends ControlSide> {
  readonly #link: SecureLink;
  readonly #side: Side;
  readonly #reader: MessageReader;
  readonly #handler: ControlHandler<Side extends 'peer' ? ToPeer : ToRelay>;
  #over = false;

  constructor(link: SecureLink, side: Side, handler: ControlHandler<Side extends 'peer' ? ToPeer : ToRelay>) {
    this.#link = link;
    this.#side = side;
    this.#reader = new MessageReader(side === 'peer' ? MAX_MESSAGE_TO_PEER : MAX_MESSAGE);
    this.#handler = handler;
    link.start({
      data: (chunk) => this.#data(chunk),
      drain: () => {},
      end: () => this.#end(),
      closed: (error) => this.#finish(error),
    });
  }

  /** An end that does not read is cut off rather than stored for. */
  send(message: Side extends 'peer' ? ToRelay : ToPeer): void {
    if (this.#over) return;
    this.#link.send(encodeMessage(message));
    if (this.#link.buffered > MAX_CONTROL_BACKLOG)
      this.fail(new PeerError('ERR_PEER_BUSY', 'the other end does not read its control messages'), 'busy');
  }

  close(): void {
    this.#link.close();
  }

  reset(code: CloseCodeName): void {
    this.fail(new PeerError('ERR_PEER_CLOSED', `the control channel was reset here (${code})`), code);
  }

  /** Our own reason to stop; the other end learns the code only. */
  fail(error: PeerError, code: CloseCodeName): void {
    if (this.#over) return;
    this.#link.reset(CLOSE_CODES[code]);
    this.#finish(error);
  }

  #data(chunk: Uint8Array): void {
    this.#reader.push(chunk);
    try {
      for (
        let message = this.#reader.next();
        message !== undefined && !this.#over;
        message = this.#reader.next()
      )
        this.#deliver(message);
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      this.fail(error, 'protocol');
    }
  }

  #deliver(message: ControlMessage): void {
    if (isToPeer(message) !== (this.#side === 'peer'))
      throw new PeerError('ERR_PEER_PROTOCOL', `"${message.type}" came the wrong way`);
    this.#handler.message(message as Side extends 'peer' ? ToPeer : ToRelay);
  }

  #end(): void {
    if (this.#reader.partial)
      this.fail(new PeerError('ERR_PEER_PROTOCOL', 'the last control message is cut short'), 'protocol');
    else this.#link.close();
  }

  #finish(error: Q2qError | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#handler.closed(error);
  }
}
