/** Complete handshakes, both ends ours: what can be combined, and what both sides then know. */
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import { SUITES } from '../../src/crypto/suites.ts';
import { pairs } from '../crypto/providers.ts';
import { anyPeer, DOMAIN, KINDS, keyPeer, Pki } from '../support/pki.ts';
import { openPair, type Pair, pump } from '../support/tls.ts';

const pki = new Pki();

/** Data both ways, then an end from both sides. */
function exchange(ends: Pair): void {
  ends.client.connection.write(utf8('from the client'));
  ends.server.connection.write([utf8('from '), utf8('the server')]);
  pump(ends);
  expect(new TextDecoder().decode(ends.server.data)).toBe('from the client');
  expect(new TextDecoder().decode(ends.client.data)).toBe('from the server');
  ends.client.connection.closeWrite();
  ends.server.connection.closeWrite();
  pump(ends);
  expect([ends.client.connection.phase, ends.server.connection.phase]).toEqual(['closed', 'closed']);
}

describe('a mutual handshake', () => {
  for (const { name: suite } of SUITES)
    for (const group of node.supports.groups)
      for (const kind of KINDS)
        it(`completes with ${suite}, ${group} and ${kind} keys`, () => {
          const ends = openPair({
            client: { suites: [suite], groups: [group], credentials: [pki.user('alice', kind)] },
            server: { groups: [group], credentials: [pki.server(kind)] },
            pki,
          });
          expect(ends.client.connection.negotiated).toMatchObject({ suite, group, helloRetried: false });
          exchange(ends);
        });

  for (const { pair, one, other } of pairs)
    for (const { name: suite } of SUITES)
      it(`completes from ${pair} over ${suite}`, () => {
        exchange(openPair({ client: { suites: [suite] }, clientProvider: one, serverProvider: other }));
      });

  it('tells both sides the same story', () => {
    const { client, server } = openPair({ client: { alpn: ['a', 'b'] }, server: { alpn: ['b'] } });
    expect(client.story).toEqual(['op verifyPeer', 'op sign', 'handshake']);
    expect(server.story).toEqual(['op sign', 'op verifyPeer', 'handshake']);
    const common = {
      suite: 'TLS_AES_128_GCM_SHA256',
      group: 'x25519',
      alpn: 'b',
      serverName: DOMAIN,
      peerScheme: 'ed25519',
      localScheme: 'ed25519',
      helloRetried: false,
    };
    expect(client.connection.negotiated).toMatchObject({ role: 'client', ...common });
    expect(server.connection.negotiated).toMatchObject({ role: 'server', ...common });
    expect(client.connection.negotiated?.peer?.identity.domain ?? DOMAIN).toBe(DOMAIN);
    expect(server.connection.negotiated?.peer?.leaf?.names.email).toEqual([`alice@${DOMAIN}`]);
    expect(Object.isFrozen(client.connection.negotiated)).toBe(true);
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      const shown = one.connection.negotiated?.localChain;
      const seen = other.connection.negotiated?.peer?.chain.map(({ der }) => der);
      expect(shown?.[0]).toEqual(seen?.[0]);
      expect(shown?.length).toBeGreaterThan(0);
    }
  });

  it('works between key peers without any authority', () => {
    const [a, b] = [keyPeer(), keyPeer('p256')];
    const ends = openPair({
      client: { verifier: anyPeer(), credentials: [a] },
      server: { verifier: anyPeer(), credentials: [b] },
    });
    expect(ends.server.connection.negotiated?.peer?.identity.assurance).toBe('key');
    exchange(ends);
  });

  it('leaves in few records: a flight each, and no more than one ChangeCipherSpec', () => {
    const { client, server } = openPair();
    const types = (sent: Uint8Array[]): number[][] =>
      sent.map((flight) => {
        const list: number[] = [];
        for (let at = 0; at < flight.length; at += 5 + ((flight[at + 3]! << 8) | flight[at + 4]!))
          list.push(flight[at]!);
        return list;
      });
    expect(types(client.sent)).toEqual([[22], [20, 23]]);
    expect(types(server.sent)).toEqual([[22, 20, 23]]);
  });

  it('sends no session id and no ChangeCipherSpec without compatibility mode', () => {
    const { client, server } = openPair({ client: { compatibility: false } });
    expect(client.sent[0]![5 + 4 + 2 + 32]).toBe(0);
    expect([...client.sent, ...server.sent].some((flight) => flight[0] === 20)).toBe(false);
  });
});

describe('HelloRetryRequest', () => {
  for (const { name: suite } of SUITES)
    it(`leads to the group the server wants, over ${suite}`, () => {
      const ends = openPair({ client: { suites: [suite] }, server: { groups: ['secp256r1'] } });
      expect(ends.client.connection.negotiated).toMatchObject({ group: 'secp256r1', helloRetried: true });
      expect(ends.server.connection.negotiated).toMatchObject({ group: 'secp256r1', helloRetried: true });
      exchange(ends);
    });

  it('is not needed when the share of a less preferred group is there', () => {
    const { server } = openPair({ server: { groups: ['secp256r1', 'x25519'] } });
    expect(server.connection.negotiated).toMatchObject({ group: 'x25519', helloRetried: false });
  });

  it('carries a cookie there and back', () => {
    const cookie = utf8('this is the cookie');
    exchange(openPair({ server: { groups: ['secp256r1'] }, serverSeam: { retryCookie: cookie } }));
  });

  it('works without compatibility mode', () => {
    exchange(openPair({ client: { compatibility: false }, server: { groups: ['secp256r1'] } }));
  });
});

describe('client certificates', () => {
  it('are not asked for under "none"', () => {
    const ends = openPair({ server: { clientCertificate: 'none' } });
    expect(ends.client.story).toEqual(['op verifyPeer', 'handshake']);
    expect(ends.server.connection.negotiated?.peer).toBeUndefined();
    expect(ends.client.connection.negotiated?.localScheme).toBeUndefined();
    exchange(ends);
  });

  it('may be missing under "request"', () => {
    const ends = openPair({ client: { credentials: [] }, server: { clientCertificate: 'request' } });
    expect(ends.server.story).toEqual(['op sign', 'handshake']);
    expect(ends.server.connection.negotiated?.peer).toBeUndefined();
    exchange(ends);
  });

  it('are verified under "request" when they are shown', () => {
    const ends = openPair({ server: { clientCertificate: 'request' } });
    expect(ends.server.connection.negotiated?.peer).toBeDefined();
  });

  it('are left out when none suits what the server accepts (lesson 39)', () => {
    const ends = openPair({
      client: { credentials: [pki.user('alice', 'p384')] },
      server: { clientCertificate: 'request', schemes: ['ed25519'] },
      pki,
    });
    expect(ends.server.connection.negotiated?.peer).toBeUndefined();
  });

  it('are picked by the schemes the server accepts', () => {
    const ends = openPair({
      client: { credentials: [pki.user('alice', 'p384'), pki.user('alice', 'ed25519')] },
      server: { schemes: ['ed25519'] },
      pki,
    });
    expect(ends.client.connection.negotiated?.localScheme).toBe('ed25519');
  });
});

describe('the choice of a suite', () => {
  it('is the server’s', () => {
    const { client } = openPair({
      client: { suites: ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384'] },
      server: { suites: ['TLS_AES_256_GCM_SHA384', 'TLS_AES_128_GCM_SHA256'] },
    });
    expect(client.connection.negotiated?.suite).toBe('TLS_AES_256_GCM_SHA384');
  });

  it('is ChaCha20 when the client puts it first: it has no AES hardware', () => {
    const { client } = openPair({
      client: { suites: ['TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256'] },
    });
    expect(client.connection.negotiated?.suite).toBe('TLS_CHACHA20_POLY1305_SHA256');
  });
});

describe('freshness', () => {
  it('gives no two ClientHellos the same random, session id or key share (lesson 31)', () => {
    const hellos = [openPair(), openPair()].map(({ client }) => client.sent[0]!);
    const [one, two] = hellos.map((hello) => [hello.slice(11, 43), hello.slice(44, 76)]);
    expect(one![0]).not.toEqual(two![0]);
    expect(one![1]).not.toEqual(two![1]);
    const share = (hello: Uint8Array): string =>
      Buffer.from(hello)
        .toString('hex')
        .match(/001d0020(.{64})/)![1]!;
    expect(share(hellos[0]!)).not.toBe(share(hellos[1]!));
  });
});

it('a channel binding is the same at both ends, and another for every connection (RFC 9266)', () => {
  const bindings = [openPair(), openPair()].map(({ client, server }) => {
    const ours = client.connection.channelBinding();
    expect(ours).toEqual(server.connection.channelBinding());
    expect(ours.length).toBe(32);
    return ours.join();
  });
  expect(bindings[0]).not.toBe(bindings[1]);
});
