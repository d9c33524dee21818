/** Handshake messages as a layer: framed by type and length, cut over records at will (RFC 9846 §4, §5.1). */
import type { Bytes } from '../../base/bytes.ts';
import { Writer } from '../../base/writer.ts';
import { decodeError, unexpectedMessage } from '../errors.ts';
import { MAX_HANDSHAKE_MESSAGE } from '../limits.ts';
import { Assembler } from '../record/assembler.ts';
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
  readonly #assembler = new Assembler(HEADER_LENGTH, measureMessage);

  /** A message has begun and its end is missing: nothing but handshake records may follow (§5.1). */
  get isInside(): boolean {
    return this.#assembler.length > 0;
  }

  push(fragment: Uint8Array): void {
    this.#assembler.push(fragment);
  }

  next(): HandshakeMessage | undefined {
    const bytes = this.#assembler.next();
    if (bytes === undefined) return undefined;
    const name = handshakeName(bytes[0]!)!;
    return { name, bytes, body: bytes.subarray(HEADER_LENGTH), endsRecord: !this.isInside };
  }

  clear(): void {
    this.#assembler.clear();
  }
}

/** Judges type and length before memory is taken for a message (lesson 13). */
function measureMessage(bytes: Uint8Array, at: number, available: number): number {
  const type = bytes[at]!;
  const name = handshakeName(type);
  if (name === undefined) throw unexpectedMessage(`handshake message of unknown type ${type}`);
  if (available < HEADER_LENGTH) return 0;
  const length = (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  if (length > MAX_HANDSHAKE_MESSAGE)
    throw decodeError(`${name} of ${length} bytes, wanted at most ${MAX_HANDSHAKE_MESSAGE}`);
  return HEADER_LENGTH + length;
}
