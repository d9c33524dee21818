/** Whatever two ends are told from connection to connection, what holds of sessions holds (RFC 9846 §2.2, §8). */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { concat, hex, utf8 } from '../../src/base/bytes.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { TlsConfigInit } from '../../src/tls/index.ts';
import { TicketKeys } from '../../src/tls/tickets/ticketKeys.ts';
import { Again, LIFETIME, World } from '../support/resumption.ts';
import { type End, type Pair, pump } from '../support/tls.ts';

type Side = Partial<TlsConfigInit>;

/** The first value more often than not: sessions go on only where enough stays as it was. */
const mostly = <T>(usual: T, ...others: T[]): fc.Arbitrary<T> =>
  fc.oneof(
    { arbitrary: fc.constant(usual), weight: 8 },
    { arbitrary: fc.constantFrom(...others), weight: 1 },
  );

/** Every choice leaves a handshake possible. */
const client = fc.record<Side>({
  earlyData: mostly(1000, 0, 20),
  ticketCount: mostly(2, 0, 1),
  alpn: mostly(['a', 'b'], [], ['b', 'a']),
  requireAlpn: fc.constant(false),
  compatibility: fc.boolean(),
  grease: fc.boolean(),
});
const server = fc.record<Side>({
  earlyData: mostly(1000, 0, 20),
  ticketCount: mostly(2, 0, 1),
  alpn: mostly(['a', 'b'], [], ['b', 'a']),
  requireAlpn: fc.constant(false),
  suites: mostly<Side['suites'] & {}>(
    ['TLS_AES_128_GCM_SHA256'],
    ['TLS_CHACHA20_POLY1305_SHA256'],
    ['TLS_AES_256_GCM_SHA384'],
  ),
  groups: mostly<Side['groups'] & {}>(['x25519'], ['secp256r1']),
  retryCookie: mostly(false, true),
  clientCertificate: mostly<Side['clientCertificate'] & {}>('require', 'request'),
});
const connection = fc.record({
  client,
  server,
  issuer: mostly('cache', 'keys', 'none'),
  store: mostly('cache', 'again'),
  wait: mostly(0, 1000, LIFETIME * 600),
});

const earlyBytes = (end: End): string =>
  hex(concat(end.events.flatMap((event) => (event.type === 'earlyData' ? [event.bytes] : []))));

/** The ticket that was shown, if its session went on. */
function shown({ events }: End): string | undefined {
  const [ticket] = events.flatMap((event) =>
    event.type === 'op' && event.op.kind === 'redeemTicket' ? [hex(event.op.ticket)] : [],
  );
  return ticket;
}

function talk(ends: Pair): void {
  for (const [from, to] of [
    [ends.client, ends.server],
    [ends.server, ends.client],
  ] as const) {
    const before = to.data.length;
    from.connection.write(utf8('hello'));
    pump(ends);
    expect(to.data.length - before).toBe(5);
  }
}

const seen = { resumed: 0, accepted: 0, rejected: 0, none: 0 };

it('two ends agree on what is resumed, and no ticket carries early data twice', () => {
  fc.assert(
    fc.property(fc.array(connection, { minLength: 2, maxLength: 10 }), (connections) => {
      const world = new World();
      const again = new Again();
      const keys = new TicketKeys(node, { clock: world.clock, lifetime: LIFETIME });
      const usedEarly = new Set<string>();
      let who: string[] | undefined;
      for (const [i, { client, server, issuer, store, wait }] of connections.entries()) {
        world.clock.advance(wait);
        const { earlyData = 0, ...rest } = server;
        const ends = world.pair({
          client: { ...client, tickets: store === 'again' ? again : world.tickets },
          server: {
            ...rest,
            ...(issuer === 'cache' ? { earlyData } : {}),
            ...(issuer === 'none' ? {} : { resumption: issuer === 'cache' ? world.sessions : keys }),
          },
        });
        const offered = utf8(`early data of connection ${i}`);
        const taken = ends.client.connection.writeEarly(offered);
        pump(ends);
        for (const event of ends.client.events)
          if (event.type === 'ticket') event.store.put(event.key, event.ticket);

        const [mine, theirs] = [ends.client, ends.server].map((end) => {
          expect(end.error).toBeUndefined();
          return end.connection.negotiated!;
        });
        expect(mine!.resumed).toBe(theirs!.resumed);
        expect(mine!.earlyData).toBe(theirs!.earlyData);
        expect(mine!.alpn).toBe(theirs!.alpn);
        const ids = [mine, theirs].map((facts) => facts!.peer!.identity.keyId);
        expect(ids).toEqual((who ??= ids));
        expect(hex(ends.client.connection.exportKey('EXPORTER-x'))).toBe(
          hex(ends.server.connection.exportKey('EXPORTER-x')),
        );
        if (mine!.earlyData === 'accepted') {
          expect(mine).toMatchObject({ resumed: true, helloRetried: false });
          expect(issuer).toBe('cache');
          expect(earlyBytes(ends.server)).toBe(hex(offered.subarray(0, taken)));
          expect(usedEarly).not.toContain(shown(ends.server));
          usedEarly.add(shown(ends.server)!);
        } else expect(earlyBytes(ends.server)).toBe('');
        if (taken > 0) expect(mine!.earlyData).not.toBe('none');
        talk(ends);
        seen[mine!.earlyData]++;
        if (mine!.resumed) seen.resumed++;
      }
    }),
    { numRuns: 40 },
  );
  // That it happened at all; by far the rarest is early data accepted.
  expect(seen.accepted).toBeGreaterThan(0);
  expect(seen.rejected).toBeGreaterThan(0);
  expect(seen.resumed).toBeGreaterThan(seen.accepted);
});
