/** A domain changes its root: the old key certifies the new one, two roots overlap, the old one goes. */
import { aki, ca, DAY, NOW } from '../../../identity/maker.ts';
import { type Book, type Issued, peer } from '../book.ts';
import { userCa } from './userCas.ts';

const RULE = 'RFC 4210 §4.4 (newWithOld)';

export function rolls(book: Book): void {
  const old = book.domainRoot('roll old', 'example.org');
  const next = book.domainRoot('roll new', 'example.org');
  const handover = handoverOf(book, 'roll handover', old, next);
  const before = book.leaf('roll before', old);
  const after = book.leaf('roll after', next);
  const ask = (
    id: string,
    description: string,
    leaf: Issued,
    anchors: readonly Issued[],
    mids: readonly Issued[],
    verdict: string,
    more = {},
  ): void =>
    book.add(`roll::${id}`, RULE, description, peer(leaf, anchors, undefined, { mids, ...more }), verdict);
  ask(
    'new-under-old',
    'A leaf of the new root, with the handover, to one who holds the old',
    after,
    [old],
    [handover],
    'ok',
  );
  ask('new-without-handover', 'The same without the handover', after, [old], [], 'UNKNOWN_ISSUER');
  ask('new-under-both', 'To one who holds both', after, [old, next], [handover], 'ok');
  ask('new-under-new', 'To one who holds the new', after, [next], [handover], 'ok');
  ask('old-under-both', 'A leaf of the old root to one who holds both', before, [next, old], [], 'ok');
  ask(
    'old-under-new',
    'A leaf of the old root to one who holds only the new: it is retired',
    before,
    [next],
    [],
    'UNKNOWN_ISSUER',
  );
  ask(
    'old-under-new-handover',
    'The handover leads from old to new, not back',
    before,
    [next],
    [handover, old],
    'UNKNOWN_ISSUER',
  );
  ask('nothing-held', 'A domain that has withdrawn all its roots', after, [], [handover], 'NO_ANCHOR');

  const own = userCa(book, 'roll user ca', next);
  ask(
    'user-ca-under-old',
    'A device below a user CA of the new root, to one who holds the old',
    book.leaf('roll device', own),
    [old],
    [own, handover],
    'ok',
  );

  const third = book.domainRoot('roll third', 'example.org');
  const second = handoverOf(book, 'roll second handover', next, third, { basic: ca(1) });
  ask(
    'two-rolls',
    'Two rolls later, to one who was away for both',
    book.leaf('roll third leaf', third),
    [old],
    [second, handover],
    'ok',
  );

  const ended = book.domainRoot('roll ended', 'example.org', {
    notBefore: NOW - 9 * DAY,
    notAfter: NOW - DAY,
    subject: 'example.org',
    label: 'roll old',
    key: old.key,
  });
  ask('old-ended', 'The old root has ended', after, [ended], [handover], 'EXPIRED');
  const stranger = book.domainRoot('roll stranger', 'example.org');
  const forged = handoverOf(book, 'roll forged handover', old, stranger, { signedBy: stranger.key });
  ask(
    'forged-handover',
    'A handover that the old key did not sign',
    book.leaf('roll stranger leaf', stranger),
    [old],
    [forged],
    'SIGNATURE',
  );
  const other = book.domainRoot('roll other', 'example.com');
  const renamed = handoverOf(book, 'roll renamed handover', old, other);
  ask(
    'handover-to-another-domain',
    "A handover to another domain's root does not make it this domain's",
    book.leaf('roll other leaf', other),
    [old],
    [renamed],
    'USER_CA',
  );
}

function handoverOf(book: Book, name: string, old: Issued, next: Issued, recipe = {}): Issued {
  return book.domainRoot(name, 'example.org', {
    issuer: old,
    key: next.key,
    subject: next.subject,
    label: next.label,
    aki: aki(old.label),
    ...recipe,
  });
}
