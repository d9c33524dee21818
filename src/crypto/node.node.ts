/** The provider on node:crypto (OpenSSL): 8 to 30 times the speed of the portable one, and RSA signatures. */
import { createHash, type Hash as NodeHash, randomFillSync } from 'node:crypto';
import type { Bytes } from '../base/bytes.ts';
import { hkdfOn } from './hkdf.ts';
import { answerWith } from './keyAgreement.ts';
import { nodeAead } from './nodeAead.node.ts';
import { nodeHmac } from './nodeHmac.node.ts';
import {
  importRsaKey,
  nodeArithmetic,
  nodeGenerateKey,
  nodeKeyExchange,
  nodeVerify,
  plain,
} from './nodeKeys.node.ts';
import { importCurveKey } from './privateKey.ts';
import type { CryptoProvider, Hash, PrivateKey } from './provider.ts';
import { SCHEMES } from './suites.ts';

export function nodeProvider(): CryptoProvider {
  return Object.freeze<CryptoProvider>({
    name: 'node',
    random: (length) => randomFillSync(new Uint8Array(length)),
    hash: (name) => new OpenSslHash(createHash(name)),
    hmac: nodeHmac,
    ...hkdfOn(nodeHmac),
    aead: nodeAead,
    keyExchange: nodeKeyExchange,
    encapsulate: (group, peerShare, privateKey) => answerWith(nodeKeyExchange(group, privateKey), peerShare),
    verify: nodeVerify,
    generateKey: nodeGenerateKey,
    importKey(pkcs8): PrivateKey {
      const key = importCurveKey(pkcs8, nodeArithmetic);
      return typeof key === 'string' ? importRsaKey(pkcs8) : key;
    },
    supports: Object.freeze({
      aeads: Object.freeze(['aes-128-gcm', 'aes-256-gcm', 'chacha20-poly1305'] as const),
      groups: Object.freeze(['x25519', 'secp256r1', 'secp384r1', 'secp521r1'] as const),
      verifies: Object.freeze(SCHEMES.map((scheme) => scheme.name)),
      signs: Object.freeze(SCHEMES.map((scheme) => scheme.name)),
    }),
  });
}

class OpenSslHash implements Hash {
  readonly #hash: NodeHash;

  constructor(hash: NodeHash) {
    this.#hash = hash;
  }

  update(bytes: Uint8Array): this {
    this.#hash.update(bytes);
    return this;
  }

  digest(): Bytes {
    return plain(this.#hash.digest());
  }

  clone(): Hash {
    return new OpenSslHash(this.#hash.copy());
  }
}

export const provider: CryptoProvider = nodeProvider();
