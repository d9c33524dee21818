/** Sessions that go on in later connections (RFC 9846 §2.2, §4.3.11, §4.7.1): lessons 22 to 26. */
import { inspect } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { type Bytes, hex, utf8 } from '../../src/base/bytes.ts';
import { Secret } from '../../src/base/secret.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { Refusal } from '../../src/identity/index.ts';
import type { PeerVerifier, PresentedPeer, TlsConfigInit } from '../../src/tls/index.ts';
import { ExtensionType } from '../../src/tls/messages/codePoints.ts';
import { ExtensionBlock } from '../../src/tls/messages/extensionBlock.ts';
import { preSharedKeyChosen } from '../../src/tls/messages/extensions.ts';
import { decodeServerHello, encodeServerHello } from '../../src/tls/messages/serverHello.ts';
import { ExternalPsk } from '../../src/tls/psk.ts';
import type { SessionTicket } from '../../src/tls/tickets/sessionTicket.ts';
import { TicketKeys } from '../../src/tls/tickets/ticketKeys.ts';
import { providers } from '../crypto/providers.ts';
import { Pki } from '../support/pki.ts';
import { Again, keep, LIFETIME, noting, untilOp, World } from '../support/resumption.ts';
import { override } from '../support/scriptedProvider.ts';
import { fault, openPair, type Pair, type PairOptions, pair, pump } from '../support/tls.ts';

const pki = new Pki();
const serverOne = pki.server();
const alice = pki.user('alice');
const refusing: PeerVerifier = {
  verify: () => new Refusal('ERR_IDENTITY_DENIED', 'revoked since'),
};

/** One server and one client of `pki`: sessions go on only between the same. */
const ours: PairOptions = { pki, client: { credentials: [alice] }, server: { credentials: [serverOne] } };

const resumed = ({ client, server }: Pair): (boolean | undefined)[] => [
  client.connection.negotiated?.resumed,
  server.connection.negotiated?.resumed,
];
const FULL = [false, false];
const RESUMED = [true, true];

function exchange({ client, server }: Pair): string {
  client.connection.write(utf8('ping '));
  server.connection.write(utf8('pong'));
  pump({ client, server });
  return Buffer.from(server.data).toString() + Buffer.from(client.data).toString();
}

describe.each(providers)('resumption on $name', (provider) => {
  it('goes on with the session: same peers, new keys, no certificates', () => {
    const world = new World({ clientProvider: provider, serverProvider: provider });
    const first = world.open();
    expect(resumed(first)).toEqual(FULL);
    const second = world.open();
    expect(resumed(second)).toEqual(RESUMED);
    expect(second.server.story.slice(0, 3)).toEqual(['op redeemTicket', 'op verifyPeer', 'op issueTicket']);
    expect(second.client.story.slice(0, 2)).toEqual(['op verifyPeer', 'handshake']);
    for (const side of ['client', 'server'] as const) {
      const [before, now] = [first, second].map((ends) => ends[side].connection.negotiated!);
      expect(now!.peer!.identity).toEqual(before!.peer!.identity);
      expect(now!.peerScheme).toBe(before!.peerScheme);
    }
    expect(exchange(second)).toBe('ping pong');
    const [one, other] = [first, second].map(({ client, server }) => {
      const mine = hex(client.connection.exportKey('EXPORTER-x'));
      expect(hex(server.connection.exportKey('EXPORTER-x'))).toBe(mine);
      return mine;
    });
    expect(one).not.toBe(other);
  });
});

describe('a ticket', () => {
  it('goes on without a word about the name that was dialled (RFC 6066 §3)', () => {
    const world = new World();
    const lengths: number[] = [];
    const serverSeam = {
      rewrite(name: string, message: Bytes): Bytes[] {
        if (name === 'encrypted_extensions') lengths.push(message.length);
        return [message];
      },
    };
    world.open({ serverSeam });
    expect(resumed(world.open({ serverSeam }))).toEqual(RESUMED);
    expect(lengths[0]! - lengths[1]!).toBe(4);
  });

  it('is used once: each connection spends one and brings one', () => {
    const world = new World();
    world.open();
    expect(world.tickets.size).toBe(2);
    for (let i = 0; i < 5; i++) {
      expect(resumed(world.open())).toEqual(RESUMED);
      expect(world.tickets.size).toBe(2);
    }
    const shown = new Set<string>();
    for (const ends of [world.meet(), world.meet()]) {
      const [op] = ends.server.events.flatMap((event) =>
        event.type === 'op' && event.op.kind === 'redeemTicket' ? [hex(event.op.ticket)] : [],
      );
      expect(shown.has(op!)).toBe(false);
      shown.add(op!);
    }
  });

  it('has a key, a name and an age of its own', () => {
    const world = new World({ client: { ticketCount: 4 }, server: { ticketCount: 4 } });
    const { client } = world.open();
    const tickets = client.events.flatMap((event) => (event.type === 'ticket' ? [event.ticket] : []));
    expect(tickets.length).toBe(4);
    for (const of of [
      ({ psk }: SessionTicket) => hex(psk.expose()),
      ({ ticket }: SessionTicket) => hex(ticket),
      ({ ageAdd }: SessionTicket) => String(ageAdd),
    ])
      expect(new Set(tickets.map(of)).size).toBe(4);
  });

  it('of a connection that failed is spent as well', () => {
    const world = new World({ client: { ticketCount: 1 } });
    world.open();
    expect(world.tickets.size).toBe(1);
    world.pair().client.connection.abort();
    expect(world.tickets.size).toBe(0);
    expect(resumed(world.open())).toEqual(FULL);
  });

  it('shown twice is redeemed once by a server that keeps sessions', () => {
    const world = new World({}, new Again());
    world.open();
    expect(resumed(world.open())).toEqual(RESUMED);
    expect(resumed(world.open())).toEqual(FULL);
  });

  it('carries something that nobody knows, unless told not to (RFC 8701)', () => {
    const ticketOf = (grease: boolean): number => {
      const sizes: number[] = [];
      const seam = {
        rewrite(name: string, message: Bytes): Bytes[] {
          if (name === 'new_session_ticket') sizes.push(message.length);
          return [message];
        },
      };
      new World().open({ server: { grease }, serverSeam: seam });
      return sizes[0]!;
    };
    expect(ticketOf(true) - ticketOf(false)).toBe(4);
  });

  it('expires at the client', () => {
    const world = new World();
    world.open();
    world.clock.advance(LIFETIME * 1000);
    const ends = world.open();
    expect(resumed(ends)).toEqual(FULL);
    expect(ends.server.story).not.toContain('op redeemTicket');
  });

  it('expires at the server, whatever the client thinks', () => {
    const world = new World({}, new Again());
    world.open();
    world.clock.advance(LIFETIME * 1000);
    const ends = world.open();
    expect(ends.server.story).toContain('op redeemTicket');
    expect(resumed(ends)).toEqual(FULL);
  });

  it('of sealed keys resumes, and may be shown again', () => {
    const world = new World();
    const sealed = new TicketKeys(node, { clock: world.clock });
    const keys = new World({}, new Again(), sealed);
    keys.open();
    expect(resumed(keys.open())).toEqual(RESUMED);
    expect(resumed(keys.open())).toEqual(RESUMED);
  });

  it('that nobody issued costs a full handshake and no more', () => {
    const store = new Again();
    const world = new World({}, store);
    world.open();
    store.change({ ticket: utf8('never issued') });
    expect(resumed(world.open())).toEqual(FULL);
  });

  it('costs a full handshake when the issuer fails, in whatever way', () => {
    for (const redeem of [
      () => {
        throw new Error('database is down');
      },
      () => ({ state: new Uint8Array(3), age: 0 }),
      () => ({ age: 0 }) as never,
      () => 'nonsense' as never,
    ]) {
      const world = new World();
      world.open();
      const issuer = { onceOnly: true, issue: () => undefined, redeem };
      const ends = world.open({ server: { resumption: issuer } });
      expect(resumed(ends)).toEqual(FULL);
      expect(world.tickets.size).toBe(1);
    }
  });

  it('is not missed when the issuer cannot make one', () => {
    for (const issue of [
      () => undefined,
      () => {
        throw new Error('full');
      },
      () => ({ ticket: new Uint8Array(0), lifetime: 5 }),
      () => ({ ticket: new Uint8Array(70_000), lifetime: 5 }),
      () => ({ ticket: utf8('x'), lifetime: 604_801 }),
      () => ({ ticket: utf8('x'), lifetime: -1 }),
    ]) {
      const world = new World();
      const issuer = { onceOnly: true, issue, redeem: () => undefined };
      const ends = world.open({ server: { resumption: issuer } });
      expect(exchange(ends)).toBe('ping pong');
      expect(world.tickets.size).toBe(0);
    }
  });

  it.each([0, 1, 2, 5])('comes as often as the client asks: %i times', (ticketCount) => {
    const world = new World({ client: { ticketCount }, server: { ticketCount: 8 } });
    world.open();
    expect(world.tickets.size).toBe(Math.min(ticketCount, 4));
  });

  it('comes no more often than the server gives', () => {
    const world = new World({ client: { ticketCount: 8 }, server: { ticketCount: 1 } });
    world.open();
    expect(world.tickets.size).toBe(1);
  });

  it('does not come without an issuer, and without a store is not asked for', () => {
    const none = openPair({ client: { tickets: new World().tickets } });
    expect(none.client.story).not.toContain('ticket');
    const unasked = openPair({ server: { resumption: new World().sessions } });
    expect(unasked.server.story).not.toContain('op issueTicket');
  });
});

describe('a session goes on only', () => {
  const one = ours;
  const cases: [string, PairOptions, PairOptions][] = [
    ['under the server name it was made for', one, { ...one, serverName: `other.${'example.test'}` }],
    ['with the certificate the server had', one, { ...one, server: { credentials: [pki.server('p256')] } }],
    ['with the certificate the client had', one, { ...one, client: { credentials: [pki.user('bob')] } }],
    [
      'under the same policy about client certificates',
      { ...one, server: { ...one.server, clientCertificate: 'request' } },
      { ...one, server: { ...one.server, clientCertificate: 'require' } },
    ],
    [
      'for the application protocol it was made for',
      { ...one, client: { ...one.client, alpn: ['a', 'b'] }, server: { ...one.server, alpn: ['a'] } },
      { ...one, client: { ...one.client, alpn: ['a', 'b'] }, server: { ...one.server, alpn: ['b'] } },
    ],
    [
      'for the protocol picked, though the same are known',
      { ...one, client: { ...one.client, alpn: ['a'] }, server: { ...one.server, alpn: ['a', 'b'] } },
      { ...one, client: { ...one.client, alpn: ['b'] }, server: { ...one.server, alpn: ['a', 'b'] } },
    ],
    [
      'with a suite of the same hash',
      { ...one, server: { ...one.server, suites: ['TLS_AES_128_GCM_SHA256'] } },
      { ...one, server: { ...one.server, suites: ['TLS_AES_256_GCM_SHA384'] } },
    ],
  ];

  it.each(
    cases.flatMap(([name, before, now]) => [
      { name, store: 'a client that keeps its tickets apart', before, now },
      // A client with other certificates is the same client to who holds its ticket.
      ...(name.endsWith('client had') ? [] : [{ name, store: 'any client', before, now }]),
    ]),
  )('$name, with $store', ({ store, before, now }) => {
    const world = new World({}, store === 'any client' ? new Again() : undefined);
    const trust = { client: { verifier: anyServer }, server: { verifier: pki.clientVerifier() } };
    const merged = (options: PairOptions): PairOptions => ({
      ...options,
      client: { ...trust.client, ...options.client },
      server: { ...trust.server, ...options.server },
    });
    expect(resumed(world.open(merged(before)))).toEqual(FULL);
    const ends = world.open(merged(now));
    expect(resumed(ends)).toEqual(FULL);
    expect(exchange(ends)).toBe('ping pong');
  });

  it('and with another suite of the same hash it does', () => {
    const world = new World();
    world.open({ server: { suites: ['TLS_AES_128_GCM_SHA256'] } });
    const ends = world.open({ server: { suites: ['TLS_CHACHA20_POLY1305_SHA256'] } });
    expect(resumed(ends)).toEqual(RESUMED);
    expect(ends.client.connection.negotiated!.suite).toBe('TLS_CHACHA20_POLY1305_SHA256');
  });

  it('but not with a client that offers the suite of the session no more', () => {
    const store = new Again();
    const world = new World({}, store);
    world.open({ server: { suites: ['TLS_AES_128_GCM_SHA256'] } });
    store.change({ suite: 'TLS_CHACHA20_POLY1305_SHA256' });
    const ends = world.open({ client: { suites: ['TLS_CHACHA20_POLY1305_SHA256'] } });
    expect(resumed(ends)).toEqual(FULL);
    expect(ends.server.story).toContain('op redeemTicket');
  });

  it('between a server and a client that showed nothing, where that is allowed', () => {
    const world = new World({ client: { credentials: [] }, server: { clientCertificate: 'request' } });
    world.open();
    const ends = world.open();
    expect(resumed(ends)).toEqual(RESUMED);
    expect(ends.server.connection.negotiated!.peer).toBeUndefined();
    expect(ends.server.story).not.toContain('op verifyPeer');
  });
});

/** For dialling one server under two names. */
const anyServer: PeerVerifier = {
  verify: (presented) => pki.serverVerifier().verify({ ...presented, serverName: 'example.test' }),
};

describe('the verifier', () => {
  it('is asked again with what was shown at first', () => {
    const asked: PresentedPeer[] = [];
    const world = new World({
      ...ours,
      client: { ...ours.client, verifier: noting(pki.serverVerifier(), asked) },
      server: { ...ours.server, verifier: noting(pki.clientVerifier(), asked) },
    });
    world.open();
    world.open();
    const [server, client, clientAgain, serverAgain] = asked;
    expect(asked.map(({ role, resumed: again }) => [role, again])).toEqual([
      ['server', false],
      ['client', false],
      ['client', true],
      ['server', true],
    ]);
    for (const [before, now] of [
      [server, serverAgain],
      [client, clientAgain],
    ]) {
      expect(now!.chain.map(hex)).toEqual(before!.chain.map(hex));
      expect({ ...now, chain: [], resumed: false }).toEqual({ ...before, chain: [] });
    }
  });

  it('who refuses keeps a revoked client out, ticket or not', () => {
    const world = new World(ours);
    world.open({ server: { verifier: pki.clientVerifier() } });
    const ends = world.meet({ server: { verifier: refusing } });
    expect(fault(ends.server.error)).toBe('ERR_TLS_PEER_REFUSED certificate_revoked local');
    expect(ends.server.connection.negotiated).toBeUndefined();
    // The session is refused first, then the certificate: it might have been a newer one.
    const ops = ['op redeemTicket', 'op verifyPeer', 'op sign', 'op verifyPeer', 'error'];
    expect(ends.server.story).toEqual(ops);
  });

  it('who refuses ends the resumption at the client', () => {
    const world = new World(ours);
    world.open();
    const ends = world.meet({ client: { verifier: refusing } });
    expect(fault(ends.client.error)).toBe('ERR_TLS_PEER_REFUSED certificate_revoked local');
    expect(ends.client.story).toEqual(['op verifyPeer', 'error']);
  });

  it('who answers about somebody else is not believed', () => {
    const world = new World(ours);
    const { client } = world.open();
    const stranger = client.connection.negotiated!.peer!;
    for (const side of ['client', 'server'] as const) {
      const other = new Pki();
      const wrong = openPair({ pki: other }).server.connection.negotiated!.peer!;
      expect(wrong).not.toBe(stranger);
      const ends = world.meet({ [side]: { verifier: { verify: () => wrong } } });
      expect(ends[side].error?.code).toBe('ERR_TLS_OP');
      world.open();
    }
  });

  it('is waited for: nothing of the server’s flight goes out before it has answered', () => {
    const world = new World();
    world.open();
    const { client, server } = world.pair();
    server.connection.feed(client.take());
    const op = untilOp(server, 'verifyPeer');
    expect(server.take().length).toBe(0);
    expect(server.connection.phase).toBe('handshake');
    server.connection.settle(op.id, new Refusal('ERR_IDENTITY_DENIED', 'no'));
    pump({ client, server });
    expect(server.connection.negotiated?.resumed).not.toBe(true);
  });
});

describe('a binder', () => {
  it('that is wrong is decrypt_error, before anything the key stands for is used (lesson 22)', () => {
    const world = new World();
    world.open();
    const { client, server } = world.pair({ client: { compatibility: false } });
    const hello = client.take();
    hello[hello.length - 1]! ^= 1;
    server.connection.feed(hello);
    server.settleAll();
    expect(fault(server.error)).toBe('ERR_TLS_FINISHED decrypt_error local');
    expect(server.story).toEqual(['op redeemTicket', 'error']);
    expect(server.take().length).toBe(7);
  });

  it('covers every byte before it', () => {
    const world = new World({ client: { compatibility: false } }, new Again(), new TicketKeys(node));
    world.open();
    const { client } = world.pair();
    const hello = client.take();
    const outcomes = new Set<string>();
    // From the client's random on: a change is refused for what it breaks, or by the binder, but never taken.
    for (let at = 11; at < hello.length; at += 3) {
      const { server } = world.pair();
      const changed = new Uint8Array(hello);
      changed[at]! ^= 0x20;
      server.connection.feed(changed);
      server.settleAll();
      const sent = server.take();
      // A retry, or a full handshake, is what a hello with another group or an unknown ticket gets.
      if (server.error === undefined) expect(isResumption(sent)).toBe(false);
      outcomes.add(server.error?.alert ?? 'goes on');
    }
    expect(outcomes).toContain('decrypt_error');
  });

  it('of another key is refused', () => {
    const store = new Again();
    const world = new World({}, store, new TicketKeys(node));
    world.open();
    const other = new Again();
    new World({}, other, new TicketKeys(node)).open();
    store.change({ psk: other.take()!.ticket.psk });
    expect(fault(world.meet().server.error)).toBe('ERR_TLS_FINISHED decrypt_error local');
  });
});

/** Whether a ServerHello carries pre_shared_key: the first record, its extensions behind 44 bytes and the session id. */
function isResumption(sent: Uint8Array): boolean {
  const length = (sent[3]! << 8) | sent[4]!;
  return hex(sent.subarray(5, 5 + length)).includes('002900020000');
}

describe('a server that goes on with a session', () => {
  it('under a suite of another hash is illegal_parameter', () => {
    const world = new World();
    world.open({ server: { suites: ['TLS_AES_128_GCM_SHA256'] } });
    const rewrite = (name: string, message: Bytes): Bytes[] => {
      // Behind the header, version, random and the session id of 32 bytes.
      if (name === 'server_hello') message.set([0x13, 0x02], 4 + 2 + 32 + 33);
      return [message];
    };
    const change = { server: { suites: ['TLS_AES_128_GCM_SHA256'] as const }, serverSeam: { rewrite } };
    expect(fault(world.meet(change).client.error)).toBe('ERR_TLS_ILLEGAL_PARAMETER illegal_parameter local');
  });

  it('that was not offered is illegal_parameter or unsupported_extension', () => {
    const chosen =
      (index: number) =>
      (name: string, message: Bytes): Bytes[] => {
        if (name !== 'server_hello') return [message];
        const hello = decodeServerHello(message.subarray(4));
        const others = hello.extensions.list.filter(({ type }) => type !== ExtensionType.preSharedKey);
        const extensions = new ExtensionBlock([...others, preSharedKeyChosen(index)]);
        return [encodeServerHello({ ...hello, extensions })];
      };
    const world = new World();
    const unasked = world.meet({ serverSeam: { rewrite: chosen(0) } });
    expect(unasked.client.error?.alert).toBe('unsupported_extension');
    world.open();
    const outside = world.meet({ serverSeam: { rewrite: chosen(1) } });
    expect(outside.client.error?.alert).toBe('illegal_parameter');
  });
});

describe('a HelloRetryRequest', () => {
  it('does not keep a session from going on', () => {
    const world = new World({ server: { groups: ['secp256r1'] } });
    world.open();
    const ends = world.open();
    expect(resumed(ends)).toEqual(RESUMED);
    expect(ends.client.connection.negotiated).toMatchObject({ helloRetried: true, group: 'secp256r1' });
    expect(exchange(ends)).toBe('ping pong');
  });

  it('for another hash drops the key', () => {
    const world = new World({}, new Again());
    world.open({ server: { suites: ['TLS_AES_128_GCM_SHA256'] } });
    const ends = world.open({ server: { suites: ['TLS_AES_256_GCM_SHA384'], groups: ['secp256r1'] } });
    expect(resumed(ends)).toEqual(FULL);
    expect(ends.client.connection.negotiated!.helloRetried).toBe(true);
  });

  it('with a cookie goes with a session', () => {
    const world = new World({ server: { retryCookie: true } });
    world.open();
    expect(resumed(world.open())).toEqual(RESUMED);
  });
});

describe('an external key', () => {
  const key = (local: string, remote: string, fill = 1): ExternalPsk =>
    new ExternalPsk({
      identity: utf8('shared'),
      key: Uint8Array.from({ length: 32 }, (_, i) => fill + i),
      parties: { local, remote },
    });
  const nobody: TlsConfigInit['verifier'] = refusing;
  const mine = { verifier: nobody, credentials: [], externalPsks: [key('alice', 'bob')] };
  const theirs = { verifier: nobody, credentials: [], externalPsks: [key('bob', 'alice')] };

  it.each(['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384'] as const)(
    'stands for both sides, with %s',
    (suite) => {
      const ends = openPair({ client: mine, server: { ...theirs, suites: [suite] } });
      for (const { connection } of [ends.client, ends.server]) {
        expect(connection.negotiated).toMatchObject({ suite, resumed: false });
        expect(connection.negotiated!.peer).toBeUndefined();
        expect(Buffer.from(connection.negotiated!.psk!.identity).toString()).toBe('shared');
      }
      expect(exchange(ends)).toBe('ping pong');
    },
  );

  it('goes through a HelloRetryRequest', () => {
    const ends = openPair({ client: mine, server: { ...theirs, groups: ['secp256r1'] } });
    expect(ends.client.connection.negotiated).toMatchObject({ helloRetried: true });
    expect(exchange(ends)).toBe('ping pong');
  });

  it('of another value is refused by its binder', () => {
    const other = { ...theirs, externalPsks: [key('bob', 'alice', 2)] };
    const ends = pair({ client: mine, server: other });
    pump(ends);
    expect(fault(ends.server.error)).toBe('ERR_TLS_FINISHED decrypt_error local');
  });

  it('does not let a node talk to itself: its own hello, reflected, is refused (lesson 26)', () => {
    const ends = pair({ client: mine, server: { ...mine } });
    pump(ends);
    expect(ends.server.error).toBeDefined();
    expect(ends.server.connection.negotiated).toBeUndefined();
    expect(ends.client.connection.negotiated).toBeUndefined();
  });

  it('stands behind a ticket: the session is preferred, the key used when there is none', () => {
    const both = { externalPsks: mine.externalPsks, earlyData: 100 };
    const world = new World({
      client: both,
      server: { externalPsks: theirs.externalPsks, earlyData: 100 },
    });
    // The first connection goes by the key, and gives no ticket: nobody showed who it is.
    expect(world.open().client.connection.negotiated!.psk).toBeDefined();
    expect(world.tickets.size).toBe(0);
    world.open({ client: { externalPsks: [] } });
    expect(resumed(world.open())).toEqual(RESUMED);
    world.sessions.clear();
    world.open({ client: { externalPsks: [] } });
    world.sessions.clear();
    const ends = world.pair();
    ends.client.connection.writeEarly(utf8('early'));
    pump(ends);
    expect(ends.client.connection.negotiated).toMatchObject({
      resumed: false,
      earlyData: 'rejected',
      psk: {},
    });
    expect(ends.server.story).toContain('op redeemTicket');
    expect(ends.server.story).not.toContain('earlyData');
    expect(exchange(ends)).toBe('ping pong');
  });

  it('unknown to the server leaves certificates to decide', () => {
    const ends = openPair({ client: { externalPsks: [key('alice', 'carol')] } });
    expect(ends.client.connection.negotiated!.psk).toBeUndefined();
    expect(ends.client.connection.negotiated!.peer).toBeDefined();
  });
});

/** Believes certificates, and no session made with them. */
const onlyFresh: PeerVerifier = {
  verify: (presented) => (presented.resumed ? refusing : pki.clientVerifier()).verify(presented),
};

/** Keeps hold of every key that is derived, by its label. */
class Derived {
  readonly keys: { label: string; bytes: Uint8Array }[] = [];
  readonly provider: CryptoProvider = override(node, {
    hkdfExtract: (name, salt, input) => this.#note('extract', node.hkdfExtract(name, salt, input)),
    hkdfExpand: (name, key, info, length) => {
      const label =
        Buffer.from(info)
          .toString('latin1')
          .match(/tls13 ([a-z ]+)/)?.[1] ?? 'ticket';
      return this.#note(label, node.hkdfExpand(name, key, info, length));
    },
  });

  #note(label: string, bytes: Bytes): Bytes {
    this.keys.push({ label, bytes });
    return bytes;
  }

  /** Labels of those that still hold something; an IV is no secret. */
  get alive(): string[] {
    return this.keys
      .filter(({ label, bytes }) => label !== 'iv' && bytes.some((byte) => byte !== 0))
      .map(({ label }) => label);
  }
}

describe('every key that was derived', () => {
  const EARLY: PairOptions = { client: { earlyData: 100 }, server: { earlyData: 100 } };
  const close = (ends: Pair): void => {
    ends.client.connection.closeWrite();
    ends.server.connection.closeWrite();
    pump(ends);
  };
  const ends: [string, PairOptions, (ends: Pair) => void][] = [
    ['a resumption', {}, close],
    ['accepted early data', EARLY, close],
    ['rejected early data', { ...EARLY, server: { earlyData: 0 } }, close],
    ['a retry', { ...EARLY, server: { earlyData: 0, groups: ['secp256r1'] } }, close],
    ['a full handshake in place of it', { server: { suites: ['TLS_AES_256_GCM_SHA384'] } }, close],
    [
      'a key update',
      {},
      (pair_) => {
        pair_.client.connection.updateKeys(true);
        pump(pair_);
        close(pair_);
      },
    ],
    ['a session refused and a certificate accepted', { server: { verifier: onlyFresh } }, close],
    ['a refused client', { server: { verifier: refusing } }, () => undefined],
    ['a refused server', { client: { verifier: refusing } }, () => undefined],
    [
      'an abort',
      {},
      ({ client, server }) => {
        client.connection.abort();
        server.connection.abort();
      },
    ],
  ];

  it.each(ends)('is zero after %s', (_name, change, end) => {
    const exposed = new Set<Uint8Array>();
    const expose = Secret.prototype.expose;
    const spy = vi.spyOn(Secret.prototype, 'expose').mockImplementation(function (this: Secret) {
      const bytes = expose.call(this);
      exposed.add(bytes);
      return bytes;
    });
    const [client, server] = [new Derived(), new Derived()];
    const world = new World({
      ...ours,
      client: { ...ours.client, ...EARLY.client },
      server: { ...ours.server, ...EARLY.server },
    });
    const options = { ...change, clientProvider: client.provider, serverProvider: server.provider };
    close(world.open({ clientProvider: client.provider, serverProvider: server.provider }));
    const pair_ = world.pair(options);
    pair_.client.connection.writeEarly(utf8('x'));
    pump(pair_);
    keep(pair_.client);
    end(pair_);
    expect(new Set(client.alive)).toEqual(world.tickets.size > 0 ? new Set(['resumption']) : new Set());
    world.tickets.clear();
    expect(client.alive).toEqual([]);
    expect(server.alive).toEqual([]);
    // Those that were not derived here as well: what came out of a ticket, and what went into one.
    world.sessions.clear();
    spy.mockRestore();
    expect([...exposed].filter((bytes) => bytes.some((byte) => byte !== 0))).toEqual([]);
    expect(client.keys.length + server.keys.length).toBeGreaterThan(60);
  });

  it('is zero when the handshake is given up in the middle', () => {
    const [client, server] = [new Derived(), new Derived()];
    const world = new World(EARLY);
    world.open({ clientProvider: client.provider, serverProvider: server.provider });
    const middle = world.pair({ clientProvider: client.provider, serverProvider: server.provider });
    middle.client.connection.writeEarly(utf8('x'));
    middle.server.connection.feed(middle.client.take());
    untilOp(middle.server, 'verifyPeer');
    middle.client.connection.abort();
    middle.server.connection.abort();
    const left = [...client.alive, ...server.alive];
    // What is left is the first connection's, still open, and the tickets'.
    expect(left.filter((label) => !/ ap traffic|exp master|res master|resumption/.test(label))).toEqual([]);
  });
});

describe('secrets of sessions', () => {
  it('appear in nothing that users hold', () => {
    const world = new World();
    const first = world.open();
    const psks = first.client.events.flatMap((event) =>
      event.type === 'ticket' ? [new Uint8Array(event.ticket.psk.expose())] : [],
    );
    expect(psks.map(({ length }) => length)).toEqual([32, 32]);
    const second = world.open();
    const held = [...first.client.events, ...first.server.events, ...second.client.events];
    for (const value of [...held, ...second.server.events, first.client.connection, world.tickets]) {
      const text = inspect(value, { depth: 20, showHidden: true, maxArrayLength: 1000 });
      const bytes = text.replace(/[^0-9,]/g, '');
      for (const psk of psks) expect(bytes.includes([...psk].join(','))).toBe(false);
    }
  });

  it('are destroyed with the ticket that is spent', () => {
    const world = new World();
    const first = world.open();
    const tickets = first.client.events.flatMap((event) => (event.type === 'ticket' ? [event.ticket] : []));
    world.open();
    const alive = tickets.filter(({ psk }) => {
      try {
        return psk.expose().length > 0;
      } catch {
        return false;
      }
    });
    expect(alive.length).toBe(1);
    world.tickets.clear();
    expect(() => alive[0]!.psk.expose()).toThrow(/destroyed/);
  });
});
