/**
 * The key schedule (RFC 9846 §7.1) as three stages that can only be walked in order:
 *
 *     EarlySchedule ──shared secret──▶ HandshakeSchedule ──▶ ApplicationSchedule
 *
 * Moving on destroys the stage behind. Secrets live in wrappers that print as `[secret]`.
 */
import type { Bytes } from '../../base/bytes.ts';
import { EMPTY, equalConstantTime } from '../../base/bytes.ts';
import { Secret } from '../../base/secret.ts';
import type { Aead, CryptoProvider } from '../../crypto/provider.ts';
import type { Suite } from '../../crypto/suites.ts';
import { Exporter } from './exporter.ts';
import { expandLabel } from './hkdf.ts';

/** A record protection key and its IV (§7.3). */
export interface TrafficKeys {
  readonly aead: Aead;
  readonly iv: Bytes;
}

/** What the stages share. */
interface Kit {
  readonly provider: CryptoProvider;
  readonly suite: Suite;
  /** Hash of the empty string: the context of every "derived" step. */
  readonly emptyHash: Bytes;
}

/** Where a pre-shared key comes from: a ticket, out of band, or out of band through the importer (RFC 9258 §5.2). */
export type PskKind = 'resumption' | 'external' | 'imported';

/** The kind is part of the binder's derivation: a key of one kind never passes for another (RFC 9846 §7.1). */
const BINDER_LABELS: Readonly<Record<PskKind, string>> = Object.freeze({
  resumption: 'res binder',
  external: 'ext binder',
  imported: 'imp binder',
});

export class EarlySchedule {
  readonly #kit: Kit;
  readonly #secret: Secret;
  readonly #isFromPsk: boolean;

  /** Without a pre-shared key the input is a string of zeros. The key stays the caller's. */
  constructor(provider: CryptoProvider, suite: Suite, psk?: Uint8Array) {
    this.#isFromPsk = psk !== undefined;
    const input = psk ?? new Uint8Array(suite.hashLength);
    this.#kit = { provider, suite, emptyHash: provider.hash(suite.hash).digest() };
    this.#secret = new Secret(provider.hkdfExtract(suite.hash, EMPTY, input));
  }

  /** A PskBinderEntry (§4.3.11.2); `transcript`: up to and including the ClientHello without its binders list. */
  binder(kind: PskKind, transcript: Uint8Array): Bytes {
    const key = traffic(this.#kit, this.#secret, BINDER_LABELS[kind], this.#kit.emptyHash);
    const binder = key.finished(transcript);
    key.destroy();
    return binder;
  }

  /** Compares in constant time (lesson 33). */
  isBinder(kind: PskKind, transcript: Uint8Array, binder: Uint8Array): boolean {
    return equalConstantTime(this.binder(kind, transcript), binder);
  }

  /** `transcript`: the ClientHello. */
  clientEarlyTraffic(transcript: Uint8Array): TrafficSecret {
    return traffic(this.#kit, this.#secret, 'c e traffic', transcript);
  }

  /** `transcript`: the ClientHello. */
  earlyExporter(transcript: Uint8Array): Exporter {
    const { provider, suite } = this.#kit;
    return new Exporter(provider, suite, derive(this.#kit, this.#secret, 'e exp master', transcript));
  }

  handshake(sharedSecret: Secret): HandshakeSchedule {
    const extracted = extractNext(this.#kit, this.#secret, sharedSecret.expose());
    sharedSecret.destroy();
    return new HandshakeSchedule(this.#kit, extracted, this.#isFromPsk);
  }

  destroy(): void {
    this.#secret.destroy();
  }
}

export class HandshakeSchedule {
  /** Whether a pre-shared key went into it. */
  readonly isFromPsk: boolean;
  readonly #kit: Kit;
  readonly #secret: Secret;

  constructor(kit: Kit, secret: Secret, isFromPsk: boolean) {
    this.#kit = kit;
    this.#secret = secret;
    this.isFromPsk = isFromPsk;
  }

  /** `transcript`: ClientHello to ServerHello. */
  clientTraffic(transcript: Uint8Array): TrafficSecret {
    return traffic(this.#kit, this.#secret, 'c hs traffic', transcript);
  }

  serverTraffic(transcript: Uint8Array): TrafficSecret {
    return traffic(this.#kit, this.#secret, 's hs traffic', transcript);
  }

  application(): ApplicationSchedule {
    const zeros = new Uint8Array(this.#kit.suite.hashLength);
    return new ApplicationSchedule(this.#kit, extractNext(this.#kit, this.#secret, zeros));
  }

  destroy(): void {
    this.#secret.destroy();
  }
}

export class ApplicationSchedule {
  readonly #kit: Kit;
  readonly #secret: Secret;

  constructor(kit: Kit, secret: Secret) {
    this.#kit = kit;
    this.#secret = secret;
  }

  /** `transcript`: ClientHello to the server's Finished. */
  clientTraffic(transcript: Uint8Array): TrafficSecret {
    return traffic(this.#kit, this.#secret, 'c ap traffic', transcript);
  }

  serverTraffic(transcript: Uint8Array): TrafficSecret {
    return traffic(this.#kit, this.#secret, 's ap traffic', transcript);
  }

  exporter(transcript: Uint8Array): Exporter {
    const { provider, suite } = this.#kit;
    return new Exporter(provider, suite, derive(this.#kit, this.#secret, 'exp master', transcript));
  }

  /** `transcript`: ClientHello to the client's Finished, so this stage outlives the client's last flight. */
  resumption(transcript: Uint8Array): ResumptionMaster {
    return new ResumptionMaster(this.#kit, derive(this.#kit, this.#secret, 'res master', transcript));
  }

  destroy(): void {
    this.#secret.destroy();
  }
}

/** resumption_secret: the pre-shared key of every ticket of a connection comes out of it (§4.7.1). */
export class ResumptionMaster {
  readonly #kit: Kit;
  readonly #secret: Secret;

  constructor(kit: Kit, secret: Secret) {
    this.#kit = kit;
    this.#secret = secret;
  }

  /** `nonce`: the ticket's; a connection never uses one twice. */
  ticketPsk(nonce: Uint8Array): Secret {
    const { provider, suite } = this.#kit;
    return new Secret(
      expandLabel(provider, suite.hash, this.#secret.expose(), 'resumption', nonce, suite.hashLength),
    );
  }

  destroy(): void {
    this.#secret.destroy();
  }
}

/** A traffic secret of one direction: record keys, Finished key and its own successor come out of it. */
export class TrafficSecret {
  readonly #kit: Kit;
  readonly #secret: Secret;

  constructor(kit: Kit, secret: Secret) {
    this.#kit = kit;
    this.#secret = secret;
  }

  keys(): TrafficKeys {
    const { provider, suite } = this.#kit;
    const key = this.#expand('key', suite.keyLength);
    const iv = this.#expand('iv', 12);
    const aead = provider.aead(suite.aead, key);
    key.fill(0);
    return { aead, iv };
  }

  /** verify_data of a Finished (§4.4.4) over the transcript so far. */
  finished(transcript: Uint8Array): Bytes {
    const key = new Secret(this.#expand('finished', this.#kit.suite.hashLength));
    const verifyData = this.#kit.provider.hmac(this.#kit.suite.hash, key.expose(), transcript);
    key.destroy();
    return verifyData;
  }

  /** Compares in constant time (lesson 33). */
  isFinished(transcript: Uint8Array, verifyData: Uint8Array): boolean {
    return equalConstantTime(this.finished(transcript), verifyData);
  }

  /** application_traffic_secret_N+1 (§7.2); this one is destroyed. */
  next(): TrafficSecret {
    const updated = new Secret(this.#expand('traffic upd', this.#kit.suite.hashLength));
    this.destroy();
    return new TrafficSecret(this.#kit, updated);
  }

  /** For the key log only. */
  dangerousExpose(): Uint8Array {
    return this.#secret.expose();
  }

  destroy(): void {
    this.#secret.destroy();
  }

  #expand(label: string, length: number): Bytes {
    const { provider, suite } = this.#kit;
    return expandLabel(provider, suite.hash, this.#secret.expose(), label, EMPTY, length);
  }
}

/** The arrow between two stages: Derive-Secret(., "derived", "") as salt of the next HKDF-Extract. */
function extractNext(kit: Kit, secret: Secret, input: Uint8Array): Secret {
  const salt = derive(kit, secret, 'derived', kit.emptyHash);
  const extracted = kit.provider.hkdfExtract(kit.suite.hash, salt.expose(), input);
  salt.destroy();
  secret.destroy();
  return new Secret(extracted);
}

function derive(kit: Kit, secret: Secret, label: string, transcript: Uint8Array): Secret {
  const { provider, suite } = kit;
  return new Secret(expandLabel(provider, suite.hash, secret.expose(), label, transcript, suite.hashLength));
}

function traffic(kit: Kit, secret: Secret, label: string, transcript: Uint8Array): TrafficSecret {
  return new TrafficSecret(kit, derive(kit, secret, label, transcript));
}
