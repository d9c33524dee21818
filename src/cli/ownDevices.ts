/**
 * A person's own CA, on the device that holds it: it signs their further devices, without the domain's help. Its key stays
 * the same for as long as that device has it, for the key is what others remember the person by.
 */
import { createCsr, type Identity, identityFromChain, UserAuthority } from '../identity/index.ts';
import type { Context } from './context.ts';
import type { Endpoint } from './endpoint.ts';
import { CliError } from './errors.ts';
import { userCaOf } from './identities.ts';

/** A CA that ends sooner gets its next certificate first: what it signs would not last. */
const LEAST_LEFT = 120 * 86_400_000;

/** The CA that this device holds for its person, if any. */
export async function heldAuthority(
  { identity, store }: Pick<Endpoint, 'identity' | 'store'>,
  { provider }: Pick<Context, 'provider'>,
): Promise<UserAuthority | undefined> {
  const stored = identity.name === undefined ? undefined : await store.userAuthority(identity.name);
  return stored && UserAuthority.load(provider, stored);
}

/** The same, asked of the domain if there is none yet, or if it ends soon. */
export async function userAuthority(endpoint: Endpoint, context: Context): Promise<UserAuthority> {
  const held = await heldAuthority(endpoint, context);
  if (held !== undefined && held.notAfter - Date.now() > LEAST_LEFT) return held;
  const next = await certifiedAuthority(held, endpoint, context);
  if (held === undefined)
    context.out.say(
      `this device signs devices of ${next.name} now: keep it, for what it signed goes with it`,
    );
  return next;
}

/** A new certificate for the CA: after a roll by the root that signs now. */
export async function certifiedAuthority(
  held: UserAuthority | undefined,
  { peer, identity, store }: Endpoint,
  { provider, signal }: Context,
): Promise<UserAuthority> {
  const name = nameOf(identity);
  const key = held?.key ?? provider.generateKey('ed25519');
  const chain = await peer.requestUserCa(createCsr(key), { signal });
  const authority = UserAuthority.load(provider, { chain, key });
  await store.putUserAuthority(name, { chain: authority.chain, key });
  return authority;
}

export function nameOf({ name }: Pick<Identity, 'name'>): string {
  if (name !== undefined) return name;
  throw new CliError('ERR_CLI_CONFIG', 'a key identity is one device, and needs nobody to renew it', {
    hint: 'say whose devices: user@domain',
  });
}

/** Our own certificate by our own CA, so that people who know this device know the next ones by it. */
export async function signOurselves(
  authority: UserAuthority,
  { peer, identity, store }: Pick<Endpoint, 'peer' | 'identity' | 'store'>,
  { signal }: Pick<Context, 'signal'>,
): Promise<Identity> {
  const { signer, device = 'device' } = identity;
  const chain = authority.issueDevice({ spki: signer.spki, device, now: Date.now() });
  await peer.adopt(chain, { signal });
  const signed = identityFromChain(chain, signer);
  await store.put(signed);
  return signed;
}

/** True when that CA signed us already. */
export function isSignedBy(identity: Identity, authority: UserAuthority): boolean {
  return userCaOf(identity) === authority.keyId;
}
