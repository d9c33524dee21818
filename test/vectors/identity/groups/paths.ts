/** Building a path: cross-signed roots, cycles, namesakes, key identifiers that lie (RFC 4158), and how long it may be. */
import { nameOf } from '../../../../src/identity/distinguishedName.ts';
import { aki, ca, DAY, NOW, ski } from '../../../identity/maker.ts';
import { type Book, client, type Issued, peer } from '../book.ts';
import { keyOf } from '../keys.ts';

export function paths(book: Book): void {
  building(book);
  lengths(book);
  identifiers(book);
}

function building(book: Book): void {
  const add = (
    id: string,
    description: string,
    leaf: Issued,
    anchors: readonly Issued[],
    mids: readonly Issued[],
    verdict: string,
  ): void =>
    book.add(
      `path::${id}`,
      'RFC 4158 §2, RFC 5280 §6.1',
      description,
      client(leaf, anchors, { mids }),
      verdict,
    );

  const old = book.root('path old');
  const next = book.root('path new');
  const crossed = book.sub('path new by old', old, {
    subject: next.subject,
    key: next.key,
    label: 'path new',
  });
  const mid = book.sub('path ca', next);
  const leaf = book.leaf('path leaf', mid);
  add('in-order', 'The usual chain', leaf, [next], [mid], 'ok');
  add('root-sent-along', 'The root itself is sent along', leaf, [next], [mid, next], 'ok');
  add(
    'cross-signed',
    'The new root is not held, but was certified by one that is',
    leaf,
    [old],
    [mid, crossed],
    'ok',
  );
  add('cross-signed-any-order', 'The same in another order', leaf, [old], [crossed, mid], 'ok');
  add('cross-signed-both', 'Both roots are held', leaf, [old, next], [mid, crossed], 'ok');
  add('nothing-held', 'No root is held', leaf, [], [mid, next], 'UNKNOWN_ISSUER');
  add('other-held', 'Another root is held', leaf, [book.root('path other')], [mid, next], 'UNKNOWN_ISSUER');
  add('missing-ca', 'The CA between is missing', leaf, [next], [], 'UNKNOWN_ISSUER');
  add('ca-held', 'The CA between is the anchor', leaf, [mid], [], 'ok');

  const backA = book.sub('path cycle a', next, { subject: 'path cycle a' });
  const backB = book.sub('path cycle b', backA, { subject: 'path cycle b' });
  const again = book.sub('path cycle a again', backB, {
    subject: 'path cycle a',
    key: backA.key,
    label: 'path cycle a',
  });
  const cycleLeaf = book.leaf('path cycle leaf', backB);
  add(
    'cycle-with-exit',
    'Two CAs certify each other, and one way leads out',
    cycleLeaf,
    [next],
    [backB, again, backA],
    'ok',
  );
  add(
    'cycle-without-exit',
    'Two CAs certify each other, and no way leads out',
    cycleLeaf,
    [next],
    [backB, again],
    'UNKNOWN_ISSUER',
  );

  const twin = book.sub('path twin', next, { subject: mid.subject, label: 'path ca' });
  add(
    'namesake-first',
    'Another CA of the same name and key identifier comes first',
    leaf,
    [next],
    [twin, mid],
    'ok',
  );
  add('namesake-only', 'Only the namesake is there', leaf, [next], [twin], 'SIGNATURE');
  const ended = book.sub('path ended', next, {
    subject: mid.subject,
    key: mid.key,
    label: 'path ca',
    notBefore: NOW - 9 * DAY,
    notAfter: NOW - DAY,
  });
  add(
    'ended-first',
    'An older certificate of the same CA has ended, a newer one has not',
    leaf,
    [next],
    [ended, mid],
    'ok',
  );
  add('ended-only', 'Only the older one is there', leaf, [next], [ended], 'EXPIRED');
  const fake = book.root('path fake', { subject: next.subject, label: 'path new' });
  add(
    'fake-root-sent',
    'A root of the same name, sent along, is not the one held',
    book.leaf('path fake leaf', fake),
    [next],
    [fake],
    'SIGNATURE',
  );
  add('fake-root-beside', 'It does not disturb a good chain either', leaf, [next], [fake, mid], 'ok');
  const selfIssued = book.sub('path self issued', mid, { subject: mid.subject, label: 'path self issued' });
  add(
    'self-issued',
    'A CA certifies its own new key',
    book.leaf('path self issued leaf', selfIssued),
    [next],
    [selfIssued, mid],
    'ok',
  );
  const namesakes = [
    book.root('path pool 1', { subject: nameOf('pool'), label: 'pool' }),
    book.root('path pool 2', { subject: nameOf('pool'), label: 'pool' }),
  ];
  add(
    'two-anchors-one-name',
    'Two anchors of one name; the second signed',
    book.leaf('path pool leaf', namesakes[1]!),
    namesakes,
    [],
    'ok',
  );
  const junk = book.certify('path junk', { subject: 'junk', finish: (bytes) => bytes.slice(0, 40) });
  add('junk-beside', 'Something that is no certificate is sent along', leaf, [next], [mid, junk], 'ok');
  const domain = book.domainRoot('path domain', 'example.org');
  book.add(
    'path::junk-beside-peer',
    'q2q: a peer sends nothing it does not mean',
    'The same by a peer of q2q',
    peer(book.leaf('path domain leaf', domain), domain, undefined, { mids: [junk] }),
    'MALFORMED',
  );
}

function lengths(book: Book): void {
  const RULE = 'RFC 5280 §4.2.1.9, §6.1.4 (l)-(m)';
  const chain = (id: string, root: Issued, recipes: readonly Parameters<Book['sub']>[2][]): Issued[] => {
    let above = root;
    return recipes.map((recipe, i) => (above = book.sub(`length ${id} ${i}`, above, recipe)));
  };
  const ask = (
    id: string,
    description: string,
    rootLength: number | undefined,
    recipes: readonly Parameters<Book['sub']>[2][],
    verdict: string,
  ): void => {
    const root = book.root(`length ${id}`, rootLength === undefined ? {} : { basic: ca(rootLength) });
    const mids = chain(id, root, recipes);
    const leaf = book.leaf(`length ${id} leaf`, mids.at(-1) ?? root);
    book.add(`length::${id}`, RULE, description, client(leaf, root, { mids }), verdict);
  };
  ask('root-0-leaf', 'A root of path length 0 signs a leaf', 0, [], 'ok');
  ask('root-0-ca', 'A root of path length 0 signs a CA', 0, [{}], 'PATH_LENGTH');
  ask('root-1-ca', 'A root of path length 1 signs a CA', 1, [{}], 'ok');
  ask('root-1-two', 'A root of path length 1 above two CAs', 1, [{}, {}], 'PATH_LENGTH');
  ask('ca-0-leaf', 'A CA of path length 0 signs a leaf', undefined, [{ basic: ca(0) }], 'ok');
  ask('ca-0-ca', 'A CA of path length 0 signs a CA', undefined, [{ basic: ca(0) }, {}], 'PATH_LENGTH');
  ask(
    'larger-below',
    'A CA cannot take more length than it was given',
    1,
    [{ basic: ca(5) }, {}],
    'PATH_LENGTH',
  );
  ask('five', 'Five CAs between', undefined, [{}, {}, {}, {}, {}], 'ok');
  ask(
    'seven',
    'Seven CAs between: more than q2q follows',
    undefined,
    [{}, {}, {}, {}, {}, {}, {}],
    'UNKNOWN_ISSUER',
  );
  const root = book.root('length self', { basic: ca(0) });
  const self = book.sub('length self issued', root, { subject: root.subject, label: 'length self issued' });
  book.add(
    'length::self-issued',
    RULE,
    'A CA that certifies its own new key does not count',
    client(book.leaf('length self leaf', self), root, { mids: [self] }),
    'ok',
  );
}

function identifiers(book: Book): void {
  const RULE = 'RFC 5280 §4.2.1.1, §4.2.1.2';
  const root = book.root('ids');
  const ask = (
    id: string,
    description: string,
    leaf: Issued,
    verdict: string,
    mids: readonly Issued[] = [],
    more = {},
  ): void => book.add(`identifier::${id}`, RULE, description, client(leaf, root, { mids, ...more }), verdict);
  ask(
    'lies',
    'The key identifier names no key that exists: it only helps to find one',
    book.leaf('ids lies', root, { aki: aki('nobody') }),
    'ok',
  );
  const none = book.leaf('ids none', root, { aki: null });
  ask('none', 'A leaf without authority key identifier: strict rules want one', none, 'PROFILE');
  ask('none-free', 'The same under the rules of RFC 5280 §6 alone', none, 'ok', [], { strict: false });
  const mid = book.sub('ids ca', root, { ski: null });
  ask(
    'ca-no-subject',
    'A CA without subject key identifier: strict rules want one',
    book.leaf('ids ca leaf', mid),
    'PROFILE',
    [mid],
  );
  const bare = book.sub('ids bare', root, { aki: null });
  ask(
    'ca-no-authority',
    'A CA without authority key identifier: strict rules want one',
    book.leaf('ids bare leaf', bare),
    'PROFILE',
    [bare],
  );
  const same = book.sub('ids same', root, { label: 'ids', key: keyOf('ed25519', 'ids same') });
  ask('same', 'A CA that bears the identifier of its root', book.leaf('ids same leaf', same), 'ok', [same]);
  ask(
    'leaf-has-root-id',
    'A leaf that bears the identifier of its root',
    book.leaf('ids leaf', root, { ski: ski('ids') }),
    'ok',
  );
}
