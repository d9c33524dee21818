/** ClientHello (RFC 9846 §4.2.2). */
import type { Bytes } from '../../base/bytes.ts';
import { Reader } from '../../base/reader.ts';
import { decodeError, illegalParameter } from '../errors.ts';
import { LEGACY_VERSION } from './codePoints.ts';
import { ExtensionBlock } from './extensionBlock.ts';
import { encodeMessage } from './handshake.ts';

export interface ClientHello {
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly cipherSuites: readonly number[];
  readonly extensions: ExtensionBlock;
}

export function encodeClientHello(hello: ClientHello): Bytes {
  return encodeMessage('client_hello', (w) => {
    w.u16(LEGACY_VERSION).bytes(hello.random);
    w.vector(1, () => w.bytes(hello.sessionId));
    w.vector(2, () => {
      for (const suite of hello.cipherSuites) w.u16(suite);
    });
    w.u8(1).u8(0); // legacy_compression_methods: null
    hello.extensions.write(w);
  });
}

export function decodeClientHello(body: Uint8Array): ClientHello {
  const reader = new Reader(body);
  reader.u16(); // legacy_version says nothing once supported_versions is there (§4.3.1)
  const random = reader.bytes(32);
  const sessionId = reader.vector(1, 0, 32);
  const cipherSuites = readSuites(reader);
  const compression = reader.vector(1, 1);
  // A hello that ends here is from before extensions: it offers no TLS 1.3, and the caller says so.
  const extensions = reader.left === 0 ? new ExtensionBlock([]) : ExtensionBlock.read(reader, decodeError);
  reader.end();
  if (extensions.list.length > 0 && (compression.length !== 1 || compression[0] !== 0))
    throw illegalParameter('ClientHello offers compression');
  return { random, sessionId, cipherSuites, extensions };
}

function readSuites(reader: Reader): number[] {
  const list = reader.nested(2, 2, 0xfffe);
  const suites: number[] = [];
  while (list.left > 0) suites.push(list.u16());
  return suites;
}
