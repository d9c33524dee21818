/** ServerHello and its double, HelloRetryRequest (RFC 9846 §4.2.3, §4.2.4). */
import type { Bytes } from '../../base/bytes.ts';
import { equalBytes, fromHex } from '../../base/bytes.ts';
import { Reader } from '../../base/reader.ts';
import { decodeError, TlsError } from '../errors.ts';
import { LEGACY_VERSION } from './codePoints.ts';
import { ExtensionBlock } from './extensionBlock.ts';
import { encodeMessage } from './handshake.ts';

/** SHA-256 of "HelloRetryRequest": a ServerHello with this random is one. */
export const RETRY_RANDOM: Bytes = fromHex(
  'cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c',
);

/** Last eight bytes of a server's random when it can do TLS 1.3 but negotiates 1.2, or 1.1 and below. */
const DOWNGRADE_SENTINELS: readonly Bytes[] = [fromHex('444f574e47524401'), fromHex('444f574e47524400')];

export interface ServerHello {
  readonly random: Uint8Array;
  readonly sessionIdEcho: Uint8Array;
  readonly cipherSuite: number;
  readonly extensions: ExtensionBlock;
}

export function encodeServerHello(hello: ServerHello): Bytes {
  return encodeMessage('server_hello', (w) => {
    w.u16(LEGACY_VERSION).bytes(hello.random);
    w.vector(1, () => w.bytes(hello.sessionIdEcho));
    w.u16(hello.cipherSuite).u8(0);
    hello.extensions.write(w);
  });
}

export function decodeServerHello(body: Uint8Array): ServerHello {
  const reader = new Reader(body);
  const version = reader.u16();
  const random = reader.bytes(32);
  if (version !== LEGACY_VERSION) throw oldVersion(version, random);
  const sessionIdEcho = reader.vector(1, 0, 32);
  const cipherSuite = reader.u16();
  const compression = reader.u8();
  const extensions = reader.left === 0 ? new ExtensionBlock([]) : ExtensionBlock.read(reader);
  reader.end();
  if (compression !== 0) throw decodeError('ServerHello chooses compression');
  return { random, sessionIdEcho, cipherSuite, extensions };
}

export function isRetryRequest(hello: ServerHello): boolean {
  return equalBytes(hello.random, RETRY_RANDOM);
}

/** The refusal of a server that negotiated anything below TLS 1.3; a sentinel means somebody made it (lesson 19). */
export function oldVersion(version: number, random: Uint8Array): TlsError {
  const tail = random.subarray(24);
  if (DOWNGRADE_SENTINELS.some((sentinel) => equalBytes(sentinel, tail)))
    return new TlsError('ERR_TLS_DOWNGRADE', 'server can do TLS 1.3 but was made to negotiate less', {
      hint: 'something between the two sides tampers with the handshake',
    });
  return new TlsError(
    'ERR_TLS_PROTOCOL_VERSION',
    `server negotiates version 0x${version.toString(16).padStart(4, '0')}, wanted TLS 1.3 (0x0304)`,
  );
}
