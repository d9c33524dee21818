/** Handshake messages as a layer: framed by type and length, cut over records at will (RFC 9846 §4, §5.1). */
import type { Bytes } from '../../base/bytes.ts';
import { ChunkQueue } from '../../base/chunks.ts';
import { Writer } from '../../base/writer.ts';
import { decodeError, unexpectedMessage } from '../errors.ts';
import { MAX_HANDSHAKE_MESSAGE } from '../limits.ts';
import type { HandshakeName } from './codePoints.ts';
import { handshakeName, handshakeType } from './codePoints.ts';

const HEADER_LENGTH = 4;

export interface HandshakeMessage {
  readonly name: HandshakeName;
  /** Header and body: what the transcript hashes. */
  readonly bytes: Uint8Array;
  readonly body: Uint8Array;
  /** Nothing follows it in its record; what a key change demands. */
  readonly endsRecord: boolean;
}

export function encodeMessage(name: HandshakeName, fill: (writer: Writer) => void): Bytes {
  return new Writer().u8(handshakeType(name)).vector(3, fill).finish();
}

/** Joins record payloads into messages. Linear in the number of fragments; holds one message at most. */
export class HandshakeJoiner {
  readonly #queue = new ChunkQueue();
  #name: HandshakeName | undefined;
  #wanted = 0;

  /** A message has begun and its end is missing: nothing but handshake records may follow (§5.1). */
  get isInside(): boolean {
    return this.#queue.length > 0;
  }

  push(fragment: Uint8Array): void {
    this.#queue.push(fragment);
  }

  next(): HandshakeMessage | undefined {
    const queue = this.#queue;
    if (this.#name === undefined && queue.length > 0) this.#checkType(queue.at(0)!);
    if (this.#wanted === 0) {
      if (queue.length < HEADER_LENGTH) return undefined;
      this.#wanted = this.#readHeader();
    }
    if (queue.length < this.#wanted) return undefined;
    const bytes = queue.take(this.#wanted);
    const name = this.#name!;
    this.#wanted = 0;
    this.#name = undefined;
    return { name, bytes, body: bytes.subarray(HEADER_LENGTH), endsRecord: queue.length === 0 };
  }

  clear(): void {
    this.#queue.clear();
    this.#wanted = 0;
    this.#name = undefined;
  }

  #checkType(type: number): void {
    this.#name = handshakeName(type);
    if (this.#name === undefined) throw unexpectedMessage(`handshake message of unknown type ${type}`);
  }

  /** Judges the length before memory is taken for it (lesson 13). */
  #readHeader(): number {
    const queue = this.#queue;
    const length = (queue.at(1)! << 16) | (queue.at(2)! << 8) | queue.at(3)!;
    if (length > MAX_HANDSHAKE_MESSAGE)
      throw decodeError(`${this.#name} of ${length} bytes, wanted at most ${MAX_HANDSHAKE_MESSAGE}`);
    return HEADER_LENGTH + length;
  }
}
