/** The vectors of test/vectors/identity: reading the file, and q2q's own answer to a case. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import {
  type Certificate,
  type DomainAnchors,
  type Expected,
  IdentityError,
  parseCertificate,
  parseCrl,
  Refusal,
  Trust,
  type VerifiedPeer,
  verifyClient,
  verifyPeer,
  verifyServer,
} from '../../src/identity/index.ts';
import type { VectorCase, VectorSuite } from '../vectors/identity/format.ts';

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

function expectedOf({ expected = { any: true } }: VectorCase): Expected {
  const { name, key, domain } = expected;
  if (name !== undefined) return { kind: 'name', name };
  if (key !== undefined) return { kind: 'key', id: key };
  if (domain !== undefined) return { kind: 'domain', domain };
  return { kind: 'anyPeer' };
}
