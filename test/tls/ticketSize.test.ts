/** Tickets of a size that servers choose and clients have to show again. */
import { describe, expect, it } from 'vitest';
import { MAX_PSK_CONTEXT, MAX_PSK_IDENTITY, MAX_TICKET_LENGTH } from '../../src/tls/limits.ts';
import { decodeNewSessionTicket, encodeNewSessionTicket } from '../../src/tls/messages/newSessionTicket.ts';
import { ExternalPsk } from '../../src/tls/psk.ts';
import type { TicketIssuer } from '../../src/tls/tickets/issuer.ts';
import { World } from '../support/resumption.ts';
import type { PairOptions } from '../support/tls.ts';

const giving = (size: number): TicketIssuer => ({
  onceOnly: false,
  issue: () => ({ ticket: new Uint8Array(size), lifetime: 600 }),
  redeem: () => undefined,
});

/** The client gets tickets of that size, whatever the server thinks of them. */
const forced = (size: number): PairOptions => ({
  serverSeam: {
    rewrite: (name, message) =>
      name === 'new_session_ticket'
        ? [
            encodeNewSessionTicket({
              ...decodeNewSessionTicket(message.subarray(4)),
              ticket: new Uint8Array(size),
            }),
          ]
        : [message],
  },
});

describe('a ticket', () => {
  it.each([MAX_TICKET_LENGTH + 1, 65_000])('of %i bytes is not kept: no hello could show it', (size) => {
    const world = new World(forced(size));
    world.open();
    expect(world.tickets.size).toBe(0);
    expect(world.open().client.connection.phase).toBe('open');
  });

  it('of the largest size that is kept can be shown, beside every external key', () => {
    const externalPsks = Array.from({ length: 8 }, (_, i) => {
      const key = Uint8Array.from({ length: 32 }, (_, k) => i + k);
      const context = new Uint8Array(MAX_PSK_CONTEXT);
      const identity = new Uint8Array(MAX_PSK_IDENTITY).fill(i);
      return new ExternalPsk({ identity, key, parties: { role: 'client', context } });
    });
    const world = new World({ client: { externalPsks } }, undefined, giving(MAX_TICKET_LENGTH));
    world.open();
    expect(world.tickets.size).toBeGreaterThan(0);
    const { client, server } = world.open();
    expect(server.story).toContain('op redeemTicket');
    expect(client.connection.negotiated?.resumed).toBe(false);
  });

  it('that is larger is not sent: it counts as none', () => {
    const world = new World({}, undefined, giving(65_535));
    const { client } = world.open();
    expect(client.connection.phase).toBe('open');
    expect(client.story).not.toContain('ticket');
  });
});
