/** One case of x509-limbo through `verifyServer` or `verifyClient`; every field of the suite's schema counts. */

import type { CryptoProvider } from '../../src/crypto/provider.ts';
import {
  type Certificate,
  type ExpectedName,
  IdentityError,
  type KeyUsage,
  parseCertificate,
  parseCrl,
  parsePemAs,
  Refusal,
  type SignatureAlgorithm,
  verifyClient,
  verifyServer,
  type WebOptions,
} from '../../src/identity/index.ts';
import { OID } from '../../src/identity/oid.ts';
import { cpuMilliseconds } from '../support/cpu.ts';

export interface LimboCase {
  readonly id: string;
  readonly validation_kind: 'SERVER' | 'CLIENT';
  readonly validation_time?: string | null;
  readonly trusted_certs: readonly string[];
  readonly untrusted_intermediates: readonly string[];
  readonly peer_certificate: string;
  readonly expected_result: 'SUCCESS' | 'FAILURE';
  readonly expected_peer_name?: LimboName | null;
  readonly expected_peer_names?: readonly LimboName[];
  readonly max_chain_depth?: number | null;
  readonly signature_algorithms?: readonly string[];
  readonly key_usage?: readonly string[];
  readonly extended_key_usage?: readonly string[];
  readonly crls?: readonly string[];
}

interface LimboName {
  readonly kind: 'DNS' | 'IP' | 'RFC822';
  readonly value: string;
}

/** A difference from the suite's expectation that we stand by, and why. Looked up by id only after the verdict. */
export interface LimboException {
  readonly id: string;
  readonly expected: 'SUCCESS' | 'FAILURE';
  readonly actual: 'SUCCESS' | 'FAILURE';
  readonly reason: string;
}

export interface LimboVerdict {
  readonly id: string;
  readonly actual: 'SUCCESS' | 'FAILURE' | 'SKIPPED';
  /** The rule and the certificate that breaks it. */
  readonly context: string;
  readonly milliseconds: number;
}

type Verdict = Pick<LimboVerdict, 'actual' | 'context'>;

export function runLimbo(test: LimboCase, strict: boolean, provider: CryptoProvider): LimboVerdict {
  const start = cpuMilliseconds();
  const verdict = verify(test, strict, provider);
  return { id: test.id, ...verdict, milliseconds: cpuMilliseconds() - start };
}

function verify(test: LimboCase, strict: boolean, provider: CryptoProvider): Verdict {
  // A root that we cannot even read is one the user could not have added.
  const { roots, unreadable } = readRoots(test.trusted_certs);
  const now = typeof test.validation_time === 'string' ? Date.parse(test.validation_time) : Date.now();
  const depth = test.max_chain_depth ?? undefined;
  const wanted = [test.expected_peer_name ?? [], test.expected_peer_names ?? []].flat().map(expectedName);
  try {
    const chain = [test.peer_certificate, ...test.untrusted_intermediates].map(der);
    const crls = (test.crls ?? []).flatMap((pem) => parsePemAs('X509 CRL', pem).map(parseCrl));
    const options: WebOptions = { strict, crls, ...(depth === undefined ? {} : { maxIntermediates: depth }) };
    if (test.validation_kind === 'SERVER' && wanted.length !== 1)
      return { actual: 'SKIPPED', context: 'a server is verified for one name, and none other is asked for' };
    const answer =
      test.validation_kind === 'CLIENT'
        ? verifyClient(chain, roots, now, provider, { ...options, expected: wanted })
        : verifyServer(chain, wanted[0]!, roots, now, provider, options);
    if (answer instanceof Refusal) return refused(answer, unreadable);
    return unasked(answer.chain, test) ?? { actual: 'SUCCESS', context: '' };
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    return { actual: 'FAILURE', context: `${error.code}: ${error.message}` };
  }
}

function refused({ code, message, certIndex }: Refusal, unreadable: string | undefined): Verdict {
  const where =
    certIndex === undefined
      ? 'no presented certificate'
      : certIndex === 0
        ? 'peer certificate'
        : `untrusted intermediate ${certIndex}`;
  const root = unreadable === undefined ? '' : `; a trusted root was left out: ${unreadable}`;
  return { actual: 'FAILURE', context: `${code}: ${message} (${where})${root}` };
}

function expectedName({ kind, value }: LimboName): ExpectedName {
  if (kind === 'DNS') return { dns: value };
  return kind === 'IP' ? { ip: value } : { email: value };
}

/** What the case asks for beside RFC 5280: purposes of the leaf, signature algorithms of the path. */
function unasked(path: readonly Certificate[], test: LimboCase): Verdict | undefined {
  const leaf = path[0]!;
  const fails = (context: string): Verdict => ({ actual: 'FAILURE', context });
  const {
    key_usage: uses = [],
    extended_key_usage: purposes = [],
    signature_algorithms: algorithms = [],
  } = test;
  const use = uses.find((name) => leaf.keyUsage?.has((KEY_USAGES[name] ?? name) as KeyUsage) === false);
  if (use !== undefined) return fails(`ERR_IDENTITY_KEY_USAGE: the case asks for ${use} (peer certificate)`);
  const purpose = purposes.find(
    (name) => leaf.extendedKeyUsage?.includes(EXTENDED_KEY_USAGES[name] ?? name) === false,
  );
  if (purpose !== undefined)
    return fails(`ERR_IDENTITY_EXTENDED_KEY_USAGE: the case asks for ${purpose} (peer certificate)`);
  const signed = algorithms.length === 0 ? [] : path.slice(0, path.length === 1 ? 1 : -1);
  const other = signed.find(
    ({ signatureAlgorithm }) => !algorithms.includes(algorithmName(signatureAlgorithm)),
  );
  return (
    other &&
    fails(
      `ERR_IDENTITY_ALGORITHM: the case asks for ${algorithms.join(', ')} (certificate ${path.indexOf(other)} of the path)`,
    )
  );
}

const KEY_USAGES: Readonly<Record<string, KeyUsage>> = {
  encipher_only: 'encipherOnly',
  decipher_only: 'decipherOnly',
};

const EXTENDED_KEY_USAGES: Readonly<Record<string, string>> = {
  anyExtendedKeyUsage: OID.anyExtendedKeyUsage,
  serverAuth: OID.serverAuth,
  clientAuth: OID.clientAuth,
  codeSigning: '1.3.6.1.5.5.7.3.3',
  emailProtection: '1.3.6.1.5.5.7.3.4',
  timeStamping: '1.3.6.1.5.5.7.3.8',
  OCSPSigning: '1.3.6.1.5.5.7.3.9',
};

function algorithmName({ family, hash: digest }: SignatureAlgorithm): string {
  const hash = digest ?? '';
  switch (family) {
    case 'ed25519':
      return 'ED25519';
    case 'rsa-pss':
      return 'RSASSA_PSS';
    case 'rsa-pkcs1':
      return `RSA_WITH_${hash.toUpperCase()}`;
    case 'ecdsa':
      return `ECDSA_WITH_${hash.toUpperCase()}`;
    case undefined:
      return '';
  }
}

function der(pem: string): Uint8Array {
  return parsePemAs('CERTIFICATE', pem)[0]!;
}

function readRoots(pems: readonly string[]): {
  readonly roots: Certificate[];
  readonly unreadable: string | undefined;
} {
  const roots: Certificate[] = [];
  let unreadable: string | undefined;
  for (const pem of pems) {
    try {
      roots.push(parseCertificate(der(pem)));
    } catch (error) {
      if (!(error instanceof IdentityError)) throw error;
      unreadable ??= error.message;
    }
  }
  return { roots, unreadable };
}
