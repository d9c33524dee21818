/**
 * The writing half of the record layer. Handshake messages gather in a flight that is cut into as few records as
 * possible when it is taken or when the key changes; everything else becomes a record at once.
 */
import type { Bytes } from '../../base/bytes.ts';
import type { AlertName } from '../alert.ts';
import { alertNumber } from '../alert.ts';
import { misuse } from '../errors.ts';
import { MAX_RECORD_PLAINTEXT } from '../limits.ts';
import type { TrafficKeys } from '../schedule/schedule.ts';
import { Fragmenter } from './fragmenter.ts';
import { ContentType, HEADER_LENGTH, TLS10, TLS12, writeHeader } from './header.ts';
import { RECORD_OVERHEAD, Sealer } from './protector.ts';

/** Records of a key held back for a KeyUpdate and an alert (RFC 9846 §5.5: rekey before the limit, not at it). */
const KEY_RESERVE = 2;

export class RecordWriter {
  /** Protected records are filled with zeros up to a multiple of this, as far as `maxPlaintext` lets them (§5.4). */
  padTo = 1;
  /** Records that were taken so far. */
  recordsTaken = 0;
  #configured: number;
  /** Largest content, type byte and padding together of one protected record that the peer takes (RFC 8449 §4). */
  #innerLimit: number = MAX_RECORD_PLAINTEXT + 1;
  #sealer: Sealer | undefined;
  #flight: Uint8Array[] = [];
  #flightLength = 0;
  /** What waits to be taken: a record is one array or several. */
  #output: Uint8Array[] = [];
  /** Lengths of the records in it. */
  #lengths: number[] = [];
  #size = 0;
  #version: number;
  #changeCipherSpecDue = false;

  constructor(maxPlaintext: number, isClient: boolean) {
    this.#configured = maxPlaintext;
    this.#version = isClient ? TLS10 : TLS12;
  }

  /** Largest content of one protected record. */
  get maxPlaintext(): number {
    return Math.min(this.#configured, this.#innerLimit - 1);
  }

  set maxPlaintext(max: number) {
    this.#configured = max;
  }

  /**
   * The peer's record_size_limit: from here on for every protected record, and for no other (RFC 8449 §4). Of several
   * limits the least holds.
   */
  limitPlaintext(limit: number): void {
    this.#innerLimit = Math.min(limit, this.#innerLimit);
  }

  /** Bytes that `take` would return. */
  get size(): number {
    if (this.#flightLength === 0) return this.#size;
    const max = this.#flightMax;
    const records = Math.ceil(this.#flightLength / max);
    const overhead = this.#sealer === undefined ? HEADER_LENGTH : RECORD_OVERHEAD;
    const padding = this.#sealer === undefined ? 0 : this.#padding(this.#flightLength - (records - 1) * max);
    return (
      this.#size + this.#flightLength + records * overhead + padding + (this.#changeCipherSpecDue ? 6 : 0)
    );
  }

  /** True when the key may only protect the records that replace it. */
  get keyIsSpent(): boolean {
    return this.#sealer !== undefined && this.#sealer.left <= KEY_RESERVE;
  }

  /** Adds a handshake message to the flight. */
  handshake(message: Uint8Array): void {
    this.#flight.push(message);
    this.#flightLength += message.length;
  }

  /** A compatibility ChangeCipherSpec (§E.4), now. */
  changeCipherSpec(): void {
    this.#flush();
    this.#push(Uint8Array.of(ContentType.changeCipherSpec, 3, 3, 0, 1, 1));
  }

  /** The same in front of the next protected record, whenever that is. */
  changeCipherSpecBeforeNext(): void {
    this.#changeCipherSpecDue = true;
  }

  setKeys(keys: TrafficKeys): void {
    this.#flush();
    this.#sealer?.destroy();
    this.#sealer = new Sealer(keys);
  }

  /** Back to records in the clear: a ClientHello that answers a retry, behind early data that was refused (§4.3.10). */
  dropKeys(): void {
    this.#flush();
    this.destroy();
  }

  alert(name: AlertName, level: 1 | 2): void {
    this.#flush();
    this.#record(ContentType.alert, [Uint8Array.of(level, alertNumber(name))], 2);
  }

  /** One record of application data, only under a key. `parts` is taken over. */
  data(parts: Uint8Array[], length: number): void {
    if (this.#sealer === undefined) throw misuse('application data before there is a key');
    this.#flush();
    this.#record(ContentType.applicationData, parts, length);
  }

  /** The arrays of whole records, at most `max` bytes but at least one record if there is any. */
  take(max: number): Uint8Array[] {
    this.#flush();
    if (this.#size === 0) return [];
    if (this.#size > max) return this.#takeSome(max);
    const output = this.#output;
    this.recordsTaken += this.#lengths.length;
    this.#output = [];
    this.#lengths = [];
    this.#size = 0;
    return output;
  }

  /** What was not protected yet never leaves: without the key it would in the clear. Records made before still do. */
  destroy(): void {
    this.#flight = [];
    this.#flightLength = 0;
    this.#sealer?.destroy();
    this.#sealer = undefined;
  }

  #takeSome(max: number): Uint8Array[] {
    let records = 0;
    let bytes = 0;
    while (records === 0 || bytes + this.#lengths[records]! <= max) bytes += this.#lengths[records++]!;
    this.#lengths.splice(0, records);
    this.recordsTaken += records;
    this.#size -= bytes;
    let arrays = 0;
    for (let left = bytes; left > 0; left -= this.#output[arrays++]!.length);
    return this.#output.splice(0, arrays);
  }

  #flush(): void {
    if (this.#flightLength === 0) return;
    const flight = new Fragmenter(this.#flight);
    this.#flight = [];
    this.#flightLength = 0;
    while (flight.left > 0) {
      const before = flight.left;
      const parts = flight.take(this.#flightMax);
      this.#record(ContentType.handshake, parts, before - flight.left);
    }
  }

  #record(type: number, parts: Uint8Array[], length: number): void {
    if (this.#sealer === undefined) {
      this.#push(this.#plainRecord(type, parts, length));
      return;
    }
    if (this.#changeCipherSpecDue) {
      this.#changeCipherSpecDue = false;
      this.#push(Uint8Array.of(ContentType.changeCipherSpec, 3, 3, 0, 1, 1));
    }
    const size = this.#sealer.seal(type, parts, length, this.#padding(length), this.#output);
    this.#lengths.push(size);
    this.#size += size;
  }

  get #flightMax(): number {
    return this.#sealer === undefined ? this.#configured : this.maxPlaintext;
  }

  /** Zeros behind the type byte: a full record needs none, since all full records look alike. */
  #padding(length: number): number {
    if (this.padTo === 1) return 0;
    const padded = Math.ceil((length + 1) / this.padTo) * this.padTo;
    return Math.max(0, Math.min(padded, this.maxPlaintext + 1) - (length + 1));
  }

  #plainRecord(type: number, parts: readonly Uint8Array[], length: number): Bytes {
    const record = new Uint8Array(HEADER_LENGTH + length);
    writeHeader(record, 0, type, this.#version, length);
    this.#version = TLS12; // only a first ClientHello says 3.1 (§5.1)
    let at = HEADER_LENGTH;
    for (const part of parts) {
      record.set(part, at);
      at += part.length;
    }
    return record;
  }

  #push(record: Uint8Array): void {
    this.#output.push(record);
    this.#lengths.push(record.length);
    this.#size += record.length;
  }
}
