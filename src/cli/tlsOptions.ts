/** What `tls serve` and `tls connect` share: options, and how a handshake is reported. */
import { type Command, Option } from 'commander';
import type { CryptoProvider } from '../crypto/provider.ts';
import { GROUPS, type GroupName, SUITES, type SuiteName } from '../crypto/suites.ts';
import { printable, showDistinguishedName } from '../identity/distinguishedName.ts';
import type { Certificate, VerifiedPeer } from '../identity/index.ts';
import type { Negotiated, TlsConfigInit } from '../tls/index.ts';
import { parseDuration, parseList, parseNames } from './arguments.ts';
import { peerRecord, readCredential } from './certificates.ts';
import type { Context } from './context.ts';
import { CliError, usage } from './errors.ts';
import { keyLogTo } from './keyLog.ts';

export interface TlsOptions {
  readonly cert?: string;
  readonly key?: string;
  readonly passphraseFile?: string;
  readonly ca?: string;
  readonly alpn?: string;
  readonly requireAlpn?: boolean;
  readonly suites?: string;
  readonly groups?: string;
  readonly keylog?: string;
  readonly timeout: string;
  readonly json?: boolean;
}

export function addTlsOptions(command: Command): Command {
  return command
    .option('--cert <file>', 'our certificate chain, PEM, leaf first')
    .option('--key <file>', 'its private key, PEM (PKCS#8), encrypted or not')
    .option('--passphrase-file <file>', 'the first line of this file opens the key; default: ask')
    .option('--ca <file>', 'the roots we believe, PEM')
    .option('--alpn <names>', 'application protocols, preferred first: h2,http/1.1')
    .option('--require-alpn', 'refuse an other end that says nothing of application protocols')
    .option('--suites <names>', 'cipher suites, preferred first')
    .option(
      '--groups <names>',
      'key exchange groups, preferred first; X25519MLKEM768 needs @noble/post-quantum',
    )
    .option('--keylog <file>', 'append NSS key log lines: whoever has them can decrypt')
    .addOption(new Option('--timeout <time>', 'longest time a handshake may take').default('20s'))
    .option('--json', 'report as JSON, one object a line, on stdout');
}

/** The parts of a TLS configuration that come straight from the options. */
export async function tlsConfigOf(
  options: TlsOptions,
  context: Context,
): Promise<Omit<TlsConfigInit, 'verifier'>> {
  const { cert, key, passphraseFile } = options;
  if ((cert === undefined) !== (key === undefined)) throw usage('--cert and --key go together');
  const alpn = options.alpn === undefined ? undefined : parseAlpn(options.alpn);
  const suites = options.suites && parseNames<SuiteName>(options.suites, '--suites', namesOf(SUITES));
  const groups = options.groups && parseGroups(options.groups);
  const credentials =
    cert === undefined || key === undefined ? [] : [await readCredential(context, cert, key, passphraseFile)];
  return {
    credentials,
    requireAlpn: options.requireAlpn === true, // RFC 7301 §3.2: this tool talks to anything, and says what was agreed
    ...(alpn && { alpn }),
    ...(suites && { suites }),
    ...(groups && { groups }),
    ...(options.keylog !== undefined && { keyLog: keyLogTo(options.keylog) }),
  };
}

/** Standard input and output that carry TLS can carry nothing else. */
export function refuseStdio({ json, cert, key, passphraseFile, ca }: TlsOptions): void {
  if (json === true) throw usage('--json does not go with stdio:', 'standard output carries the TLS');
  if ([cert, key, passphraseFile, ca].includes('-')) {
    throw usage('a file "-" does not go with stdio:', 'standard input carries the TLS');
  }
}

const HYBRID: GroupName = 'X25519MLKEM768';

/**
 * The provider, with post-quantum key exchange if `--groups` asks for it: that part comes from a package which need not be
 * installed.
 */
export async function tlsProvider(
  { groups }: Pick<TlsOptions, 'groups'>,
  provider: CryptoProvider,
  load: () => Promise<Pick<typeof import('#mlkem'), 'withMlKem'>> = () => import('#mlkem'),
): Promise<CryptoProvider> {
  if (groups === undefined || !parseGroups(groups).includes(HYBRID)) return provider;
  try {
    return (await load()).withMlKem(provider);
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new CliError(
      'ERR_CLI_CONFIG',
      `${HYBRID} needs the package ${POST_QUANTUM}, which is not installed`,
      {
        hint: `npm install ${POST_QUANTUM}, beside q2q (with --global if q2q was)`,
        cause,
      },
    );
  }
}

const POST_QUANTUM = '@noble/post-quantum';

function parseGroups(text: string): readonly GroupName[] {
  return parseNames<GroupName>(text, '--groups', namesOf(GROUPS));
}

function namesOf<T extends string>(rows: readonly { readonly name: T }[]): readonly T[] {
  return rows.map((row) => row.name);
}

/** Names as RFC 7301 has them; here, unlike for peers, "h2" and the like are what people ask for. */
function parseAlpn(text: string): readonly string[] {
  const names = parseList(text, '--alpn');
  for (const name of names) {
    if (!/^[\x21-\x7e]{1,255}$/.test(name)) throw usage(`--alpn has "${name}", wanted printable ASCII`);
  }
  return names;
}

export function handshakeTimeout(options: TlsOptions): number {
  return parseDuration(options.timeout, '--timeout');
}

/** A handshake for people: who is there, why we believe it, what was agreed. */
export function handshakeLines(negotiated: Negotiated): readonly string[] {
  const { peer, peerScheme, localScheme, helloRetried, resumed } = negotiated;
  return [
    ...(peer === undefined ? ['peer       showed no certificate'] : chainLines(peer)),
    `version    TLS 1.3${resumed ? ', resumed' : ''}`,
    `suite      ${negotiated.suite}`,
    `group      ${negotiated.group}${helloRetried ? ' (after a HelloRetryRequest)' : ''}`,
    `alpn       ${negotiated.alpn ?? 'none'}`,
    `signature  ${peerScheme ?? 'none'} (theirs), ${localScheme ?? 'none'} (ours)`,
  ];
}

function chainLines(peer: VerifiedPeer): string[] {
  const lines = peer.chain.map((certificate, index) => {
    const name = index === 0 ? leafName(certificate) : showDistinguishedName(certificate.subject);
    return `${index === 0 ? 'peer       ' : '  signed by '}${name}`;
  });
  return [
    ...lines,
    `valid to   ${new Date(peer.identity.expiresAt).toISOString()}`,
    `key id     ${peer.identity.keyId}`,
  ];
}

function leafName(leaf: Certificate): string {
  const { dns, email, uri } = leaf.names;
  const names = [...email, ...dns, ...uri];
  return names.length > 0 ? names.map(printable).join(', ') : showDistinguishedName(leaf.subject);
}

/** The same for `--json` (docs/cli.md). */
export function handshakeRecord(negotiated: Negotiated, provider: CryptoProvider): object {
  const { peer } = negotiated;
  return {
    version: 'TLSv1.3',
    suite: negotiated.suite,
    group: negotiated.group,
    alpn: negotiated.alpn ?? null,
    serverName: negotiated.serverName ?? null,
    peerScheme: negotiated.peerScheme ?? null,
    localScheme: negotiated.localScheme ?? null,
    helloRetried: negotiated.helloRetried,
    resumed: negotiated.resumed,
    peer: peer === undefined ? null : peerRecord(peer, provider),
  };
}
