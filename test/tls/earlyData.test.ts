/** 0-RTT (RFC 9846 §2.3, §4.3.10, §8): off unless asked for, once per ticket, and never before the peer is known. */
import { describe, expect, it } from 'vitest';
import { type Bytes, concat, fromHex, hex, utf8 } from '../../src/base/bytes.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { Aead } from '../../src/crypto/provider.ts';
import { SUITES } from '../../src/crypto/suites.ts';
import { Refusal } from '../../src/identity/index.ts';
import { TlsConfig } from '../../src/tls/index.ts';
import { MAX_SKIPPED_EARLY_DATA, MAX_TICKET_AGE_SKEW } from '../../src/tls/limits.ts';
import { decodeClientHello, encodeClientHello } from '../../src/tls/messages/clientHello.ts';
import { encodeEncryptedExtensions } from '../../src/tls/messages/encryptedExtensions.ts';
import { ExtensionBlock } from '../../src/tls/messages/extensionBlock.ts';
import {
  alpn,
  bindersLength,
  earlyData as earlyDataExtension,
  preSharedKeyOffer,
} from '../../src/tls/messages/extensions.ts';
import { EarlySchedule } from '../../src/tls/schedule/schedule.ts';
import { TicketKeys } from '../../src/tls/tickets/ticketKeys.ts';
import { providers } from '../crypto/providers.ts';
import { KeyLog } from '../support/forge.ts';
import { Again, untilOp, World } from '../support/resumption.ts';
import { override } from '../support/scriptedProvider.ts';
import { type End, every, fault, type Pair, type PairOptions, pump } from '../support/tls.ts';

const EARLY: PairOptions = { client: { earlyData: 1000 }, server: { earlyData: 1000 } };

/** What came as early data. */
const early = (end: End): string =>
  Buffer.from(
    concat(end.events.flatMap((event) => (event.type === 'earlyData' ? [event.bytes] : []))),
  ).toString();
const data = (end: End): string => Buffer.from(end.data).toString();
const fates = ({ client, server }: Pair): (string | undefined)[] =>
  [client, server].map(({ connection }) => connection.negotiated?.earlyData);
const resumes = ({ client, server }: Pair): (boolean | undefined)[] =>
  [client, server].map(({ connection }) => connection.negotiated?.resumed);

/** A world with one connection behind it, and so with tickets. */
function ready(options: PairOptions = {}, store?: Again): World {
  const world = new World({ ...EARLY, ...options }, store);
  world.open();
  return world;
}

/** The client says `text` in its first flight; then everything moves. */
function saying(text: string, world: World, change: PairOptions = {}): Pair {
  const ends = world.pair(change);
  expect(ends.client.connection.writeEarly(utf8(text))).toBe(text.length);
  pump(ends);
  return ends;
}

/** A hello with one key more, in front of the ticket's, and binders to match. */
function behindAnother(message: Bytes, ticket: Bytes, psk: Uint8Array): Bytes {
  const hello = decodeClientHello(message.subarray(4));
  const list = hello.extensions.list.slice(0, -1);
  const keys = [utf8('nobody knows this one'), ticket].map((identity) => ({ identity, age: 0 }));
  const extensions = new ExtensionBlock([...list, preSharedKeyOffer(keys, [32, 32])]);
  const whole = encodeClientHello({ ...hello, extensions });
  const covered = whole.subarray(0, whole.length - bindersLength([32, 32]));
  const hash = node.hash('sha256').update(covered).digest();
  whole.set(new EarlySchedule(node, SUITES[0]!, psk).binder('resumption', hash), whole.length - 32);
  return whole;
}

describe.each(providers)('early data on $name', (provider) => {
  it('is there before the handshake is complete, and so may be its answer', () => {
    const [ours, theirs] = [new KeyLog(), new KeyLog()];
    const world = ready({ clientProvider: provider, serverProvider: provider });
    const ends = world.pair({ client: { keyLog: ours.log }, server: { keyLog: theirs.log } });
    const { client, server } = ends;
    client.connection.writeEarly([utf8('GET '), utf8('/')]);
    server.connection.feed(client.take());
    server.settleAll();
    expect(server.story).toEqual(['op redeemTicket', 'op verifyPeer', 'earlyData']);
    expect(early(server)).toBe('GET /');
    expect(server.connection.phase).toBe('handshake');
    expect(server.connection.writeEarly(utf8('200 OK'))).toBe(6);
    pump(ends);
    expect(data(client)).toBe('200 OK');
    expect(fates(ends)).toEqual(['accepted', 'accepted']);
    client.connection.write(utf8('more'));
    pump(ends);
    expect(data(server)).toBe('more');
    expect(early(server)).toBe('GET /');
    const line = ours.lines.find((one) => one.startsWith('CLIENT_EARLY_TRAFFIC_SECRET'));
    expect(line).toBeDefined();
    expect(theirs.lines).toContain(line);
  });
});

describe('early data', () => {
  it('is off: neither offered nor taken unless both sides say so', () => {
    const world = new World();
    world.open();
    const ends = world.pair();
    expect(ends.client.connection.writeEarly(utf8('x'))).toBe(0);
    pump(ends);
    expect(fates(ends)).toEqual(['none', 'none']);
    expect(resumes(ends)).toEqual([true, true]);
    const willing = new World({ client: { earlyData: 1000 } });
    willing.open();
    expect(willing.pair().client.connection.writeEarly(utf8('x'))).toBe(0);
    expect(
      ready({})
        .pair({ client: { earlyData: 0 } })
        .client.connection.writeEarly(utf8('x')),
    ).toBe(0);
  });

  it('needs an issuer that redeems each ticket once (lesson 25)', () => {
    const config = { verifier: { verify: () => new Refusal('ERR_IDENTITY_DENIED', 'no') } };
    expect(() => new TlsConfig({ ...config, resumption: new TicketKeys(node), earlyData: 1 })).toThrow(
      /^earlyData: needs an issuer that redeems each ticket once/,
    );
  });

  it('is not taken from a ticket shown twice, which is a full handshake (lesson 25)', () => {
    const world = ready({}, new Again());
    expect(early(saying('once', world).server)).toBe('once');
    const ends = saying('twice', world);
    expect(early(ends.server)).toBe('');
    expect(fates(ends)).toEqual(['rejected', 'rejected']);
    expect(resumes(ends)).toEqual([false, false]);
  });

  it('is not taken from a flight that is replayed (§8)', () => {
    const world = ready();
    const { client, server } = world.pair();
    client.connection.writeEarly(utf8('pay 100'));
    const flight = client.take();
    server.connection.feed(new Uint8Array(flight));
    server.settleAll();
    expect(early(server)).toBe('pay 100');
    for (let i = 0; i < 3; i++) {
      const again = world.pair().server;
      again.connection.feed(new Uint8Array(flight));
      again.settleAll();
      expect(again.story).not.toContain('earlyData');
      expect(again.connection.phase).toBe('handshake');
    }
  });

  it.each<[string, PairOptions, boolean, PairOptions?]>([
    ['takes none any more', { server: { earlyData: 0 } }, true],
    ['takes less than its ticket said', { server: { earlyData: 999 } }, true],
    ['wants another group first', { server: { groups: ['secp256r1'] } }, true],
    ['wants a cookie first', { server: { retryCookie: true } }, true],
    [
      'picks another suite of the hash',
      { server: { suites: ['TLS_CHACHA20_POLY1305_SHA256'] } },
      true,
      { server: { suites: ['TLS_AES_128_GCM_SHA256'] } },
    ],
    [
      'picks another suite',
      { server: { suites: ['TLS_AES_256_GCM_SHA384'] } },
      false,
      { server: { suites: ['TLS_AES_128_GCM_SHA256'] } },
    ],
    [
      'picks another protocol',
      { server: { alpn: ['b'], requireAlpn: false } },
      true,
      { client: { alpn: ['a', 'b'], requireAlpn: false }, server: { alpn: ['a'], requireAlpn: false } },
    ],
    ['forgot the session', { server: { resumption: new World().sessions } }, false],
    ['does not resume', { server: { resumption: new TicketKeys(node), earlyData: 0 } }, false],
  ])('is skipped by a server that %s; what follows is read', (_why, change, isResumed, first = {}) => {
    const world = new World({
      ...EARLY,
      client: { ...EARLY.client, ...first.client },
      server: { ...EARLY.server, ...first.server },
    });
    world.open();
    const ends = saying('too early', world, change);
    expect(early(ends.server)).toBe('');
    expect(fates(ends)).toEqual(['rejected', 'rejected']);
    expect(resumes(ends)).toEqual([isResumed, isResumed]);
    ends.client.connection.write(utf8('once more'));
    pump(ends);
    expect(data(ends.server)).toBe('once more');
  });

  it.each([
    [MAX_TICKET_AGE_SKEW, 'accepted'],
    [MAX_TICKET_AGE_SKEW + 1, 'rejected'],
    [-MAX_TICKET_AGE_SKEW, 'accepted'],
    [-MAX_TICKET_AGE_SKEW - 1, 'rejected'],
  ])('of a ticket whose age is %i ms off is %s (§8.3)', (skew, fate) => {
    const store = new Again();
    const world = ready({}, store);
    world.clock.advance(100_000);
    store.age = 100_000 + skew;
    const ends = saying('hello', world);
    expect(fates(ends)).toEqual([fate, fate]);
    expect(resumes(ends)).toEqual([true, true]);
  });

  it('is not offered for a protocol that the client does not speak any more', () => {
    const world = new World({ ...EARLY }, new Again());
    world.open({ client: { ...EARLY.client, alpn: ['a'] }, server: { ...EARLY.server, alpn: ['a', 'b'] } });
    const { client } = world.pair({ client: { alpn: ['b'] } });
    expect(client.connection.writeEarly(utf8('x'))).toBe(0);
  });

  it('is offered without a protocol where none was agreed and none is needed', () => {
    const world = new World({
      client: { ...EARLY.client, alpn: ['a'], requireAlpn: false },
      server: { ...EARLY.server, alpn: [] },
    });
    world.open();
    const ends = saying('hello', world);
    expect(early(ends.server)).toBe('hello');
    expect(fates(ends)).toEqual(['accepted', 'accepted']);
  });

  it('is written no further than the ticket allows', () => {
    const world = ready({ client: { earlyData: 65_536 }, server: { earlyData: 10 } });
    const ends = world.pair();
    expect(ends.client.connection.writeEarly(utf8('123456'))).toBe(6);
    expect(ends.client.connection.writeEarly(utf8('789012'))).toBe(4);
    expect(ends.client.connection.writeEarly(utf8('3'))).toBe(0);
    pump(ends);
    expect(early(ends.server)).toBe('1234567890');
  });

  it('beyond what the ticket allows is fatal (lesson 37)', () => {
    const store = new Again();
    const world = ready({ server: { earlyData: 10 } }, store);
    store.change({ maxEarlyData: 1000 }); // a client that does not go by its ticket
    const ends = saying('x'.repeat(11), world);
    expect(fault(ends.server.error)).toBe('ERR_TLS_FLOOD unexpected_message local');
    expect(early(ends.server)).toBe('');
  });

  it('beyond what is skipped is fatal (lesson 37)', () => {
    const much = { client: { earlyData: 65_536 }, server: { earlyData: 65_536 } };
    const world = ready(much, new Again());
    const fits = saying('x'.repeat(MAX_SKIPPED_EARLY_DATA - 100), world, { server: { earlyData: 0 } });
    expect(fates(fits)).toEqual(['rejected', 'rejected']);
    // As much as its tickets allow, a server must be able to pass over.
    const all = saying('x'.repeat(65_536), world, { server: { groups: ['secp256r1'] } });
    expect(fates(all)).toEqual(['rejected', 'rejected']);
    const second = ready(much);
    const ends = saying('x'.repeat(MAX_SKIPPED_EARLY_DATA + 1), second, { server: { earlyData: 0 } });
    expect(ends.server.error).toBeDefined();
    expect(ends.server.connection.negotiated).toBeUndefined();
  });

  it('is nobody’s before the verifier has accepted the peer again', () => {
    const world = ready();
    const { client, server } = world.pair();
    client.connection.writeEarly(utf8('let me in'));
    server.connection.feed(client.take());
    const op = untilOp(server, 'verifyPeer');
    expect(server.connection.next()).toBeUndefined();
    expect(server.connection.writeEarly(utf8('x'))).toBe(0);
    expect(server.take().length).toBe(0);
    server.connection.settle(op.id, new Refusal('ERR_IDENTITY_DENIED', 'revoked'));
    pump({ client, server });
    expect(server.story).not.toContain('earlyData');
    expect(early(server)).toBe('');
  });

  it('comes the same however it is cut', () => {
    const stories = [1, 7, 100_000].map((size) => {
      const world = ready();
      const ends = world.pair();
      ends.client.connection.writeEarly(utf8('one'));
      ends.client.connection.writeEarly(utf8('two'));
      pump(ends, every(size));
      expect(early(ends.server)).toBe('onetwo');
      expect(fates(ends)).toEqual(['accepted', 'accepted']);
      return ends.server.story;
    });
    expect(stories[1]).toEqual(stories[0]);
    expect(stories[2]).toEqual(stories[0]);
  });

  it('stops before the limit of its key: there is no KeyUpdate yet (lesson 9)', () => {
    let sealed = 0;
    const limited = override(node, {
      aead: (name, key) => {
        const real = node.aead(name, key);
        const aead: Aead = {
          tagLength: 16,
          recordLimit: 4,
          seal: (...args) => {
            sealed++;
            return real.seal(...args);
          },
          open: (...args) => real.open(...args),
          destroy: () => real.destroy(),
        };
        return aead;
      },
    });
    const world = ready();
    const { client } = world.pair({ clientProvider: limited });
    let taken = 0;
    for (let i = 0; i < 10; i++) taken += client.connection.writeEarly(utf8('x'));
    expect(taken).toBeLessThan(5);
    expect(sealed).toBe(taken);
  });

  it('without its end is no handshake: Finished cannot be read', () => {
    const world = ready();
    const drop = (name: string, message: Bytes): Bytes[] => (name === 'end_of_early_data' ? [] : [message]);
    const ends = saying('hi', world, { clientSeam: { rewrite: drop } });
    expect(fault(ends.server.error)).toBe('ERR_TLS_RECORD_MAC bad_record_mac local');
  });

  it('ended with something behind it in the record is refused (lesson 5)', () => {
    const world = ready();
    const twice = (name: string, message: Bytes): Bytes[] =>
      name === 'end_of_early_data' ? [concat([message, message])] : [message];
    const ends = saying('hi', world, { clientSeam: { rewrite: twice } });
    expect(fault(ends.server.error)).toBe('ERR_TLS_UNEXPECTED_MESSAGE unexpected_message local');
  });

  it('ends with the carrier as a truncation', () => {
    const world = ready();
    const { client, server } = world.pair();
    client.connection.writeEarly(utf8('hal'));
    server.connection.feed(client.take());
    server.connection.endOfInput();
    server.settleAll();
    expect(server.error?.code).toBe('ERR_TLS_TRUNCATED');
  });

  it.each([
    ['in a full handshake', { server: { resumption: new World().sessions } }],
    ['behind a retry', { server: { groups: ['secp256r1'] as const } }],
  ])('accepted by a server %s is illegal_parameter or unsupported', (_when, change) => {
    const world = ready();
    const rewrite = (name: string, message: Bytes): Bytes[] =>
      name === 'encrypted_extensions'
        ? [encodeEncryptedExtensions(new ExtensionBlock([earlyDataExtension]))]
        : [message];
    const ends = saying('hi', world, { ...change, serverSeam: { rewrite } });
    expect(ends.client.error?.alert).toMatch(/^(illegal_parameter|unsupported_extension)$/);
    expect(ends.client.connection.negotiated).toBeUndefined();
  });

  it('accepted under another protocol than the ticket’s is illegal_parameter', () => {
    const both = { alpn: ['a', 'b'] };
    const world = ready({ client: { ...EARLY.client, ...both }, server: { ...EARLY.server, ...both } });
    const rewrite = (name: string, message: Bytes): Bytes[] =>
      name === 'encrypted_extensions'
        ? [encodeEncryptedExtensions(new ExtensionBlock([alpn(['b']), earlyDataExtension]))]
        : [message];
    const ends = saying('hi', world, { serverSeam: { rewrite } });
    expect(ends.client.error?.alert).toBe('illegal_parameter');
  });

  it('goes by the first key alone: behind another it is not taken (§4.3.10)', () => {
    const store = new Again();
    const world = ready({}, store);
    const { psk, ticket } = store.take()!.ticket;
    const log = new KeyLog();
    const rewrite = (name: string, message: Bytes): Bytes[] =>
      name === 'client_hello' ? [behindAnother(message, ticket, psk.expose())] : [message];
    const { client, server } = world.pair({
      client: { suites: ['TLS_AES_128_GCM_SHA256'] },
      clientSeam: { rewrite },
      server: { keyLog: log.log },
    });
    client.connection.writeEarly(utf8('hi'));
    server.connection.feed(client.take());
    server.settleAll();
    expect(server.error).toBeUndefined();
    // It resumes, by the second key; that it takes the data would show in the first line.
    expect(server.story).toEqual(['op redeemTicket', 'op redeemTicket', 'op verifyPeer']);
    expect(hex(server.take())).toContain('002900020001');
    expect(log.lines.map((line) => line.split(' ')[0])).not.toContain('CLIENT_EARLY_TRAFFIC_SECRET');
  });

  it('leaves no secret in what can be seen', () => {
    const log = new KeyLog();
    const world = ready();
    const { client } = world.pair({ client: { keyLog: log.log } });
    client.connection.writeEarly(utf8('secret order'));
    const secret = log.lines[0]!.split(' ')[2]!;
    expect(log.lines[0]).toMatch(/^CLIENT_EARLY_TRAFFIC_SECRET /);
    const sent = hex(client.take());
    expect(sent).not.toContain(secret);
    expect(sent).not.toContain(hex(utf8('secret order')));
    expect(fromHex(secret).length).toBe(32);
  });

  it('is for the handshake: afterwards there is write', () => {
    const world = ready();
    const ends = saying('hi', world);
    expect(() => ends.client.connection.writeEarly(utf8('x'))).toThrow(
      expect.objectContaining({ code: 'ERR_TLS_STATE' }),
    );
  });
});
