/** A domain's signed, numbered bundle: who may sign it, what may follow what, and how it is written. */
import { type Bytes, compareBytes, concat, utf8 } from '../../../../src/base/bytes.ts';
import { signatureIdentifier } from '../../../../src/identity/algorithms.ts';
import {
  bitString,
  der,
  integer,
  octetString,
  sequence,
  TAG,
  time,
  utf8String,
} from '../../../../src/identity/der.ts';
import { digestOfPeerId, peerId } from '../../../../src/identity/peerId.ts';
import { aki, DAY, NOW } from '../../../identity/maker.ts';
import type { Book, Issued } from '../book.ts';
import type { BundleCase } from '../format.ts';
import { keyOf } from '../keys.ts';

const LABEL = 'q2q domain bundle 1\0';

interface BundleRecipe {
  readonly signer: Issued;
  readonly roots: readonly Issued[];
  readonly handovers?: readonly Issued[];
  readonly domain?: string;
  readonly number?: number;
  readonly version?: number;
  readonly issuedAt?: number;
  readonly expiresAt?: number;
  readonly denied?: readonly Issued[];
  /** Entries as they are written, sorted unless given. */
  readonly deniedKeys?: readonly Bytes[];
  readonly deniedCertificates?: readonly Bytes[];
  readonly label?: string;
  readonly signedBy?: Issued;
  readonly signature?: (signature: Bytes) => Bytes;
  readonly finish?: (der: Bytes) => Bytes;
  readonly tail?: readonly Bytes[];
}

const digest = (issued: Issued): Bytes => octetString(digestOfPeerId(peerId(issued.key.spki)));
const denial = (issued: Issued): Bytes => sequence(digest(issued), time(NOW + 9 * DAY));

function encode(recipe: BundleRecipe): Bytes {
  const { signer, roots, handovers = [], denied = [] } = recipe;
  const key = (recipe.signedBy ?? signer).key;
  const { scheme, identifier } = signatureIdentifier(key.kind);
  const ders = (issued: readonly Issued[]): Bytes => sequence(...issued.map((one) => one.der));
  const contents = sequence(
    integer(recipe.version ?? 1),
    utf8String(recipe.domain ?? 'example.org'),
    integer(recipe.number ?? 5),
    time(recipe.issuedAt ?? NOW),
    time(recipe.expiresAt ?? NOW + 30 * DAY),
    integer(3600),
    digest(signer),
    ders(roots),
    ders(handovers),
    sequence(...(recipe.deniedKeys ?? denied.map(denial).sort(compareBytes))),
    sequence(...(recipe.deniedCertificates ?? [])),
    ...(recipe.tail ?? []),
  );
  const signature = key.sign(scheme, concat([utf8(recipe.label ?? LABEL), contents]));
  const whole = sequence(contents, identifier, bitString(recipe.signature?.(signature) ?? signature));
  return recipe.finish?.(whole) ?? whole;
}

type Asked = Partial<Pick<BundleCase, 'held' | 'first' | 'denied_keys' | 'time' | 'domain' | 'after'>> & {
  readonly anchors?: readonly Issued[];
};

export function bundles(book: Book): void {
  const old = book.domainRoot('bundle old', 'example.org');
  const next = book.domainRoot('bundle new', 'example.org');
  const third = book.domainRoot('bundle third', 'example.org');
  const handover = handoverOf(book, 'bundle handover', old, next);
  const second = handoverOf(book, 'bundle second handover', next, third);
  const stranger = book.domainRoot('bundle stranger', 'example.org');
  const leaf = book.leaf('bundle leaf', old);
  const plain: BundleRecipe = { signer: old, roots: [old] };

  const ask = (
    id: string,
    description: string,
    recipe: BundleRecipe,
    verdict: string,
    asked: Asked = {},
  ): void => {
    book.bundles.set(`bundle ${id}`, encode(recipe));
    const { anchors = [old], ...rest } = asked;
    book.addBundle({
      id: `bundle::${id}`,
      description,
      rule: 'q2q bundle',
      bundle: `bundle ${id}`,
      domain: 'example.org',
      anchors: anchors.map(({ name }) => name),
      time: new Date(NOW).toISOString().replace('.000', ''),
      ...rest,
      result: verdict === 'ok' ? 'SUCCESS' : 'FAILURE',
      ...(verdict === 'ok' ? {} : { code: `ERR_IDENTITY_${verdict}` }),
    });
  };
  const after = (
    roots: readonly Issued[],
    sequence: number,
    denied: readonly Issued[] = [],
  ): Pick<BundleCase, 'after'> => ({
    after: {
      roots: roots.map(({ name }) => name),
      sequence,
      denied_keys: denied.map(({ key }) => peerId(key.spki)),
    },
  });

  ask('plain', 'Signed by the root that is held', plain, 'ok', after([old], 5));
  ask('p256', 'By a P-256 root', p256(book), 'ok', {
    anchors: [book.domainRoot('bundle nist again', 'example.org', { key: keyOf('p256', 'bundle') })],
  });
  ask('denies', 'It withdraws a key', { ...plain, denied: [leaf] }, 'ok', after([old], 5, [leaf]));
  ask(
    'denial-over',
    'A withdrawal whose time is over is forgotten',
    { ...plain, deniedKeys: [sequence(digest(leaf), time(NOW - DAY))] },
    'ok',
    after([old], 5),
  );
  ask('newer', 'A higher number than the one held', { ...plain, number: 6 }, 'ok', {
    held: 'bundle plain',
    ...after([old], 6),
  });
  ask('same-again', 'The one held, once more', plain, 'ok', { held: 'bundle plain', ...after([old], 5) });
  ask('same-number', 'Another of the same number', { ...plain, denied: [leaf] }, 'BUNDLE_ROLLBACK', {
    held: 'bundle plain',
  });
  ask('older', 'A lower number than the one held', { ...plain, number: 4 }, 'BUNDLE_ROLLBACK', {
    held: 'bundle plain',
  });
  ask('no-roots', 'No roots at all: the domain revokes itself', { ...plain, roots: [] }, 'ok', after([], 5));
  ask(
    'both-roots',
    'During a roll, signed by the old root',
    { signer: old, roots: [next, old], handovers: [handover] },
    'ok',
    after([next, old], 5),
  );

  ask(
    'by-new',
    'Signed by the new root, with the handover, to one who holds the old',
    { signer: next, roots: [next], handovers: [handover] },
    'ok',
    after([next], 5),
  );
  ask(
    'by-new-no-handover',
    'The same without the handover',
    { signer: next, roots: [next, old] },
    'BUNDLE_SIGNER',
  );
  ask(
    'by-third',
    'Two rolls later',
    { signer: third, roots: [third], handovers: [second, handover] },
    'ok',
    after([third], 5),
  );
  ask(
    'by-third-gap',
    'One of the two handovers is missing',
    { signer: third, roots: [third], handovers: [second] },
    'BUNDLE_SIGNER',
  );
  ask(
    'by-stranger',
    'Signed by a root that nobody vouches for',
    { signer: stranger, roots: [stranger, old] },
    'BUNDLE_SIGNER',
  );
  const forged = handoverOf(book, 'bundle forged handover', old, stranger, stranger);
  ask(
    'forged-handover',
    'A handover that the old key did not sign',
    { signer: stranger, roots: [stranger], handovers: [forged] },
    'BUNDLE_SIGNER',
  );
  ask(
    'handover-withdrawn',
    'The key handed over to was withdrawn since',
    { signer: next, roots: [next], handovers: [handover] },
    'BUNDLE_SIGNER',
    {
      denied_keys: [peerId(next.key.spki)],
    },
  );
  ask('signer-withdrawn', 'The root that is held was withdrawn', plain, 'BUNDLE_SIGNER', {
    denied_keys: [peerId(old.key.spki)],
  });
  const ended = book.domainRoot('bundle ended', 'example.org', {
    key: old.key,
    label: old.label,
    notBefore: NOW - 9 * DAY,
    notAfter: NOW - DAY,
  });
  ask('root-ended', 'The root that is held has ended', plain, 'BUNDLE_SIGNER', { anchors: [ended] });
  ask('by-leaf', 'Signed by a leaf of the root', { signer: leaf, roots: [old] }, 'BUNDLE_SIGNER');
  ask(
    'lies-about-signer',
    'It names the root, and another signed',
    { ...plain, signedBy: stranger },
    'BUNDLE_SIGNER',
  );
  ask(
    'flipped',
    'One bit of the signature is another',
    { ...plain, signature: (bytes) => bytes.map((byte, i) => (i === 7 ? byte ^ 1 : byte)) },
    'BUNDLE_SIGNER',
  );
  ask(
    'no-label',
    'Signed without the label that keeps bundles apart from certificates',
    { ...plain, label: '' },
    'BUNDLE_SIGNER',
  );

  ask(
    'other-domain',
    'Of another domain, under the same root',
    { ...plain, domain: 'example.com' },
    'BUNDLE_DOMAIN',
  );
  ask('upper-case', 'The domain is in capitals', { ...plain, domain: 'Example.org' }, 'BUNDLE');
  ask(
    'ended',
    'Its days are over',
    { ...plain, issuedAt: NOW - 9 * DAY, expiresAt: NOW - DAY },
    'BUNDLE_EXPIRED',
  );
  ask('last-second', 'In its last second', { ...plain, issuedAt: NOW - 9 * DAY, expiresAt: NOW }, 'ok');
  ask('backwards', 'It ends before it begins', { ...plain, issuedAt: NOW + DAY, expiresAt: NOW }, 'BUNDLE');
  ask('number-0', 'The number 0', { ...plain, number: 0 }, 'BUNDLE');
  ask('version-2', 'Another version', { ...plain, version: 2 }, 'BUNDLE');
  const [one, two] = [denial(leaf), denial(stranger)].sort(compareBytes) as [Bytes, Bytes];
  ask('unsorted', 'Withdrawn keys out of order', { ...plain, deniedKeys: [two, one] }, 'BUNDLE');
  ask('twice', 'A withdrawn key twice', { ...plain, deniedKeys: [one, one] }, 'BUNDLE');
  ask('root-twice', 'A root twice', { ...plain, roots: [old, old] }, 'BUNDLE');
  ask('root-no-ca', 'A root that is a leaf', { ...plain, roots: [leaf] }, 'BUNDLE');
  ask(
    'trailing',
    'A byte behind',
    { ...plain, finish: (bytes) => concat([bytes, new Uint8Array(1)]) },
    'BUNDLE',
  );
  ask('more-contents', 'Something more inside', { ...plain, tail: [der(TAG.null)] }, 'BUNDLE');
  ask(
    'long-length',
    'A length with a zero octet too many',
    { ...plain, finish: (bytes) => concat([Uint8Array.of(0x30, 0x83, 0), bytes.subarray(2)]) },
    'BUNDLE',
  );

  ask('first', 'The first bundle of a domain: its own roots sign it', plain, 'ok', {
    first: true,
    anchors: [],
    ...after([old], 5),
  });
  ask(
    'first-by-stranger',
    'The first bundle, signed by a root that is not in it',
    { ...plain, signer: stranger },
    'BUNDLE_SIGNER',
    { first: true, anchors: [] },
  );
}

function p256(book: Book): BundleRecipe {
  const root = book.domainRoot('bundle nist', 'example.org', { key: keyOf('p256', 'bundle') });
  return { signer: root, roots: [root] };
}

function handoverOf(book: Book, name: string, old: Issued, next: Issued, signedBy = old): Issued {
  return book.domainRoot(name, 'example.org', {
    issuer: old,
    key: next.key,
    signedBy: signedBy.key,
    label: next.label,
    aki: aki(old.label),
  });
}
