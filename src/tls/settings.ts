/** A configuration resolved against a provider: names become the entries of the suite tables, once per context. */
import type { Bytes } from '../base/bytes.ts';
import { equalBytes, utf8 } from '../base/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { Group, GroupName, Scheme, SchemeName, Suite, SuiteName } from '../crypto/suites.ts';
import { GROUPS, SCHEMES, SUITES } from '../crypto/suites.ts';
import type { CertificateCodec } from './compression.ts';
import type { TlsConfigInit } from './config.ts';
import { TlsConfig } from './config.ts';
import { TlsError } from './errors.ts';
import type { ImportedPsk } from './psk.ts';

export interface Settings {
  readonly config: TlsConfig;
  readonly provider: CryptoProvider;
  readonly suites: readonly Suite[];
  readonly groups: readonly Group[];
  /** Schemes we accept from the peer. */
  readonly schemes: readonly Scheme[];
  /** External keys as they go on the wire. */
  readonly psks: readonly ImportedPsk[];
  /** 32 bytes: sessions go on only in a context that shows and asks the same (lesson 23). */
  readonly contextId: Bytes;
  readonly compressed: CompressedMessages;
}

export function resolve(
  init: TlsConfig | TlsConfigInit,
  provider: CryptoProvider,
  role: 'client' | 'server',
): Settings {
  const config = init instanceof TlsConfig ? init : new TlsConfig(init);
  config.policy?.check(config);
  const { supports } = provider;
  const native = supports.aeads.flatMap((aead) => SUITES.filter((suite) => suite.aead === aead));
  const suites = pick<SuiteName, Suite>(
    'suites',
    config.suites,
    SUITES,
    (suite) => native.includes(suite),
    native,
  );
  const hashes = [...new Set(suites.map(({ hash }) => hash))];
  return Object.freeze({
    config,
    provider,
    suites,
    groups: pick<GroupName, Group>(
      'groups',
      config.groups,
      GROUPS,
      (group) => supports.groups.includes(group.name),
      supports.groups.flatMap((name) => GROUPS.filter((group) => group.name === name && group.byDefault)),
    ),
    schemes: pick<SchemeName, Scheme>('schemes', config.schemes, SCHEMES, (scheme) =>
      supports.verifies.includes(scheme.name),
    ),
    psks: config.externalPsks.flatMap((psk) => psk.importFor(provider, role, hashes)),
    contextId: contextId(config, provider),
    compressed: new CompressedMessages(),
  });
}

/** The configured names in their order, or what the provider has. */
function pick<Name extends string, Entry extends { readonly name: Name }>(
  field: string,
  wanted: readonly Name[] | undefined,
  table: readonly Entry[],
  isSupported: (entry: Entry) => boolean,
  all: readonly Entry[] = table.filter(isSupported),
): readonly Entry[] {
  if (wanted === undefined) return Object.freeze([...all]);
  return Object.freeze(
    wanted.map((name) => {
      const entry = table.find((candidate) => candidate.name === name)!;
      if (!isSupported(entry)) throw new TlsError('ERR_TLS_CONFIG', `${field}: the provider has no ${name}`);
      return entry;
    }),
  );
}

/**
 * Covers who we are and what we ask. Whom we believe is not in it: the verifier is asked again. A chooser may answer
 * anything, so that a context with one shares sessions with no other.
 */
function contextId(config: TlsConfig, provider: CryptoProvider): Bytes {
  if (config.chooseCredential !== undefined) return provider.random(32);
  const hash = provider.hash('sha256');
  for (const { chain, signer } of config.credentials) hash.update(chain[0] ?? signer.spki);
  const asked = [config.clientCertificate, config.certificateTypes, config.requireAlpn ? config.alpn : []];
  return hash.update(utf8(JSON.stringify(asked))).digest();
}

/** A context's own certificates, compressed: a few messages, each for every codec that peers know. */
class CompressedMessages {
  #known: { codec: CertificateCodec; message: Bytes; compressed: Bytes }[] = [];

  get(codec: CertificateCodec, message: Bytes): Bytes | undefined {
    return this.#known.find((entry) => entry.codec === codec && equalBytes(entry.message, message))
      ?.compressed;
  }

  put(codec: CertificateCodec, message: Bytes, compressed: Bytes): void {
    this.#known = [{ codec, message, compressed }, ...this.#known].slice(0, MAX_COMPRESSED);
  }
}

/** Credentials x wishes x codecs of one context; a chooser could show any number. */
const MAX_COMPRESSED = 8;
