/**
 * Cryptography that hides nothing and agrees to everything, for tests that must get behind the handshake with damaged
 * messages (lesson 36): encryption is the identity and a tag, every signature and Finished is right, randomness counts.
 *
 * Keys depend on their labels alone, not on the transcript: a changed message leaves the rest of a recording valid, and
 * still no record of one epoch opens under the key of another. Nothing outside the tests may import this.
 */
import { type Bytes, concat, equalBytes, utf8 } from '../../src/base/bytes.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { Aead, CryptoProvider, Signer } from '../../src/crypto/provider.ts';
import type { GroupName, HashName } from '../../src/crypto/suites.ts';
import type { Credential } from '../../src/tls/index.ts';
import { override } from './scriptedProvider.ts';

export const TAG_LENGTH = 16;

const PREFIX = utf8('tls13 ');

export interface NullOptions {
  /** Records under one key. */
  readonly recordLimit?: number;
  /** Another stream of "random" bytes. */
  readonly seed?: number;
}

export function nullProvider({ recordLimit = 2 ** 24, seed = 0 }: NullOptions = {}): CryptoProvider {
  let count = seed;
  const random = (length: number): Bytes =>
    new Uint8Array(length).map((_, i) => (i === 0 ? ++count : count * 31 + i * 7));
  return override(node, {
    name: 'null',
    random,
    hmac: (name, key) => filled(hashLength(name), 1 + first(key)),
    hkdfExtract: (name, salt, input) => filled(hashLength(name), 3 + 5 * first(salt) + 7 * first(input)),
    hkdfExpand: (_name, key, info, length) => filled(length, 11 * first(key) + labelSum(info)),
    aead: (_name, key) => nullAead(first(key), recordLimit),
    keyExchange: (group) => ({
      group,
      share: filled(shareLength(group), 9),
      agree: () => filled(32, 9),
      destroy: () => {},
    }),
    encapsulate: (group) => ({ share: filled(shareLength(group), 9), secret: filled(32, 9) }),
    verify: () => true,
  });
}

/** A credential whose signatures are all the same. */
export function nullCredential(credential: Credential): Credential {
  const { signer } = credential;
  const stamp: Signer = {
    kind: signer.kind,
    spki: signer.spki,
    schemes: signer.schemes,
    sign: () => filled(64, 0x51),
  };
  return { ...credential, signer: stamp };
}

const filled = (length: number, value: number): Bytes => new Uint8Array(length).fill(value);
const first = (bytes: Uint8Array): number => bytes[0] ?? 0;
const hashLength = (name: HashName): number => ({ sha256: 32, sha384: 48, sha512: 64 })[name];

function shareLength(group: GroupName): number {
  const lengths: Record<string, number> = { x25519: 32, secp256r1: 65, secp384r1: 97 };
  return lengths[group] ?? 1216;
}

/** Of an HkdfLabel only the label counts, not the transcript behind it; of other texts all of it. */
function labelSum(info: Uint8Array): number {
  const isLabel = equalBytes(info.subarray(3, 3 + PREFIX.length), PREFIX);
  const counted = isLabel ? info.subarray(3 + PREFIX.length, 3 + info[2]!) : info;
  return counted.reduce((sum, byte) => (3 * sum + byte) & 0xffff, 1);
}

function nullAead(tag: number, recordLimit: number): Aead {
  return {
    tagLength: TAG_LENGTH,
    recordLimit,
    seal: (_nonce, _additional, parts, out, at) => {
      const plaintext = concat(parts);
      out.set(plaintext, at);
      out.fill(tag, at + plaintext.length, at + plaintext.length + TAG_LENGTH);
      return at + plaintext.length + TAG_LENGTH;
    },
    open: (_nonce, _additional, bytes, from, to) => {
      const end = to - TAG_LENGTH;
      if (end < from) return -1;
      for (let i = end; i < to; i++) if (bytes[i] !== tag) return -1;
      return end;
    },
    destroy: () => {},
  };
}
