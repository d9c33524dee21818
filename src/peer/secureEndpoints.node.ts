/**
 * TLS in front of whatever dials and whatever listens: `secureClient` makes a dialler of a dialler, `secureServer` a
 * listener of a listener, so that they nest (TLS over TLS) and do not care what carries the bytes.
 *
 *     const dial = secureClient('unix:/run/service', { context, serverName: 'example.org' });
 *     const link = await dial({ signal });
 *
 *     const listen = secureServer('tcp://0.0.0.0:4433', { context });
 *     const listener = await listen((link) => serve(link));
 */
import { type ChildProcess, type SpawnOptionsWithoutStdio, spawn } from 'node:child_process';
import { toError } from '../base/errors.ts';
import type { ClientContext, ServerContext } from '../tls/index.ts';
import { connectAny } from '../transport/connectAny.node.ts';
import { LinkError } from '../transport/errors.ts';
import type { Link, LinkInfo } from '../transport/link.ts';
import { listenAny } from '../transport/listenAny.node.ts';
import { processLink } from '../transport/stdio.node.ts';
import { type Listener, listening } from '../transport/tcp.node.ts';
import { MAX_LISTENER_HANDSHAKES } from './limits.ts';
import { type SecureOptions, secure } from './secure.ts';
import type { SecureLink } from './secureLink.ts';

/** Dials: one link each time. */
export type Connector<L extends Link = Link> = (options?: { readonly signal?: AbortSignal }) => Promise<L>;

/** Begins to listen: `onLink` is called with each link that comes. */
export type Acceptor<L extends Link = Link> = (onLink: (link: L) => void) => Promise<Listener>;

/** What puts TLS on a link: `secure`, or another backend with the same contexts. */
export type Securing<Context, L extends Link> = (
  link: Link,
  context: Context,
  options: SecureOptions,
) => Promise<L>;

export interface SecureClientOptions<L extends Link = SecureLink> extends Omit<SecureOptions, 'signal'> {
  readonly context: ClientContext;
  /** Default: `secure`, this library's own engine. */
  readonly backend?: Securing<ClientContext, L>;
}

export interface SecureServerOptions<L extends Link = SecureLink>
  extends Omit<SecureOptions, 'signal' | 'serverName'> {
  readonly context: ServerContext;
  readonly backend?: Securing<ServerContext, L>;
  /** Handshakes that may run at a time, 1,000 unless told; a link more is reset. */
  readonly maxHandshakes?: number;
  /** Told of each handshake that failed: nobody else would know. */
  readonly onFailure?: (error: Error, info: LinkInfo) => void;
}

/**
 * A dialler whose links are secure: `carrier` is `tcp://host:port`, `unix:/path`, `ws://…`, `wss://…`, a dialler (of
 * another layer of TLS, say), or a link that is already there, which serves one dial.
 */
export function secureClient<L extends Link = SecureLink>(
  carrier: string | Connector | Link,
  options: SecureClientOptions<L>,
): Connector<L> {
  const { context, backend = secure as unknown as Securing<ClientContext, L>, ...rest } = options;
  const dial = connectorOf(carrier);
  return async ({ signal } = {}) => {
    const link = await dial(signal && { signal });
    return backend(link, context, { ...rest, ...(signal && { signal }) });
  };
}

/**
 * A listener whose links are secure: `carrier` is `tcp://host:port`, `unix:/path`, `ws://host:port/path`, a listener, or
 * a link that is already there (standard input and output, a child process): it is the one that comes.
 */
export function secureServer<L extends Link = SecureLink>(
  carrier: string | Acceptor | Link,
  options: SecureServerOptions<L>,
): Acceptor<L> {
  const {
    context,
    backend = secure as unknown as Securing<ServerContext, L>,
    maxHandshakes = MAX_LISTENER_HANDSHAKES,
    onFailure,
    ...rest
  } = options;
  const listen = acceptorOf(carrier);
  return async (onLink) => {
    let running = 0;
    const handshake = async (link: Link): Promise<void> => {
      if (running >= maxHandshakes) {
        link.reset();
        onFailure?.(new LinkError('ERR_LINK_REFUSED', tooMany(maxHandshakes)), link.info);
        return;
      }
      running++;
      let secured: L;
      try {
        secured = await backend(link, context, rest);
      } catch (error) {
        onFailure?.(toError(error), link.info);
        return;
      } finally {
        running--;
      }
      onLink(secured);
    };
    return listen((link) => void handshake(link));
  };
}

function tooMany(limit: number): string {
  return `link refused: ${limit} handshakes are running`;
}

function connectorOf(carrier: string | Connector | Link): Connector {
  if (typeof carrier === 'function') return carrier;
  if (typeof carrier === 'string') return (options) => connectAny(carrier, options);
  let isTaken = false;
  return () => {
    if (isTaken) return Promise.reject(new LinkError('ERR_LINK_CLOSED', 'the link was used by another dial'));
    isTaken = true;
    return Promise.resolve(carrier);
  };
}

function acceptorOf(carrier: string | Acceptor | Link): Acceptor {
  if (typeof carrier === 'function') return carrier;
  if (typeof carrier === 'string') return (onLink) => listenAny(carrier, onLink);
  return (onLink) => {
    onLink(carrier);
    const { kind, remote = '' } = carrier.info;
    return Promise.resolve(listening(0, `${kind}:${remote}`, () => Promise.resolve()));
  };
}

/** Dials by starting a program that speaks on its standard input and output (`ssh host q2q …`). */
export function processConnector(
  program: string,
  args: readonly string[] = [],
  options: SpawnOptionsWithoutStdio = {},
): Connector {
  return () => {
    const child: ChildProcess = spawn(program, args, { ...options, stdio: ['pipe', 'pipe', 'inherit'] });
    return Promise.resolve(processLink(child));
  };
}
