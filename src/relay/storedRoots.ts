/** A domain's roots between the store and the authority that signs with them; their keys may be under a passphrase. */
import { equalBytes } from '../base/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import {
  DomainAuthority,
  readPrivateKey,
  writeEncryptedPrivateKey,
  writePrivateKey,
} from '../identity/index.ts';
import type { StoredDomain, StoredRoot } from './store.ts';

/** Throws `ERR_IDENTITY_PASSPHRASE_NEEDED` or `…_WRONG` where the keys are encrypted. */
export function loadAuthority(
  provider: CryptoProvider,
  { roots, handovers }: StoredDomain,
  passphrase: string | undefined,
): DomainAuthority {
  return DomainAuthority.load(provider, {
    roots: roots.map(({ certificate, key }) => ({
      certificate,
      key: readPrivateKey(provider, key, passphrase),
    })),
    handovers,
  });
}

/** What is stored of the authority. Roots that are in `before` stay as they are, so that no file of theirs is touched. */
export function storedRoots(
  provider: CryptoProvider,
  authority: DomainAuthority,
  passphrase: string | undefined,
  before: readonly StoredRoot[] = [],
): Pick<StoredDomain, 'roots' | 'handovers'> {
  return {
    roots: authority.roots.map(({ der }, index) => {
      const known = before.find(({ certificate }) => equalBytes(certificate, der));
      if (known !== undefined) return known;
      const key = authority.rootKeys[index]!;
      return {
        certificate: der,
        key:
          passphrase === undefined
            ? writePrivateKey(key)
            : writeEncryptedPrivateKey(key, passphrase, provider),
      };
    }),
    handovers: authority.handovers.map(({ der }) => der),
  };
}
