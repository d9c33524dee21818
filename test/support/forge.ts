/** Writes any record under a connection's keys, well-formed or not: the hostile peer of the record tests. */
import { EMPTY, fromHex } from '../../src/base/bytes.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { Suite } from '../../src/crypto/suites.ts';
import { SUITES } from '../../src/crypto/suites.ts';
import { expandLabel } from '../../src/tls/schedule/hkdf.ts';

export const CCS = 20;
export const ALERT = 21;
export const HANDSHAKE = 22;
export const DATA = 23;

/** A record in the clear. */
export function plain(type: number, content: Uint8Array): Uint8Array {
  return Uint8Array.of(type, 3, 3, content.length >> 8, content.length & 255, ...content);
}

/** Key log lines by label. */
export class KeyLog {
  readonly lines: string[] = [];
  readonly log = (line: string): void => {
    this.lines.push(line);
  };

  secret(label: string): Uint8Array {
    return fromHex(this.lines.find((line) => line.startsWith(`${label} `))!.split(' ')[2]!);
  }
}

/** One direction's keys, from the traffic secret. */
export class Forger {
  readonly #suite: Suite;
  #secret: Uint8Array;
  #sequence = 0;

  constructor(secret: Uint8Array, suite: Suite = SUITES[0]!) {
    this.#secret = secret;
    this.#suite = suite;
  }

  /** A record with `content` of `type` and `padding` zeros behind them. */
  record(type: number, content: Uint8Array, padding = 0): Uint8Array {
    return this.inner(Uint8Array.of(...content, type, ...new Uint8Array(padding)));
  }

  /** A record whose inner plaintext is exactly this. */
  inner(plaintext: Uint8Array, outerType: number = DATA): Uint8Array {
    const { hash, aead, keyLength } = this.#suite;
    const expand = (label: string, length: number): Uint8Array =>
      expandLabel(node, hash, this.#secret, label, EMPTY, length);
    const nonce = expand('iv', 12);
    nonce[11]! ^= this.#sequence & 255;
    nonce[10]! ^= this.#sequence >> 8;
    this.#sequence++;
    const length = plaintext.length + 16;
    const record = new Uint8Array(5 + length);
    record.set([outerType, 3, 3, length >> 8, length & 255]);
    node.aead(aead, expand('key', keyLength)).seal(nonce, record.slice(0, 5), [plaintext], record, 5);
    return record;
  }

  /** Moves to the next generation, as after a KeyUpdate. */
  update(): void {
    const { hash, hashLength } = this.#suite;
    this.#secret = expandLabel(node, hash, this.#secret, 'traffic upd', EMPTY, hashLength);
    this.#sequence = 0;
  }
}
