/** How a new device gets its first certificate: by an invite or by a password. docs/protocol.md §6.1 and §6.2. */
import { hex } from '../base/bytes.ts';
import { parseName, peerId } from '../identity/index.ts';
import { DEVICE } from '../identity/profile.ts';
import type { FailureCode } from '../peer/messages.ts';
import { withDevice } from './accounts.ts';
import type { DomainState } from './domainState.ts';
import { Invites } from './invites.ts';
import { type Issued, type Issuer, requestedKey } from './issuer.ts';
import { type HashPassword, hashPortably, Passwords } from './passwords.ts';
import type { Device } from './store.ts';

interface DeviceRequest {
  /** Whatever names it asks for are ignored. */
  readonly csr: Uint8Array;
  readonly device: string;
  /** The key that the enrolment channel's TLS proved. */
  readonly provedKeyId: string;
}

export interface EnrolRequest extends DeviceRequest {
  readonly invite: Uint8Array;
  readonly secret: Uint8Array;
}

export interface LoginRequest extends DeviceRequest {
  readonly user: string;
  readonly password: string;
  /** The link's address, "" when it has none. */
  readonly from: string;
}

export class Enrolments {
  readonly #state: DomainState;
  readonly #issuer: Issuer;
  readonly #invites: Invites;
  readonly #passwords: Passwords;

  constructor(state: DomainState, issuer: Issuer, hash: HashPassword = hashPortably) {
    const { store, clock, limits, audit } = state;
    const random = (length: number) => state.provider.random(length);
    this.#state = state;
    this.#issuer = issuer;
    this.#invites = new Invites(state);
    this.#passwords = new Passwords({ store, clock, random, hash, limits, audit });
  }

  /** From now on `user` can enrol devices by this password; makes the account if there is none. */
  async setPassword(user: string, password: string): Promise<void> {
    const { store, clock, audit, domain } = this.#state;
    const name = parseName(`${user}@${domain}`).user;
    await this.#passwords.set(name, password);
    await this.#state.alone(async () => {
      if ((await store.account(name)) === undefined)
        await store.putAccount({ user: name, created: clock.now(), blocked: false, devices: [] });
      await audit.write({ what: 'password_set', user: name, by: 'admin' });
    });
  }

  byInvite(request: EnrolRequest): Promise<Issued | FailureCode> {
    return this.#state.alone(() => this.#enrol(request));
  }

  /** Hashing holds nobody up: only what changes the store waits for its turn. */
  async byPassword(request: LoginRequest): Promise<Issued | FailureCode> {
    const { user, password, from, provedKeyId: keyId } = request;
    const spki = this.#provedKey(request);
    if (spki === undefined || !isUser(user)) return 'invalid';
    const refused = await this.#passwords.check({ user, password, from, keyId });
    return refused ?? this.#state.alone(() => this.#admit(user, spki, request.device, 'password'));
  }

  async #enrol(request: EnrolRequest): Promise<Issued | FailureCode> {
    const { clock, store, audit } = this.#state;
    const { provedKeyId: keyId } = request;
    const id = hex(request.invite);
    const refused = async (reason: FailureCode): Promise<FailureCode> => {
      await audit.writeOfStranger({ what: 'invite_refused', invite: id, keyId, reason });
      return reason;
    };
    const invite = await this.#invites.open(id, request.secret);
    if (typeof invite === 'string') return refused(invite);
    const spki = this.#provedKey(request);
    if (spki === undefined) return 'invalid';
    if (invite.usedBy !== undefined && invite.usedBy !== keyId) return refused('invite_used');
    // A repeated request with the same key repairs a lost answer, even when the invite ran out meanwhile.
    if (invite.usedBy === undefined && clock.now() >= invite.expires) return refused('invite_expired');
    // In this order: a crash in between leaves a used invite that its own key can still finish.
    return this.#admit(invite.user, spki, request.device, 'invite', async () => {
      if (invite.usedBy !== undefined) return;
      await store.putInvite({ ...invite, usedBy: keyId });
      await audit.write({ what: 'invite_used', user: invite.user, invite: id, keyId });
    });
  }

  /** The key of the request, when it holds together: well-formed, signed by that key, which TLS proved, too. */
  #provedKey({ csr, device, provedKeyId }: DeviceRequest): Uint8Array | undefined {
    const spki = requestedKey(this.#state.provider, csr);
    if (spki === undefined || peerId(spki) !== provedKeyId) return undefined;
    return device === '' || DEVICE.test(device) ? spki : undefined;
  }

  /** Enrols a key that earned it. `spend` marks what it was earned with as used, once nothing else can refuse. */
  async #admit(
    user: string,
    spki: Uint8Array,
    label: string,
    by: 'invite' | 'password',
    spend: () => Promise<void> = async () => {},
  ): Promise<Issued | FailureCode> {
    const { clock, store, limits, userLifetime } = this.#state;
    const keyId = peerId(spki);
    const now = clock.now();
    const account = (await store.account(user)) ?? { user, created: now, blocked: false, devices: [] };
    if (account.blocked) return 'refused';
    if (this.#state.revocations.has(keyId)) return 'revoked';
    const device: Device = { keyId, label, since: now, by, until: now + userLifetime };
    const larger = withDevice(account, device, limits.devicesPerAccount, now);
    if (larger === undefined) return 'too_many_devices';
    if (!this.#issuer.mayIssue(keyId)) return 'busy';
    await spend();
    await store.putAccount(larger);
    const { chain, expiresAt } = await this.#issuer.issue(user, spki, label, by);
    return { chain: [...new Set([...chain, ...this.#state.wayBack.handovers])], expiresAt };
  }
}

function isUser(text: string): boolean {
  try {
    return parseName(`${text}@example`).user === text;
  } catch {
    return false;
  }
}
