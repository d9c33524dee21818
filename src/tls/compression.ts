/** Certificate compression (RFC 8879): what a codec is. The platform's are in `compression.node.ts`. */
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
