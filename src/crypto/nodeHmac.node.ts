/**
 * HMAC (RFC 2104) on node:crypto. A handshake asks for 45 of them, all over less than 200 bytes, so what counts is the
 * price of a call. Two one-shot hashes take 2 µs in every Node; `createHmac` takes as long in most, but 14 µs in Node 24,
 * a third of a whole handshake.
 */
import * as crypto from 'node:crypto';
import type { Bytes } from '../base/bytes.ts';
import { plain } from './nodeKeys.node.ts';
import type { HashName } from './suites.ts';

const BLOCK_LENGTHS: Readonly<Record<HashName, number>> = { sha256: 64, sha384: 128, sha512: 128 };

/** Longer messages are not worth a copy. */
const SHORT_MESSAGE = 512;

/** The padded keys, each followed by what is hashed with it; zero between calls. */
const INNER: Bytes = new Uint8Array(128 + SHORT_MESSAGE);
const OUTER: Bytes = new Uint8Array(128 + 64);

export function nodeHmac(name: HashName, key: Uint8Array, ...parts: readonly Uint8Array[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.length;
  // Runtimes with a node:crypto of their own may lack the one-shot hash.
  if (length > SHORT_MESSAGE || key.length > BLOCK_LENGTHS[name] || crypto.hash === undefined) {
    const mac = crypto.createHmac(name, key);
    for (const part of parts) mac.update(part);
    return plain(mac.digest());
  }
  return twoHashes(name, key, parts);
}

function twoHashes(name: HashName, key: Uint8Array, parts: readonly Uint8Array[]): Bytes {
  const block = BLOCK_LENGTHS[name];
  for (let i = 0; i < block; i++) {
    const byte = i < key.length ? key[i]! : 0;
    INNER[i] = byte ^ 0x36;
    OUTER[i] = byte ^ 0x5c;
  }
  let end = block;
  for (const part of parts) {
    INNER.set(part, end);
    end += part.length;
  }
  const inner = crypto.hash(name, INNER.subarray(0, end), 'buffer');
  OUTER.set(inner, block);
  const outer = crypto.hash(name, OUTER.subarray(0, block + inner.length), 'buffer');
  inner.fill(0);
  INNER.fill(0, 0, end);
  OUTER.fill(0);
  return plain(outer);
}
