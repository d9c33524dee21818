/**
 * The audit log: what the domain did, and what was tried on it, one line each, in order. A line is on disk before the
 * answer leaves. No secret is ever in one.
 *
 * What strangers make us write (refused invites, wrong passwords) is bounded: beyond the allowance lines are counted, and
 * the next that is written says how many were left out.
 */
import type { Clock } from '../base/clock.ts';
import { TokenBucket } from '../mux/bucket.ts';
import type { RelayLimits } from './limits.ts';

export const AUDIT_EVENTS = [
  /** A certificate, of a device or of a user CA. */
  'issued',
  'invite_made',
  'invite_used',
  'invite_refused',
  'password_set',
  'password_failed',
  'password_locked',
  'user_ca_issued',
  /** A device that a user CA has signed came, or was told of. */
  'adopted',
  'revoked',
  'unblocked',
  /** A bundle was signed: `sequence`. */
  'bundle',
  'rolled',
  'root_retired',
  'passphrase_set',
] as const;
export type AuditEvent = (typeof AUDIT_EVENTS)[number];

/** Fields are there when the event has them. */
export interface AuditEntry {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly what: AuditEvent;
  readonly user?: string;
  /** The key that it is about. */
  readonly keyId?: string;
  readonly device?: string;
  /** How a certificate was earned, or who gave an order: `admin`, or the key id of a device of that user. */
  readonly by?: string;
  /** Where from: a network address. */
  readonly from?: string;
  /** Id of an invite, in hex. */
  readonly invite?: string;
  readonly reason?: string;
  /** Key id of the issuer of a withdrawn certificate, and its number in hex. */
  readonly issuer?: string;
  readonly serial?: string;
  readonly sequence?: number;
  /** When a certificate, an invite or a lock ends. */
  readonly until?: number;
  /** Lines like this one that were left out before it. */
  readonly skipped?: number;
}

const EVENTS: ReadonlySet<string> = new Set(AUDIT_EVENTS);

/** Version 0.1 knew one kind of line only, without saying which. */
export function readAuditEntry(value: unknown): AuditEntry | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { what = 'issued', notAfter, ...rest } = value as Record<string, unknown>;
  const entry: Record<string, unknown> = {
    ...rest,
    what,
    ...(notAfter !== undefined && { until: notAfter }),
  };
  const plain = Object.values(entry).every((field) => typeof field === 'string' || typeof field === 'number');
  if (!plain || typeof entry['at'] !== 'number' || !EVENTS.has(what as string)) return undefined;
  return entry as unknown as AuditEntry;
}

export type AuditFacts = Omit<AuditEntry, 'at' | 'skipped'>;

export interface AuditStore {
  log(entry: AuditEntry): Promise<void>;
}

export class Audit {
  readonly #store: AuditStore;
  readonly #clock: Clock;
  readonly #allowance: TokenBucket;
  #skipped = 0;

  constructor(store: AuditStore, clock: Clock, limits: Pick<RelayLimits, 'auditBurst' | 'auditRate'>) {
    this.#store = store;
    this.#clock = clock;
    this.#allowance = new TokenBucket(limits.auditBurst, limits.auditRate, clock.monotonic());
  }

  /** Resolves when the line is on disk. */
  write(facts: AuditFacts): Promise<void> {
    return this.#store.log({ at: this.#clock.now(), ...facts });
  }

  /** For what anybody can cause. */
  async writeOfStranger(facts: AuditFacts): Promise<void> {
    if (!this.#allowance.take(this.#clock.monotonic())) {
      this.#skipped++;
      return;
    }
    const skipped = this.#skipped;
    this.#skipped = 0;
    await this.#store.log({ at: this.#clock.now(), ...facts, ...(skipped > 0 && { skipped }) });
  }
}
