// A domain for one run: its authority, and a certificate for alice and for bob.
import { DomainAuthority, Trust } from 'q2q/identity';

export function makeDomain(provider, keyKind, name = 'bench.example') {
  const now = Date.now();
  const authority = DomainAuthority.create(provider, name, now, keyKind);
  const credential = (user) => {
    const signer = provider.generateKey(keyKind);
    return { signer, chain: authority.issueUser({ spki: signer.spki, user, now }) };
  };
  const trust = Trust.of([{ domain: name, roots: [authority.root] }]);
  return { name, authority, trust, alice: credential('alice'), bob: credential('bob') };
}
