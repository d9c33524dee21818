/**
 * Passwords of accounts: scrypt (RFC 7914), and who may try how often. docs/protocol.md §6.2.
 *
 *     address's allowance ─► name free? ─► locked? ─► counted, on disk ─► scrypt ─► right: count is 0 again
 *            │ busy             │ busy        │ busy                        └─────► wrong: at the last try, locked
 *
 * An attempt is counted before it is judged, so that no crash gives one back. A name nobody has goes the same way, with a
 * salt of its own and a count in memory: to whoever asks both look the same, and take the same time.
 */
import { scryptAsync } from '@noble/hashes/scrypt.js';
import { equalConstantTime, fromHex, hex, utf8 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { TokenBucket } from '../mux/bucket.ts';
import { MAX_PASSWORD } from '../peer/limits.ts';
import type { Audit } from './audit.ts';
import { RelayError } from './errors.ts';
import { MIN_PASSWORD, PASSWORD_COST, type RelayLimits } from './limits.ts';
import { sourceOf } from './links.ts';

/** RFC 7914 §2: `N` a power of two; memory is 128·N·r bytes, time grows with N·r·p. */
export interface ScryptCost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/** 32 bytes. Node has a faster one than the portable default (`scrypt.node.ts`). */
export type HashPassword = (password: Uint8Array, salt: Uint8Array, cost: ScryptCost) => Promise<Uint8Array>;

export const HASH_LENGTH = 32;
const SALT_LENGTH = 16;

export const hashPortably: HashPassword = (password, salt, cost) =>
  scryptAsync(password, salt, { ...cost, dkLen: HASH_LENGTH });

export interface StoredPassword {
  readonly user: string;
  readonly set: number;
  /** In hex, as `hash`. */
  readonly salt: string;
  readonly hash: string;
  readonly cost: ScryptCost;
  /** Wrong ones since the last right one, or since the last lock began. */
  readonly failed: number;
  readonly lockedUntil: number;
}

export interface PasswordStore {
  password(user: string): Promise<StoredPassword | undefined>;
  putPassword(password: StoredPassword): Promise<void>;
}

export interface PasswordOptions {
  readonly store: PasswordStore;
  readonly clock: Clock;
  readonly random: (length: number) => Uint8Array;
  readonly limits: RelayLimits;
  readonly audit: Audit;
  readonly hash: HashPassword;
}

export interface Attempt {
  readonly user: string;
  readonly password: string;
  /** The link's address, "" when it has none. */
  readonly from: string;
  readonly keyId: string;
}

type Count = Pick<StoredPassword, 'failed' | 'lockedUntil'>;
const FRESH: Count = { failed: 0, lockedUntil: 0 };

export class Passwords {
  readonly #options: PasswordOptions;
  /** By address; the one that asked longest ago goes first. */
  readonly #allowances = new Map<string, TokenBucket>();
  /** Names that nobody has, so that they lock as others do. */
  readonly #strangers = new Map<string, Count>();
  /** Names whose password is judged now: one at a time each. */
  readonly #judging = new Set<string>();
  readonly #waiting: (() => void)[] = [];
  #hashing = 0;

  constructor(options: PasswordOptions) {
    this.#options = options;
  }

  async set(user: string, password: string): Promise<void> {
    const { store, clock, random, hash } = this.#options;
    const bytes = readPassword(password);
    if (password.length < MIN_PASSWORD || bytes === undefined)
      throw new RelayError(
        'ERR_RELAY_PASSWORD',
        `a password has ${MIN_PASSWORD} to ${MAX_PASSWORD} characters, this one ${password.length}`,
      );
    const salt = random(SALT_LENGTH);
    await this.#turn();
    try {
      const hashed = await hash(bytes, salt, PASSWORD_COST);
      await store.putPassword({
        ...{ user, set: clock.now(), salt: hex(salt), hash: hex(hashed), cost: PASSWORD_COST },
        ...FRESH,
      });
    } finally {
      this.#done();
    }
  }

  /** Undefined: it is right. A wrong password and a name that nobody has are one answer. */
  async check(attempt: Attempt): Promise<'busy' | 'login_refused' | undefined> {
    const { clock, limits } = this.#options;
    const { user } = attempt;
    const begun = clock.monotonic();
    if (!this.#mayAsk(attempt.from, begun) || this.#judging.has(user) || !this.#hasRoom()) return 'busy';
    this.#judging.add(user);
    let verdict: 'busy' | 'login_refused' | undefined;
    try {
      verdict = await this.#judge(attempt);
    } finally {
      this.#judging.delete(user);
    }
    if (verdict === 'login_refused') await until(clock, begun + limits.loginHold);
    return verdict;
  }

  async #judge({ user, password, from, keyId }: Attempt): Promise<'busy' | 'login_refused' | undefined> {
    const { store, clock, limits, audit, hash } = this.#options;
    const stored = await store.password(user);
    const count = stored ?? this.#strangers.get(user) ?? FRESH;
    if (clock.now() < count.lockedUntil) return 'busy';
    const bytes = readPassword(password);
    await this.#turn();
    try {
      const failed = count.failed + 1;
      const locks = failed >= limits.passwordTries;
      const lockedUntil = locks ? clock.now() + limits.passwordLock : 0;
      await this.#count(user, stored, { failed: locks ? 0 : failed, lockedUntil });
      const salt = stored === undefined ? new Uint8Array(SALT_LENGTH) : fromHex(stored.salt);
      const hashed = await hash(bytes ?? new Uint8Array(1), salt, stored?.cost ?? PASSWORD_COST);
      const wanted = stored === undefined ? new Uint8Array(HASH_LENGTH) : fromHex(stored.hash);
      if (equalConstantTime(hashed, wanted) && stored !== undefined && bytes !== undefined) {
        await store.putPassword({ ...stored, ...FRESH });
        return undefined;
      }
      const known = stored === undefined ? {} : { user }; // what strangers type may be a password
      await audit.writeOfStranger({ what: 'password_failed', ...known, from, keyId });
      if (locks) await audit.writeOfStranger({ what: 'password_locked', ...known, from, until: lockedUntil });
      return 'login_refused';
    } finally {
      this.#done();
    }
  }

  async #count(user: string, stored: StoredPassword | undefined, count: Count): Promise<void> {
    if (stored !== undefined) await this.#options.store.putPassword({ ...stored, ...count });
    else remember(this.#strangers, user, count, this.#options.limits.loginsRemembered);
  }

  #mayAsk(from: string, now: number): boolean {
    const { loginBurst, loginRate, loginsRemembered } = this.#options.limits;
    const source = sourceOf(from);
    if (source === '') return true; // no network between us
    const allowance = this.#allowances.get(source) ?? new TokenBucket(loginBurst, loginRate, now);
    remember(this.#allowances, source, allowance, loginsRemembered);
    return allowance.take(now);
  }

  // scrypt takes memory for breakfast: a few run, some wait, the rest are sent away.

  #hasRoom(): boolean {
    return this.#judging.size < this.#options.limits.hashesWaiting + this.#options.limits.hashesAtOnce;
  }

  async #turn(): Promise<void> {
    if (this.#hashing < this.#options.limits.hashesAtOnce) this.#hashing++;
    else await new Promise<void>((go) => this.#waiting.push(go));
  }

  #done(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#hashing--;
    else next();
  }
}

/** One text, one password, however its accents were typed (RFC 8265 §4.2.2). */
function readPassword(password: string): Uint8Array | undefined {
  if (password.length === 0 || password.length > MAX_PASSWORD) return undefined;
  return utf8(password.normalize('NFC'));
}

/** Puts an entry last; the first, the oldest, leaves when there are too many. */
function remember<T>(entries: Map<string, T>, key: string, value: T, most: number): void {
  entries.delete(key);
  entries.set(key, value);
  if (entries.size > most) entries.delete(entries.keys().next().value!);
}

function until(clock: Clock, at: number): Promise<void> {
  const delay = at - clock.monotonic();
  return delay <= 0 ? Promise.resolve() : new Promise((resolve) => clock.after(delay, resolve));
}
