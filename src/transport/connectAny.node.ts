/** One dialler for every address this library's carriers have. */
import type { Clock } from '../base/clock.ts';
import { LinkError } from './errors.ts';
import type { Link } from './link.ts';
import { connectTcp, type SocketAddress } from './tcp.node.ts';
import { connectWs } from './ws.node.ts';

export interface ConnectAnyOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds; 20,000 unless told. */
  readonly timeout?: number;
  /** `wss://`: PEM roots instead of the platform's. */
  readonly ca?: string;
  readonly clock?: Clock;
}

/** `ws://host[:port]/path`, `wss://…`, `tcp://host:port`, `unix:/path`. */
export async function connectAny(url: string, options: ConnectAnyOptions = {}): Promise<Link> {
  const socket = parseSocketAddress(url);
  if (socket === undefined) return connectWs(url, options);
  const { ca: _forWebSockets, ...rest } = options;
  return connectTcp({ ...socket, ...rest });
}

/** The address in a `tcp://` or `unix:` URL; undefined for WebSocket URLs. Throws LinkError for anything else. */
export function parseSocketAddress(url: string): SocketAddress | undefined {
  if (/^wss?:/.test(url)) return undefined;
  const path = /^unix:(?:\/\/)?(.+)$/.exec(url)?.[1];
  if (path !== undefined) return { path };
  const match = /^tcp:\/\/(?:\[([0-9a-fA-F:.%]+)\]|([^\s/:[\]]+)):(\d{1,5})\/?$/.exec(url);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535)
    throw new LinkError('ERR_LINK_ADDRESS', `got '${url}', which is no address of a link`);
  return { host: match[1] ?? match[2]!, port };
}
