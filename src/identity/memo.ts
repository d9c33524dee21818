/**
 * What was worked out lately and need not be again: a peer shows the same certificates on each of its channels. Only pure
 * functions of bytes are remembered (parsing, a key's id, a signature that holds), found again by comparing every byte, so an
 * answer is never another input's. Time, names, pins and denied keys are asked anew each time.
 */
import { type Bytes, equalBytes } from '../base/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { Certificate, SignatureAlgorithm } from './certificate.ts';
import { MEMO_BYTES, MEMO_CERTIFICATES, MEMO_SIGNATURES } from './limits.ts';

/** The last `size` entries; each new one takes the place of the oldest. */
class Ring<T> {
  readonly #size: number;
  readonly #entries: T[] = [];
  #next = 0;

  constructor(size: number) {
    this.#size = size;
  }

  find(isWanted: (entry: T) => boolean): T | undefined {
    return this.#entries.find(isWanted);
  }

  add(entry: T): void {
    this.#entries[this.#next] = entry;
    this.#next = (this.#next + 1) % this.#size;
  }
}

const certificates = new Ring<Certificate>(MEMO_CERTIFICATES);

/**
 * `parse(der)`, or the certificate it gave for the same bytes before. Fields are views of `der`, which is compared: one that
 * somebody wrote into is never found again.
 */
export function rememberedCertificate(der: Uint8Array, parse: (der: Uint8Array) => Certificate): Certificate {
  if (der.length > MEMO_BYTES) return parse(der);
  const known = certificates.find((certificate) => equalBytes(certificate.der, der));
  if (known !== undefined) return known;
  const certificate = parse(der);
  certificates.add(certificate);
  return certificate;
}

const keyIds = new Ring<{ readonly spki: Bytes; readonly id: string }>(MEMO_CERTIFICATES);

/** `name(spki)`, or what it was before. */
export function rememberedKeyId(spki: Uint8Array, name: (spki: Uint8Array) => string): string {
  if (spki.length > MEMO_BYTES) return name(spki);
  const known = keyIds.find((entry) => equalBytes(entry.spki, spki));
  if (known !== undefined) return known.id;
  const id = name(spki);
  keyIds.add({ spki: new Uint8Array(spki), id });
  return id;
}

/** A signature that was found good, all in copies of its own. */
interface GoodSignature {
  readonly family: SignatureAlgorithm['family'];
  readonly hash: SignatureAlgorithm['hash'];
  readonly spki: Bytes;
  readonly message: Bytes;
  readonly signature: Bytes;
}

/** By provider: what one found good says nothing about another. */
const signatures = new WeakMap<CryptoProvider, Ring<GoodSignature>>();

/** `verify()`, or true where these very bytes were found good before. Bad signatures are never remembered. */
export function rememberedSignature(
  { family, hash }: SignatureAlgorithm,
  spki: Bytes,
  message: Uint8Array,
  signature: Uint8Array,
  provider: CryptoProvider,
  verify: () => boolean,
): boolean {
  if (spki.length + message.length + signature.length > MEMO_BYTES) return verify();
  let ring = signatures.get(provider);
  if (ring === undefined) signatures.set(provider, (ring = new Ring(MEMO_SIGNATURES)));
  const known = ring.find(
    (good) =>
      good.family === family &&
      good.hash === hash &&
      equalBytes(good.signature, signature) &&
      equalBytes(good.message, message) &&
      equalBytes(good.spki, spki),
  );
  if (known !== undefined) return true;
  if (!verify()) return false;
  ring.add({
    family,
    hash,
    spki: new Uint8Array(spki),
    message: new Uint8Array(message),
    signature: new Uint8Array(signature),
  });
  return true;
}
