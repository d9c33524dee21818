/** Whom a client means: one text, four kinds of peer, one spelling each. */
import { IdentityError, parseDomain, parseIp, parseName, parsePeerId } from '../../identity/index.ts';
import { invalid } from './invalid.ts';

export type PeerName =
  /** A host: sent as SNI, and wanted among the certificate's DNS names. */
  | { readonly kind: 'dns'; readonly text: string }
  /** An address: wanted among the certificate's IP names, and never sent as SNI (RFC 6066 §3). */
  | { readonly kind: 'ip'; readonly text: string }
  /** `alice@example.org`, whom her domain vouches for. */
  | { readonly kind: 'name'; readonly text: string }
  /** `key:<56 characters>`: the holder of that key, with or without a certificate. */
  | { readonly kind: 'key'; readonly text: string; readonly id: string };

/** Throws `ERR_TLS_CONFIG` naming `hostname`. */
export function readPeerName(hostname: unknown): PeerName {
  if (typeof hostname !== 'string') throw invalid('hostname', 'is not text');
  try {
    return Object.freeze(read(hostname));
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    throw invalid('hostname', error.message, { cause: error, hint: error.hint });
  }
}

function read(text: string): PeerName {
  if (/^key:/i.test(text)) {
    const id = parsePeerId(text.slice(4));
    return { kind: 'key', text: `key:${id}`, id };
  }
  if (text.includes('@')) {
    const { user, domain } = parseName(text);
    return { kind: 'name', text: `${user}@${domain}` };
  }
  const bare = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  if (parseIp(bare) !== undefined) return { kind: 'ip', text: bare.toLowerCase() };
  if (/[:/[\]]/.test(text))
    throw invalid('hostname', `${JSON.stringify(text)} is more than a name`, {
      hint: 'leave scheme, port and path out',
    });
  return { kind: 'dns', text: parseDomain(text.replace(/\.$/, '')) };
}
