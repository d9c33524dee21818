/** Certificate compression on Node's zlib: answers at once, and inflates no further than the message claims. */
import { brotliCompressSync, brotliDecompressSync, deflateSync, inflateSync } from 'node:zlib';
import type { Bytes } from '../base/bytes.ts';
import { type CertificateCodec, refuseLonger } from './compression.ts';

export const zlibCodec: CertificateCodec = Object.freeze({
  name: 'zlib',
  id: 1,
  compress: (message: Uint8Array): Bytes => plain(deflateSync(message, { level: 9 })),
  decompress: (compressed: Uint8Array, length: number): Bytes =>
    refuseLonger(plain(inflateSync(compressed, { maxOutputLength: length + 1 })), length),
});

export const brotliCodec: CertificateCodec = Object.freeze({
  name: 'brotli',
  id: 2,
  compress: (message: Uint8Array): Bytes => plain(brotliCompressSync(message)),
  decompress: (compressed: Uint8Array, length: number): Bytes =>
    refuseLonger(plain(brotliDecompressSync(compressed, { maxOutputLength: length + 1 })), length),
});

/** Of its own memory: a Buffer may be a piece of the pool. */
function plain(buffer: Uint8Array): Bytes {
  return new Uint8Array(buffer);
}
