/** Certificate compression (RFC 8879): what a codec is, and the one that every platform has. */
import type { Bytes } from '../base/bytes.ts';
import { concat } from '../base/bytes.ts';

/** Compresses certificate messages. Answers at once or later; what it throws ends the handshake. */
export interface CertificateCodec {
  readonly name: string;
  /** CertificateCompressionAlgorithm: zlib 1, brotli 2, zstd 3. */
  readonly id: number;
  compress(message: Uint8Array): Bytes | Promise<Bytes>;
  /** Must not give more than `length` bytes, whatever the input says: stop there and throw (a bomb, lesson 14). */
  decompress(compressed: Uint8Array, length: number): Bytes | Promise<Bytes>;
}

/** zlib by the platform's streams (browsers, Node): answers later. `q2q/node` has one that answers at once. */
export const streamZlibCodec: CertificateCodec = Object.freeze({
  name: 'zlib',
  id: 1,
  compress: (message: Uint8Array): Promise<Bytes> =>
    through(new CompressionStream('deflate'), message, Number.POSITIVE_INFINITY),
  decompress: (compressed: Uint8Array, length: number): Promise<Bytes> =>
    through(new DecompressionStream('deflate'), compressed, length),
});

/** Reads no further than `limit`: the stream inflates only what is asked for. */
async function through(
  stream: CompressionStream | DecompressionStream,
  bytes: Uint8Array,
  limit: number,
): Promise<Bytes> {
  const writer = stream.writable.getWriter();
  const written = Promise.all([writer.write(bytes as Bytes), writer.close()]);
  written.catch(() => {}); // the reader learns of it too
  const reader = stream.readable.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    parts.push(next.value);
    length += next.value.length;
    if (length > limit) {
      await reader.cancel();
      break;
    }
  }
  return refuseLonger(concat(parts), limit);
}

export function refuseLonger(bytes: Bytes, limit: number): Bytes {
  if (bytes.length > limit) throw new RangeError(`inflates to more than the ${limit} bytes it claims`);
  return bytes;
}
