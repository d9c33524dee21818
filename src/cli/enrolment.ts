/** What every way to enrol ends with: the result is stored, and told. */
import { hostname } from 'node:os';
import { equalBytes } from '../base/bytes.ts';
import type { Signer } from '../crypto/provider.ts';
import {
  type DomainAnchors,
  groupPeerId,
  type Identity,
  type IdentityStore,
  identityFromChain,
  identityLabel,
  peerId,
  type ReadDeviceGrant,
  Refusal,
  Trust,
  verifyPeer,
} from '../identity/index.ts';
import type { Enrolled } from '../peer/enrol.ts';
import type { Context } from './context.ts';
import { CliError, usage } from './errors.ts';
import { labelOf, openStore, userCaOf } from './identities.ts';
import { rememberRelay } from './relays.ts';

export async function finishEnrolment(
  { identity, anchors, relay }: Enrolled,
  { json }: { readonly json?: boolean },
  context: Context,
): Promise<void> {
  const { out } = context;
  const store = await openStore(context);
  await believe(store, anchors);
  await rememberRelay(context, relay.domain, relay.url);
  await store.put(identity); // last: an identity that is there is whole
  const { keyId, notAfter, device } = identity;
  const address = identityLabel(identity);
  const expiresAt = new Date(notAfter).toISOString();
  if (json === true) {
    out.json({ event: 'enrolled', address, keyId, device: device ?? '', expiresAt, relay: relay.url });
    return;
  }
  out.say(`this device is ${address} now, by relay ${relay.url}`);
  out.say(`key id ${groupPeerId(keyId)}, certificate until ${expiresAt}, ${renewal(identity)}`);
}

function renewal(identity: Identity): string {
  return userCaOf(identity) === undefined
    ? 'renewed while you listen or dial'
    : 'renewed by q2q renew --code';
}

/**
 * What enrolled us proved the root. Where we hold it already we may know more of the domain, such as what it has
 * withdrawn; another root means that the domain began anew, and the person who enrols here wants that.
 */
async function believe(store: IdentityStore, anchors: DomainAnchors): Promise<void> {
  const held = (await store.anchors(anchors.domain))?.roots.map(({ spki }) => peerId(spki)) ?? [];
  if (anchors.roots.some(({ spki }) => held.includes(peerId(spki)))) return;
  await store.putAnchors(anchors, { replace: true });
}

/** The label asked for, or one made of the host's name. */
export function deviceLabel(flag: string | undefined): string {
  if (flag === undefined) {
    const plain = hostname().replace(/[^A-Za-z0-9._-]/g, '-');
    return plain.replace(/^[^A-Za-z0-9]+/, '').slice(0, 64);
  }
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(flag)) return flag;
  throw usage(
    `--device is "${flag}"`,
    'a label has 1 to 64 letters, digits and "._-", and begins with a letter or digit',
  );
}

/** A grant must hold for our key, under the roots that it brings: the person brought it from a device of their own. */
export function grantedIdentity(
  who: string | undefined,
  { chain, roots, relay: url, name, domain }: ReadDeviceGrant,
  key: Signer,
  { provider }: Context,
): Enrolled {
  if (who !== undefined && labelOf(who) !== name) throw usage(`the grant is for ${name}, not for ${who}`);
  const anchors = { domain, roots };
  const proof = verifyPeer(
    chain,
    { kind: 'name', name },
    Trust.of([anchors]),
    'client',
    Date.now(),
    provider,
  );
  if (proof instanceof Refusal) throw proof;
  if (!equalBytes(proof.spki, key.spki)) {
    throw new CliError('ERR_CLI_CONFIG', 'the grant is for another device', {
      hint: 'it answers the code that was printed here, and no other',
    });
  }
  return { identity: identityFromChain(chain, key), anchors, relay: { url, domain } };
}
