/**
 * The reading half of the record layer: records in, handshake messages, data and close_notify out. It decrypts, joins
 * fragments, drops compatibility ChangeCipherSpecs, and refuses floods and everything out of place (RFC 9846 §5).
 */
import { alertName } from '../alert.ts';
import { decodeError, illegalParameter, TlsError, unexpectedMessage } from '../errors.ts';
import {
  MAX_CHANGE_CIPHER_SPECS,
  MAX_EMPTY_RECORDS,
  MAX_RECORD_PLAINTEXT,
  MAX_SKIPPED_EARLY_DATA,
  MAX_WARNING_ALERTS,
  SKIPPED_OVERHEAD,
} from '../limits.ts';
import type { HandshakeMessage } from '../messages/handshake.ts';
import { HandshakeJoiner } from '../messages/handshake.ts';
import { RecordAligned } from '../proofs.ts';
import type { TrafficKeys } from '../schedule/schedule.ts';
import { recordAssembler } from './deframer.ts';
import { ContentType, HEADER_LENGTH } from './header.ts';
import { Opener } from './protector.ts';

export type Incoming =
  | { readonly kind: 'message'; readonly message: HandshakeMessage }
  /** Never empty. */
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'closeNotify' };

/** What an engine spends on an array that views one byte. */
const CHUNK_COST = 100;

export class RecordReader {
  /** Set while the handshake allows a compatibility ChangeCipherSpec. */
  toleratesChangeCipherSpec = false;
  readonly #role: 'client' | 'server';
  readonly #deframer = recordAssembler();
  readonly #joiner = new HandshakeJoiner();
  #opener: Opener | undefined;
  #innerLimit: number = MAX_RECORD_PLAINTEXT + 1;
  #epoch = 0;
  #changeCipherSpecs = 0;
  #emptyRecords = 0;
  #warnings = 0;
  /** Bytes of early data that may still be skipped; 0 once a record of the handshake proper was seen. */
  #skippable = 0;

  constructor(role: 'client' | 'server') {
    this.#role = role;
  }

  /** Memory that unprocessed input holds, roughly: a chunk costs more than its bytes. */
  get waiting(): number {
    return this.#deframer.length + CHUNK_COST * this.#deframer.waitingChunks;
  }

  push(chunk: Uint8Array): void {
    this.#deframer.push(chunk);
  }

  /** The proof says that the joiner holds nothing that came under the old key. */
  setKeys(keys: TrafficKeys, aligned: RecordAligned): void {
    if (!RecordAligned.isProof(aligned)) throw new TypeError('the proof of alignment is missing');
    this.#opener?.destroy();
    this.#opener = new Opener(keys);
    this.#opener.limit = this.#innerLimit;
    this.#epoch++;
  }

  /** Our own record_size_limit, once the peer has it: for protected records, type byte and padding too (RFC 8449 §4). */
  limitPlaintext(limit: number): void {
    this.#innerLimit = Math.min(limit, MAX_RECORD_PLAINTEXT + 1);
    if (this.#opener !== undefined) this.#opener.limit = this.#innerLimit;
  }

  next(): Incoming | undefined {
    for (;;) {
      if (this.#joiner.isInside) {
        const message = this.#joiner.next();
        if (message !== undefined) return { kind: 'message', message };
      }
      const record = this.#deframer.next();
      if (record === undefined) return undefined;
      const incoming = this.#record(record);
      if (incoming !== undefined) return incoming;
    }
  }

  /** The client offered early data and we take none: what does not open under the handshake key is that (§4.3.10). */
  skipEarlyData(allowed: number): void {
    this.#skippable = Math.max(MAX_SKIPPED_EARLY_DATA, allowed + SKIPPED_OVERHEAD);
  }

  /** Nothing more will be read. Gives back, unparsed, what stands behind the last record. */
  close(): Uint8Array[] {
    this.#joiner.clear();
    return this.#deframer.takeRest();
  }

  destroy(): void {
    this.#opener?.destroy();
    this.#opener = undefined;
  }

  #record(record: Uint8Array): Incoming | undefined {
    const outer = record[0]!;
    if (outer === ContentType.changeCipherSpec) {
      this.#changeCipherSpec(record);
      return undefined;
    }
    if (this.#skippable > 0 && outer === ContentType.applicationData) return this.#maybeEarlyData(record);
    if (this.#opener === undefined || this.#isPlainAlert(record)) return this.#plain(outer, record);
    if (outer !== ContentType.applicationData)
      throw unexpectedMessage(`unprotected record of type ${outer} behind the change to protected ones`);
    const content = this.#opener.open(record);
    if (this.#opener.opensApart) this.#deframer.recycle();
    return this.#content(this.#opener.type, content);
  }

  #maybeEarlyData(record: Uint8Array): Incoming | undefined {
    const content = this.#opener?.tryOpen(record);
    if (content !== undefined) {
      this.#skippable = 0;
      return this.#content(this.#opener!.type, content);
    }
    if (this.#joiner.isInside) throw unexpectedMessage('early data inside a handshake message');
    this.#skippable -= record.length;
    if (this.#skippable <= 0)
      throw new TlsError('ERR_TLS_FLOOD', 'more early data to skip than any ticket of ours allows');
    return undefined;
  }

  /**
   * A client that fails over our ServerHello has no keys for us yet: its alert comes in the clear, as the first record
   * we would decrypt. It can only end the handshake, which whoever controls the carrier can do anyway.
   */
  #isPlainAlert(record: Uint8Array): boolean {
    return (
      record[0] === ContentType.alert &&
      record.length === HEADER_LENGTH + 2 &&
      this.#role === 'server' &&
      this.#epoch === 1 &&
      this.#opener!.count === 0
    );
  }

  #plain(type: number, record: Uint8Array): Incoming | undefined {
    if (record.length - HEADER_LENGTH > MAX_RECORD_PLAINTEXT)
      throw new TlsError(
        'ERR_TLS_RECORD_OVERFLOW',
        `plaintext record of ${record.length - HEADER_LENGTH} bytes, wanted at most ${MAX_RECORD_PLAINTEXT}`,
      );
    if (type === ContentType.applicationData)
      throw unexpectedMessage('application data before there are keys');
    this.#skippable = 0; // a second ClientHello: early data ended with the first
    return this.#content(type, record.subarray(HEADER_LENGTH));
  }

  #content(type: number, content: Uint8Array): Incoming | undefined {
    if (type === ContentType.handshake) {
      if (content.length === 0) throw unexpectedMessage('handshake record without content');
      this.#emptyRecords = 0;
      this.#joiner.push(content);
      return undefined;
    }
    if (this.#joiner.isInside) throw unexpectedMessage(`record of type ${type} inside a handshake message`);
    if (type === ContentType.applicationData) return this.#data(content);
    if (type === ContentType.alert) return this.#alert(content);
    throw unexpectedMessage(`protected record of type ${type}`);
  }

  #data(content: Uint8Array): Incoming | undefined {
    if (content.length > 0) {
      this.#emptyRecords = 0;
      return { kind: 'data', bytes: content };
    }
    if (++this.#emptyRecords > MAX_EMPTY_RECORDS)
      throw new TlsError('ERR_TLS_FLOOD', `more than ${MAX_EMPTY_RECORDS} empty records in a row`);
    return undefined;
  }

  /** Which of the two levels means nothing any more: what is not a closure is fatal (§6). */
  #alert(content: Uint8Array): Incoming | undefined {
    if (content.length !== 2) throw decodeError(`alert of ${content.length} bytes, wanted 2`);
    const [level, number] = content as unknown as [number, number];
    if (level !== 1 && level !== 2) throw illegalParameter(`alert of level ${level}, wanted 1 or 2`);
    const name = alertName(number);
    if (name === 'close_notify') return { kind: 'closeNotify' };
    if (name === 'user_canceled') {
      if (++this.#warnings > MAX_WARNING_ALERTS)
        throw new TlsError('ERR_TLS_FLOOD', `more than ${MAX_WARNING_ALERTS} user_canceled alerts`);
      return undefined;
    }
    throw new TlsError('ERR_TLS_ALERT', `peer sent alert ${name ?? 'unknown'} (${number})`, {
      alert: name ?? null,
      alertFrom: 'peer',
    });
  }

  /** Noise for middleboxes: dropped where it may stand, refused elsewhere, and never often (§5, lesson 6). */
  #changeCipherSpec(record: Uint8Array): void {
    if (record.length !== HEADER_LENGTH + 1 || record[HEADER_LENGTH] !== 1)
      throw unexpectedMessage('ChangeCipherSpec that is not the single byte 1');
    if (!this.toleratesChangeCipherSpec) throw unexpectedMessage('ChangeCipherSpec outside the handshake');
    if (this.#joiner.isInside) throw unexpectedMessage('ChangeCipherSpec inside a handshake message');
    if (++this.#changeCipherSpecs > MAX_CHANGE_CIPHER_SPECS)
      throw new TlsError('ERR_TLS_FLOOD', `more than ${MAX_CHANGE_CIPHER_SPECS} ChangeCipherSpecs`);
  }
}
