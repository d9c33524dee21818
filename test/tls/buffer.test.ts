/** The buffer verbs: any sizes of sends, receives, writes and reads carry the same bytes, and nothing grows unbounded. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { deferred } from '../../src/base/deferred.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import { type Need, TlsBuffer, type TlsBufferOptions } from '../../src/tls/buffer.ts';
import {
  ClientContext,
  OUTPUT_HIGH_WATER,
  type PeerVerifier,
  ServerContext,
  type TlsConfigInit,
} from '../../src/tls/index.ts';
import { SessionCache, TicketCache } from '../../src/tls/resumption.ts';
import { DOMAIN, Pki } from '../support/pki.ts';
import { fault } from '../support/tls.ts';

const pki = new Pki();
const credentials = { client: [pki.user('alice')], server: [pki.server()] };

interface Ends {
  readonly client: TlsBuffer;
  readonly server: TlsBuffer;
}

function ends(change: Partial<TlsConfigInit> = {}, options: TlsBufferOptions = {}): Ends {
  const client = new ClientContext(
    { verifier: pki.serverVerifier(), credentials: credentials.client, ...change },
    node,
  );
  const server = new ServerContext({ verifier: pki.clientVerifier(), credentials: credentials.server }, node);
  return {
    client: new TlsBuffer(client.connect({ serverName: DOMAIN }), options),
    server: new TlsBuffer(server.accept(), options),
  };
}

/** At most `max` bytes from one to the other, as a socket that takes so many would. */
function carry(from: TlsBuffer, to: TlsBuffer, max = Number.POSITIVE_INFINITY): number {
  const sent = to.receive(from.peekOutgoing(max).slice());
  from.consumeOutgoing(sent);
  return sent;
}

function pump({ client, server }: Ends, max?: number): void {
  while (carry(client, server, max) + carry(server, client, max) > 0);
}

function open(change?: Partial<TlsConfigInit>, options?: TlsBufferOptions): Ends {
  const both = ends(change, options);
  pump(both);
  expect([both.client.handshake(), both.server.handshake()]).toEqual([{}, {}]);
  return both;
}

/** Everything that can be read now. */
function drain(from: TlsBuffer, max = 65_536): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let got = from.read(max); got.bytes; got = from.read(max)) parts.push(got.bytes.slice());
  return concat(parts);
}

describe('a handshake by the buffer verbs', () => {
  it('says at each step what it needs', () => {
    const { client, server } = ends();
    const needs = (): (Need | undefined)[] => [client.handshake().need, server.handshake().need];
    expect(needs()).toEqual(['write', 'read']);
    while (carry(client, server) > 0);
    expect(needs()).toEqual(['read', 'write']);
    while (carry(server, client) > 0);
    expect(needs()).toEqual([undefined, 'read']); // the client's Finished is outgoing
    expect(client.outgoingBytes).toBeGreaterThan(0);
    while (carry(client, server) > 0);
    expect(needs()).toEqual([undefined, undefined]);
    expect(client.negotiated?.peer?.leaf?.names.dns).toEqual([DOMAIN]);
    expect(server.negotiated?.peer?.leaf?.names.email).toEqual([`alice@${DOMAIN}`]);
  });

  it('is no place for data yet: reading needs what the handshake needs, writing throws', () => {
    const { client } = ends();
    expect(client.read(1)).toEqual({ need: 'write' });
    expect(() => client.write(utf8('x'))).toThrow(/before the handshake/);
    expect(client.negotiated).toBeUndefined();
  });

  it('waits for an answer that comes later, and takes no input meanwhile', async () => {
    const question = deferred<void>();
    const real = pki.serverVerifier();
    const verifier: PeerVerifier = {
      verify: async (presented) => {
        await question.promise;
        return real.verify(presented);
      },
    };
    const { client, server } = ends({ verifier });
    while (carry(client, server) > 0);
    while (carry(server, client) > 0);
    expect(client.handshake()).toEqual({ need: 'answer' });
    expect(client.read(1)).toEqual({ need: 'answer' });
    expect(client.receive(new Uint8Array(10))).toBe(0);
    question.resolve();
    await client.answered;
    expect(client.answered).toBeUndefined();
    expect(client.handshake()).toEqual({});
    pump({ client, server });
    expect(server.handshake()).toEqual({});
  });

  it('fails by a rejected answer, and an answer after the end changes nothing', async () => {
    const verifier: PeerVerifier = { verify: async () => Promise.reject(new Error('no network')) };
    const { client, server } = ends({ verifier });
    while (carry(client, server) > 0);
    while (carry(server, client) > 0);
    await client.answered;
    expect(() => client.handshake()).toThrow(expect.objectContaining({ code: 'ERR_TLS_OP' }));
    pump({ client, server });
    expect(() => server.handshake()).toThrow(expect.objectContaining({ alertFrom: 'peer' }));

    const question = deferred<never>();
    const late = ends({ verifier: { verify: () => question.promise } });
    while (carry(late.client, late.server) > 0);
    while (carry(late.server, late.client) > 0);
    const { answered } = late.client;
    late.client.abort();
    const { error } = late.client.connection;
    question.reject(new Error('too late'));
    await answered;
    expect(late.client.connection.error).toBe(error);
  });

  it('fails with what the peer did, after the alert is outgoing', () => {
    const { client, server } = ends();
    expect(server.receive(utf8('GET / HTTP/1.1\r\n\r\n'))).toBe(18);
    expect(() => server.handshake()).toThrow();
    expect(server.outgoingBytes).toBe(7);
    carry(server, client);
    expect(() => client.handshake()).toThrow(expect.objectContaining({ code: 'ERR_TLS_ALERT' }));
  });
});

describe('reading and writing', () => {
  it('carry the same bytes whatever the sizes (model: two queues)', () => {
    const size = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 20_000 }));
    const step = fc.record({
      verb: fc.constantFrom('write', 'send', 'read', 'readInto'),
      side: fc.constantFrom('client', 'server'),
      size,
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), size, (steps, first) => {
        const both = ends({}, { maxUnread: 20_000 });
        pump(both, first);
        const other = { client: 'server', server: 'client' } as const;
        const written = { client: [] as Uint8Array[], server: [] as Uint8Array[] };
        const read = { client: [] as Uint8Array[], server: [] as Uint8Array[] };
        let next = 0;
        for (const { verb, side, size } of steps) {
          const buffer = both[side];
          if (verb === 'write') {
            const data = new Uint8Array(size).map(() => next++);
            written[side].push(data.slice(0, buffer.write(data)));
          } else if (verb === 'send') carry(buffer, both[other[side]], size);
          else if (verb === 'readInto') {
            const target = new Uint8Array(size);
            const waiting = buffer.incomingBytes;
            const { count = 0 } = buffer.readInto(target);
            expect(count).toBe(Math.min(size, waiting));
            read[side].push(target.subarray(0, count));
          } else {
            const { bytes } = buffer.read(size);
            expect(bytes?.length ?? 0).toBeLessThanOrEqual(size);
            if (bytes) read[side].push(bytes.slice());
          }
          expect(buffer.incomingBytes).toBeLessThanOrEqual(20_000 + 16_640);
        }
        for (let moved = 1; moved > 0; ) {
          moved = carry(both.client, both.server) + carry(both.server, both.client);
          for (const side of ['client', 'server'] as const) {
            const rest = drain(both[side]);
            moved += rest.length;
            read[side].push(rest);
          }
        }
        expect(concat(read.server)).toEqual(concat(written.client));
        expect(concat(read.client)).toEqual(concat(written.server));
      }),
      { numRuns: 30 },
    );
  });

  it('into the caller’s memory goes over records, and tells need and end as reading does', () => {
    const { client, server } = open();
    const target = new Uint8Array(8).fill(0x2e);
    expect(server.readInto(target)).toEqual({ need: 'read' });
    client.write(utf8('ab'));
    client.write(utf8('cd'));
    pump({ client, server });
    expect(server.readInto(target.subarray(0, 3))).toEqual({ count: 3 });
    expect(server.readInto(target.subarray(3))).toEqual({ count: 1 });
    expect(target).toEqual(utf8('abcd....'));
    client.shutdown('write');
    pump({ client, server });
    expect(server.readInto(target)).toEqual({ end: 'clean' });
    expect(() => server.readInto(new Uint8Array(0))).toThrow(/wanted at least 1 byte/);
  });

  it('need input when there is nothing', () => {
    const { client } = open();
    expect(client.read(1)).toEqual({ need: 'read' });
  });

  it('take no more than the peer can be sent: 0 while much is outgoing, and the next call may bring other bytes', () => {
    const { client, server } = open();
    let total = 0;
    for (let taken = 1; taken > 0; total += taken) taken = client.write(new Uint8Array(100_000).fill(1));
    expect(client.outgoingBytes).toBeLessThan(OUTPUT_HIGH_WATER + 20_000);
    client.consumeOutgoing(0);
    expect(client.write(utf8('other'))).toBe(0);
    let arrived = 0;
    while (client.outgoingBytes > 0) {
      carry(client, server);
      arrived += drain(server).length;
    }
    expect(arrived).toBe(total);
    expect(client.write(utf8('other'))).toBe(5);
    carry(client, server);
    expect(drain(server)).toEqual(utf8('other'));
  });

  it('keep at most so much unread, however much is offered (flood)', () => {
    const { client, server } = open({}, { maxUnread: 1000 });
    client.write(new Uint8Array(200_000));
    let refused = 0;
    while (client.outgoingBytes > 0) {
      if (carry(client, server) === 0) {
        refused++;
        expect(server.read(700).bytes!.length).toBeGreaterThan(0);
      }
      expect(server.incomingBytes).toBeLessThanOrEqual(1000 + 16_384);
    }
    expect(refused).toBeGreaterThan(10);
  });

  it('resume a send in the middle of a record', () => {
    const { client, server } = open();
    client.write(new Uint8Array(50_000).fill(7));
    const outgoing = client.outgoingBytes;
    expect(client.peekOutgoing(3).length).toBe(3);
    expect(client.peekOutgoing(3)).toEqual(client.peekOutgoing(3));
    server.receive(client.peekOutgoing(3).slice());
    client.consumeOutgoing(3);
    expect(client.outgoingBytes).toBe(outgoing - 3);
    while (carry(client, server, 9999) > 0);
    expect(drain(server)).toEqual(new Uint8Array(50_000).fill(7));
  });

  it('consume over several records at once, and never more than there is', () => {
    const { client } = open();
    client.write(new Uint8Array(50_000));
    client.consumeOutgoing(client.outgoingBytes - 1);
    expect(client.peekOutgoing().length).toBe(1);
    for (const wrong of [2, -1, 0.5]) expect(() => client.consumeOutgoing(wrong)).toThrow(/consumeOutgoing/);
    client.consumeOutgoing(1);
    expect(client.peekOutgoing().length).toBe(0);
  });

  it('refuse sizes that are none', () => {
    const { client } = open();
    for (const wrong of [0, -1, Number.NaN]) expect(() => client.read(wrong)).toThrow(/at least 1 byte/);
    expect(() => new TlsBuffer(client.connection, { maxUnread: 0 })).toThrow(/maxUnread/);
  });
});

describe('an end', () => {
  it('by close_notify is told once everything before it is read, and the other direction goes on', () => {
    const { client, server } = open();
    client.write(utf8('last'));
    expect(client.shutdown('write')).toEqual({ need: 'write' });
    pump({ client, server });
    expect(client.shutdown('write')).toEqual({});
    expect(server.read(2).bytes).toEqual(utf8('la'));
    expect(server.read(100).bytes).toEqual(utf8('st'));
    expect(server.read(100)).toEqual({ end: 'clean' });
    expect(server.receive(utf8('not TLS'))).toBe(0);
    server.write(utf8('answer'));
    pump({ client, server });
    expect(drain(client)).toEqual(utf8('answer'));
    expect(() => client.write(utf8('x'))).toThrow(/after closeWrite/);
  });

  it('of the carrier alone is an error, after the data before it', () => {
    const { client, server } = open();
    client.write(utf8('cut'));
    pump({ client, server });
    server.endOfInput();
    expect(server.read(100).bytes).toEqual(utf8('cut'));
    expect(() => server.read(100)).toThrow(expect.objectContaining({ code: 'ERR_TLS_TRUNCATED' }));
  });

  it('of the carrier alone is an end for the very call that says so, and for no other', () => {
    const { client, server } = open();
    client.write(utf8('cut'));
    pump({ client, server });
    server.endOfInput();
    expect(server.read(100, { ragged: 'end' }).bytes).toEqual(utf8('cut'));
    expect(server.read(100, { ragged: 'end' })).toEqual({ end: 'ragged' });
    expect(() => server.read(100)).toThrow(/close_notify/);
  });

  it('of the carrier in the handshake is never an end', () => {
    const { client } = ends();
    client.endOfInput();
    expect(() => client.read(1, { ragged: 'end' })).toThrow(
      expect.objectContaining({ code: 'ERR_TLS_TRUNCATED' }),
    );
  });

  it('of another error is never a ragged end', () => {
    const { client, server } = open();
    client.write(utf8('x'));
    const record = client.peekOutgoing().slice();
    record[record.length - 1]! ^= 1;
    server.receive(record);
    expect(() => server.read(1, { ragged: 'end' })).toThrow(
      expect.objectContaining({ code: 'ERR_TLS_RECORD_MAC' }),
    );
  });
});

describe('shutdown', () => {
  it('of reading drops what is unread and what comes', () => {
    const { client, server } = open();
    client.write(utf8('unread'));
    pump({ client, server });
    expect(server.shutdown('read')).toEqual({});
    client.write(utf8('later'));
    pump({ client, server });
    expect(server.incomingBytes).toBe(0);
    expect(server.read(1)).toEqual({ end: 'clean' });
    expect(server.write(utf8('still speaking'))).toBe(14);
  });

  it('of both is done when the peer has closed too', () => {
    const { client, server } = open();
    expect(client.shutdown('both')).toEqual({ need: 'write' });
    pump({ client, server });
    expect(client.shutdown('both')).toEqual({ need: 'read' });
    server.shutdown('write');
    pump({ client, server });
    expect(client.shutdown('both')).toEqual({});
    expect(client.connection.phase).toBe('closed');
  });

  it('of both is done as well when the carrier just ends: nothing was wanted any more', () => {
    const { client, server } = open();
    client.shutdown('both');
    pump({ client, server });
    client.endOfInput();
    expect(client.shutdown('both')).toEqual({});
    expect(() => client.shutdown('write')).toThrow(/close_notify/);
  });

  it('in the handshake gives up', () => {
    for (const how of ['write', 'read', 'both'] as const) {
      const { client, server } = ends();
      carry(client, server);
      expect(client.shutdown(how)).toEqual({ need: 'write' });
      pump({ client, server });
      expect(client.shutdown(how)).toEqual({});
      expect(() => client.handshake()).toThrow(expect.objectContaining({ code: 'ERR_TLS_ABORTED' }));
    }
  });
});

describe('resumption by the buffer verbs', () => {
  const tickets = new TicketCache();
  const client = new ClientContext(
    { verifier: pki.serverVerifier(), credentials: credentials.client, tickets, earlyData: 1000 },
    node,
  );
  const server = new ServerContext(
    {
      verifier: pki.clientVerifier(),
      credentials: credentials.server,
      resumption: new SessionCache(node),
      earlyData: 1000,
    },
    node,
  );
  const meet = (): Ends => ({
    client: new TlsBuffer(client.connect({ serverName: DOMAIN })),
    server: new TlsBuffer(server.accept()),
  });

  it('keeps the tickets that come, and reads early data apart from data', () => {
    const first = meet();
    pump(first);
    expect(first.client.negotiated?.resumed).toBe(false);
    expect(tickets.size).toBeGreaterThan(0);

    const second = meet();
    expect(second.client.connection.writeEarly(utf8('early'))).toBe(5);
    carry(second.client, second.server);
    while (carry(second.client, second.server) > 0);
    expect(second.server.incomingBytes).toBe(5);
    expect(second.server.readEarly(3)).toEqual(utf8('ear'));
    expect(second.server.read(10).bytes).toBeUndefined();
    pump(second);
    second.client.write(utf8('data'));
    pump(second);
    expect(second.client.negotiated).toMatchObject({ resumed: true, earlyData: 'accepted' });
    expect(second.server.read(10).bytes).toEqual(utf8('data'));
    expect(second.server.readEarly(10)).toEqual(utf8('ly'));
    expect(second.server.readEarly(10)).toEqual(new Uint8Array(0));
  });
});

describe('a poisoned connection', () => {
  it('answers every verb with one and the same error', () => {
    const { client, server } = open();
    client.write(utf8('x'));
    const record = client.peekOutgoing().slice();
    record[5]! ^= 1;
    server.receive(record);
    const error = server.connection.error!;
    expect(fault(error)).toBe('ERR_TLS_RECORD_MAC bad_record_mac local');
    const verbs: (() => unknown)[] = [
      () => server.read(1),
      () => server.write(utf8('x')),
      () => server.shutdown('write'),
      () => server.shutdown('read'),
      () => server.shutdown('both'),
    ];
    for (const verb of verbs) expect(verb).toThrow(error);
    expect(server.receive(record)).toBe(0);
    carry(server, client);
    expect(fault(client.connection.error)).toBe('ERR_TLS_ALERT bad_record_mac peer');
  });

  it('aborted here says so on both sides', () => {
    const { client, server } = open();
    client.abort('access_denied');
    expect(() => client.read(1)).toThrow(expect.objectContaining({ code: 'ERR_TLS_ABORTED' }));
    pump({ client, server });
    expect(fault(server.connection.error)).toBe('ERR_TLS_ALERT access_denied peer');
  });
});
