/**
 * A user's own CA: one mailbox, no CAs below, no hosts, no addresses. RFC 5280 would let a domain certify CAs that may sign
 * more; q2q follows none, for such a CA could speak for others.
 */
import { OID } from '../../../../src/identity/oid.ts';
import { ca, constraints, DAY, eku, type Named, NOW, san, usage } from '../../../identity/maker.ts';
import { type Book, type CaRecipe, type Issued, type LeafRecipe, peer } from '../book.ts';
import { keyOf } from '../keys.ts';

const RULE = 'q2q profile: a user CA signs one mailbox and nothing else';
export const ALL_ADDRESSES: Named = { ip: [new Uint8Array(8), new Uint8Array(32)] };

/** As `issueUserCa` makes it. */
export function userCa(book: Book, name: string, root: Issued, recipe: CaRecipe = {}): Issued {
  return book.sub(name, root, {
    subject: 'alice@example.org',
    basic: ca(0),
    usage: usage('keyCertSign'),
    constraints: constraints(
      { email: ['alice@example.org'], uri: ['example.org'] },
      { dns: [''], ...ALL_ADDRESSES },
    ),
    ...recipe,
  });
}

export function userCas(book: Book): void {
  const root = book.domainRoot('user ca root', 'example.org');
  const own = userCa(book, 'user ca', root);
  devices(book, root, own);
  broad(book, root);
  places(book, root, own);
}

function devices(book: Book, root: Issued, own: Issued): void {
  const ask = (
    id: string,
    description: string,
    leaf: LeafRecipe,
    verdict: string,
    expected: Parameters<typeof peer>[2] = { name: 'alice@example.org' },
    rule = RULE,
  ): void => {
    const made = book.leaf(`user ca ${id}`, own, leaf);
    book.add(`user-ca::${id}`, rule, description, peer(made, root, expected, { mids: [own] }), verdict);
  };
  const NC = 'RFC 5280 §4.2.1.10';
  const laptop: Named = { email: ['alice@example.org'], uri: ['q2q://example.org/alice/laptop'] };
  ask('device', 'A device of its user', { names: laptop }, 'ok');
  ask('device-p256', 'With a P-256 key', { names: laptop, key: keyOf('p256', 'device') }, 'ok');
  ask('device-any', 'To whoever asks', { names: laptop }, 'ok', { any: true });
  ask('device-nameless', 'Without a label', { names: { email: ['alice@example.org'] } }, 'ok');
  ask('device-server', 'In the role of a client only', { names: laptop, eku: eku(OID.clientAuth) }, 'ok');
  ask(
    'other-mailbox',
    'A device of somebody else',
    { names: { email: ['bob@example.org'] } },
    'NAME_CONSTRAINTS',
    { name: 'bob@example.org' },
    NC,
  );
  ask(
    'other-case',
    'The same mailbox in capitals is another',
    { names: { email: ['ALICE@example.org'] } },
    'NAME',
    { any: true },
    `${NC}, §7.5`,
  );
  ask(
    'tagged',
    'The mailbox with a tag is another',
    { names: { email: ['alice+x@example.org'] } },
    'NAME_CONSTRAINTS',
    { name: 'alice+x@example.org' },
    NC,
  );
  ask(
    'host',
    "A host of the user's domain",
    { names: { dns: ['example.org'] } },
    'NAME_CONSTRAINTS',
    { domain: 'example.org' },
    NC,
  );
  ask(
    'host-beside',
    'A host beside the mailbox',
    { names: { email: ['alice@example.org'], dns: ['example.org'] } },
    'PROFILE',
  );
  ask(
    'uri-other-user',
    'The device label of somebody else',
    { names: { email: ['alice@example.org'], uri: ['q2q://example.org/bob/laptop'] } },
    'PROFILE',
  );
  ask(
    'uri-other-host',
    'A device label at another domain',
    { names: { email: ['alice@example.org'], uri: ['q2q://example.com/alice/laptop'] } },
    'PROFILE',
  );
  ask(
    'expired-leaf',
    'A device whose days are over',
    { names: laptop, notBefore: NOW - 9 * DAY, notAfter: NOW - DAY },
    'EXPIRED',
    undefined,
    'RFC 5280 §4.1.2.5',
  );
  ask(
    'forged',
    'Signed by another than the CA',
    { names: laptop, signedBy: keyOf('ed25519', 'mallory') },
    'SIGNATURE',
    undefined,
    'RFC 5280 §6.1.3 (a)(1)',
  );
}

/** CAs that RFC 5280 allows and q2q does not. */
function broad(book: Book, root: Issued): void {
  const ask = (id: string, description: string, recipe: CaRecipe, verdict = 'USER_CA'): void => {
    const own = userCa(book, `user ca ${id}`, root, recipe);
    const leaf = book.leaf(`user ca ${id} leaf`, own);
    book.add(`user-ca::${id}`, RULE, description, peer(leaf, root, undefined, { mids: [own] }), verdict);
  };
  const limited = (permitted: Named, excluded: Named): CaRecipe => ({
    constraints: constraints(permitted, excluded),
  });
  const alice = { email: ['alice@example.org'] };
  const nothing = { dns: [''], ...ALL_ADDRESSES };
  ask('unconstrained', 'A CA without constraints', { constraints: null });
  ask('whole-domain', 'A CA for all mailboxes of the domain', limited({ email: ['example.org'] }, nothing));
  ask(
    'two-mailboxes',
    'A CA for two mailboxes',
    limited({ email: ['alice@example.org', 'bob@example.org'] }, nothing),
  );
  ask('hosts-free', 'A CA that may sign hosts', limited(alice, ALL_ADDRESSES));
  ask(
    'one-host-free',
    'A CA that is kept from one host only',
    limited(alice, { dns: ['example.org'], ...ALL_ADDRESSES }),
  );
  ask(
    'ipv6-free',
    'A CA that may sign IPv6 addresses',
    limited(alice, { dns: [''], ip: [new Uint8Array(8)] }),
  );
  ask('only-excluded', 'A CA that is told what it may not, but not what it may', {
    constraints: constraints(undefined, { email: ['bob@example.org'], ...nothing }),
  });
  ask('path-length', 'A CA that may have CAs below', { basic: ca() });
  ask('path-length-1', 'A CA that may have one below', { basic: ca(1) });
  ask(
    'no-uri',
    'A CA that says nothing of URIs signs no more: the mailbox rules the label',
    limited(alice, nothing),
    'ok',
  );
  ask(
    'other-user',
    'A CA of somebody else',
    limited({ email: ['bob@example.org'] }, nothing),
    'NAME_CONSTRAINTS',
  );
  ask('expired', 'A CA whose days are over', { notBefore: NOW - 9 * DAY, notAfter: NOW - DAY }, 'EXPIRED');
  ask(
    'future',
    'A CA whose days have not come',
    { notBefore: NOW + DAY, notAfter: NOW + 9 * DAY },
    'NOT_YET_VALID',
  );
  ask('clients-only', 'A CA for clients', { eku: eku(OID.clientAuth) }, 'ok');
  ask('servers-only', 'A CA for servers above a client', { eku: eku(OID.serverAuth) }, 'EXTENDED_KEY_USAGE');
}

function places(book: Book, root: Issued, own: Issued): void {
  const wide = book.domainRoot('user ca wide root', 'example.org', { basic: ca(), subject: 'wide' });
  const first = userCa(book, 'user ca first', wide, { basic: ca(1) });
  const second = userCa(book, 'user ca second', first, { subject: 'alice again' });
  book.add(
    'user-ca::nested',
    RULE,
    'A user CA below a user CA',
    peer(book.leaf('user ca nested leaf', second), wide, undefined, { mids: [second, first] }),
    'USER_CA',
  );
  const below = userCa(book, 'user ca below', own, { subject: 'alice again' });
  book.add(
    'user-ca::nested-path-length',
    'RFC 5280 §4.2.1.9',
    'A user CA signs another, against its path length',
    peer(book.leaf('user ca below leaf', below), root, undefined, { mids: [below, own] }),
    'PATH_LENGTH',
  );
  const shown = userCa(book, 'user ca shown', root, {
    san: san({ email: ['alice@example.org'] }),
    usage: usage('digitalSignature', 'keyCertSign'),
  });
  book.add(
    'user-ca::as-leaf',
    'q2q profile: a CA is never a peer',
    'A user CA that names its user, shown as a leaf',
    peer(shown, root),
    'CA_AS_LEAF',
  );
  book.add(
    'user-ca::not-held',
    'RFC 5280 §6.1',
    'A user CA alone is no anchor of its domain',
    peer(book.leaf('user ca orphan', own), root),
    'UNKNOWN_ISSUER',
  );
  const self = book.root('user ca self', {
    subject: 'alice@example.org',
    basic: ca(0),
    key: own.key,
    label: own.label,
  });
  book.add(
    'user-ca::self-signed',
    'RFC 5280 §6.1',
    'The same key, certified by itself and not by the domain',
    peer(book.leaf('user ca self leaf', self), root, undefined, { mids: [self] }),
    'UNKNOWN_ISSUER',
  );
  const middle = book.sub('department', root, { basic: ca(0) });
  book.add(
    'user-ca::department',
    RULE,
    'A department’s CA below the root: good under RFC 5280, but it could speak for everybody',
    peer(book.leaf('department leaf', middle), root, undefined, { mids: [middle] }),
    'USER_CA',
  );
}
