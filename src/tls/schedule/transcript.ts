/** The running hash of every handshake message (RFC 9846 §4.4.1). */
import type { Bytes } from '../../base/bytes.ts';
import type { CryptoProvider, Hash } from '../../crypto/provider.ts';
import { MESSAGE_HASH } from '../messages/codePoints.ts';
import type { ScheduleHash } from './hkdf.ts';

export class Transcript {
  readonly #hash: Hash;

  constructor(provider: CryptoProvider, name: ScheduleHash) {
    this.#hash = provider.hash(name);
  }

  /** After a HelloRetryRequest the first ClientHello is replaced by a synthetic message with its hash. */
  static afterRetry(provider: CryptoProvider, name: ScheduleHash, clientHello1: Uint8Array): Transcript {
    const digest = provider.hash(name).update(clientHello1).digest();
    const transcript = new Transcript(provider, name);
    transcript.add(Uint8Array.of(MESSAGE_HASH, 0, 0, digest.length));
    transcript.add(digest);
    return transcript;
  }

  /** A whole message, header included. */
  add(message: Uint8Array): void {
    this.#hash.update(message);
  }

  /** The hash of everything so far and of a message that is not added: a hello without its binders. */
  currentWith(message: Uint8Array): Bytes {
    return this.#hash.clone().update(message).digest();
  }

  /** The hash of everything so far. */
  current(): Bytes {
    return this.#hash.clone().digest();
  }
}
