/** Dates and serial numbers, at every place of a chain. */
import { concat, utf8 } from '../../../../src/base/bytes.ts';
import { der, integer, TAG } from '../../../../src/identity/der.ts';
import { DAY, NOW } from '../../../identity/maker.ts';
import { at, type Book, client, type Issued, type LeafRecipe } from '../book.ts';
import { expand } from '../keys.ts';

const RULE = 'RFC 5280 §4.1.2.5';

export function validity(book: Book): void {
  leaves(book);
  above(book);
  serials(book);
}

function leaves(book: Book): void {
  const root = book.root('time', { notBefore: NOW - 1000 * DAY, notAfter: NOW + 1000 * DAY });
  const leaf = book.leaf('time leaf', root);
  const ask = (id: string, description: string, time: number, verdict: string, shown: Issued = leaf): void =>
    book.add(`time::${id}`, RULE, description, client(shown, root, at(time)), verdict);
  ask('first-second', 'The first second counts', NOW - DAY, 'ok');
  ask('before', 'The second before does not', NOW - DAY - 1000, 'NOT_YET_VALID');
  ask('last-second', 'The last second counts', NOW + DAY, 'ok');
  ask('after', 'The second after does not', NOW + DAY + 1000, 'EXPIRED');
  const day = book.leaf('time one second', root, { notBefore: NOW, notAfter: NOW });
  ask('one-second', 'Valid for one second, in that second', NOW, 'ok', day);
  const never = book.leaf('time never', root, { notBefore: NOW + DAY, notAfter: NOW - DAY });
  ask('backwards', 'It ends before it begins', NOW, 'NOT_YET_VALID', never);
  const old = book.leaf('time 1950', root, { notBefore: der(TAG.utcTime, utf8('500101000000Z')) });
  ask('since-1950', 'A year of 50 is 1950', NOW, 'ok', old);
  const late = book.leaf('time 2049', root, { notAfter: der(TAG.utcTime, utf8('491231235959Z')) });
  ask('until-2049', 'A year of 49 is 2049', NOW, 'ok', late);
  const forever = book.leaf('time forever', root, {
    notAfter: der(TAG.generalizedTime, utf8('99991231235959Z')),
  });
  ask('forever', 'No well-defined end: 99991231235959Z', NOW, 'ok', forever);
  const zero = book.leaf('time zero', root, { notBefore: der(TAG.generalizedTime, utf8('20500101000000Z')) });
  ask('from-2050', 'Valid from 2050', NOW, 'NOT_YET_VALID', zero);
}

function above(book: Book): void {
  const dates = (from: number, to: number): LeafRecipe => ({
    notBefore: NOW + from * DAY,
    notAfter: NOW + to * DAY,
  });
  const ask = (
    id: string,
    description: string,
    rootDates: LeafRecipe,
    midDates: LeafRecipe,
    verdict: string,
    rule = 'RFC 5280 §6.1.3 (a)(2)',
  ): void => {
    const root = book.root(`dates ${id}`, rootDates);
    const mid = book.sub(`dates ${id} ca`, root, midDates);
    const leaf = book.leaf(`dates ${id} leaf`, mid, dates(-2, 2));
    book.add(`time::${id}`, rule, description, client(leaf, root, { mids: [mid] }), verdict);
  };
  ask('ca-expired', 'The CA has ended, the leaf has not', dates(-9, 9), dates(-9, -1), 'EXPIRED');
  ask('ca-future', 'The CA has not begun', dates(-9, 9), dates(1, 9), 'NOT_YET_VALID');
  ask(
    'root-expired',
    'The root has ended: what an anchor says of itself is kept to',
    dates(-9, -1),
    dates(-9, 9),
    'EXPIRED',
    'q2q: RFC 5280 §6.1.1 (d) leaves it open',
  );
  ask(
    'root-future',
    'The root has not begun',
    dates(1, 9),
    dates(-9, 9),
    'NOT_YET_VALID',
    'q2q: RFC 5280 §6.1.1 (d) leaves it open',
  );
  ask('not-nested', 'A leaf that outlives its CA is good while both are', dates(-9, 9), dates(-1, 1), 'ok');
}

function serials(book: Book): void {
  const root = book.root('serial');
  const ask = (id: string, description: string, serial: Uint8Array, verdict: string): void => {
    const leaf = book.leaf(`serial ${id}`, root, { serial: new Uint8Array(serial) });
    book.add(`serial::${id}`, 'RFC 5280 §4.1.2.2', description, client(leaf, root), verdict);
  };
  const octets = (length: number, first: number): Uint8Array =>
    concat([Uint8Array.of(first), expand('serial', length - 1)]);
  ask('one', 'One octet', integer(1), 'ok');
  ask('zero', 'Zero', der(TAG.integer, new Uint8Array(1)), 'MALFORMED');
  ask('negative', 'Negative', der(TAG.integer, Uint8Array.of(0x80)), 'MALFORMED');
  ask('20-octets', '20 octets', der(TAG.integer, octets(20, 0x7f)), 'ok');
  ask('21-octets', '21 octets', der(TAG.integer, octets(21, 0x7f)), 'MALFORMED');
  ask(
    '21-with-sign',
    '20 octets of number and a zero for the sign are 21',
    der(TAG.integer, new Uint8Array(1), octets(20, 0x80)),
    'MALFORMED',
  );
  const same = integer(77);
  const one = book.leaf('serial same 1', root, { serial: same });
  book.leaf('serial same 2', root, { serial: same, names: { email: ['bob@example.org'] } });
  book.add(
    'serial::same',
    'RFC 5280 §4.1.2.2',
    'Another leaf of the same CA has the same number: no validator can know',
    client(one, root),
    'ok',
  );
  const old = book.root('serial zero root', { serial: der(TAG.integer, new Uint8Array(1)) });
  book.add(
    'serial::zero-root',
    'q2q: roots of the wild have it',
    'A root with the number zero',
    client(book.leaf('serial zero root leaf', old), old),
    'ok',
  );
}
