/** The vectors of test/vectors/identity: reading the file, and q2q's own answer to a case. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { sha256 } from '@noble/hashes/sha2.js';
import { hex } from '../../src/base/bytes.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import {
  acceptBundle,
  type Certificate,
  type DomainAnchors,
  type Expected,
  firstBundle,
  IdentityError,
  parseBundle,
  parseCertificate,
  parseCrl,
  Refusal,
  Trust,
  type VerifiedPeer,
  verifyClient,
  verifyPeer,
  verifyServer,
} from '../../src/identity/index.ts';
import type { BundleCase, VectorCase, VectorSuite } from '../vectors/identity/format.ts';

export const VECTORS: string = resolve(import.meta.dirname, '..', 'vectors', 'identity', 'vectors.json');

export function readSuite(): VectorSuite {
  return JSON.parse(readFileSync(VECTORS, 'utf8')) as VectorSuite;
}

export interface Answer {
  readonly result: 'SUCCESS' | 'FAILURE';
  readonly code?: string;
  readonly message?: string;
}

export function answer(suite: VectorSuite, one: VectorCase, provider: CryptoProvider): Answer {
  try {
    const verdict = ask(suite, one, provider);
    if (!(verdict instanceof Refusal)) return { result: 'SUCCESS' };
    return { result: 'FAILURE', code: verdict.code, message: verdict.message };
  } catch (error) {
    // A root that cannot be read is one that nobody could have added.
    if (!(error instanceof IdentityError)) throw error;
    return { result: 'FAILURE', code: error.code, message: error.message };
  }
}

function ask(suite: VectorSuite, one: VectorCase, provider: CryptoProvider): VerifiedPeer | Refusal {
  const bytes = (name: string): Uint8Array => Buffer.from(suite.certificates[name]!, 'base64');
  const roots = (names: readonly string[]): Certificate[] =>
    names.map((name) => parseCertificate(bytes(name)));
  const chain = [one.leaf, ...one.intermediates].map(bytes);
  const now = Date.parse(one.time);
  const options = {
    strict: one.strict ?? true,
    ...(one.crls && { crls: one.crls.map((name) => parseCrl(Buffer.from(suite.crls[name]!, 'base64'))) }),
  };
  switch (one.kind) {
    case 'client':
      return verifyClient(chain, roots(one.anchors), now, provider, options);
    case 'server':
      return verifyServer(chain, one.expected!, roots(one.anchors), now, provider, options);
    case 'key':
      return verifyPeer(chain, expectedOf(one), Trust.of([]), one.role, now, provider);
    case 'peer': {
      const held: DomainAnchors = {
        domain: one.domain!,
        roots: roots(one.anchors),
        deniedKeys: one.denied_keys ?? [],
        deniedCertificates: one.denied_certificates ?? [],
      };
      const others = Object.entries(one.others ?? {}).map(([domain, names]) => ({
        domain,
        roots: roots(names),
      }));
      return verifyPeer(chain, expectedOf(one), Trust.of([...others, held]), one.role, now, provider);
    }
  }
}

export type BundleAnswer = Answer & { readonly after?: BundleCase['after'] };

export function answerBundle(suite: VectorSuite, one: BundleCase, provider: CryptoProvider): BundleAnswer {
  const bundle = (name: string): Uint8Array => Buffer.from(suite.bundles[name]!, 'base64');
  const names = new Map(Object.entries(suite.certificates).map(([name, text]) => [text, name]));
  const now = Date.parse(one.time);
  const before = one.held === undefined ? undefined : bundle(one.held);
  const held: DomainAnchors = {
    domain: one.domain,
    roots: one.anchors.map((name) => parseCertificate(Buffer.from(suite.certificates[name]!, 'base64'))),
    deniedKeys: one.denied_keys ?? [],
    ...(before && { sequence: parseBundle(before).sequence, digest: hex(sha256(before)) }),
  };
  const got = one.first
    ? firstBundle(bundle(one.bundle), one.domain, 'web', now, provider)
    : acceptBundle(bundle(one.bundle), held, now, provider);
  if (got instanceof Refusal) return { result: 'FAILURE', code: got.code, message: got.message };
  const roots = got.roots.map(({ der }) => names.get(Buffer.from(der).toString('base64'))!);
  return {
    result: 'SUCCESS',
    after: { roots, sequence: got.sequence ?? 0, denied_keys: got.deniedKeys ?? [] },
  };
}

function expectedOf({ expected = { any: true } }: VectorCase): Expected {
  const { name, key, domain } = expected;
  if (name !== undefined) return { kind: 'name', name };
  if (key !== undefined) return { kind: 'key', id: key };
  if (domain !== undefined) return { kind: 'domain', domain };
  return { kind: 'anyPeer' };
}
