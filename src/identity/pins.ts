/**
 * What we remember of an address from the times we met it, and what a new meeting means for it.
 *
 *     first     never met: remember it
 *     same      a key we know, or another device of the user CA we know
 *     rotated   a new user CA that the one we know answers for, or the first one, shown by a key we know
 *     changed   anything else: stop, and let a person look at both fingerprints
 *
 * Pins stand above the domain: its root says who may bear a name today, a pin that it is the one from yesterday. So a domain
 * that turns hostile can make new members, but not step into a known one's place unseen. A device never moves its user CA's
 * pin, for a device gets lost more easily.
 */
import { IdentityError, Refusal } from './errors.ts';
import { identityLabel } from './identity.ts';
import { MAX_PINNED_KEYS } from './limits.ts';
import { groupPeerId } from './peerId.ts';
import { type PeerIdentity, provePeer, type VerifiedPeer } from './proofs.ts';
import type { Pin } from './storeRecords.ts';

export type PinVerdict = 'first' | 'same' | 'rotated' | 'changed';

export interface PinJudgement {
  readonly verdict: PinVerdict;
  /** What to store. After `changed` it is what was stored before: only a person replaces it (`repin`). */
  readonly pin: Pin;
}

/** Throws `ERR_IDENTITY_MISMATCH` for a pin of somebody else, which only a mix-up of the caller's can be. */
export function judgePin(pin: Pin | undefined, peer: VerifiedPeer, now: number): PinJudgement {
  const { identity } = peer;
  if (identity.assurance === 'anonymous')
    throw new IdentityError('ERR_IDENTITY_MISMATCH', 'a peer that is nobody is not remembered');
  if (pin === undefined) return { verdict: 'first', pin: freshPin(identity, now) };
  const address = identityLabel(identity);
  if (pin.address !== address)
    throw new IdentityError('ERR_IDENTITY_MISMATCH', `pin of ${pin.address} held against ${address}`);
  const { keyId, userCa, userCaBefore } = identity;
  const isKnownKey = pin.keys.includes(keyId);
  if (pin.userCa !== undefined) {
    if (isKnownKey || userCa === pin.userCa) return { verdict: 'same', pin: seen(pin, keyId, now) };
    if (userCa !== undefined && userCaBefore === pin.userCa)
      return { verdict: 'rotated', pin: Object.freeze({ ...seen(pin, keyId, now), userCa }) };
    return { verdict: 'changed', pin };
  }
  if (!isKnownKey) return { verdict: 'changed', pin };
  const known = seen(pin, keyId, now);
  return userCa === undefined
    ? { verdict: 'same', pin: known }
    : { verdict: 'rotated', pin: Object.freeze({ ...known, userCa }) };
}

/** The peer as the judgement leaves it: `verified` where people compared the pin, refused where it changed. */
export function heldToPin({ verdict, pin }: PinJudgement, peer: VerifiedPeer): VerifiedPeer | Refusal {
  if (verdict === 'changed') return changedPin(pin, peer);
  // A raw key has no certificate to prove anything more with.
  if (!pin.verified || peer.leaf === undefined) return peer;
  return provePeer({ ...peer.identity, assurance: 'verified' }, peer.chain, peer.anchors);
}

/** For people: both fingerprints, and what to do. */
export function changedPin(pin: Pin, { identity }: VerifiedPeer): Refusal {
  return new Refusal(
    'ERR_IDENTITY_PIN_CHANGED',
    `${pin.address} was known by ${shown(pin.userCa, pin.keys)}, and now shows ${shown(identity.userCa, [identity.keyId])}`,
    0,
    {
      hint: `ask ${pin.address} over another way whether the new fingerprint is theirs; only if so, pin it anew (\`q2q trust\`)`,
    },
  );
}

/** What a person decided after a change: believe this key from now on. Nobody has compared it yet. */
export function repin(peer: VerifiedPeer, now: number): Pin {
  return freshPin(peer.identity, now);
}

/** After people compared `pinFingerprint` over another way. */
export function verifiedPin(pin: Pin): Pin {
  return Object.freeze({ ...pin, verified: true });
}

/** The key id that stands for the whole pin: the user CA's where there is one, else the newest key. */
export function pinFingerprint(pin: Pin): string {
  return pin.userCa ?? pin.keys.at(-1)!;
}

function freshPin(identity: PeerIdentity, now: number): Pin {
  const { keyId, userCa } = identity;
  return Object.freeze({
    address: identityLabel(identity),
    keys: Object.freeze([keyId]),
    ...(userCa === undefined ? {} : { userCa }),
    ...{ firstSeen: now, lastSeen: now, verified: false },
  });
}

/** Newest key last; the oldest go when there are too many. */
function seen(pin: Pin, keyId: string, now: number): Pin {
  const keys = [...pin.keys.filter((key) => key !== keyId), keyId].slice(-MAX_PINNED_KEYS);
  return Object.freeze({ ...pin, keys: Object.freeze(keys), lastSeen: now });
}

function shown(userCa: string | undefined, keys: readonly string[]): string {
  if (userCa !== undefined) return `the user CA ${groupPeerId(userCa)}`;
  const newest = groupPeerId(keys.at(-1)!);
  return keys.length === 1 ? `the key ${newest}` : `the key ${newest} and ${keys.length - 1} more`;
}
