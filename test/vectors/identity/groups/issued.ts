/** What q2q's own authorities issue, byte for byte: a domain, its users and servers, a user's CA, a roll, key peers. */
import { nobleProvider } from '../../../../src/crypto/noble.ts';
import type { PrivateKey } from '../../../../src/crypto/provider.ts';
import {
  DomainAuthority,
  parseCertificate,
  selfSignedIdentity,
  UserAuthority,
} from '../../../../src/identity/index.ts';
import { NOW } from '../../../identity/maker.ts';
import { type Book, type Issued, keyPeer, peer } from '../book.ts';
import { expand, keyOf } from '../keys.ts';

const RULE = 'q2q profile: what its authorities issue';

export function issued(book: Book): void {
  for (const kind of ['ed25519', 'p256'] as const) ofKind(book, kind);
}

function ofKind(book: Book, kind: 'ed25519' | 'p256'): void {
  // Root keys, serial numbers, what ECDSA adds to its nonce: each draw has a name of its own.
  let draws = 0;
  const provider = nobleProvider({ random: (length) => expand(`issued ${kind} ${draws++}`, length) });
  const key = (name: string): PrivateKey => keyOf(kind, `issued ${name}`);
  const keep = (name: string, der: Uint8Array, own: PrivateKey): Issued => {
    const { subject, serial } = parseCertificate(der);
    return book.put(`issued ${kind} ${name}`, {
      der: new Uint8Array(der),
      key: own,
      subject,
      label: name,
      serial,
    });
  };
  const keepChain = (name: string, chain: readonly Uint8Array[], own: PrivateKey): [Issued, ...Issued[]] =>
    chain.map((der, i) => keep(i === 0 ? name : `${name}, ${i} above`, der, own)) as [Issued, ...Issued[]];
  const ask = (id: string, description: string, question: Parameters<Book['add']>[3], verdict = 'ok'): void =>
    book.add(`issued::${kind}-${id}`, RULE, description, question, verdict);

  const domain = DomainAuthority.create(provider, 'example.org', NOW, kind);
  const root = keep('root', domain.root.der, domain.rootKey);
  const other = DomainAuthority.create(provider, 'example.com', NOW, kind);
  const otherRoot = keep('other root', other.root.der, other.rootKey);
  const alice = key('alice');
  const [user] = keepChain(
    'user',
    domain.issueUser({ spki: alice.spki, user: 'alice', device: 'laptop', now: NOW }),
    alice,
  );
  const [relay] = keepChain(
    'server',
    domain.issueServer({ spki: key('relay').spki, now: NOW }),
    key('relay'),
  );
  ask('user', 'A user', peer(user, root));
  ask('user-as-server', 'A user who is dialled', peer(user, root, undefined, { role: 'server' }));
  ask('user-elsewhere', 'A user to one who holds another root', peer(user, otherRoot), 'UNKNOWN_ISSUER');
  ask('server', 'A server', peer(relay, root, { domain: 'example.org' }, { role: 'server' }));

  const caKey = key('user ca');
  const own = UserAuthority.load(provider, {
    chain: domain.issueUserCa({ spki: caKey.spki, user: 'alice', now: NOW }),
    key: caKey,
  });
  const phone = own.issueDevice({ spki: key('phone').spki, device: 'phone', now: NOW });
  const [device, ...above] = keepChain('device', phone, key('phone'));
  ask('device', "A device below the user's CA", peer(device, root, undefined, { mids: above }));
  ask('device-alone', 'The same without the CA', peer(device, root), 'UNKNOWN_ISSUER');

  const rolled = domain.roll(NOW, kind);
  const nextRoot = keep('next root', rolled.root.der, rolled.rootKey);
  const [renewed, ...way] = keepChain(
    'renewed',
    rolled.issueUser({ spki: alice.spki, user: 'alice', device: 'laptop', now: NOW }),
    alice,
  );
  ask(
    'rolled-old',
    'A user of the new root, to one who holds the old',
    peer(renewed, root, undefined, { mids: way }),
  );
  ask('rolled-new', 'To one who holds the new', peer(renewed, nextRoot, undefined, { mids: way }));
  const again = UserAuthority.load(provider, {
    chain: rolled.issueUserCa({ spki: caKey.spki, user: 'alice', now: NOW }),
    key: caKey,
  });
  const tablet = again.issueDevice({ spki: key('tablet').spki, device: 'tablet', now: NOW });
  const [second, ...chain] = keepChain('second device', tablet, key('tablet'));
  ask(
    'rolled-device',
    'A device below a user CA of the new root, to one who holds the old',
    peer(second, root, undefined, { mids: chain }),
  );

  const self = selfSignedIdentity(key('key peer'), NOW);
  const keyed = keep('key peer', self.chain[0]!, key('key peer'));
  ask('key-peer', 'A key peer', keyPeer(keyed, { key: self.keyId }));
  ask('key-peer-any', 'A key peer to whoever asks', keyPeer(keyed, { any: true }));
}
