/** What both providers share of key agreement. */
import type { Encapsulation, KeyExchange } from './provider.ts';

/** Answers an offered share with a key pair that serves this once; undefined when the share is invalid. */
export function answerWith(pair: KeyExchange, peerShare: Uint8Array): Encapsulation | undefined {
  const secret = pair.agree(peerShare);
  pair.destroy();
  return secret && { share: pair.share, secret };
}
