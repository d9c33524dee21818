/** What a peer can make us hold: plaintext that nobody has read yet costs what its bytes do, however it came. */
import { describe, expect, it } from 'vitest';
import { provider as noble } from '../../src/crypto/noble.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import { TlsBuffer } from '../../src/tls/buffer.ts';
import { OUTPUT_HIGH_WATER } from '../../src/tls/limits.ts';
import { every, openPair, type Pair } from '../support/tls.ts';

const providers = [
  { name: 'node', provider: node },
  { name: 'noble', provider: noble },
];

/** Bytes of the memory behind the plaintext that waits. */
function pinned({ server }: Pair): { readonly bytes: number; readonly memory: number } {
  const seen = new Set<ArrayBufferLike>();
  let bytes = 0;
  for (let event = server.connection.next(); event !== undefined; event = server.connection.next()) {
    if (event.type !== 'data') continue;
    bytes += event.bytes.length;
    seen.add(event.bytes.buffer);
  }
  return { bytes, memory: [...seen].reduce((sum, { byteLength }) => sum + byteLength, 0) };
}

describe.each(providers)('plaintext on $name', ({ provider }) => {
  it('does not hold on to the padding it came with', () => {
    const ends = openPair({ serverProvider: provider, client: { padTo: 16_384 } });
    for (let i = 0; i < 20; i++) {
      ends.client.connection.write(Uint8Array.of(i));
      ends.server.connection.feed(ends.client.take());
    }
    const { bytes, memory } = pinned(ends);
    expect(bytes).toBe(20);
    expect(memory).toBeLessThan(20 * 100);
  });

  it('that came cut apart does not hold on to a buffer for a whole record', () => {
    const ends = openPair({ serverProvider: provider });
    for (let i = 0; i < 20; i++) ends.client.connection.write(new Uint8Array(10).fill(i));
    for (const chunk of every(13)(ends.client.take())) ends.server.connection.feed(chunk);
    const { bytes, memory } = pinned(ends);
    expect(bytes).toBe(200);
    expect(memory).toBeLessThan(20 * 200);
  });
});

describe('events that wait', () => {
  it('count what was fed for them: one byte per record is not one byte of memory', () => {
    const { client, server } = openPair();
    let records = 0;
    while (server.connection.wantsInput && records < OUTPUT_HIGH_WATER) {
      for (let i = 0; i < 100; i++) client.connection.write(Uint8Array.of(1));
      records += 100;
      server.connection.feed(client.take());
    }
    expect(records).toBeLessThan(OUTPUT_HIGH_WATER / 20);
    let read = 0;
    for (let event = server.connection.next(); event !== undefined; event = server.connection.next()) read++;
    expect(read).toBe(records);
    expect(server.connection.wantsInput).toBe(true);
  });
});

describe('the buffer verbs', () => {
  it.each(providers)('keep of small records little more than their bytes, on $name', ({ provider }) => {
    const { client, server } = openPair({ serverProvider: provider });
    const tls = new TlsBuffer(server.connection, { maxUnread: 10_000 });
    let records = 0;
    for (let taken = 1; taken > 0; ) {
      client.connection.write(Uint8Array.of(7));
      const record = client.take();
      taken = tls.receive(record);
      if (taken === record.length) records++;
      else break;
    }
    expect(records).toBeGreaterThan(50);
    expect(records).toBeLessThan(500);
    const got = tls.read(1);
    expect(got.bytes?.buffer.byteLength).toBeLessThan(100);
  });

  it('do not hold on to the chunk that a small piece came in', () => {
    const { client, server } = openPair({ serverProvider: noble });
    const tls = new TlsBuffer(server.connection);
    client.connection.write(Uint8Array.of(7));
    const record = client.take();
    const chunk = new Uint8Array(65_536);
    chunk.set(record);
    tls.receive(chunk.subarray(0, record.length));
    const got = tls.read(10);
    expect(got.bytes).toEqual(Uint8Array.of(7));
    expect(got.bytes?.buffer.byteLength).toBeLessThan(100);
  });
});
