/**
 * A key shown without a certificate (RFC 7250). Nobody has signed it, so it has no name: it is accepted for being the very
 * key we were told, and for nothing else. That the peer holds the private half is for the handshake to show.
 */
import { parseSpki } from '../crypto/spki.ts';
import { Refusal } from './errors.ts';
import { parsePeerId, peerId } from './peerId.ts';
import { NEVER, proveRawKey, type VerifiedPeer } from './proofs.ts';
import type { Expected } from './verify.ts';

/** Any of several keys, by their ids (`peerId`). */
export interface PinnedKeys {
  readonly kind: 'keys';
  readonly ids: readonly string[];
}

/**
 * `spki` is DER SubjectPublicKeyInfo as it came off the wire. Whoever is wanted by name, by domain, or as "anybody" is not
 * proved by a raw key: that is a refusal. Throws only for an `expected` that is malformed itself.
 */
export function verifyRawKey(spki: Uint8Array, expected: Expected | PinnedKeys): VerifiedPeer | Refusal {
  const ids = wantedIds(expected);
  if (ids === undefined)
    return new Refusal('ERR_IDENTITY_NAME', 'a raw public key proves no name', undefined, {
      hint: 'expect the peer by its key id, or have it show a certificate',
    });
  if (parseSpki(spki) === undefined)
    return new Refusal(
      'ERR_IDENTITY_ALGORITHM',
      'the raw public key is malformed, too weak or of an unknown kind',
    );
  const keyId = peerId(spki);
  if (!ids.includes(keyId))
    return new Refusal(
      'ERR_IDENTITY_KEY_MISMATCH',
      `peer holds the key ${keyId}, wanted ${ids.length === 1 ? ids[0] : `one of ${ids.length} others`}`,
    );
  return proveRawKey({ keyId, assurance: 'key', expiresAt: NEVER }, spki.slice());
}

function wantedIds(expected: Expected | PinnedKeys): readonly string[] | undefined {
  switch (expected.kind) {
    case 'key':
      return [parsePeerId(expected.id)];
    case 'keys':
      return expected.ids.map(parsePeerId);
    default:
      return undefined;
  }
}
