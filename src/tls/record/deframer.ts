/** Cuts the incoming byte stream into records without copying those that lie in one chunk. */
import { ChunkQueue } from '../../base/chunks.ts';
import { TlsError, unexpectedMessage } from '../errors.ts';
import { MAX_RECORD_CIPHERTEXT } from '../limits.ts';
import { HEADER_LENGTH, isContentType } from './header.ts';

export class Deframer {
  readonly #queue = new ChunkQueue();
  /** Length of the record at the front, header included; 0 while its header is not complete. */
  #wanted = 0;

  /** Bytes that wait. */
  get length(): number {
    return this.#queue.length;
  }

  push(chunk: Uint8Array): void {
    this.#queue.push(chunk);
  }

  /** The next record, header first, or undefined until it is complete. The caller may write into it. */
  next(): Uint8Array | undefined {
    if (this.#wanted === 0) {
      if (this.#queue.length < HEADER_LENGTH) {
        this.#checkType();
        return undefined;
      }
      this.#wanted = this.#readHeader();
    }
    if (this.#queue.length < this.#wanted) return undefined;
    const record = this.#queue.take(this.#wanted);
    this.#wanted = 0;
    return record;
  }

  clear(): void {
    this.#queue.clear();
    this.#wanted = 0;
  }

  #readHeader(): number {
    this.#checkType();
    const queue = this.#queue;
    // The version's minor half is to be ignored (§5.1); its major half tells TLS from other protocols.
    if (queue.at(1)! !== 3)
      throw new TlsError('ERR_TLS_PROTOCOL_VERSION', `got record version major ${queue.at(1)}, wanted 3`, {
        hint: 'the other end does not seem to speak TLS',
      });
    const length = (queue.at(3)! << 8) | queue.at(4)!;
    if (length > MAX_RECORD_CIPHERTEXT)
      throw new TlsError(
        'ERR_TLS_RECORD_OVERFLOW',
        `record of ${length} bytes, wanted at most ${MAX_RECORD_CIPHERTEXT}`,
      );
    return HEADER_LENGTH + length;
  }

  /** Judged from the first byte on: a peer of another protocol may never send five. */
  #checkType(): void {
    const type = this.#queue.at(0);
    if (type !== undefined && !isContentType(type))
      throw unexpectedMessage(`record of unknown type ${type}; the other end may not speak TLS`);
  }
}
