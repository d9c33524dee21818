/** A configuration resolved against a provider: names become the entries of the suite tables, once per context. */
import type { CryptoProvider } from '../crypto/provider.ts';
import type { Group, GroupName, Scheme, SchemeName, Suite, SuiteName } from '../crypto/suites.ts';
import { GROUPS, SCHEMES, SUITES } from '../crypto/suites.ts';
import type { TlsConfigInit } from './config.ts';
import { TlsConfig } from './config.ts';
import { TlsError } from './errors.ts';

export interface Settings {
  readonly config: TlsConfig;
  readonly provider: CryptoProvider;
  readonly suites: readonly Suite[];
  readonly groups: readonly Group[];
  /** Schemes we accept from the peer. */
  readonly schemes: readonly Scheme[];
}

export function resolve(init: TlsConfig | TlsConfigInit, provider: CryptoProvider): Settings {
  const config = init instanceof TlsConfig ? init : new TlsConfig(init);
  const { supports } = provider;
  const native = supports.aeads.flatMap((aead) => SUITES.filter((suite) => suite.aead === aead));
  return Object.freeze({
    config,
    provider,
    suites: pick<SuiteName, Suite>(
      'suites',
      config.suites,
      SUITES,
      (suite) => native.includes(suite),
      native,
    ),
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
