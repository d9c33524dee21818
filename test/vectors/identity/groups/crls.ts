/** Certificate revocation lists (RFC 5280 §5, §6.3): what is on them, and when one may be believed. */
import { type Bytes, concat } from '../../../../src/base/bytes.ts';
import { signatureIdentifier } from '../../../../src/identity/algorithms.ts';
import { bitString, context, der, integer, sequence, TAG, time } from '../../../../src/identity/der.ts';
import { aki, DAY, extension, NOW, usage } from '../../../identity/maker.ts';
import { at, type Book, client, type Issued } from '../book.ts';
import { keyOf } from '../keys.ts';

const CRL_NUMBER = '2.5.29.20';
const REASON = '2.5.29.21';
const DELTA = '2.5.29.27';
const DISTRIBUTION = '2.5.29.28';

interface Listed {
  readonly serial: Bytes;
  readonly extensions?: readonly Bytes[];
}

interface ListRecipe {
  readonly revoked?: readonly Listed[];
  readonly thisUpdate?: number;
  readonly nextUpdate?: number | null;
  readonly signedBy?: Issued['key'];
  readonly label?: string;
  readonly extensions?: readonly Bytes[];
  readonly version?: readonly Bytes[];
  readonly signature?: (signature: Bytes) => Bytes;
  readonly finish?: (der: Bytes) => Bytes;
  /** Instead of `revoked`. */
  readonly list?: readonly Bytes[];
}

export function crls(book: Book): void {
  const root = book.root('crl root');
  const leaf = book.leaf('crl leaf', root);
  const other = book.leaf('crl other', root);

  const list = (name: string, issuer: Issued, recipe: ListRecipe = {}): string => {
    const { revoked = [], label = issuer.label } = recipe;
    const key = recipe.signedBy ?? issuer.key;
    const { scheme, identifier } = signatureIdentifier(key.kind);
    const nextUpdate = recipe.nextUpdate === undefined ? NOW + DAY : recipe.nextUpdate;
    const entries = revoked.map(({ serial, extensions = [] }) =>
      sequence(serial, time(NOW - 3_600_000), ...(extensions.length === 0 ? [] : [sequence(...extensions)])),
    );
    const extensions = recipe.extensions ?? [aki(label), extension(CRL_NUMBER, false, integer(7))];
    const tbs = sequence(
      ...(recipe.version ?? [integer(1)]),
      identifier,
      issuer.subject,
      time(recipe.thisUpdate ?? NOW - DAY),
      ...(nextUpdate === null ? [] : [time(nextUpdate)]),
      ...(recipe.list ?? (entries.length === 0 ? [] : [sequence(...entries)])),
      ...(extensions.length === 0 ? [] : [der(context(0, true), sequence(...extensions))]),
    );
    const signature = key.sign(scheme, tbs);
    const whole = sequence(tbs, identifier, bitString(recipe.signature?.(signature) ?? signature));
    book.crls.set(`crl ${name}`, recipe.finish?.(whole) ?? whole);
    return `crl ${name}`;
  };
  const ask = (
    id: string,
    rule: string,
    description: string,
    recipe: ListRecipe,
    verdict: string,
    more = {},
  ): void =>
    book.add(
      `crl::${id}`,
      rule,
      description,
      client(leaf, root, { crls: [list(id, root, recipe)], ...more }),
      verdict,
    );
  const listed: readonly Listed[] = [{ serial: leaf.serial }];
  const reason = (code: number, critical = false): Bytes =>
    extension(REASON, critical, der(0x0a, Uint8Array.of(code)));

  ask('empty', 'RFC 5280 §6.3.3', 'Nothing is on the list', {}, 'ok');
  ask('listed', 'RFC 5280 §6.3.3', 'The leaf is on the list', { revoked: listed }, 'REVOKED');
  ask(
    'other-listed',
    'RFC 5280 §6.3.3',
    'Another leaf is on the list',
    { revoked: [{ serial: other.serial }] },
    'ok',
  );
  ask(
    'second-listed',
    'RFC 5280 §6.3.3',
    'The leaf is the second of two',
    { revoked: [{ serial: other.serial }, ...listed] },
    'REVOKED',
  );
  ask(
    'reason',
    'RFC 5280 §5.3.1',
    'With a reason',
    { revoked: [{ serial: leaf.serial, extensions: [reason(1)] }] },
    'REVOKED',
  );
  ask(
    'hold',
    'RFC 5280 §5.3.1',
    'On hold is revoked until it is taken back',
    { revoked: [{ serial: leaf.serial, extensions: [reason(6)] }] },
    'REVOKED',
  );
  ask(
    'reason-unknown',
    'RFC 5280 §5.3.1',
    'A reason that there is not',
    { revoked: [{ serial: leaf.serial, extensions: [reason(7)] }] },
    'CRL',
  );

  ask(
    'stale',
    'RFC 5280 §5.1.2.5',
    'The next list was to come yesterday',
    { thisUpdate: NOW - 9 * DAY, nextUpdate: NOW - DAY },
    'CRL_STALE',
  );
  ask(
    'stale-listed',
    'RFC 5280 §5.1.2.5',
    'So it was, and the leaf is on it',
    { thisUpdate: NOW - 9 * DAY, nextUpdate: NOW - DAY, revoked: listed },
    'CRL_STALE',
  );
  ask('last-second', 'RFC 5280 §5.1.2.5', 'In the last second it counts', { nextUpdate: NOW }, 'ok');
  ask(
    'second-late',
    'RFC 5280 §5.1.2.5',
    'A second later it does not',
    { nextUpdate: NOW },
    'CRL_STALE',
    at(NOW + 1000),
  );
  ask(
    'future',
    'RFC 5280 §5.1.2.4',
    'The list is from tomorrow',
    { thisUpdate: NOW + DAY, nextUpdate: NOW + 9 * DAY },
    'CRL_STALE',
  );
  ask('no-next', 'RFC 5280 §5.1.2.5', 'It does not say when the next one comes', { nextUpdate: null }, 'CRL');

  ask(
    'forged',
    'RFC 5280 §6.3.3 (g)',
    'Signed by another key in the name of the CA',
    { signedBy: keyOf('ed25519', 'crl mallory') },
    'CRL',
  );
  ask(
    'forged-honest',
    'RFC 5280 §6.3.3 (f)',
    'Signed by another key, and it says so',
    { signedBy: keyOf('ed25519', 'crl mallory'), label: 'mallory' },
    'CRL',
  );
  ask(
    'flipped',
    'RFC 5280 §6.3.3 (g)',
    'One bit of the signature is another',
    { signature: (bytes) => bytes.map((byte, i) => (i === 5 ? byte ^ 1 : byte)) },
    'CRL',
  );
  ask(
    'version-1',
    'RFC 5280 §5.1.2.1',
    'Version 1, without extensions',
    { version: [], extensions: [] },
    'CRL',
  );
  ask('no-number', 'RFC 5280 §5.2.3', 'A list without number', { extensions: [aki('crl root')] }, 'CRL');
  ask(
    'number-critical',
    'RFC 5280 §5.2.3',
    'A number that is critical',
    { extensions: [aki('crl root'), extension(CRL_NUMBER, true, integer(7))] },
    'CRL',
  );
  const beside = (...extra: Bytes[]): readonly Bytes[] => [
    aki('crl root'),
    extension(CRL_NUMBER, false, integer(7)),
    ...extra,
  ];
  ask(
    'critical-unknown',
    'RFC 5280 §5.2',
    'An unknown critical extension of the list',
    { extensions: beside(extension('2.25.1', true, der(TAG.null))) },
    'CRL',
  );
  ask(
    'plain-unknown',
    'RFC 5280 §5.2',
    'An unknown extension that is not critical',
    { extensions: beside(extension('2.25.1', false, der(TAG.null))) },
    'ok',
  );
  ask(
    'entry-critical-unknown',
    'RFC 5280 §5.3',
    'An unknown critical extension of an entry, even of another certificate',
    { revoked: [{ serial: other.serial, extensions: [extension('2.25.1', true, der(TAG.null))] }] },
    'CRL',
  );
  ask(
    'delta',
    'RFC 5280 §5.2.4',
    'A delta only changes another list',
    { extensions: beside(extension(DELTA, true, integer(6))) },
    'CRL',
  );
  ask(
    'users-only',
    'RFC 5280 §5.2.5',
    'A list of the leaves only',
    { extensions: beside(extension(DISTRIBUTION, true, sequence(der(context(1), Uint8Array.of(0xff))))) },
    'CRL',
  );
  ask(
    'indirect',
    'RFC 5280 §5.2.5',
    'A list that speaks for other issuers',
    { extensions: beside(extension(DISTRIBUTION, true, sequence(der(context(4), Uint8Array.of(0xff))))) },
    'CRL',
  );
  ask(
    'empty-sequence',
    'RFC 5280 §5.1.2.6',
    'A list of entries that has none',
    { list: [sequence()] },
    'CRL',
  );
  ask('twice', 'RFC 5280 §5.1.2.6', 'One number twice', { revoked: [...listed, ...listed] }, 'CRL');
  ask(
    'trailing',
    'X.690 §8.1.1',
    'A byte follows the list',
    { finish: (bytes) => concat([bytes, new Uint8Array(1)]) },
    'CRL',
  );

  const free = book.root('crl free', { usage: usage('keyCertSign') });
  book.add(
    'crl::no-crl-sign',
    'RFC 5280 §6.3.3 (f)',
    'The CA may sign certificates, but no lists',
    client(book.leaf('crl free leaf', free), free, { crls: [list('free', free)] }),
    'CRL',
  );
  const two = [
    list('old one', root, { thisUpdate: NOW - 9 * DAY, nextUpdate: NOW - DAY }),
    list('new one', root),
  ];
  book.add(
    'crl::old-beside-new',
    'RFC 5280 §6.3.3',
    'An old list beside the one that followed it',
    client(leaf, root, { crls: two }),
    'ok',
  );
  const bad = [list('clean one', root), list('full one', root, { revoked: listed })];
  book.add(
    'crl::two-lists',
    'RFC 5280 §6.3.3',
    'Two lists of one CA, the leaf on one of them',
    client(leaf, root, { crls: bad }),
    'REVOKED',
  );
  levels(book, root, list);
}

/** A CA between: what its list and the root's say. */
function levels(
  book: Book,
  root: Issued,
  list: (name: string, issuer: Issued, recipe?: ListRecipe) => string,
): void {
  const mid = book.sub('crl ca', root);
  const leaf = book.leaf('crl ca leaf', mid);
  const ask = (id: string, description: string, lists: readonly string[], verdict: string): void =>
    book.add(
      `crl::${id}`,
      'RFC 5280 §6.3.3',
      description,
      client(leaf, root, { mids: [mid], crls: lists }),
      verdict,
    );
  const clean = list('root clean', root);
  ask('both-clean', 'Neither is on a list', [clean, list('ca clean', mid)], 'ok');
  ask(
    'ca-listed',
    "The CA is on the root's list",
    [list('root full', root, { revoked: [{ serial: mid.serial }] }), list('ca clean 2', mid)],
    'REVOKED',
  );
  ask(
    'leaf-listed',
    "The leaf is on the CA's list",
    [clean, list('ca full', mid, { revoked: [{ serial: leaf.serial }] })],
    'REVOKED',
  );
  ask(
    'wrong-list',
    "The leaf's number is on the root's list, which is of other certificates",
    [list('root wrong', root, { revoked: [{ serial: leaf.serial }] }), list('ca clean 3', mid)],
    'ok',
  );
  ask(
    'by-the-root',
    'The root signs the list of the CA',
    [clean, list('ca by root', mid, { signedBy: root.key, label: root.label })],
    'CRL',
  );
  ask('none-of-the-ca', 'The CA has no list: q2q takes what there is', [clean], 'ok');
}
