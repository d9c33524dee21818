/** Early data and what it does not know yet: the server's limits of this connection are in the answer to its hello. */
import { describe, expect, it } from 'vitest';
import { type Bytes, concat } from '../../src/base/bytes.ts';
import { ExtensionType } from '../../src/tls/messages/codePoints.ts';
import {
  decodeEncryptedExtensions,
  encodeEncryptedExtensions,
} from '../../src/tls/messages/encryptedExtensions.ts';
import { ExtensionBlock } from '../../src/tls/messages/extensionBlock.ts';
import { World } from '../support/resumption.ts';
import { fault, pump } from '../support/tls.ts';

describe('record_size_limit and early data (RFC 8449 §4)', () => {
  it('goes under the limit of no handshake: the client cannot know it', () => {
    const world = new World({
      client: { earlyData: 5000, recordSizeLimit: 16_384 },
      server: { earlyData: 5000, recordSizeLimit: 256 },
    });
    world.open();
    const ends = world.pair();
    const { client, server } = ends;
    expect(client.connection.writeEarly(new Uint8Array(2000).fill(1))).toBe(2000);
    pump(ends);
    expect(server.error).toBeUndefined();
    const early = server.events.flatMap((event) => (event.type === 'earlyData' ? [event.bytes] : []));
    expect(concat(early)).toEqual(new Uint8Array(2000).fill(1));
    expect(server.connection.negotiated?.earlyData).toBe('accepted');
    expect(client.connection.maxPlaintext).toBe(256);
  });

  it('holds for what follows them', () => {
    const world = new World({
      client: { earlyData: 5000, recordSizeLimit: 16_384 },
      server: { earlyData: 5000, recordSizeLimit: 256 },
    });
    world.open();
    const deaf = world.pair({
      // A client that does not go by the limit.
      serverSeam: {
        rewrite: (name, message) => (name === 'encrypted_extensions' ? [withoutLimit(message)] : [message]),
      },
    });
    deaf.client.connection.writeEarly(new Uint8Array(2000));
    pump(deaf);
    deaf.client.connection.write(new Uint8Array(257));
    pump(deaf);
    expect(fault(deaf.server.error)).toBe('ERR_TLS_RECORD_OVERFLOW record_overflow local');
  });
});

function withoutLimit(message: Uint8Array): Bytes {
  const { list } = decodeEncryptedExtensions(message.subarray(4));
  return encodeEncryptedExtensions(
    new ExtensionBlock(list.filter(({ type }) => type !== ExtensionType.recordSizeLimit)),
  );
}
