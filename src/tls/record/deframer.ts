/** Where one record ends in the incoming byte stream (RFC 9846 §5.1). */
import { TlsError, unexpectedMessage } from '../errors.ts';
import { MAX_RECORD_CIPHERTEXT } from '../limits.ts';
import { Assembler } from './assembler.ts';
import { HEADER_LENGTH, isContentType } from './header.ts';

/** Gives whole records, header first; whoever takes one may write into it. */
export function recordAssembler(): Assembler {
  return new Assembler(HEADER_LENGTH, measureRecord);
}

/** Judges from the first byte on: a peer of another protocol may never send five. */
function measureRecord(bytes: Uint8Array, at: number, available: number): number {
  const type = bytes[at]!;
  if (!isContentType(type))
    throw unexpectedMessage(`record of unknown type ${type}; the other end may not speak TLS`);
  if (available < HEADER_LENGTH) return 0;
  // The version's minor half is to be ignored (§5.1); its major half tells TLS from other protocols.
  const major = bytes[at + 1]!;
  if (major !== 3)
    throw new TlsError('ERR_TLS_PROTOCOL_VERSION', `got record version major ${major}, wanted 3`, {
      hint: 'the other end does not seem to speak TLS',
    });
  const length = (bytes[at + 3]! << 8) | bytes[at + 4]!;
  if (length > MAX_RECORD_CIPHERTEXT)
    throw new TlsError(
      'ERR_TLS_RECORD_OVERFLOW',
      `record of ${length} bytes, wanted at most ${MAX_RECORD_CIPHERTEXT}`,
    );
  return HEADER_LENGTH + length;
}
