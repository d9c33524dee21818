/** Peers that are their key: a certificate that signs itself, and whose names mean nothing. */
import { peerId } from '../../../../src/identity/index.ts';
import { OID } from '../../../../src/identity/oid.ts';
import { DAY, eku, extension, NOW, san, usage } from '../../../identity/maker.ts';
import { at, type Book, type Issued, keyPeer, type LeafRecipe, peer } from '../book.ts';
import { keyOf } from '../keys.ts';

const RULE = 'q2q profile: the key is the name';

/** As `selfSignedIdentity` makes them. */
function self(book: Book, name: string, recipe: LeafRecipe = {}): Issued {
  return book.certify(name, {
    subject: name,
    extensions: [
      recipe.usage ?? usage('digitalSignature'),
      recipe.eku ?? eku(OID.clientAuth, OID.serverAuth),
    ],
    ...recipe,
  });
}

export function keyPeers(book: Book): void {
  const one = self(book, 'peer');
  const other = self(book, 'peer other');
  const id = (issued: Issued): string => peerId(issued.key.spki);
  const ask = (
    what: string,
    description: string,
    leaf: Issued,
    verdict: string,
    expected = {},
    more = {},
    rule = RULE,
  ): void =>
    book.add(`key::${what}`, rule, description, keyPeer(leaf, { key: id(leaf), ...expected }, more), verdict);

  ask('itself', 'A key peer, asked for by its id', one, 'ok');
  ask('other', 'Another key peer than the one asked for', other, 'KEY_MISMATCH', { key: id(one) });
  ask('as-server', 'A key peer in the role of a server', one, 'ok', {}, { role: 'server' });
  for (const kind of ['p256', 'p384', 'rsa'] as const) {
    const leaf = self(book, `peer ${kind}`, { key: keyOf(kind, kind === 'rsa' ? 'a' : 'peer') });
    book.add(
      `key::${kind}`,
      RULE,
      `A key peer with a key of kind ${kind}`,
      keyPeer(leaf, { key: id(leaf) }),
      'ok',
    );
  }
  ask('first-second', 'In the first second it is valid', one, 'ok', {}, at(NOW - DAY), 'RFC 5280 §4.1.2.5');
  ask('last-second', 'In the last second it is valid', one, 'ok', {}, at(NOW + DAY), 'RFC 5280 §4.1.2.5');
  ask('early', 'A second before', one, 'NOT_YET_VALID', {}, at(NOW - DAY - 1000), 'RFC 5280 §4.1.2.5');
  ask('late', 'A second after', one, 'EXPIRED', {}, at(NOW + DAY + 1000), 'RFC 5280 §4.1.2.5');
  ask(
    'named',
    'Names in it are ignored',
    self(book, 'peer named', { more: [san({ email: ['alice@example.org'] })] }),
    'ok',
  );
  ask(
    'forged',
    'The key of another, signed by one that it is not',
    self(book, 'peer forged', { key: one.key, signedBy: other.key }),
    'SIGNATURE',
  );
  ask(
    'server-only',
    'Made for a server, used as a client',
    self(book, 'peer server only', { eku: eku(OID.serverAuth) }),
    'EXTENDED_KEY_USAGE',
    {},
    {},
    'RFC 5280 §4.2.1.12',
  );
  ask(
    'no-signatures',
    'A key that may not sign',
    self(book, 'peer no signatures', { usage: usage('keyAgreement') }),
    'KEY_USAGE',
    {},
    {},
    'RFC 5280 §4.2.1.3',
  );
  ask(
    'critical-unknown',
    'An unknown critical extension',
    self(book, 'peer critical', { more: [extension('2.25.1', true, Uint8Array.of(5, 0))] }),
    'CRITICAL_EXTENSION',
    {},
    {},
    'RFC 5280 §4.2',
  );
  book.add(
    'key::anybody',
    RULE,
    'A key peer without names, to whoever asks',
    keyPeer(one, { any: true }),
    'ok',
  );
  const claims = self(book, 'peer claims', { more: [san({ email: ['alice@example.org'] })] });
  const root = book.domainRoot('peer domain', 'example.org');
  book.add(
    'key::claims-mailbox',
    'q2q profile: a name is held to its domain',
    'A certificate that signs itself claims a mailbox',
    peer(claims, root),
    'PROFILE',
  );
  book.add(
    'key::claims-host',
    'q2q profile: a name is held to its domain',
    'A certificate that signs itself claims a domain',
    peer(self(book, 'peer host', { more: [san({ dns: ['example.org'] })] }), root, { domain: 'example.org' }),
    'PROFILE',
  );
  const enrolled = book.leaf('peer enrolled', root);
  book.add(
    'key::enrolled',
    RULE,
    'An enrolled user, asked for by key alone',
    keyPeer(enrolled, { key: id(enrolled) }),
    'ok',
  );
}
