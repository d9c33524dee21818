/** One case of x509-limbo through `verifyServer` or `verifyClient`. */
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import {
  type Certificate,
  IdentityError,
  parseCertificate,
  parsePemAs,
  Refusal,
  verifyClient,
  verifyServer,
} from '../../src/identity/index.ts';

export interface LimboCase {
  readonly id: string;
  readonly validation_kind: 'SERVER' | 'CLIENT';
  readonly validation_time: string | null;
  readonly trusted_certs: readonly string[];
  readonly untrusted_intermediates: readonly string[];
  readonly peer_certificate: string;
  readonly expected_result: 'SUCCESS' | 'FAILURE';
  readonly expected_peer_name: { readonly kind: string; readonly value: string } | null;
  readonly max_chain_depth: number | null;
}

export interface LimboVerdict {
  readonly id: string;
  readonly actual: 'SUCCESS' | 'FAILURE';
  readonly context: string;
  readonly milliseconds: number;
}

export function runLimbo(test: LimboCase, strict: boolean, provider: CryptoProvider): LimboVerdict {
  const start = performance.now();
  const verdict = verify(test, strict, provider);
  return { id: test.id, ...verdict, milliseconds: performance.now() - start };
}

function verify(
  test: LimboCase,
  strict: boolean,
  provider: CryptoProvider,
): Pick<LimboVerdict, 'actual' | 'context'> {
  // A root that we cannot even read is one the user could not have added.
  const { roots, context } = readRoots(test.trusted_certs);
  const chain = [test.peer_certificate, ...test.untrusted_intermediates].map(der);
  const now = test.validation_time === null ? Date.now() : Date.parse(test.validation_time);
  const options = {
    strict,
    ...(test.max_chain_depth === null ? {} : { maxIntermediates: test.max_chain_depth }),
  };
  const name = test.expected_peer_name;
  try {
    const answer =
      test.validation_kind === 'CLIENT'
        ? verifyClient(chain, roots, now, provider, options)
        : verifyServer(
            chain,
            name!.kind === 'IP' ? { ip: name!.value } : { dns: name!.value },
            roots,
            now,
            provider,
            options,
          );
    if (!(answer instanceof Refusal)) return { actual: 'SUCCESS', context: '' };
    return { actual: 'FAILURE', context: context ?? `${answer.code}: ${answer.message}` };
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    return { actual: 'FAILURE', context: `${error.code}: ${error.message}` };
  }
}

function der(pem: string): Uint8Array {
  return parsePemAs('CERTIFICATE', pem)[0]!;
}

function readRoots(pems: readonly string[]): {
  readonly roots: Certificate[];
  readonly context: string | undefined;
} {
  const roots: Certificate[] = [];
  let context: string | undefined;
  for (const pem of pems) {
    try {
      roots.push(parseCertificate(der(pem)));
    } catch (error) {
      if (!(error instanceof IdentityError)) throw error;
      context ??= `root: ${error.message}`;
    }
  }
  return { roots, context };
}
