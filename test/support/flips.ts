/** One flipped bit: what was signed is signed no more, wherever the bit stands. */
import { nobleProvider } from '../../src/crypto/noble.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import {
  acceptBundle,
  createCsr,
  crlFault,
  type DomainAnchors,
  DomainAuthority,
  IdentityError,
  issueCrl,
  parseCertificate,
  parseCrl,
  parseCsr,
  peerId,
  Refusal,
  Trust,
  UserAuthority,
  verifyPeer,
} from '../../src/identity/index.ts';
import { DAY, NOW } from '../identity/maker.ts';

export interface Flippable {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Whether the bytes, changed or not, are believed. */
  readonly accepts: (bytes: Uint8Array, provider: CryptoProvider) => boolean;
}

/** `domain`'s device below a user CA below a new root, its list and bundle, and a request; all with keys of one kind. */
export function flippables(kind: 'ed25519' | 'p256'): readonly Flippable[] {
  const provider = nobleProvider();
  const old = DomainAuthority.create(provider, 'example.org', NOW, kind);
  const rolled = old.roll(NOW, kind);
  const held: DomainAnchors = { domain: 'example.org', roots: [old.root] };
  const key = provider.generateKey(kind);
  const alice = UserAuthority.load(provider, {
    chain: rolled.issueUserCa({ spki: key.spki, user: 'alice', now: NOW }),
    key,
  });
  const { spki } = provider.generateKey(kind);
  const chain = alice.issueDevice({ spki, device: 'laptop', now: NOW });
  const [leaf] = chain.map(parseCertificate);
  const withdrawn = [{ keyId: peerId(spki), until: NOW + DAY }];
  const number = {
    issuer: peerId(key.spki),
    serial: Buffer.from(leaf!.serial).toString('hex'),
    until: NOW + DAY,
  };
  const request = { sequence: 5, now: NOW, deniedKeys: withdrawn, deniedCertificates: [number] };
  const revoked = [{ serial: leaf!.serial, date: NOW, reason: 'keyCompromise' } as const];
  return [
    ...chain.map((bytes, i) => ({
      name: `certificate ${i} of ${chain.length}, a device below a user CA below a new root`,
      bytes,
      accepts: acceptsChain(chain, i, Trust.of([held])),
    })),
    {
      name: 'a list of revoked certificates',
      bytes: issueCrl(old.root, old.rootKey, { number: 7, thisUpdate: NOW, nextUpdate: NOW + DAY, revoked }),
      accepts: (bytes, judge) =>
        orRefused(() => crlFault(parseCrl(bytes), old.root, NOW, judge) === undefined, 'ERR_IDENTITY_CRL'),
    },
    {
      name: "a domain's bundle, signed by the new root",
      bytes: rolled.bundle(request),
      accepts: (bytes, judge) => !(acceptBundle(bytes, held, NOW, judge) instanceof Refusal),
    },
    {
      name: 'a certification request',
      bytes: createCsr(key),
      accepts: (bytes, judge) => orRefused(() => parseCsr(judge, bytes) !== undefined, 'ERR_IDENTITY_CSR'),
    },
  ];
}

function acceptsChain(chain: readonly Uint8Array[], index: number, trust: Trust): Flippable['accepts'] {
  const expected = { kind: 'name', name: 'alice@example.org' } as const;
  return (bytes, provider) => {
    const shown = chain.map((one, i) => (i === index ? bytes : one));
    return !(verifyPeer(shown, expected, trust, 'client', NOW, provider) instanceof Refusal);
  };
}

function orRefused(accepts: () => boolean, code: string): boolean {
  try {
    return accepts();
  } catch (error) {
    if (error instanceof IdentityError && error.code === code) return false;
    throw error;
  }
}

/** The bits whose flipping nobody notices; `step` bits lie between those tried. */
export function unnoticed(
  { bytes, accepts }: Flippable,
  provider: CryptoProvider,
  step = 1,
): readonly number[] {
  const found: number[] = [];
  const flipped = new Uint8Array(bytes);
  for (let bit = 0; bit < bytes.length * 8; bit += step) {
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    if (accepts(flipped, provider)) found.push(bit);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
  }
  return found;
}
