/**
 * A domain: who its users are, and the authority that says so. docs/protocol.md §6; each part has a file of its own, all
 * share one state (`domainState.ts`).
 *
 *     a device comes  ─► Admission ─► Adoption       by proof that it holds already
 *     a new device    ─► Enrolments ─► Issuer        by invite, by password
 *     a person        ─► Issuer, OwnDevices, Adoption
 *     the admin       ─► Withdrawals, Roots ─► Bundles ─► everybody
 */
import type { Bytes } from '../base/bytes.ts';
import type { Listener } from '../base/events.ts';
import type { DomainAnchors, DomainAuthority, PeerIdentity, Trust, VerifiedPeer } from '../identity/index.ts';
import type { CloseCodeName } from '../peer/codes.ts';
import type { Invite } from '../peer/invite.ts';
import type { DeviceRow, FailureCode } from '../peer/messages.ts';
import type { Credential } from '../tls/index.ts';
import { Admission } from './admission.ts';
import { Adoption } from './adoption.ts';
import type { AuditEntry } from './audit.ts';
import { Bundles, type DomainEvents } from './bundles.ts';
import { type DomainOptions, DomainState } from './domainState.ts';
import { Enrolments, type EnrolRequest, type LoginRequest } from './enrolments.ts';
import { createInvite } from './invites.ts';
import { type Issued, Issuer } from './issuer.ts';
import { OwnDevices } from './ownDevices.ts';
import { Roots } from './roots.ts';
import type { Account } from './store.ts';
import { type RevokeTarget, Withdrawals } from './withdrawals.ts';

/** Lines of the audit log handed out unless told. */
const AUDIT_LINES = 1_000;

export class DomainService {
  readonly #state: DomainState;
  readonly #bundles: Bundles;
  readonly #roots: Roots;
  readonly #withdrawals: Withdrawals;
  readonly #issuer: Issuer;
  readonly #enrolments: Enrolments;
  readonly #adoption: Adoption;
  readonly #admission: Admission;
  readonly #ownDevices: OwnDevices;

  private constructor(state: DomainState, { passphrase, hashPassword }: DomainOptions) {
    this.#state = state;
    this.#bundles = new Bundles(state);
    this.#roots = new Roots(state, this.#bundles, passphrase);
    this.#withdrawals = new Withdrawals(state, this.#bundles);
    this.#issuer = new Issuer(state);
    this.#enrolments = new Enrolments(state, this.#issuer, hashPassword);
    this.#adoption = new Adoption(state, this.#issuer);
    this.#admission = new Admission(state, this.#adoption);
    this.#ownDevices = new OwnDevices(state, this.#issuer, this.#withdrawals);
  }

  /**
   * Loads the domain, or makes it when the store is empty. Where the root keys are encrypted, rejects with
   * `ERR_IDENTITY_PASSPHRASE_NEEDED` or `…_WRONG`.
   */
  static async open(options: DomainOptions): Promise<DomainService> {
    return new DomainService(await DomainState.open(options), options);
  }

  on<K extends keyof DomainEvents>(name: K, listener: Listener<DomainEvents[K]>): () => void {
    return this.#bundles.on(name, listener);
  }

  get domain(): string {
    return this.#state.domain;
  }

  /** As it is now: a roll replaces it. */
  get authority(): DomainAuthority {
    return this.#state.authority;
  }

  get anchors(): DomainAnchors {
    return this.#state.anchors;
  }

  /** As it is now: what is withdrawn proves nothing here. */
  get trust(): Trust {
    return this.#state.trust;
  }

  /** Certificates that lead from today's root to those that others may know instead, and these roots themselves. */
  get wayBack(): { readonly handovers: readonly Bytes[]; readonly roots: readonly Bytes[] } {
    return this.#state.wayBack;
  }

  accounts(): Promise<readonly Account[]> {
    return this.#state.store.accounts();
  }

  /** The last lines, oldest first: what the domain did, and what was tried on it. */
  auditLog({ limit = AUDIT_LINES }: { readonly limit?: number } = {}): Promise<readonly AuditEntry[]> {
    return this.#state.store.audit(limit);
  }

  /** Resolves when everything that was begun is on disk. */
  async settled(): Promise<void> {
    await this.#admission.settled();
    await this.#state.settled();
  }

  // The server's own.

  /** What the server presents: a key that lives in memory only, a leaf that is renewed at two thirds of its life. */
  serverCredential(): Credential {
    return this.#roots.serverCredential();
  }

  /** Stores where peers reach the relay, for invites made later. */
  async setUrls(urls: readonly string[]): Promise<void> {
    const { store } = this.#state;
    await this.#state.alone(async () => {
      const stored = (await store.domain())!;
      await store.putDomain({ ...stored, urls });
    });
  }

  /** Why an identity, already verified, has no place here; undefined when it has one, which is noted. */
  refusal(identity: PeerIdentity): Promise<CloseCodeName | undefined> {
    return this.#admission.refusal(identity);
  }

  /** Whether a proof that was good is so no longer; asked of all who are here when a bundle has changed. */
  isWithdrawn(peer: VerifiedPeer): boolean {
    return this.#withdrawals.concern(peer);
  }

  // New devices.

  invite(user: string, options: { url?: string; lifetime?: number } = {}): Promise<Invite> {
    return createInvite(this.authority, this.#state, user, options);
  }

  /** From now on `user` can enrol devices by this password; makes the account if there is none. */
  setPassword(user: string, password: string): Promise<void> {
    return this.#enrolments.setPassword(user, password);
  }

  enrol(request: EnrolRequest): Promise<Issued | FailureCode> {
    return this.#enrolments.byInvite(request);
  }

  /** Enrolment by password. */
  login(request: LoginRequest): Promise<Issued | FailureCode> {
    return this.#enrolments.byPassword(request);
  }

  // What a person does with the devices of their own account.

  renew(identity: PeerIdentity, spki: Uint8Array): Promise<Issued | FailureCode> {
    return this.#issuer.renew(identity, spki);
  }

  devices(identity: PeerIdentity): Promise<readonly DeviceRow[]> {
    return this.#ownDevices.list(identity);
  }

  revokeOwn(identity: PeerIdentity, keyId: string): Promise<FailureCode | undefined> {
    return this.#ownDevices.revoke(identity, keyId);
  }

  /** A CA for devices of that person, constrained to their mailbox; withdrawn together with the device that asked for it. */
  userCa(identity: PeerIdentity, csr: Uint8Array): Promise<Issued | FailureCode> {
    return this.#ownDevices.userCa(identity, csr);
  }

  /** A device that the person's user CA has signed, told of before it comes. Undefined: it is known now. */
  adopt(identity: PeerIdentity, chain: readonly Uint8Array[]): Promise<FailureCode | undefined> {
    return this.#adoption.adopt(identity, chain);
  }

  // What the domain takes back.

  /** On disk and in force when it resolves: the bundle that says so is signed and on its way to everybody. */
  revoke(target: RevokeTarget): Promise<void> {
    return this.#withdrawals.revoke(target);
  }

  /** The account is back, and its keys with it, but for those that were withdrawn one by one. */
  unblock(user: string): Promise<void> {
    return this.#withdrawals.unblock(user);
  }

  /** The newest bundle: signed anew when the last one is a week old. */
  bundle(): Promise<Bytes> {
    return this.#bundles.newest();
  }

  /** The last bundle as it is, undefined before the first. */
  get signedBundle(): Bytes | undefined {
    return this.#bundles.last;
  }

  // The roots.

  /** A second root that signs from now on; the old one has certified its key. `retireRoot` lets that go. */
  roll(): Promise<void> {
    return this.#roots.roll();
  }

  /** Certificates of the older root prove nothing any more. */
  retireRoot(): Promise<void> {
    return this.#roots.retire();
  }

  /** Root keys are stored encrypted with it from now on, or plain without one. */
  setPassphrase(passphrase: string | undefined): Promise<void> {
    return this.#roots.setPassphrase(passphrase);
  }
}
