/** What both providers share of key agreement. */
import { CryptoError } from './errors.ts';
import type { Encapsulation, KeyExchange } from './provider.ts';
import type { GroupName } from './suites.ts';

/** Answers an offered share with a key pair that serves this once; undefined when the share is invalid. */
export function answerWith(pair: KeyExchange, peerShare: Uint8Array): Encapsulation | undefined {
  const secret = pair.agree(peerShare);
  pair.destroy();
  return secret && { share: pair.share, secret };
}

export function lacksGroup(provider: string, group: GroupName): CryptoError {
  return new CryptoError('ERR_CRYPTO_UNSUPPORTED', `the ${provider} provider has no ${group}`, {
    hint:
      group === 'X25519MLKEM768'
        ? 'withMlKem of q2q/mlkem adds it'
        : 'supports.groups lists what a provider has',
  });
}
