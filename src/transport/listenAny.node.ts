/** One listener for every address this library's carriers have: what `connectAny` dials. */
import type { Clock } from '../base/clock.ts';
import { parseSocketAddress } from './connectAny.node.ts';
import { LinkError } from './errors.ts';
import type { Link } from './link.ts';
import { type Listener, listenTcp } from './tcp.node.ts';
import { listenWebSocket } from './ws.node.ts';

/** `tcp://host:port`, `unix:/path`, `ws://host:port/path`; port 0 takes a free one. TLS below a WebSocket is a server's own. */
export async function listenAny(
  url: string,
  onLink: (link: Link) => void,
  options: { readonly clock?: Clock } = {},
): Promise<Listener> {
  const socket = parseSocketAddress(url);
  if (socket !== undefined) return listenTcp(socket, onLink, options);
  if (!url.startsWith('ws:') || !URL.canParse(url))
    throw new LinkError('ERR_LINK_ADDRESS', `got '${url}', which is no address to listen on`, {
      hint: 'use tcp://host:port, unix:/path or ws://host:port/path',
    });
  const { hostname, port, pathname } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  return listenWebSocket({ host, port: Number(port || 80) }, onLink, { path: pathname, ...options });
}
