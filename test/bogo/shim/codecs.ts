/** The runner's toy algorithms for certificate compression: one shrinks, one grows, one never gives the same twice. */
import { randomBytes } from 'node:crypto';
import type { CertificateCodec } from '../../../src/tls/index.ts';

/** Two zeros begin every Certificate: the empty context and the first byte of a list shorter than 64 KiB. */
const shrinking: CertificateCodec = {
  name: 'shrinking',
  id: 0xff01,
  compress(message) {
    if (message[0] !== 0 || message[1] !== 0) throw new Error('the message does not begin with two zeros');
    return new Uint8Array(message.subarray(2));
  },
  decompress: (compressed, length) => sized(Buffer.concat([Buffer.alloc(2), compressed]), length),
};

const PREFIX = Uint8Array.of(1, 2, 3, 4);

const expanding: CertificateCodec = {
  name: 'expanding',
  id: 0xff02,
  compress: (message) => new Uint8Array(Buffer.concat([PREFIX, message])),
  decompress(compressed, length) {
    if (PREFIX.some((byte, i) => compressed[i] !== byte)) throw new Error('the prefix is missing');
    return sized(compressed.subarray(PREFIX.length), length);
  },
};

const random: CertificateCodec = {
  name: 'random',
  id: 0xff03,
  compress: (message) => new Uint8Array(Buffer.concat([randomBytes(1), message])),
  decompress: (compressed, length) => sized(compressed.subarray(1), length),
};

/** In BoringSSL's order. */
const CODECS = [expanding, shrinking, random];

export const ALL_CODECS: readonly number[] = CODECS.map(({ id }) => id);

export function codecsOf(ids: readonly number[]): CertificateCodec[] {
  return CODECS.filter(({ id }) => ids.includes(id));
}

function sized(message: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  if (message.length !== length) throw new Error(`${message.length} bytes, wanted ${length}`);
  return new Uint8Array(message);
}
