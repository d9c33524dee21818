/**
 * Endpoints in words, as Twisted's endpoint strings are: what carries the TLS of `q2q tls`. They are read once, written
 * again for reports, dialled and listened on.
 *
 *     tls+tcp://example.org:443    tls+unix:/run/service    tls+ws://example.org/    tls+stdio:    tls+exec:ssh host …
 *
 * `tls+` may be left out, for these commands speak nothing else, and `example.org:443` is short for the first.
 */
import { spawn } from 'node:child_process';
import { connectAny } from '../transport/connectAny.node.ts';
import type { Link } from '../transport/link.ts';
import { listenAny } from '../transport/listenAny.node.ts';
import { processLink, processStdioLink } from '../transport/stdio.node.ts';
import { formatHostPort, parseHostPort } from './arguments.ts';
import { usage } from './errors.ts';

export type Carrier =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }
  /** TLS inside of a WebSocket's messages; the TLS of `wss:` is another one, around them. */
  | { readonly kind: 'websocket'; readonly url: string }
  /** Our own standard input and output. */
  | { readonly kind: 'stdio' }
  /** The standard input and output of a command of the person's shell. */
  | { readonly kind: 'exec'; readonly command: string };

const KNOWN =
  'HOST:PORT, tcp://HOST:PORT, unix:PATH, ws://HOST/PATH, wss://HOST/PATH, stdio: or exec:COMMAND';

export interface CarrierRules {
  /** What the text is called: `address`, `--port`. */
  readonly what: string;
  /** For `PORT` and `:PORT`. */
  readonly defaultHost?: string | undefined;
  /** 0 where a free port may be asked for. */
  readonly lowestPort?: number;
}

/** Throws usage errors: nothing was tried. */
export function parseCarrier(text: string, rules: CarrierRules): Carrier {
  const [, prefix = '', scheme, rest = ''] = /^(tls\+)?(?:(tcp|unix|wss?|stdio|exec):)?(.*)$/s.exec(text)!;
  const { what } = rules;
  switch (scheme) {
    case 'tcp':
      return tcp(slashed(rest), text, { ...rules, defaultHost: undefined });
    case 'unix':
      return { kind: 'unix', path: unixPath(rest, text, rules) };
    case 'ws':
    case 'wss':
      return { kind: 'websocket', url: webSocketUrl(`${scheme}:${rest}`, text, rules) };
    case 'stdio':
      if (rest !== '') throw wanted(text, rules, 'stdio: and nothing behind it');
      return { kind: 'stdio' };
    case 'exec':
      if (rest.trim() === '') throw wanted(text, rules, 'exec: and a command');
      return { kind: 'exec', command: rest };
  }
  if (prefix !== '' && rest.startsWith('tls+')) {
    throw usage(`${what} is "${text}", wanted one layer of TLS`, 'these commands put one layer on a carrier');
  }
  if (prefix !== '' || rest.includes('://')) throw usage(`${what} is "${text}", wanted ${KNOWN}`);
  return tcp(rest, text, rules);
}

/** The whole of it. What `parseCarrier` makes of this text is the same carrier again. */
export function formatCarrier(carrier: Carrier): string {
  return `tls+${carrierUrl(carrier)}`;
}

function carrierUrl(carrier: Carrier): string {
  switch (carrier.kind) {
    case 'tcp':
      return `tcp://${formatHostPort(carrier)}`;
    case 'unix':
      return `unix:${carrier.path}`;
    case 'websocket':
      return carrier.url;
    case 'stdio':
      return 'stdio:';
    case 'exec':
      return `exec:${carrier.command}`;
  }
}

/** The host that the carrier leads to, whose name a server's certificate should bear; undefined where there is none. */
export function carrierHost(carrier: Carrier): string | undefined {
  if (carrier.kind === 'tcp') return carrier.host;
  if (carrier.kind === 'websocket') return new URL(carrier.url).hostname.replace(/^\[|\]$/g, '');
  return undefined;
}

/** How reports call it: TCP by `host:port` alone. */
export function showCarrier(carrier: Carrier): string {
  return carrier.kind === 'tcp' ? formatHostPort(carrier) : carrierUrl(carrier);
}

/** True for what is one link and no more: there is nobody else to wait for. */
export function isSingle(carrier: Carrier): boolean {
  return carrier.kind === 'stdio' || carrier.kind === 'exec';
}

export async function dialCarrier(
  carrier: Carrier,
  options: { readonly signal: AbortSignal; readonly timeout: number },
): Promise<Link> {
  return single(carrier) ?? connectAny(carrierUrl(carrier), options);
}

export interface CarrierListener {
  /** Where it listens, as reports call it. */
  readonly address: string;
  /** Undefined where there is none. */
  readonly port: number | undefined;
  close(): Promise<void>;
}

export async function listenOnCarrier(
  carrier: Carrier,
  onLink: (link: Link) => void,
): Promise<CarrierListener> {
  const link = single(carrier);
  if (link !== undefined) {
    setImmediate(onLink, link); // when the caller knows its listener
    return { address: showCarrier(carrier), port: undefined, close: () => Promise.resolve() };
  }
  const listener = await listenAny(carrierUrl(carrier), onLink);
  if (carrier.kind === 'unix')
    return { address: showCarrier(carrier), port: undefined, close: () => listener.close() };
  const { port } = listener;
  const address = carrier.kind === 'tcp' ? formatHostPort({ host: carrier.host, port }) : listener.address;
  return { address, port, close: () => listener.close() };
}

function single(carrier: Carrier): Link | undefined {
  if (carrier.kind === 'stdio') return processStdioLink();
  if (carrier.kind !== 'exec') return undefined;
  const child = spawn(carrier.command, { shell: true, stdio: ['pipe', 'pipe', 'inherit'] });
  return processLink(child, { name: 'command' });
}

function tcp(address: string, text: string, rules: CarrierRules): Carrier {
  try {
    const { host, port } = parseHostPort(address, rules.what, rules.defaultHost, rules.lowestPort);
    if (!/[\s/?#@]/.test(host)) return { kind: 'tcp', host, port };
  } catch (error) {
    if (address === text) throw usage((error as Error).message, `known: ${KNOWN}`);
  }
  throw wanted(text, rules, 'tcp://HOST:PORT');
}

/** What follows `//`; text without it is no address. */
function slashed(rest: string): string {
  return rest.startsWith('//') ? rest.slice(2) : '';
}

/** `unix:/path` and `unix:///path` are the same. */
function unixPath(rest: string, text: string, rules: CarrierRules): string {
  const path = rest.replace(/^\/\/+/, rest.startsWith('///') ? '/' : '');
  if (path === '' || path.includes('\0')) throw wanted(text, rules, 'unix: and a path');
  return path;
}

function webSocketUrl(text: string, whole: string, rules: CarrierRules): string {
  const url = URL.canParse(text) && /^wss?:\/\/[^/]/.test(text) ? new URL(text) : undefined;
  if (url === undefined || url.hash !== '') throw wanted(whole, rules, 'ws://HOST[:PORT]/PATH');
  if (url.username !== '' || url.password !== '') {
    throw usage(
      `${rules.what} has a user name or password in it`,
      'secrets on the command line can be read by every user of the machine',
    );
  }
  return url.href;
}

function wanted(text: string, { what }: CarrierRules, form: string): Error {
  return usage(`${what} is "${text}", wanted ${form}`, `known: ${KNOWN}`);
}
