/** Sessions that go on from ticket to ticket, and how long nobody needs to sign (RFC 9846 §4.7.1). */
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { TlsConfigInit } from '../../src/tls/index.ts';
import { MAX_SESSION_AGE } from '../../src/tls/limits.ts';
import type { TicketIssuer } from '../../src/tls/tickets/issuer.ts';
import { SessionCache } from '../../src/tls/tickets/sessionCache.ts';
import { SessionTicket } from '../../src/tls/tickets/sessionTicket.ts';
import { World } from '../support/resumption.ts';

const DAY = 86_400;

/** Connects once a day; the days on which a session went on, before both signed again. */
function daysWithoutSignature(world: World, change: (sessions: TicketIssuer) => Change): number {
  const sessions = new SessionCache(node, { clock: world.clock, lifetime: MAX_SESSION_AGE });
  const options = change(sessions);
  world.open(options);
  for (let day = 1; day <= 30; day++) {
    world.clock.advance(DAY * 1000);
    if (!world.open(options).client.connection.negotiated!.resumed) return day - 1;
  }
  return Number.POSITIVE_INFINITY;
}

interface Change {
  readonly client?: Partial<TlsConfigInit>;
  readonly server: Partial<TlsConfigInit>;
}

/** A client that does not count: every ticket is the first of its session to it. */
function forgetful(world: World): Partial<TlsConfigInit> {
  return {
    tickets: {
      put: (key, ticket) => {
        const psk = new Secret(new Uint8Array(ticket.psk.expose()));
        world.tickets.put(key, new SessionTicket({ ...ticket, psk, since: 0, lifetime: MAX_SESSION_AGE }));
      },
      take: (key) => world.tickets.take(key),
    },
  };
}

/** A server, or whoever has its keys, that does not count: every ticket is new to it. */
const ageless = (sessions: TicketIssuer): TicketIssuer => ({
  onceOnly: true,
  issue: (state) => sessions.issue(state),
  redeem: (ticket) => {
    const found = sessions.redeem(ticket) as { state: Uint8Array<ArrayBuffer> } | undefined;
    return found && { state: found.state, age: 0 };
  },
});

describe('a session that goes on from ticket to ticket', () => {
  it('ends a week after somebody signed', () => {
    expect(daysWithoutSignature(new World(), (sessions) => ({ server: { resumption: sessions } }))).toBe(6);
  });

  it('ends then by the server alone', () => {
    const world = new World();
    const change = (sessions: TicketIssuer): Change => ({
      client: forgetful(world),
      server: { resumption: sessions },
    });
    expect(daysWithoutSignature(world, change)).toBeLessThanOrEqual(7);
  });

  it('ends then by the client alone', () => {
    const change = (sessions: TicketIssuer): Change => ({ server: { resumption: ageless(sessions) } });
    expect(daysWithoutSignature(new World(), change)).toBeLessThanOrEqual(7);
  });

  it('begins anew with a full handshake', () => {
    const world = new World();
    const sessions = new SessionCache(node, { clock: world.clock, lifetime: MAX_SESSION_AGE });
    const options = { server: { resumption: sessions } };
    world.open(options);
    world.clock.advance(8 * DAY * 1000);
    expect(world.open(options).client.connection.negotiated?.resumed).toBe(false);
    world.clock.advance(DAY * 1000);
    expect(world.open(options).client.connection.negotiated?.resumed).toBe(true);
  });
});
