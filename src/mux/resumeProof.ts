/**
 * The proof that who brings a new link is the other end of the session. docs/protocol.md §2.10.
 *
 * Both ends share a secret that a TLS connection between them exports: 48 bytes, id 16 | key₁ 32. Each attempt to go on
 * takes the next epoch and its key, keyₙ₊₁ = HMAC(keyₙ, …); a key is overwritten as soon as its successor is known, and
 * an epoch that was accepted is never accepted again.
 *
 * What this protects: nobody but that TLS peer can take the session over, and what was seen on a plain link (id, mac,
 * epoch, position) is worth nothing afterwards. What it does not: it is no protection of the link's bytes. Who can
 * change those on a plain link can cut it, and can speak on it once it is resumed; channels have their own TLS for that.
 */
import { equalConstantTime, utf8 } from '../base/bytes.ts';
import { varintLength, writeVarint } from '../base/varint.ts';
import { decodeVarints } from './bodies.ts';
import { MAX_EPOCH_SKIP } from './limits.ts';

/** HMAC-SHA-256 over the concatenation of the parts. */
export type Hmac = (key: Uint8Array, ...parts: readonly Uint8Array[]) => Uint8Array;

/** RFC 9846 §7.5: the label for the exporter, with no context. */
export const RESUME_LABEL = 'EXPORTER-q2q-resume';
export const RESUME_SECRET_LENGTH = 48;

const ID_LENGTH = 16;
const MAC_LENGTH = 32;

const RESUME: Uint8Array = utf8('q2q resume 1\0');
const RESUMED: Uint8Array = utf8('q2q resumed 1\0');
const NEXT: Uint8Array = utf8('q2q resume next');

/** Body of RESUME. */
export interface ResumeRequest {
  readonly id: Uint8Array;
  readonly mac: Uint8Array;
  readonly epoch: number;
  /** Position up to which its sender has our stream. */
  readonly received: number;
}

/** Body of RESUMED. */
export interface ResumeAnswer {
  readonly mac: Uint8Array;
  readonly received: number;
}

export function decodeResume(body: Uint8Array): ResumeRequest {
  const at = ID_LENGTH + MAC_LENGTH;
  const [epoch, received] = decodeVarints(body.subarray(at), 2, 'RESUME') as [number, number];
  return { id: body.slice(0, ID_LENGTH), mac: body.slice(ID_LENGTH, at), epoch, received };
}

export function decodeResumed(body: Uint8Array): ResumeAnswer {
  const [received] = decodeVarints(body.subarray(MAC_LENGTH), 1, 'RESUMED') as [number];
  return { mac: body.slice(0, MAC_LENGTH), received };
}

/** One exported secret, at one end: makes proofs or judges them. */
export class ResumeKey {
  readonly id: Uint8Array;
  readonly #hmac: Hmac;
  #key: Uint8Array;
  /** The epoch that `#key` is for: the lowest that was not used. */
  #epoch = 1;
  /** What the answer to our last request must prove. */
  #asked: { readonly key: Uint8Array; readonly mac: Uint8Array } | undefined;

  constructor(secret: Uint8Array, hmac: Hmac) {
    if (secret.length !== RESUME_SECRET_LENGTH)
      throw new RangeError(`resume secret of ${secret.length} bytes, wanted ${RESUME_SECRET_LENGTH}`);
    this.id = secret.slice(0, ID_LENGTH);
    this.#key = secret.slice(ID_LENGTH);
    this.#hmac = hmac;
  }

  /** Body of the RESUME for one attempt; every call uses an epoch up. `received`: our position in the peer's stream. */
  request(received: number): Uint8Array {
    const epoch = this.#epoch;
    const key = this.#ratchet(epoch);
    const mac = this.#macOf(key, epoch, received);
    this.#forget();
    this.#asked = { key, mac };
    const body = new Uint8Array(ID_LENGTH + MAC_LENGTH + varintLength(epoch) + varintLength(received));
    body.set(this.id, 0);
    body.set(mac, ID_LENGTH);
    writeVarint(received, body, writeVarint(epoch, body, ID_LENGTH + MAC_LENGTH));
    return body;
  }

  /** True when the RESUMED answers our last request. An answer is taken once. */
  confirms({ mac, received }: ResumeAnswer): boolean {
    const asked = this.#asked;
    if (asked === undefined) return false;
    const proven = equalConstantTime(mac, this.#answerMac(asked.key, asked.mac, received));
    if (proven) this.#forget();
    return proven;
  }

  /**
   * True when the peer made the request, now, for the first time. Only then anything changes here: who guesses cannot
   * use epochs up.
   */
  accepts({ mac, epoch, received }: ResumeRequest): boolean {
    const skipped = epoch - this.#epoch;
    if (skipped < 0 || skipped > MAX_EPOCH_SKIP) return false;
    let key = this.#key;
    for (let i = 0; i < skipped; i++) key = this.#hmac(key, NEXT);
    if (!equalConstantTime(mac, this.#macOf(key, epoch, received))) return false;
    this.#forget();
    this.#asked = { key: this.#ratchet(epoch), mac };
    return true;
  }

  /** Body of the RESUMED for the request that `accepts` took last. */
  answer(received: number): Uint8Array {
    const { key, mac } = this.#asked!;
    const body = new Uint8Array(MAC_LENGTH + varintLength(received));
    body.set(this.#answerMac(key, mac, received), 0);
    writeVarint(received, body, MAC_LENGTH);
    this.#forget();
    return body;
  }

  /** The key of `epoch`; `#key` becomes the one behind it, and those before are overwritten. */
  #ratchet(epoch: number): Uint8Array {
    for (; this.#epoch < epoch; this.#epoch++) this.#key = this.#next();
    const key = this.#key.slice();
    this.#key = this.#next();
    this.#epoch++;
    return key;
  }

  #next(): Uint8Array {
    const next = this.#hmac(this.#key, NEXT);
    this.#key.fill(0);
    return next;
  }

  #forget(): void {
    this.#asked?.key.fill(0);
    this.#asked = undefined;
  }

  #macOf(key: Uint8Array, epoch: number, received: number): Uint8Array {
    return this.#hmac(key, RESUME, this.id, u64(epoch), u64(received));
  }

  #answerMac(key: Uint8Array, requestMac: Uint8Array, received: number): Uint8Array {
    return this.#hmac(key, RESUMED, requestMac, u64(received));
  }
}

/** Big-endian, of a Number. */
function u64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(value / 0x1_0000_0000));
  view.setUint32(4, value % 0x1_0000_0000);
  return bytes;
}
