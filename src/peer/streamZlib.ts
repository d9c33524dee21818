/** Certificate compression by the platform's streams, which browsers and Node have: answers later. */
import type { Bytes } from '../base/bytes.ts';
import { concat } from '../base/bytes.ts';
import { type CertificateCodec, refuseLonger } from '../tls/compression.ts';

/** `q2q/node` has one that answers at once. */
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
