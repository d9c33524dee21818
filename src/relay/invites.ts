/** Invites: made by the domain, good for one device of one user. docs/protocol.md §6.1. */
import { sha256 } from '@noble/hashes/sha2.js';
import { equalConstantTime, fromHex, hex } from '../base/bytes.ts';
import { type DomainAuthority, parseName } from '../identity/index.ts';
import { INVITE_ID_LENGTH, INVITE_SECRET_LENGTH, type Invite } from '../peer/invite.ts';
import type { DomainOptions, DomainState } from './domainState.ts';
import { RelayError } from './errors.ts';
import type { StoredInvite } from './store.ts';

/** Milliseconds that an invite is good for unless told. */
const INVITE_LIFETIME: number = 7 * 86_400_000;

/** Makes and stores an invite. Needs no lock: it adds a record and a line, and changes none. */
export async function createInvite(
  authority: Pick<DomainAuthority, 'domain' | 'roots'>,
  { store, provider, clock }: Pick<DomainOptions, 'store' | 'provider' | 'clock'>,
  user: string,
  options: { readonly url?: string; readonly lifetime?: number } = {},
): Promise<Invite> {
  const name = parseName(`${user}@${authority.domain}`).user;
  const url = options.url ?? (await store.domain())?.urls[0];
  if (url === undefined)
    throw new RelayError('ERR_RELAY_DATA', 'the relay has no address to put into an invite', {
      hint: 'start the relay once, or name its address',
    });
  const now = clock.now();
  const secret = provider.random(INVITE_SECRET_LENGTH);
  const id = provider.random(INVITE_ID_LENGTH);
  const expires = now + (options.lifetime ?? INVITE_LIFETIME);
  await store.putInvite({
    id: hex(id),
    user: name,
    secretHash: hex(sha256(secret)),
    created: now,
    expires,
  });
  await store.log({ at: now, what: 'invite_made', user: name, invite: hex(id), until: expires, by: 'admin' });
  // The oldest root, while there are two: whoever knows it learns the newer one from it, and not the reverse.
  const rootPin = sha256(authority.roots.at(-1)!.spki);
  return { domain: authority.domain, url, user: name, rootPin, id, secret, expires };
}

export class Invites {
  readonly #state: Pick<DomainState, 'store' | 'limits'>;
  /** By invite: how often somebody tried. */
  readonly #wrongSecrets = new Map<string, number>();

  constructor(state: Pick<DomainState, 'store' | 'limits'>) {
    this.#state = state;
  }

  /** The invite, if the secret opens it. An unknown id and a wrong secret are one answer. */
  async open(id: string, secret: Uint8Array): Promise<StoredInvite | 'invite_refused'> {
    const { store, limits } = this.#state;
    const invite = await store.invite(id);
    if (invite === undefined) return 'invite_refused';
    const wrong = this.#wrongSecrets.get(id) ?? 0;
    if (wrong >= limits.secretsPerInvite) return 'invite_refused';
    if (equalConstantTime(sha256(secret), fromHex(invite.secretHash))) return invite;
    this.#wrongSecrets.set(id, wrong + 1);
    return 'invite_refused';
  }
}
