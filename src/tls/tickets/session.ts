/**
 * A session as a server keeps it inside a ticket or beside it: what a later handshake goes on with (RFC 9846 §4.7.1). It is
 * read back strictly, though only who wrote it can have made it: another version of this code may have been who.
 */
import type { Bytes } from '../../base/bytes.ts';
import { EMPTY, fromUtf8, utf8 } from '../../base/bytes.ts';
import { Reader } from '../../base/reader.ts';
import { Secret } from '../../base/secret.ts';
import { Writer } from '../../base/writer.ts';
import type { SchemeName, Suite } from '../../crypto/suites.ts';
import { schemeById, schemeByName, suiteById } from '../../crypto/suites.ts';
import { MAX_CHAIN_LENGTH } from '../limits.ts';

export interface Session {
  /** 32 bytes: the context it was made in. */
  readonly contextId: Uint8Array;
  readonly suite: Suite;
  readonly psk: Secret;
  readonly ageAdd: number;
  /** Seconds from the last handshake with signatures to this ticket; see `MAX_SESSION_AGE`. */
  readonly since: number;
  readonly maxEarlyData: number;
  readonly serverName?: string | undefined;
  readonly alpn?: string | undefined;
  /** What the client showed, leaf first; neither this nor a raw key: nothing. */
  readonly chain: readonly Uint8Array[];
  readonly rawKey?: Uint8Array | undefined;
  readonly peerScheme?: SchemeName | undefined;
  readonly localScheme?: SchemeName | undefined;
}

const VERSION = 2;

export function encodeSession(session: Session): Bytes {
  const scheme = (name: SchemeName | undefined): number => (name === undefined ? 0 : schemeByName(name).id);
  const shown = [...session.chain, session.rawKey ?? EMPTY];
  // Large enough not to grow, which would leave copies of the secret behind.
  const w = new Writer(shown.reduce((sum, { length }) => sum + length + 3, 1024))
    .u8(VERSION)
    .bytes(session.contextId)
    .u16(session.suite.id);
  w.vector(1, () => w.bytes(session.psk.expose()));
  w.u32(session.ageAdd)
    .u32(session.since)
    .u32(session.maxEarlyData)
    .u16(scheme(session.peerScheme))
    .u16(scheme(session.localScheme));
  for (const text of [session.serverName, session.alpn])
    w.u8(text === undefined ? 0 : 1).vector(2, () => w.bytes(utf8(text ?? '')));
  w.vector(3, () => w.bytes(session.rawKey ?? EMPTY));
  w.u8(session.chain.length);
  for (const der of session.chain) w.vector(3, () => w.bytes(der));
  return w.finish();
}

/** The bytes are zeroed: their secret is in the session now. Undefined for anything but what `encodeSession` makes. */
export function decodeSession(state: Bytes): Session | undefined {
  try {
    return readSession(new Reader(state));
  } catch {
    return undefined;
  } finally {
    state.fill(0);
  }
}

function readSession(reader: Reader): Session | undefined {
  if (reader.u8() !== VERSION) return undefined;
  const contextId = new Uint8Array(reader.bytes(32));
  const suite = suiteById(reader.u16());
  const psk = new Uint8Array(reader.vector(1));
  const [ageAdd, since, maxEarlyData] = [reader.u32(), reader.u32(), reader.u32()];
  const [peerScheme, localScheme] = [schemeById(reader.u16())?.name, schemeById(reader.u16())?.name];
  const [serverName, alpn] = [readText(reader), readText(reader)];
  const raw = new Uint8Array(reader.vector(3));
  const chain = Array.from({ length: Math.min(reader.u8(), MAX_CHAIN_LENGTH) }, () => {
    return new Uint8Array(reader.vector(3, 1));
  });
  reader.end();
  if (suite === undefined || psk.length !== suite.hashLength) return undefined;
  return {
    ...{ contextId, suite, psk: new Secret(psk), ageAdd, since, maxEarlyData, serverName, alpn, chain },
    ...{ peerScheme, localScheme, rawKey: raw.length === 0 ? undefined : raw },
  };
}

function readText(reader: Reader): string | undefined {
  const isThere = reader.u8() === 1;
  const text = fromUtf8(reader.vector(2));
  return isThere ? text : undefined;
}
