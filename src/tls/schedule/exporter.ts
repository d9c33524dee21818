/** Keying material for layers above (RFC 9846 §7.5): session resumption of the mux, channel bindings. */
import type { Bytes } from '../../base/bytes.ts';
import type { Secret } from '../../base/secret.ts';
import type { CryptoProvider } from '../../crypto/provider.ts';
import type { Suite } from '../../crypto/suites.ts';
import { expandLabel } from './hkdf.ts';

export class Exporter {
  readonly #provider: CryptoProvider;
  readonly #suite: Suite;
  readonly #secret: Secret;

  /** Takes the exporter_secret over. */
  constructor(provider: CryptoProvider, suite: Suite, secret: Secret) {
    this.#provider = provider;
    this.#suite = suite;
    this.#secret = secret;
  }

  export(label: string, context: Uint8Array, length: number): Bytes {
    const { hash, hashLength } = this.#suite;
    const digest = (bytes: Uint8Array): Bytes => this.#provider.hash(hash).update(bytes).digest();
    const secret = expandLabel(
      this.#provider,
      hash,
      this.#secret.expose(),
      label,
      digest(new Uint8Array(0)),
      hashLength,
    );
    const exported = expandLabel(this.#provider, hash, secret, 'exporter', digest(context), length);
    secret.fill(0);
    return exported;
  }

  /** For the key log only. */
  dangerousExpose(): Uint8Array {
    return this.#secret.expose();
  }

  destroy(): void {
    this.#secret.destroy();
  }
}
