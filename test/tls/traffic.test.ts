/** The open connection: writing, closing, key updates, truncation (RFC 9846 §4.7.3, §5.5, §6.1). */
import { describe, expect, it } from 'vitest';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { provider as noble } from '../../src/crypto/noble.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { MAX_PLAINTEXT, OUTPUT_HIGH_WATER } from '../../src/tls/index.ts';
import { encodeKeyUpdate } from '../../src/tls/messages/keyUpdate.ts';
import { override } from '../support/scriptedProvider.ts';
import { every, fault, openPair, pair, pump } from '../support/tls.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe('write', () => {
  it('makes one record of a vector and cuts what is longer', () => {
    const { client } = openPair({ clientProvider: noble, serverProvider: noble });
    client.connection.write([utf8('a'), utf8(''), utf8('bc')]);
    expect(client.connection.takeOutput().map((record) => record.length)).toEqual([5 + 3 + 1 + 16]);
    client.connection.write([new Uint8Array(MAX_PLAINTEXT), new Uint8Array(10)]);
    const records = client.connection.takeOutput();
    expect(records.map((record) => record.length - 22)).toEqual([MAX_PLAINTEXT, 10]);
    expect(records.every((record) => (record.byteOffset + 5) % 4 === 0)).toBe(true);
  });

  it('hands out a large record in the pieces its cipher made, a small one in one', () => {
    const { client } = openPair();
    client.connection.write(new Uint8Array(MAX_PLAINTEXT + 10));
    const lengths = client.connection.takeOutput().map((piece) => piece.length);
    expect(lengths).toEqual([5, MAX_PLAINTEXT + 1, 16, 5 + 10 + 1 + 16]);
  });

  it('of nothing sends nothing', () => {
    const { client } = openPair();
    expect(client.connection.write([])).toBe(0);
    expect(client.connection.write(new Uint8Array(0))).toBe(0);
    expect(client.connection.takeOutput()).toEqual([]);
  });

  it('takes less while output waits, down to nothing', () => {
    const { client, server } = openPair();
    const bytes = new Uint8Array(2 * OUTPUT_HIGH_WATER).map((_, i) => i);
    let taken = client.connection.write(bytes);
    expect(taken).toBeGreaterThan(OUTPUT_HIGH_WATER - MAX_PLAINTEXT);
    expect(taken).toBeLessThan(OUTPUT_HIGH_WATER + MAX_PLAINTEXT);
    expect(client.connection.write(bytes.subarray(taken))).toBe(0);
    while (taken < bytes.length) {
      for (const record of client.connection.takeOutput()) server.connection.feed(record);
      taken += client.connection.write(bytes.subarray(taken));
    }
    for (const record of client.connection.takeOutput()) server.connection.feed(record);
    server.settleAll();
    expect(Buffer.from(server.data).equals(bytes)).toBe(true);
  });

  it('honours maxPlaintext', () => {
    const { client } = openPair({ client: { maxPlaintext: 100 } });
    client.connection.write(new Uint8Array(250));
    expect(client.connection.takeOutput().map((record) => record.length - 22)).toEqual([100, 100, 50]);
  });

  it('is told what waits by outputSize, exactly', () => {
    const ends = pair();
    for (const end of [ends.client, ends.server])
      expect(end.connection.outputSize).toBe(concat(end.connection.takeOutput()).length);
    const { client } = openPair();
    client.connection.write(new Uint8Array(40_000));
    expect(client.connection.outputSize).toBe(concat(client.connection.takeOutput()).length);
  });

  it('hands out whole records, as many as fit but at least one', () => {
    const { client } = openPair({ client: { maxPlaintext: 100 } });
    client.connection.write(new Uint8Array(1000));
    expect(client.connection.takeOutput(1).length).toBe(1);
    expect(client.connection.takeOutput(122 * 3 + 50).length).toBe(3);
    expect(client.connection.outputSize).toBe(122 * 6);
    expect(client.connection.takeOutput().length).toBe(6);
    expect(client.connection.takeOutput()).toEqual([]);
  });

  it('throws before the handshake, and after closeWrite', () => {
    expect(() => pair().client.connection.write(utf8('x'))).toThrow(
      expect.objectContaining({ code: 'ERR_TLS_STATE' }),
    );
    const { client } = openPair();
    client.connection.closeWrite();
    expect(() => client.connection.write(utf8('x'))).toThrow(/after closeWrite/);
  });
});

describe('data', () => {
  it('is a view into what was fed, where the cipher works in place: nothing is copied', () => {
    const { client, server } = openPair({ clientProvider: noble, serverProvider: noble });
    client.connection.write(utf8('in place'));
    const [record] = client.connection.takeOutput();
    server.connection.feed(record!);
    const event = server.connection.next();
    expect(event?.type === 'data' && event.bytes.buffer === record!.buffer).toBe(true);
    expect(event?.type === 'data' && text(event.bytes)).toBe('in place');
  });

  it('stops wantsInput while too much of it is unread', () => {
    const { client, server } = openPair();
    client.connection.write(new Uint8Array(OUTPUT_HIGH_WATER));
    const records = client.connection.takeOutput();
    client.connection.write(new Uint8Array(OUTPUT_HIGH_WATER));
    for (const record of [...records, ...client.connection.takeOutput()]) server.connection.feed(record);
    expect(server.connection.wantsInput).toBe(false);
    server.settleAll();
    expect(server.connection.wantsInput).toBe(true);
  });
});

describe('closing', () => {
  it('is per direction: the other half goes on (lesson 17)', () => {
    const ends = openPair();
    const { client, server } = ends;
    client.connection.write(utf8('question'));
    client.connection.closeWrite();
    pump(ends);
    expect(server.story.slice(-2)).toEqual(['data', 'end']);
    expect([client.connection.phase, server.connection.phase]).toEqual(['open', 'open']);
    server.connection.write(utf8('a long answer'));
    pump(ends);
    expect(text(client.data)).toBe('a long answer');
    server.connection.closeWrite();
    pump(ends);
    expect(client.story.at(-1)).toBe('end');
    expect([client.connection.phase, server.connection.phase]).toEqual(['closed', 'closed']);
    client.connection.endOfInput();
    server.connection.endOfInput();
    expect([client.error, server.error]).toEqual([undefined, undefined]);
  });

  it('is idempotent', () => {
    const { client } = openPair();
    client.connection.closeWrite();
    const once = client.connection.outputSize;
    client.connection.closeWrite();
    expect(client.connection.outputSize).toBe(once);
  });

  it('ignores whatever follows close_notify (lesson 18)', () => {
    const ends = openPair();
    ends.client.connection.closeWrite();
    const last = ends.client.take();
    ends.server.connection.feed(concat([last, utf8('garbage, not TLS at all')]));
    ends.server.connection.feed(utf8('more of it'));
    ends.server.connection.endOfInput();
    ends.server.settleAll();
    expect(ends.server.story.at(-1)).toBe('end');
    expect(ends.server.error).toBeUndefined();
    expect(ends.server.connection.wantsInput).toBe(false);
  });

  it('missing is truncation, wherever the carrier ends (lesson 17)', () => {
    const cuts: [string, (ends: ReturnType<typeof openPair>) => void][] = [
      ['between records', () => {}],
      [
        'inside a record',
        ({ client, server }) => {
          client.connection.write(utf8('cut'));
          server.connection.feed(client.take().slice(0, -1));
        },
      ],
    ];
    for (const [, cut] of cuts) {
      const ends = openPair();
      cut(ends);
      ends.server.connection.endOfInput();
      ends.server.settleAll();
      expect(fault(ends.server.error)).toBe('ERR_TLS_TRUNCATED');
      expect(ends.server.story.at(-1)).toBe('error');
      expect(ends.server.take().length).toBe(0);
    }
    const { server } = pair();
    server.connection.endOfInput();
    expect(fault(server.error)).toBe('ERR_TLS_TRUNCATED');
  });

  it('delivers data that came before a truncation', () => {
    const { client, server } = openPair();
    client.connection.write(utf8('whole'));
    server.connection.feed(client.take());
    server.connection.endOfInput();
    server.settleAll();
    expect(server.story.slice(-2)).toEqual(['data', 'error']);
  });

  it('in the handshake is an abort, which the peer sees as a close before the end', () => {
    const ends = pair();
    ends.server.connection.feed(ends.client.take());
    ends.server.connection.closeWrite(); // its signature is still to come
    expect(fault(ends.server.error)).toBe('ERR_TLS_ABORTED user_canceled local');
    ends.client.connection.feed(ends.server.take());
    expect(fault(ends.client.error)).toBe('ERR_TLS_ALERT close_notify peer');
  });

  it('by abort tells the peer, once', () => {
    const ends = openPair();
    ends.client.connection.abort('access_denied');
    ends.client.connection.abort();
    pump(ends);
    expect(fault(ends.client.error)).toBe('ERR_TLS_ABORTED access_denied local');
    expect(fault(ends.server.error)).toBe('ERR_TLS_ALERT access_denied peer');
    expect(ends.client.events.filter(({ type }) => type === 'error').length).toBe(1);
  });
});

describe('after a fatal error', () => {
  it('every call reports the same error', () => {
    const { server } = openPair();
    server.connection.feed(Uint8Array.of(99));
    const { error } = server;
    expect(server.connection.phase).toBe('failed');
    for (const call of [
      () => server.connection.write(utf8('x')),
      () => server.connection.updateKeys(),
      () => server.connection.exportKey('EXPORTER-x'),
      () => server.connection.settle(1, new Uint8Array(1)),
    ])
      expect(call).toThrow(error!);
    server.connection.feed(utf8('ignored'));
    server.connection.endOfInput();
    server.connection.closeWrite();
    server.connection.abort();
    expect(server.error).toBe(error);
    expect(server.connection.wantsInput).toBe(false);
    expect(server.connection.takeOutput().length).toBe(1);
    expect(server.connection.takeOutput().length).toBe(0);
  });
});

describe('KeyUpdate', () => {
  it('changes one direction', () => {
    const ends = openPair();
    for (let i = 0; i < 3; i++) {
      ends.client.connection.updateKeys();
      ends.client.connection.write(utf8(`${i}`));
      ends.server.connection.write(utf8(`${i}`));
      pump(ends);
    }
    expect([text(ends.server.data), text(ends.client.data)]).toEqual(['012', '012']);
  });

  it('is answered once however often it is asked for while we are silent (lesson 8)', () => {
    const { client, server } = openPair({
      clientSeam: {
        rewrite: (name, message) => [name === 'key_update' ? encodeKeyUpdate(true) : message],
      },
    });
    for (let i = 0; i < 3; i++) {
      client.connection.updateKeys();
      server.connection.feed(client.take());
      expect(server.connection.takeOutput()).toEqual([]);
    }
    server.connection.write(utf8('x'));
    expect(server.connection.takeOutput().map((record) => record.length)).toEqual([27, 22 + 1]);
  });

  it('may be requested once at a time', () => {
    const ends = openPair();
    ends.client.connection.updateKeys(true);
    pump(ends);
    expect(() => ends.client.connection.updateKeys(true)).toThrow(/has not answered/);
    ends.server.connection.write(utf8('x'));
    pump(ends);
    ends.client.connection.updateKeys(true);
    pump(ends);
    expect([ends.client.error, ends.server.error]).toEqual([undefined, undefined]);
  });

  it('that crosses another leaves both directions readable', () => {
    const ends = openPair();
    ends.client.connection.updateKeys(true);
    ends.server.connection.updateKeys(true);
    pump(ends, every(7));
    ends.client.connection.write(utf8('up'));
    ends.server.connection.write(utf8('down'));
    pump(ends, every(7));
    expect([text(ends.server.data), text(ends.client.data)]).toEqual(['up', 'down']);
  });

  it('is answered before the next data', () => {
    const ends = openPair();
    ends.client.connection.updateKeys(true);
    ends.server.connection.feed(ends.client.take());
    ends.server.connection.write(utf8('after'));
    const records = ends.server.connection.takeOutput();
    expect(records.map((record) => record.length)).toEqual([27, 22 + 5]);
    for (const record of records) ends.client.connection.feed(record);
    ends.client.settleAll();
    expect(text(ends.client.data)).toBe('after');
  });

  it('is not answered once we have closed our direction', () => {
    const ends = openPair();
    ends.server.connection.closeWrite();
    pump(ends);
    ends.client.connection.updateKeys(true);
    ends.client.connection.write(utf8('x'));
    pump(ends);
    expect(ends.server.connection.outputSize).toBe(0);
    expect(text(ends.server.data)).toBe('x');
  });

  it('throws outside the open phase', () => {
    expect(() => pair().client.connection.updateKeys()).toThrow(/before the handshake/);
    const { client } = openPair();
    client.connection.closeWrite();
    expect(() => client.connection.updateKeys()).toThrow(/after closeWrite/);
  });
});

/** A provider whose keys wear out after `limit` records, and that fails when one is used for more (lesson 9). */
function wearing(limit: number, used: number[]): CryptoProvider {
  return override(node, {
    aead: (name, key) => {
      const real = node.aead(name, key);
      const index = used.push(0) - 1;
      return {
        tagLength: 16,
        recordLimit: limit,
        seal: (...args) => {
          used[index]!++;
          return real.seal(...args);
        },
        open: (...args) => real.open(...args),
        destroy: () => real.destroy(),
      };
    },
  });
}

describe('the AEAD limit (lesson 9)', () => {
  it('is kept by an automatic KeyUpdate before it is reached', () => {
    const used: number[] = [];
    const ends = openPair({ clientProvider: wearing(8, used) });
    for (let i = 0; i < 100; i++) {
      ends.client.connection.write(utf8(`${i % 10}`));
      pump(ends);
    }
    expect(text(ends.server.data)).toBe('0123456789'.repeat(10));
    expect(Math.max(...used)).toBeLessThan(8);
    expect(ends.client.error).toBeUndefined();
  });

  it('is kept within one large write', () => {
    const used: number[] = [];
    const ends = openPair({ clientProvider: wearing(40, used), client: { maxPlaintext: 64 } });
    const bytes = new Uint8Array(64 * 200).map((_, i) => i);
    ends.client.connection.write(bytes);
    pump(ends);
    expect(Buffer.from(ends.server.data).equals(bytes)).toBe(true);
    expect(Math.max(...used)).toBeLessThan(40);
  });
});

describe('exportKey', () => {
  it('gives both ends the same, and another for each label, context and length', () => {
    const { client, server } = openPair();
    const from = (label: string, context: string, length: number): string[] =>
      [client, server].map(({ connection }) =>
        Buffer.from(connection.exportKey(label, utf8(context), length)).toString('hex'),
      );
    const seen = new Set<string>();
    for (const [label, context, length] of [
      ['EXPORTER-a', '', 32],
      ['EXPORTER-b', '', 32],
      ['EXPORTER-a', 'c', 32],
      ['EXPORTER-a', '', 48],
      ['', '', 32],
    ] as const) {
      const [ours, theirs] = from(label, context, length);
      expect(ours).toBe(theirs);
      expect(ours!.length).toBe(2 * length);
      seen.add(ours!.slice(0, 32));
    }
    expect(seen.size).toBe(5);
  });

  it('is unchanged by KeyUpdate', () => {
    const ends = openPair();
    const before = ends.client.connection.exportKey('EXPORTER-a');
    ends.client.connection.updateKeys(true);
    pump(ends);
    expect(ends.client.connection.exportKey('EXPORTER-a')).toEqual(before);
  });

  it('refuses bad labels, bad lengths and closed connections', () => {
    const { client } = openPair();
    expect(() => client.connection.exportKey('\n')).toThrow(/^label: /);
    expect(() => client.connection.exportKey('x'.repeat(250))).toThrow(/^label: /);
    expect(() => client.connection.exportKey('EXPORTER-x', undefined, 0)).toThrow(/^length: /);
    expect(() => client.connection.exportKey('EXPORTER-x', undefined, 1e6)).toThrow(/^length: /);
    expect(() => pair().client.connection.exportKey('EXPORTER-x')).toThrow(/before the handshake/);
  });
});
