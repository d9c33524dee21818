/** Certificate compression (RFC 8879): what a codec is. Ours are in `compression.node.ts` and in `peer/streamZlib.ts`. */
import type { Bytes } from '../base/bytes.ts';

/** Compresses certificate messages. Answers at once or later; what it throws ends the handshake. */
export interface CertificateCodec {
  readonly name: string;
  /** CertificateCompressionAlgorithm: zlib 1, brotli 2, zstd 3. */
  readonly id: number;
  compress(message: Uint8Array): Bytes | Promise<Bytes>;
  /** Must not give more than `length` bytes, whatever the input says: stop there and throw (a bomb, lesson 14). */
  decompress(compressed: Uint8Array, length: number): Bytes | Promise<Bytes>;
}

/** The last guard of a codec. */
export function refuseLonger(bytes: Bytes, limit: number): Bytes {
  if (bytes.length > limit) throw new RangeError(`inflates to more than the ${limit} bytes it claims`);
  return bytes;
}
