/** EncryptedExtensions (RFC 9846 §4.4.1). */
import type { Bytes } from '../../base/bytes.ts';
import { Reader } from '../../base/reader.ts';
import { decodeError } from '../errors.ts';
import { ExtensionBlock } from './extensionBlock.ts';
import { encodeMessage } from './handshake.ts';

export function encodeEncryptedExtensions(extensions: ExtensionBlock): Bytes {
  return encodeMessage('encrypted_extensions', (w) => extensions.write(w));
}

export function decodeEncryptedExtensions(body: Uint8Array): ExtensionBlock {
  const reader = new Reader(body);
  const extensions = ExtensionBlock.read(reader, decodeError);
  reader.end();
  return extensions;
}
