/** Chains by chance, for comparing validators: names, constraints, lengths, usages and dates that fit and that do not. */
import type { Bytes } from '../../src/base/bytes.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { PrivateKey } from '../../src/crypto/provider.ts';
import { OID } from '../../src/identity/oid.ts';
import { aki, ca, constraints, DAY, eku, type Named, NOW, san, usage } from '../identity/maker.ts';
import { Book, type CaRecipe, client, type Issued, type LeafRecipe } from '../vectors/identity/book.ts';
import type { VectorSuite } from '../vectors/identity/format.ts';
import { keyOf } from '../vectors/identity/keys.ts';
import { suiteOf } from '../vectors/identity/suite.ts';

/** Numbers in [0, below) that depend on the seed alone. */
type Chance = (below: number) => number;

function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const HOSTS = ['a.b', 'c.b', 'x.a.b', 'a.example', 'example', 'ab', 'A.B'] as const;
/** Ed25519 by node:crypto: as deterministic as the portable provider, and faster. Namesakes may share a key. */
const KEYS: readonly PrivateKey[] = Array.from({ length: 16 }, (_, i) =>
  node.importKey(keyOf('ed25519', `random ${i}`).dangerousExport()),
);
const STRANGER: PrivateKey = node.importKey(keyOf('ed25519', 'stranger').dangerousExport());

/** None below another: whether a host as a base covers those below is where Go differs (docs/vectors.md). */
const FLAT = ['a.b', 'c.b', 'd.b', 'a.example'] as const;
const DNS_BASES = ['', 'b', 'a.b', 'x.a.b', 'example', 'B', 'c.b'] as const;
const FLAT_BASES = ['a.b', 'c.b', '.b', '.example', 'A.B'] as const;
const USERS = ['u', 'v', 'U', 'u.v'] as const;

function pick<T>(chance: Chance, from: readonly T[]): T {
  return from[chance(from.length)]!;
}

function some<T>(chance: Chance, most: number, make: () => T): T[] {
  return Array.from({ length: chance(most + 1) }, make);
}

function namesBy(chance: Chance, plain: boolean): Named {
  const flat = (): string => pick(chance, FLAT);
  const named: Named = {
    dns: some(chance, 2, () => pick(chance, HOSTS)),
    email: some(chance, 1, () => `${pick(chance, USERS)}@${flat()}`),
    uri: some(chance, 1, () =>
      pick(chance, [
        `q2q://${flat()}/x`,
        `q2q://${flat()}:1/`,
        plain ? `x://${flat()}` : `q2q://u@${flat()}/`,
      ]),
    ),
    ip: some(chance, 1, () => Uint8Array.of(10, chance(3), 0, chance(3))),
  };
  const isEmpty = Object.values(named).every((list) => list.length === 0);
  return isEmpty ? { dns: ['a.b'] } : named;
}

function basesBy(chance: Chance): Named | undefined {
  const named: Named = {
    dns: some(chance, 2, () => pick(chance, DNS_BASES)),
    email: some(chance, 1, () =>
      chance(2) === 0 ? pick(chance, FLAT_BASES) : `${pick(chance, USERS)}@${pick(chance, FLAT)}`,
    ),
    uri: some(chance, 1, () => pick(chance, FLAT_BASES)),
    ip: some(chance, 1, () => rangeBy(chance)),
  };
  return Object.values(named).every((list) => list.length === 0) ? undefined : named;
}

/** 10.x.0.y under a mask of 8, 16 or 32 bits, its address cut to the mask. */
function rangeBy(chance: Chance): Uint8Array {
  const bytes = pick(chance, [1, 2, 4]);
  const address = Uint8Array.of(10, chance(3), 0, chance(3)).fill(0, bytes);
  return Uint8Array.of(...address, ...new Uint8Array(4).fill(255, 0, bytes));
}

function constraintsBy(chance: Chance): { readonly constraints?: Bytes } {
  if (chance(3) > 0) return {};
  const permitted = chance(2) === 0 ? basesBy(chance) : undefined;
  const excluded = chance(2) === 0 ? basesBy(chance) : undefined;
  return permitted === undefined && excluded === undefined
    ? {}
    : { constraints: constraints(permitted, excluded) };
}

function usagesBy(chance: Chance): { readonly eku?: Bytes } {
  const roll = chance(8);
  if (roll === 0) return { eku: eku(OID.serverAuth) };
  if (roll === 1) return { eku: eku(OID.clientAuth) };
  return {};
}

function datesBy(chance: Chance): Pick<CaRecipe, 'notBefore' | 'notAfter'> {
  const roll = chance(24);
  if (roll === 0) return { notBefore: NOW - 2 * DAY, notAfter: NOW - 1000 };
  if (roll === 1) return { notBefore: NOW + 1000 };
  return {};
}

/** What only sometimes goes wrong with a CA. */
function flawsBy(chance: Chance): CaRecipe {
  const roll = chance(24);
  if (roll === 0) return { basic: null };
  if (roll === 1) return { usage: usage('digitalSignature') };
  if (roll === 2) return { signedBy: STRANGER };
  return chance(3) === 0 ? { basic: ca(chance(3)) } : {};
}

function authorityBy(chance: Chance): CaRecipe {
  return { ...constraintsBy(chance), ...usagesBy(chance), ...datesBy(chance), ...flawsBy(chance) };
}

export interface Taste {
  /** Without key identifiers that lie and user information in URIs, which OpenSSL takes otherwise (docs/vectors.md). */
  readonly plain?: boolean;
}

/** `count` questions about clients, under the rules of RFC 5280 §6 alone. */
export function randomChains(seed: number, count: number, { plain = false }: Taste = {}): VectorSuite {
  const chance = chanceOf(seed);
  const book = new Book();
  for (let i = 0; i < count; i++) {
    const { signedBy: _, ...own } = authorityBy(chance);
    const root = book.root(`${i} root`, { key: pick(chance, KEYS), ...own });
    const mids: Issued[] = [];
    for (let left = chance(3); left > 0; left--)
      mids.unshift(
        book.sub(`${i} ca ${left}`, mids[0] ?? root, { key: pick(chance, KEYS), ...authorityBy(chance) }),
      );
    const issuer = mids[0] ?? root;
    const leaf = book.leaf(`${i} leaf`, issuer, leafBy(chance, issuer, plain));
    const shown = chance(8) === 0 ? mids.slice(1) : chance(2) === 0 ? mids : [...mids].reverse();
    book.add(`random::${i}`, 'RFC 5280 §6', '', client(leaf, root, { mids: shown, strict: false }), 'ok');
  }
  return suiteOf(book);
}

function leafBy(chance: Chance, issuer: Issued, plain: boolean): LeafRecipe {
  return {
    key: pick(chance, KEYS),
    san: san(namesBy(chance, plain), true),
    eku: null,
    aki: aki(!plain && chance(8) === 0 ? 'nobody' : issuer.label),
    ...usagesBy(chance),
    ...datesBy(chance),
    ...(chance(24) === 0 ? { signedBy: STRANGER } : {}),
  };
}
