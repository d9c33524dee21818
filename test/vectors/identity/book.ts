/**
 * What the groups of vectors are written with: certificates by name, made byte for byte as asked for, and questions
 * about them with the answer that is right and the answers two other validators give.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, utf8 } from '../../../src/base/bytes.ts';
import type { PrivateKey } from '../../../src/crypto/provider.ts';
import { signatureIdentifier } from '../../../src/identity/algorithms.ts';
import { bitString, context, der, integer, sequence, time } from '../../../src/identity/der.ts';
import { EMPTY_NAME, nameOf } from '../../../src/identity/distinguishedName.ts';
import { OID } from '../../../src/identity/oid.ts';
import { aki, ca, constraints, DAY, eku, type Named, NOW, san, ski, usage } from '../../identity/maker.ts';
import type { BundleCase, Expected, VectorCase } from './format.ts';
import { keyOf } from './keys.ts';

/** A certificate of the book. */
export interface Issued {
  readonly name: string;
  readonly der: Bytes;
  readonly key: PrivateKey;
  readonly subject: Bytes;
  /** Bytes of its subject key identifier, as text. */
  readonly label: string;
  readonly serial: Bytes;
}

/** Where it is not said otherwise: an Ed25519 key, a day before and after now, extensions of the profile. */
export interface Recipe {
  readonly issuer?: Issued;
  readonly key?: PrivateKey;
  readonly signedBy?: PrivateKey;
  readonly subject?: string | Bytes;
  readonly label?: string;
  readonly extensions?: readonly Bytes[];
  /** Beside the usual ones. */
  readonly more?: readonly Bytes[];
  readonly spki?: Bytes;
  /** Milliseconds, or the element itself. */
  readonly notBefore?: number | Bytes;
  readonly notAfter?: number | Bytes;
  /** The INTEGER itself. */
  readonly serial?: Bytes;
  /** The [0] element; none for version 1. */
  readonly version?: Bytes;
  /** AlgorithmIdentifier inside and outside, and what signs. */
  readonly algorithm?: Bytes;
  readonly outerAlgorithm?: Bytes;
  readonly sign?: (tbs: Bytes) => Bytes;
  readonly signature?: (signature: Bytes) => Bytes;
  /** After the extensions, inside what is signed. */
  readonly tail?: readonly Bytes[];
  /** The finished encoding, changed. */
  readonly finish?: (der: Bytes) => Bytes;
  readonly tbs?: (tbs: Bytes) => Bytes;
}

/** The usual extensions, each as it is unless given; null leaves it out. */
type Parts = Readonly<
  Partial<Record<'basic' | 'usage' | 'eku' | 'san' | 'constraints' | 'ski' | 'aki', Bytes | null>>
>;

export interface CaRecipe extends Recipe, Parts {}

export interface LeafRecipe extends Recipe, Parts {
  readonly names?: Named;
}

/** A case without what other judges say of it (`differences.ts`). */
export type Asked = Omit<VectorCase, 'judges' | 'reasons'>;

/** Who is asked about, and how: everything of a case but its id, texts and answer. */
export type Question = Omit<Asked, 'id' | 'description' | 'rule' | 'result' | 'code'>;

export class Book {
  readonly certificates: Map<string, Bytes> = new Map();
  readonly crls: Map<string, Bytes> = new Map();
  readonly bundles: Map<string, Bytes> = new Map();
  readonly cases: Asked[] = [];
  readonly bundleCases: BundleCase[] = [];

  /** `verdict`: "ok", or the code of the refusal without its prefix. */
  add(id: string, rule: string, description: string, question: Question, verdict: string): void {
    if (this.cases.some((one) => one.id === id)) throw new Error(`two cases are called "${id}"`);
    const result = verdict === 'ok' ? 'SUCCESS' : 'FAILURE';
    const code = verdict === 'ok' ? {} : { code: `ERR_IDENTITY_${verdict}` };
    this.cases.push({ id, rule, description, ...question, result, ...code });
  }

  addBundle(one: BundleCase): void {
    if (this.bundleCases.some(({ id }) => id === one.id)) throw new Error(`two cases are called "${one.id}"`);
    this.bundleCases.push(one);
  }

  certify(name: string, recipe: Recipe): Issued {
    const { issuer, label = name } = recipe;
    const key = recipe.key ?? keyOf('ed25519', name);
    const subject =
      typeof recipe.subject === 'string'
        ? recipe.subject === ''
          ? EMPTY_NAME
          : nameOf(recipe.subject)
        : (recipe.subject ?? EMPTY_NAME);
    const signer = recipe.signedBy ?? issuer?.key ?? key;
    const usual = signatureIdentifier(signer.kind);
    const algorithm = recipe.algorithm ?? usual.identifier;
    const serial = recipe.serial ?? integer(serialOf(name));
    const extensions = [...(recipe.extensions ?? []), ...(recipe.more ?? [])];
    const plain = sequence(
      recipe.version ?? der(context(0, true), integer(2)),
      serial,
      algorithm,
      issuer?.subject ?? subject,
      sequence(moment(recipe.notBefore ?? NOW - DAY), moment(recipe.notAfter ?? NOW + DAY)),
      subject,
      recipe.spki ?? key.spki,
      ...(extensions.length === 0 ? [] : [der(context(3, true), sequence(...extensions))]),
      ...(recipe.tail ?? []),
    );
    const tbs = recipe.tbs?.(plain) ?? plain;
    const signed = recipe.sign?.(tbs) ?? signer.sign(usual.scheme, tbs);
    const signature = recipe.signature?.(signed) ?? signed;
    const whole = sequence(tbs, recipe.outerAlgorithm ?? algorithm, bitString(signature));
    return this.put(name, { der: recipe.finish?.(whole) ?? whole, key, subject, label, serial });
  }

  put(name: string, issued: Omit<Issued, 'name'>): Issued {
    if (this.certificates.has(name)) throw new Error(`two certificates are called "${name}"`);
    this.certificates.set(name, issued.der);
    return { name, ...issued };
  }

  /** A root without constraints, for questions that are not about a domain. */
  root(name: string, recipe: CaRecipe = {}): Issued {
    const { label = name } = recipe;
    const usual = { basic: ca(), usage: usage('keyCertSign', 'cRLSign'), ski: ski(label), aki: aki(label) };
    return this.certify(name, { subject: name, extensions: extensionsOf(usual, recipe), ...recipe });
  }

  /** A domain's root as q2q makes it. */
  domainRoot(name: string, domain: string, recipe: CaRecipe = {}): Issued {
    return this.root(name, {
      subject: domain,
      basic: ca(1),
      constraints: constraints(
        { email: [domain], dns: [domain], uri: [domain] },
        { ip: [new Uint8Array(8), new Uint8Array(32)] },
      ),
      ...recipe,
    });
  }

  sub(name: string, issuer: Issued, recipe: CaRecipe = {}): Issued {
    return this.root(name, { issuer, aki: aki(issuer.label), ...recipe });
  }

  /** alice@example.org, in either role. */
  leaf(name: string, issuer: Issued, recipe: LeafRecipe = {}): Issued {
    const usual = {
      usage: usage('digitalSignature'),
      eku: eku(OID.clientAuth, OID.serverAuth),
      san: san(recipe.names ?? { email: ['alice@example.org'] }, true),
      ski: ski(name),
      aki: aki(issuer.label),
    };
    return this.certify(name, { issuer, extensions: extensionsOf(usual, recipe), ...recipe });
  }
}

const PARTS = ['basic', 'usage', 'eku', 'san', 'constraints', 'ski', 'aki'] as const;

function extensionsOf(usual: Parts, asked: Parts): Bytes[] {
  return PARTS.flatMap((part) => {
    const found = asked[part] === undefined ? usual[part] : asked[part];
    return found === undefined || found === null ? [] : [found];
  });
}

/** Eight octets, positive: the same for the same name, whatever else is made. */
function serialOf(name: string): Bytes {
  const serial = sha256(utf8(name)).slice(0, 8) as Bytes;
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  return serial;
}

function moment(at: number | Bytes): Bytes {
  return typeof at === 'number' ? time(at) : at;
}

/* ---- Questions ---- */

const names = (issued: readonly Issued[]): string[] => issued.map(({ name }) => name);

interface More extends Partial<Question> {
  readonly mids?: readonly Issued[];
}

function question(leaf: Issued, anchors: readonly Issued[], more: More, rest: Partial<Question>): Question {
  const { mids = [], ...others } = more;
  return {
    kind: 'client',
    role: 'client',
    leaf: leaf.name,
    intermediates: names(mids),
    anchors: names(anchors),
    time: new Date(NOW).toISOString().replace('.000', ''),
    ...rest,
    ...others,
  };
}

/** Is this chain a client's? Under the strict rules unless `strict` is false. */
export function client(leaf: Issued, anchor: Issued | readonly Issued[], more: More = {}): Question {
  return question(leaf, [anchor].flat() as Issued[], more, { kind: 'client', role: 'client' });
}

/** Is this chain that of the server with this name? */
export function server(
  leaf: Issued,
  anchor: Issued | readonly Issued[],
  expected: Expected,
  more: More = {},
): Question {
  return question(leaf, [anchor].flat() as Issued[], more, { kind: 'server', role: 'server', expected });
}

/** Is this chain that of a q2q peer? `anchors` are the roots held for `domain`. */
export function peer(
  leaf: Issued,
  anchor: Issued | readonly Issued[],
  expected: Expected = { name: 'alice@example.org' },
  more: More = {},
): Question {
  return question(leaf, [anchor].flat() as Issued[], more, {
    kind: 'peer',
    role: 'client',
    domain: 'example.org',
    expected,
  });
}

export function at(milliseconds: number): { readonly time: string } {
  return { time: new Date(milliseconds).toISOString().replace('.000', '') };
}

/** Is this certificate that of the key peer? */
export function keyPeer(leaf: Issued, expected: Expected, more: More = {}): Question {
  return question(leaf, [], more, { kind: 'key', role: 'client', expected });
}
