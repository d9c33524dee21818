/** A provider whose randomness and ephemeral keys are given, for replaying published traces. */
import { fromHex } from '../../src/base/bytes.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';

export interface Script {
  readonly randoms: readonly string[];
  readonly privateKeys: readonly string[];
}

/** Everything else is `provider`'s. Throws when the script runs out. */
export function scripted(provider: CryptoProvider, script: Script): CryptoProvider {
  const randoms = [...script.randoms];
  const privateKeys = [...script.privateKeys];
  return override(provider, {
    random: (length) => {
      const bytes = fromHex(randoms.shift() ?? '');
      if (bytes.length !== length)
        throw new Error(`script has ${bytes.length} random bytes, wanted ${length}`);
      return bytes;
    },
    keyExchange: (group) => provider.keyExchange(group, nextKey()),
    encapsulate: (group, peerShare) => provider.encapsulate(group, peerShare, nextKey()),
  });

  function nextKey(): Uint8Array {
    const privateKey = privateKeys.shift();
    if (privateKey === undefined) throw new Error('script has no private key left');
    return fromHex(privateKey);
  }
}

/** `provider` with some of its methods replaced. */
export function override(provider: CryptoProvider, change: Partial<CryptoProvider>): CryptoProvider {
  return {
    name: provider.name,
    supports: provider.supports,
    random: (length) => provider.random(length),
    hash: (name) => provider.hash(name),
    hmac: (name, key, ...parts) => provider.hmac(name, key, ...parts),
    hkdfExtract: (name, salt, inputKey) => provider.hkdfExtract(name, salt, inputKey),
    hkdfExpand: (name, key, info, length) => provider.hkdfExpand(name, key, info, length),
    aead: (name, key) => provider.aead(name, key),
    keyExchange: (group, privateKey) => provider.keyExchange(group, privateKey),
    encapsulate: (group, peerShare, privateKey) => provider.encapsulate(group, peerShare, privateKey),
    verify: (scheme, spki, message, signature) => provider.verify(scheme, spki, message, signature),
    generateKey: (kind) => provider.generateKey(kind),
    importKey: (pkcs8) => provider.importKey(pkcs8),
    ...change,
  };
}
