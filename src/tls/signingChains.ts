/**
 * Which of a server's certificates a client gets, by the name it asks for (SNI, RFC 6066 §3): all names of each leaf count,
 * wildcards as RFC 9525 §6.3 has them, the first chain that fits wins.
 *
 * @example
 *
 *     const chains = contextsOf(config, provider); // config.credentials: one chain per site, or several per site
 *     const server = new ServerContext(config, provider, { choose: signingChains(chains, { unknown: 'refuse' }) });
 */
import type { CryptoProvider } from '../crypto/provider.ts';
import { type CertificateNames, matchesHost, parseCertificate } from '../identity/index.ts';
import { TlsConfig, type TlsConfigInit } from './config.ts';
import { ServerContext } from './context.ts';
import { TlsError } from './errors.ts';
import type { ClientHelloInfo, ContextChooser } from './events.ts';

export interface NameOptions {
  /**
   * A name that nobody answers to: the first chain (`default`, unless told), for clients that check names themselves, or the
   * alert unrecognized_name (`refuse`). Clients that name nobody get the first chain.
   */
  readonly unknown?: 'default' | 'refuse';
}

/** One context for each credential, everything else the same. */
export function contextsOf(
  config: TlsConfig | TlsConfigInit,
  provider: CryptoProvider,
): readonly ServerContext[] {
  const whole = config instanceof TlsConfig ? config : new TlsConfig(config);
  return whole.credentials.map(
    (credential) => new ServerContext(whole.with({ credentials: [credential] }), provider),
  );
}

/**
 * The context whose certificate is for the name that is asked for. Among several for one name, the first whose key can sign
 * as the client accepts: that is how RSA stands beside ECDSA.
 */
export function signingChains(contexts: readonly ServerContext[], options: NameOptions = {}): ContextChooser {
  const chains = contexts.flatMap((context) =>
    context.config.credentials.map(
      ({ chain, signer }): Chain => ({ context, signer, names: namesOf(chain) }),
    ),
  );
  if (chains.length === 0) throw new TlsError('ERR_TLS_CONFIG', 'contexts: none of them has a certificate');
  return (hello) => {
    const { serverName } = hello;
    if (serverName === undefined) return chains[0]!.context;
    const host = hostOf(serverName);
    const fitting = chains.filter(({ names }) => names !== undefined && matchesHost(names, host));
    const [first] = fitting;
    if (first === undefined) return unknownName(serverName, chains[0]!.context, options);
    return (fitting.find((chain) => canSign(chain, hello)) ?? first).context;
  };
}

interface Chain {
  readonly context: ServerContext;
  readonly signer: { readonly schemes: readonly string[] };
  /** Undefined for a raw key, which answers to no name. */
  readonly names: CertificateNames | undefined;
}

function namesOf([leaf]: readonly Uint8Array[]): CertificateNames | undefined {
  return leaf === undefined ? undefined : parseCertificate(leaf).names;
}

function canSign({ signer }: Chain, { schemes }: ClientHelloInfo): boolean {
  return schemes.some((scheme) => signer.schemes.includes(scheme));
}

/** Contexts by host name, `*.example.org` for every host one label below; or a function that looks them up. */
export type ContextsByName =
  | Readonly<Record<string, ServerContext>>
  | ReadonlyMap<string, ServerContext>
  | ((name: string) => ServerContext | undefined | Promise<ServerContext | undefined>);

export interface ByNameOptions extends NameOptions {
  /** For clients that name nobody, and for unknown names unless those are refused. */
  readonly fallback?: ServerContext;
}

/**
 * The context that is kept for the name that is asked for, whatever its certificate says. Without a fallback whoever
 * names nobody, or an unknown name, gets the alert unrecognized_name.
 */
export function chooseBySni(contexts: ContextsByName, options: ByNameOptions = {}): ContextChooser {
  const lookUp = typeof contexts === 'function' ? contexts : byName(contexts);
  const { fallback } = options;
  return ({ serverName }) => {
    if (serverName === undefined) return fallback ?? refuse('client names no host');
    const answer = (found: ServerContext | undefined): ServerContext =>
      found ?? unknownName(serverName, fallback, options);
    const found = lookUp(hostOf(serverName));
    return found instanceof Promise ? found.then(answer) : answer(found);
  };
}

function byName(
  contexts: Readonly<Record<string, ServerContext>> | ReadonlyMap<string, ServerContext>,
): (name: string) => ServerContext | undefined {
  const entries = contexts instanceof Map ? [...contexts] : Object.entries(contexts);
  const table = new Map<string, ServerContext>(entries.map(([name, context]) => [hostOf(name), context]));
  for (const [name, context] of table)
    if (!(context instanceof ServerContext))
      throw new TlsError('ERR_TLS_CONFIG', `contexts: "${name}" is not kept a ServerContext for`);
  return (name) => table.get(name) ?? table.get(name.replace(/^[^.]+/, '*'));
}

/** As names are compared: A-Z folded, without the final dot. */
function hostOf(name: string): string {
  return name.replace(/\.$/, '').replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function unknownName(name: string, fallback: ServerContext | undefined, options: NameOptions): ServerContext {
  if (fallback !== undefined && options.unknown !== 'refuse') return fallback;
  return refuse(`client asks for ${JSON.stringify(name)}, which is nobody here`);
}

function refuse(message: string): never {
  throw new TlsError('ERR_TLS_HANDSHAKE_FAILURE', message, { alert: 'unrecognized_name' });
}
