/**
 * Protects the records of one direction under one key (RFC 9846 §5.2, §5.3). The nonce buffer is reused: hardly anything
 * is allocated per record but the output.
 */
import type { Bytes } from '../../base/bytes.ts';
import type { Aead } from '../../crypto/provider.ts';
import { TlsError, unexpectedMessage } from '../errors.ts';
import { MAX_RECORD_PLAINTEXT, MAX_SEQUENCE } from '../limits.ts';
import type { TrafficKeys } from '../schedule/schedule.ts';
import { ContentType, HEADER_LENGTH, TLS12, writeHeader } from './header.ts';

/** Header, type byte and tag: what protection adds to a plaintext without padding. */
export const RECORD_OVERHEAD: number = HEADER_LENGTH + 1 + 16;

/**
 * From here on a record is handed out as header, ciphertext and tag where the cipher gives them apart: joining 16 KiB costs
 * a quarter of encrypting them, mostly for the memory. Smaller ones are joined: three arrays cost a carrier more than one.
 */
const APART_FROM = 4096;

/** Places the header so that the payload behind it starts at a multiple of four: noble runs 17 % slower if not. */
const HEADER_OFFSET = 3;

/** The write IV XORed with the sequence number, which this counts (§5.3). */
class Nonce {
  readonly bytes: Bytes;
  readonly #iv: Bytes;
  /** Records so far. */
  count = 0;

  constructor(iv: Bytes) {
    this.#iv = iv;
    this.bytes = new Uint8Array(iv);
  }

  /** Sets `bytes` for the current record and moves on to the next. */
  advance(): Bytes {
    const { bytes } = this;
    const iv = this.#iv;
    const high = Math.floor(this.count / 2 ** 32);
    const low = this.count >>> 0; // modulo 2^32, exact below 2^53
    for (let i = 0, shift = 24; i < 4; i++, shift -= 8) {
      bytes[4 + i] = iv[4 + i]! ^ (high >>> shift);
      bytes[8 + i] = iv[8 + i]! ^ (low >>> shift);
    }
    if (++this.count >= MAX_SEQUENCE)
      throw new TlsError('ERR_TLS_KEY_LIMIT', 'record sequence number reached its end');
    return bytes;
  }

  destroy(): void {
    this.bytes.fill(0);
    this.#iv.fill(0);
  }
}

/** What stands behind the content: its type and zeros (§5.2). */
function trailer(type: number, padding: number): Bytes {
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

  /**
   * Adds to `out` the arrays of one whole record: its content is the concatenation of `parts`, `length` bytes, with
   * `padding` zeros behind. Returns the record's length. `parts` is taken over.
   */
  seal(type: number, parts: Uint8Array[], length: number, padding: number, out: Uint8Array[]): number {
    if (this.left <= 0) throw new TlsError('ERR_TLS_KEY_LIMIT', 'the traffic key is used up');
    parts.push(trailer(type, padding));
    const payload = length + 1 + padding + this.#aead.tagLength;
    writeHeader(this.#header, 0, ContentType.applicationData, TLS12, payload);
    if (payload >= APART_FROM && this.#aead.sealApart !== undefined) this.#sealApart(parts, out);
    else this.#sealJoined(parts, payload, out);
    return HEADER_LENGTH + payload;
  }

  destroy(): void {
    this.#aead.destroy();
    this.#nonce.destroy();
  }

  #sealApart(parts: readonly Uint8Array[], out: Uint8Array[]): void {
    const [ciphertext, tag] = this.#aead.sealApart!(this.#nonce.advance(), this.#header, parts);
    out.push(new Uint8Array(this.#header), ciphertext, tag);
  }

  #sealJoined(parts: readonly Uint8Array[], payload: number, out: Uint8Array[]): void {
    const record = new Uint8Array(HEADER_OFFSET + HEADER_LENGTH + payload);
    record.set(this.#header, HEADER_OFFSET);
    const at = HEADER_OFFSET + HEADER_LENGTH;
    this.#aead.seal(this.#nonce.advance(), this.#header, parts, record, at);
    out.push(record.subarray(HEADER_OFFSET));
  }
}

/** One direction of reading under one key. */
export class Opener {
  readonly #aead: Aead;
  readonly #nonce: Nonce;
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

  /** The content of a record stays apart from the record's memory, which may then be used again. */
  get opensApart(): boolean {
    return this.#aead.openApart !== undefined;
  }

  /** Decrypts a whole record, in place unless `opensApart`; returns a view of its content, its type in `type`. */
  open(record: Uint8Array): Uint8Array {
    const inner = this.#decrypt(record);
    // One error, one text, one path for everything that fails to decrypt (lesson 33).
    if (inner === undefined)
      throw new TlsError('ERR_TLS_RECORD_MAC', 'record does not decrypt: damaged, reordered or forged');
    return this.#content(inner);
  }

  /** The same, or undefined for a record that is not under this key: then it does not count. */
  tryOpen(record: Uint8Array): Uint8Array | undefined {
    const inner = this.#decrypt(record);
    if (inner !== undefined) return this.#content(inner);
    this.#nonce.count--;
    return undefined;
  }

  destroy(): void {
    this.#aead.destroy();
    this.#nonce.destroy();
  }

  /** TLSInnerPlaintext: content, type and padding (§5.2). */
  #decrypt(record: Uint8Array): Uint8Array | undefined {
    const nonce = this.#nonce.advance();
    const aead = this.#aead;
    const end = record.length;
    if (end < HEADER_LENGTH + 1 + aead.tagLength) return undefined;
    const header = record.subarray(0, HEADER_LENGTH);
    if (aead.openApart !== undefined) return aead.openApart(nonce, header, record, HEADER_LENGTH, end);
    const behind = aead.open(nonce, header, record, HEADER_LENGTH, end);
    return behind < 0 ? undefined : record.subarray(HEADER_LENGTH, behind);
  }

  #content(inner: Uint8Array): Uint8Array {
    if (inner.length > this.limit)
      throw new TlsError(
        'ERR_TLS_RECORD_OVERFLOW',
        `inner plaintext of ${inner.length} bytes, wanted at most ${this.limit}`,
      );
    return this.#unpad(inner);
  }

  /**
   * Padding is zeros behind the type; a plaintext of nothing but zeros has no type (§5.4). Content that is the smaller part
   * is copied out: a byte that waits to be read must not hold on to 16 KiB of padding.
   */
  #unpad(inner: Uint8Array): Uint8Array {
    let at = inner.length - 1;
    while (at >= 0 && inner[at] === 0) at--;
    if (at < 0) throw unexpectedMessage('record of nothing but padding zeros');
    this.type = inner[at]!;
    return 2 * at < inner.length - 1 ? inner.slice(0, at) : inner.subarray(0, at);
  }
}
