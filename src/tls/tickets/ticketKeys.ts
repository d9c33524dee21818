/**
 * Tickets that hold their session, sealed (RFC 5077 §4's idea, RFC 9846 §4.7.1): the server keeps keys, not sessions. It
 * cannot know a ticket again, so these never carry 0-RTT.
 *
 *     struct { opaque key_name[16]; opaque salt[24]; opaque sealed<..>; } Ticket;     sealed: issued_at, state, tag
 *
 * Each ticket has an AEAD key of its own, derived from the key and the salt: with 192 random bits no two are alike,
 * however many servers share a key, so no key is ever used with two nonces, let alone twice with one.
 *
 * A key of our own making seals for half its lifetime and opens for all of it. A ticket never outlives its key, and
 * what the client is told says so. Nothing survives the process (lesson 24).
 */
import type { Bytes } from '../../base/bytes.ts';
import { EMPTY, equalBytes, utf8 } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { systemClock } from '../../base/clock.ts';
import { Reader } from '../../base/reader.ts';
import { Secret } from '../../base/secret.ts';
import { Writer } from '../../base/writer.ts';
import type { CryptoProvider } from '../../crypto/provider.ts';
import { MAX_CLOCK_SKEW, MAX_TICKET_STATE } from '../limits.ts';
import type { Moment } from './age.ts';
import { ageOf, momentOf } from './age.ts';
import { invalid, lifetime } from './checks.ts';
import type { IssuedTicket, RedeemedTicket, TicketIssuer } from './issuer.ts';

const NAME_LENGTH = 16;
const SALT_LENGTH = 24;
const STAMP_LENGTH = 8;
const TAG_LENGTH = 16;
const KEY_LENGTH = 32;
const OVERHEAD: number = NAME_LENGTH + SALT_LENGTH + STAMP_LENGTH + TAG_LENGTH;

/** Every provider has it, without tables that leak by their timing, and servers that share a key must agree on one. */
const AEAD = 'chacha20-poly1305';
/** A key that seals one thing can use any nonce. */
const NONCE: Bytes = new Uint8Array(12);

export interface TicketKeysOptions {
  /** Seconds that a key lives, and so a ticket at most. */
  readonly lifetime?: number;
  /** Keys to use in place of random ones of this process. */
  readonly shared?: SharedTicketKeys;
  readonly clock?: Clock;
}

/** Keys of servers that take each other's tickets: 32 random bytes each. Whoever shares them must `rotate` them. */
export interface SharedTicketKeys {
  readonly current: Uint8Array;
  /** What `current` was before; still opens tickets. */
  readonly previous?: Uint8Array;
}

interface TicketKey {
  readonly name: Bytes;
  readonly secret: Secret;
  readonly made: Moment;
}

export class TicketKeys implements TicketIssuer {
  readonly onceOnly = false;
  readonly #provider: CryptoProvider;
  readonly #clock: Clock;
  /** Seconds. */
  readonly #lifetime: number;
  readonly #shared: boolean;
  /** None once destroyed. */
  #current: TicketKey | undefined;
  #previous: TicketKey | undefined;

  constructor(provider: CryptoProvider, options: TicketKeysOptions = {}) {
    const { shared, clock = systemClock } = options;
    this.#provider = provider;
    this.#clock = clock;
    this.#lifetime = lifetime(options.lifetime);
    this.#shared = shared !== undefined;
    if (shared !== undefined) checkShared(shared);
    this.#current = this.#makeKey(shared?.current ?? provider.random(KEY_LENGTH));
    this.#previous = shared?.previous && this.#makeKey(shared.previous);
  }

  /** Shared keys: `next` seals from now on, what sealed until now still opens, and what opened until now is gone. */
  rotate(next: Uint8Array): void {
    if (!this.#shared) throw invalid('rotate', 'is for shared keys, these rotate by themselves');
    const key = this.#makeKey(checkKey('next', next));
    for (const known of [this.#current, this.#previous])
      if (known !== undefined && equalBytes(known.name, key.name))
        throw invalid('next', 'is a key in use: rotating to it changes nothing');
    this.#shift(key);
  }

  issue(state: Bytes): IssuedTicket | undefined {
    this.#advance();
    const issued = this.#current && this.#issue(this.#current, state);
    state.fill(0);
    return issued;
  }

  redeem(ticket: Uint8Array): RedeemedTicket | undefined {
    this.#advance();
    if (ticket.length < OVERHEAD || ticket.length > OVERHEAD + MAX_TICKET_STATE) return undefined;
    const name = ticket.subarray(0, NAME_LENGTH);
    // A name unknown costs what a wrong tag costs: the name is sealed in, so that no other key opens the ticket.
    const key = [this.#previous, this.#current].find((known) => known && equalBytes(known.name, name));
    const opened = this.#open(key ?? this.#current, ticket);
    if (opened === undefined) return undefined;
    const age = this.#clock.now() - opened.issuedAt;
    // Servers that share a key have clocks of their own, and ours may have been set back.
    if (age >= -MAX_CLOCK_SKEW && age < this.#lifetime * 1000)
      return { state: opened.state, age: Math.max(0, age) };
    opened.state.fill(0);
    return undefined;
  }

  /** Every ticket given so far is void, and none is given any more. */
  destroy(): void {
    this.#current?.secret.destroy();
    this.#previous?.secret.destroy();
    this.#current = undefined;
    this.#previous = undefined;
  }

  #issue(key: TicketKey, state: Uint8Array): IssuedTicket | undefined {
    const age = this.#shared ? 0 : ageOf(key.made, this.#clock);
    const left = Math.floor(this.#lifetime - age / 1000);
    if (state.length > MAX_TICKET_STATE || left < 1) return undefined;
    return { ticket: this.#seal(key, state), lifetime: left };
  }

  /** Own keys: a new one at half of its predecessor's lifetime, which is gone when that ends. */
  #advance(): void {
    if (this.#shared || this.#current === undefined) return;
    const whole = this.#lifetime * 1000;
    if (ageOf(this.#current.made, this.#clock) >= whole / 2)
      this.#shift(this.#makeKey(this.#provider.random(KEY_LENGTH)));
    if (this.#previous !== undefined && ageOf(this.#previous.made, this.#clock) >= whole) {
      this.#previous.secret.destroy();
      this.#previous = undefined;
    }
  }

  #shift(next: TicketKey): void {
    this.#previous?.secret.destroy();
    this.#previous = this.#current;
    this.#current = next;
  }

  /** The name follows from the key, so that servers that share one agree. */
  #makeKey(bytes: Uint8Array): TicketKey {
    const secret = new Secret(new Uint8Array(bytes));
    const name = this.#derive(secret, 'q2q ticket name', EMPTY, NAME_LENGTH);
    return { name, secret, made: momentOf(this.#clock) };
  }

  #seal(key: TicketKey, state: Uint8Array): Bytes {
    const salt = this.#provider.random(SALT_LENGTH);
    const stamp = new Writer(STAMP_LENGTH);
    const now = Math.max(0, Math.floor(this.#clock.now()));
    stamp.u32(Math.floor(now / 2 ** 32)).u32(now % 2 ** 32);
    const ticket = new Uint8Array(OVERHEAD + state.length);
    ticket.set(key.name);
    ticket.set(salt, NAME_LENGTH);
    const aead = this.#aead(key, salt);
    aead.seal(NONCE, key.name, [stamp.finish(), state], ticket, NAME_LENGTH + SALT_LENGTH);
    aead.destroy();
    return ticket;
  }

  #open(key: TicketKey | undefined, ticket: Uint8Array): { issuedAt: number; state: Bytes } | undefined {
    if (key === undefined) return undefined;
    const copy = new Uint8Array(ticket);
    const from = NAME_LENGTH + SALT_LENGTH;
    const aead = this.#aead(key, copy.subarray(NAME_LENGTH, from));
    const end = aead.open(NONCE, copy.subarray(0, NAME_LENGTH), copy, from, copy.length);
    aead.destroy();
    if (end < 0) return undefined;
    const reader = new Reader(copy, from, end);
    const issuedAt = reader.u32() * 2 ** 32 + reader.u32();
    const state = new Uint8Array(reader.rest());
    copy.fill(0);
    return { issuedAt, state };
  }

  #aead(key: TicketKey, salt: Uint8Array): ReturnType<CryptoProvider['aead']> {
    const bytes = this.#derive(key.secret, 'q2q ticket', salt, KEY_LENGTH);
    const aead = this.#provider.aead(AEAD, bytes);
    bytes.fill(0);
    return aead;
  }

  #derive(secret: Secret, label: string, salt: Uint8Array, length: number): Bytes {
    const info = new Writer(64)
      .vector(1, (w) => w.bytes(utf8(label)))
      .vector(1, (w) => w.bytes(salt))
      .finish();
    return this.#provider.hkdfExpand('sha256', secret.expose(), info, length);
  }
}

function checkShared({ current, previous }: SharedTicketKeys): void {
  checkKey('shared.current', current);
  if (previous !== undefined && equalBytes(current, checkKey('shared.previous', previous)))
    throw invalid('shared.previous', 'is the current key once more');
}

/** GnuTLS once sealed with a key of zeros until its first rotation, and nobody noticed (CVE-2020-13777). */
function checkKey(field: string, key: Uint8Array): Uint8Array {
  if (!(key instanceof Uint8Array) || key.length !== KEY_LENGTH)
    throw invalid(field, `is not ${KEY_LENGTH} bytes`);
  if (key.every((byte) => byte === key[0])) throw invalid(field, 'is one byte over and over');
  return key;
}
