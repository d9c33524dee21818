/**
 * What a domain publishes about itself: `/.well-known/q2q`, a small JSON document with its bundle and its relays. Over https
 * the web's PKI says whose it is; over http nobody does, and only trust at first use takes it.
 */
import { fromBase64 } from '../base/base64.ts';
import { type Bytes, concat, fromUtf8 } from '../base/bytes.ts';
import { isQ2qError, toError } from '../base/errors.ts';
import { parseDomain } from '../identity/index.ts';
import { PeerError } from './errors.ts';
import { MAX_WELL_KNOWN } from './limits.ts';

export interface WellKnown {
  readonly domain: string;
  /** As signed by the domain (`parseBundle`, `acceptBundle`); nothing of it was checked. */
  readonly bundle: Bytes;
  /** Where the domain is reached, best first. */
  readonly relays: readonly string[];
}

export interface FetchOptions {
  readonly signal: AbortSignal;
  /** Default: the platform's. */
  readonly fetch?: typeof globalThis.fetch;
}

export const WELL_KNOWN = '/.well-known/q2q';

/** The document at an origin such as `https://example.org`. Redirects are not followed: the address says whose it is. */
export async function fetchWellKnown(origin: string, options: FetchOptions): Promise<WellKnown> {
  const { signal, fetch = globalThis.fetch } = options;
  const url = new URL(WELL_KNOWN, origin).href;
  try {
    const response = await fetch(url, {
      ...{ signal, redirect: 'error', credentials: 'omit', cache: 'no-store' },
      headers: { Accept: 'application/json' },
    });
    if (!response.ok) throw unusable(url, `it answered ${response.status}`);
    return readDocument(url, fromUtf8(await readBody(url, response)));
  } catch (error) {
    signal.throwIfAborted();
    if (isQ2qError(error)) throw error;
    throw unusable(url, toError(error).message, error);
  }
}

async function readBody(url: string, response: Response): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = response.body!.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return concat(parts);
    length += value.length;
    if (length > MAX_WELL_KNOWN) {
      await reader.cancel();
      throw unusable(url, `it is larger than ${MAX_WELL_KNOWN} bytes`);
    }
    parts.push(value);
  }
}

function readDocument(url: string, text: string): WellKnown {
  const { version, domain, bundle, relays } = (JSON.parse(text) ?? {}) as Readonly<Record<string, unknown>>;
  if (version !== 1) throw unusable(url, 'it is not of version 1');
  if (typeof domain !== 'string' || typeof bundle !== 'string')
    throw unusable(url, 'it lacks the domain or its bundle');
  if (!Array.isArray(relays) || !relays.every((relay) => typeof relay === 'string'))
    throw unusable(url, 'its relays are no list of addresses');
  return Object.freeze({ domain: parseDomain(domain), bundle: fromBase64(bundle), relays });
}

function unusable(url: string, why: string, cause?: unknown): PeerError {
  return new PeerError('ERR_PEER_NO_TRUST', `${url} tells nothing of the domain: ${why}`, { cause });
}
