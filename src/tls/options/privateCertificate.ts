/** A certificate with the key behind it: what a server is made of, in one value that is right or does not exist. */
import { sha256 } from '@noble/hashes/sha2.js';
import type { Bytes } from '../../base/bytes.ts';
import { hex } from '../../base/bytes.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import type { CryptoProvider, Signer } from '../../crypto/provider.ts';
import {
  type Certificate,
  type CredentialText,
  checkCredential,
  describeCertificate,
  formatPem,
  IdentityError,
  type Passphrase,
  parseCertificate,
  Refusal,
  readCredentialBundle,
  verifyClient,
} from '../../identity/index.ts';
import type { Credential, TlsConfigInit } from '../config.ts';
import type { PeerVerifier } from '../events.ts';
import { invalid } from './invalid.ts';
import { type RootSource, TrustRoots, trustRoots } from './trustRoots.ts';

export interface LoadOptions {
  readonly provider: CryptoProvider;
  /** Tells whether peers' certificates are in date. */
  readonly clock?: Pick<Clock, 'now'>;
  /** Of an encrypted key. */
  readonly passphrase?: Passphrase;
}

/** `AB:CD:…` of the whole certificate, as browsers and `openssl x509 -fingerprint -sha256` show it. */
export function fingerprint(certificate: Certificate): string {
  return hex(sha256(certificate.der))
    .toUpperCase()
    .replace(/..(?=.)/g, '$&:');
}

/** Also a `Credential`: it goes wherever one does. */
export class PrivateCertificate implements Credential {
  readonly certificate: Certificate;
  readonly chain: readonly Bytes[];
  readonly signer: Signer;
  readonly #options: LoadOptions;

  private constructor(chain: readonly Certificate[], signer: Signer, options: LoadOptions) {
    this.certificate = chain[0]!;
    this.chain = Object.freeze(chain.map(({ der }) => der));
    this.signer = signer;
    this.#options = options;
    Object.freeze(this);
  }

  /**
   * From PEM: one private key, its certificate, and those that link it to a root, leaf first, in one text or two. Every
   * other content is an error that says which.
   */
  static load(pem: CredentialText, options: LoadOptions): PrivateCertificate {
    checkOptions(options);
    const { key, chain } = explained('credential', () =>
      readCredentialBundle(options.provider, pem, options.passphrase),
    );
    return new PrivateCertificate(chain, key, options);
  }

  /** From what is in memory already; the key may be one that signs by promise. */
  static of({ chain, signer }: Credential, options: LoadOptions): PrivateCertificate {
    checkOptions(options);
    const parsed = chain.map((der, i) => explained(`certificates[${i}]`, () => parseCertificate(der)));
    explained('credential', () => checkCredential(parsed, signer.spki, options.provider));
    return new PrivateCertificate(parsed, signer, options);
  }

  get fingerprint(): string {
    return fingerprint(this.certificate);
  }

  /** The chain; never the key. */
  get pem(): string {
    return this.chain.map((der) => formatPem('CERTIFICATE', der)).join('');
  }

  /** For people: what the certificate says. */
  inspect(): string {
    return describeCertificate(this.certificate);
  }

  /**
   * A server's configuration. With authorities, clients need a certificate that leads to one of them; without, they are
   * not asked for any.
   */
  options(...authorities: readonly (RootSource | TrustRoots)[]): TlsConfigInit {
    if (authorities.length === 0)
      return { credentials: [this], clientCertificate: 'none', verifier: { verify: () => unasked() } };
    const roots = trustRoots(
      authorities.flatMap((given): RootSource[] =>
        TrustRoots.is(given) ? [...given.certificates] : [given],
      ),
    );
    return { credentials: [this], clientCertificate: 'require', verifier: this.#clients(roots) };
  }

  #clients({ certificates }: TrustRoots): PeerVerifier {
    const { provider, clock = systemClock } = this.#options;
    return { verify: ({ chain }) => verifyClient(chain, certificates, clock.now(), provider) };
  }
}

function checkOptions(options: LoadOptions): void {
  if (typeof options?.provider?.importKey !== 'function') throw invalid('provider', 'is missing');
}

function unasked(): Refusal {
  return new Refusal('ERR_IDENTITY_NO_ANCHOR', 'clients are not asked for certificates here');
}

function explained<T>(field: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    throw invalid(field, error.message, { cause: error, hint: error.hint });
  }
}
