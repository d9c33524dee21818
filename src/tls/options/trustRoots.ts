/** Roots to believe, as a value that can only be made of certificates. */
import { type Certificate, IdentityError, parseCertificate, parsePem } from '../../identity/index.ts';
import { invalid } from './invalid.ts';

/**
 * A parsed certificate, its DER, PEM text with one or more, or something that has a certificate, as a `PrivateCertificate`,
 * whose key is left alone.
 */
export type RootSource = Certificate | Uint8Array | string | { readonly certificate: Certificate };

/** Made by `trustRoots` and `platformTrust`. */
export class TrustRoots {
  readonly certificates: readonly Certificate[];
  /** Nominal: no list passes for it. */
  readonly #made = true;

  private constructor(certificates: readonly Certificate[]) {
    this.certificates = Object.freeze([...certificates]);
    Object.freeze(this);
  }

  static of(sources: readonly RootSource[]): TrustRoots {
    if (!Array.isArray(sources) || sources.length === 0)
      throw invalid('trust', 'is no list of at least one certificate: nobody could be believed');
    return new TrustRoots(sources.flatMap((source, index) => read(source, `trust[${index}]`)));
  }

  static is(value: unknown): value is TrustRoots {
    return typeof value === 'object' && value !== null && #made in value && value.#made;
  }
}

/**
 * Whoever leads to one of these is believed; the exact certificate of a peer may be one of them, so that a self-signed one
 * can be pinned. Throws `ERR_TLS_CONFIG` naming the index of what is no certificate.
 */
export function trustRoots(sources: readonly RootSource[]): TrustRoots {
  return TrustRoots.of(sources);
}

function read(source: RootSource, field: string): Certificate[] {
  try {
    return encodingsOf(source, field).map((der) => parseCertificate(der));
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    throw invalid(field, `is not a certificate: ${error.message}`, { cause: error, hint: error.hint });
  }
}

function encodingsOf(source: RootSource, field: string): Uint8Array[] {
  if (typeof source === 'string') return certificateBlocks(source, field);
  if (source instanceof Uint8Array) return [source];
  // Read again: an object that only looks like a certificate cannot say more than its bytes do.
  const { der } = (
    'certificate' in Object(source)
      ? Object((source as { certificate: unknown }).certificate)
      : Object(source)
  ) as Certificate;
  if (der instanceof Uint8Array) return [der];
  throw invalid(field, 'is not a certificate');
}

/** Bundles carry comments between their blocks. */
function certificateBlocks(text: string, field: string): Uint8Array[] {
  return parsePem(text, { comments: true }).map(({ label, der }) => {
    if (label !== 'CERTIFICATE') throw invalid(field, `holds a "${label}", wanted certificates only`);
    return der;
  });
}
