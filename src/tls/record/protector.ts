/**
 * Protects the records of one direction under one key (RFC 9846 §5.2, §5.3). Sequence numbers are two 32-bit halves and
 * the nonce buffer is reused: nothing is allocated per record but the output.
 */
import type { Bytes } from '../../base/bytes.ts';
import type { Aead } from '../../crypto/provider.ts';
import { TlsError, unexpectedMessage } from '../errors.ts';
import { MAX_RECORD_PLAINTEXT, MAX_SEQUENCE_HIGH } from '../limits.ts';
import type { TrafficKeys } from '../schedule/schedule.ts';
import { ContentType, HEADER_LENGTH, TLS12, writeHeader } from './header.ts';

/** Header, type byte and tag: what protection adds to a plaintext without padding. */
export const RECORD_OVERHEAD: number = HEADER_LENGTH + 1 + 16;

/** Places the header so that the payload behind it starts at a multiple of four: noble runs 17 % slower if not. */
const HEADER_OFFSET = 3;

/** The write IV XORed with the sequence number, which this counts (§5.3). */
class Nonce {
  readonly bytes: Bytes;
  readonly #iv: Bytes;
  #high = 0;
  #low = 0;

  constructor(iv: Bytes) {
    this.#iv = iv;
    this.bytes = new Uint8Array(iv);
  }

  /** Records so far, exact below 2^53. */
  get count(): number {
    return this.#high * 0x1_0000_0000 + this.#low;
  }

  /** Sets `bytes` for the current record and moves on to the next. */
  advance(): Bytes {
    const { bytes } = this;
    const iv = this.#iv;
    const high = this.#high;
    const low = this.#low;
    bytes[4] = iv[4]! ^ (high >>> 24);
    bytes[5] = iv[5]! ^ ((high >>> 16) & 0xff);
    bytes[6] = iv[6]! ^ ((high >>> 8) & 0xff);
    bytes[7] = iv[7]! ^ (high & 0xff);
    bytes[8] = iv[8]! ^ (low >>> 24);
    bytes[9] = iv[9]! ^ ((low >>> 16) & 0xff);
    bytes[10] = iv[10]! ^ ((low >>> 8) & 0xff);
    bytes[11] = iv[11]! ^ (low & 0xff);
    this.#low = (low + 1) >>> 0;
    if (this.#low === 0) this.#high = high + 1;
    if (this.#high > MAX_SEQUENCE_HIGH)
      throw new TlsError('ERR_TLS_KEY_LIMIT', 'record sequence number reached its end');
    return bytes;
  }

  /** Takes the last step back. */
  retreat(): void {
    if (this.#low === 0) this.#high--;
    this.#low = (this.#low - 1) >>> 0;
  }

  destroy(): void {
    this.bytes.fill(0);
    this.#iv.fill(0);
  }
}

const TYPE_BYTES: readonly Bytes[] = [20, 21, 22, 23].map((type) => Uint8Array.of(type));

/** What stands behind the content: its type and zeros (§5.2). */
function trailer(type: number, padding: number): Bytes {
  if (padding === 0) return TYPE_BYTES[type - ContentType.changeCipherSpec]!;
  const bytes = new Uint8Array(1 + padding);
  bytes[0] = type;
  return bytes;
}

/** One direction of writing under one key. */
export class Sealer {
  readonly #aead: Aead;
  readonly #nonce: Nonce;
  readonly #header: Bytes = new Uint8Array(HEADER_LENGTH);

  constructor(keys: TrafficKeys) {
    this.#aead = keys.aead;
    this.#nonce = new Nonce(keys.iv);
  }

  /** Records this key may still protect. */
  get left(): number {
    return this.#aead.recordLimit - this.#nonce.count;
  }

  /** One whole record with the concatenation of `parts`, `length` bytes, as its content, and `padding` zeros. */
  seal(type: number, parts: readonly Uint8Array[], length: number, padding = 0): Bytes {
    if (this.left <= 0) throw new TlsError('ERR_TLS_KEY_LIMIT', 'the traffic key is used up');
    const payload = length + 1 + padding + this.#aead.tagLength;
    const out = new Uint8Array(HEADER_OFFSET + HEADER_LENGTH + payload);
    writeHeader(this.#header, 0, ContentType.applicationData, TLS12, payload);
    out.set(this.#header, HEADER_OFFSET);
    this.#aead.seal(
      this.#nonce.advance(),
      this.#header,
      [...parts, trailer(type, padding)],
      out,
      HEADER_OFFSET + HEADER_LENGTH,
    );
    return out.subarray(HEADER_OFFSET);
  }

  destroy(): void {
    this.#aead.destroy();
    this.#nonce.destroy();
  }
}

/** One direction of reading under one key. */
export class Opener {
  readonly #aead: Aead;
  readonly #nonce: Nonce;
  readonly #header: Bytes = new Uint8Array(HEADER_LENGTH);
  /** Content type of the record opened last. */
  type = 0;
  /** Largest content, type byte and padding together of one record. */
  limit: number = MAX_RECORD_PLAINTEXT + 1;

  constructor(keys: TrafficKeys) {
    this.#aead = keys.aead;
    this.#nonce = new Nonce(keys.iv);
  }

  /** Records opened, or tried, under this key. */
  get count(): number {
    return this.#nonce.count;
  }

  /** Decrypts a whole record in place; returns its content as a view and leaves its type in `type`. */
  open(record: Uint8Array): Uint8Array {
    const end = this.#decrypt(record);
    if (end < 0) throw badRecord();
    return this.#content(record, end);
  }

  /** The same, or undefined for a record that is not under this key: then it does not count. */
  tryOpen(record: Uint8Array): Uint8Array | undefined {
    const end = this.#decrypt(record);
    if (end >= 0) return this.#content(record, end);
    this.#nonce.retreat();
    return undefined;
  }

  destroy(): void {
    this.#aead.destroy();
    this.#nonce.destroy();
  }

  /** Index behind the inner plaintext, or -1. */
  #decrypt(record: Uint8Array): number {
    const nonce = this.#nonce.advance();
    if (record.length < HEADER_LENGTH + 1 + this.#aead.tagLength) return -1;
    this.#header.set(record.subarray(0, HEADER_LENGTH));
    return this.#aead.open(nonce, this.#header, record, HEADER_LENGTH, record.length);
  }

  #content(record: Uint8Array, end: number): Uint8Array {
    if (end - HEADER_LENGTH > this.limit)
      throw new TlsError(
        'ERR_TLS_RECORD_OVERFLOW',
        `inner plaintext of ${end - HEADER_LENGTH} bytes, wanted at most ${this.limit}`,
      );
    return this.#unpad(record, end);
  }

  /** Padding is zeros behind the type; a plaintext of nothing but zeros has no type (§5.4). */
  #unpad(record: Uint8Array, end: number): Uint8Array {
    let at = end - 1;
    while (at >= HEADER_LENGTH && record[at] === 0) at--;
    if (at < HEADER_LENGTH) throw unexpectedMessage('record of nothing but padding zeros');
    this.type = record[at]!;
    return record.subarray(HEADER_LENGTH, at);
  }
}

/** One error, one text, one path for everything that fails to decrypt (lesson 33). */
function badRecord(): TlsError {
  return new TlsError('ERR_TLS_RECORD_MAC', 'record does not decrypt: damaged, reordered or forged');
}
