/** Resumption and early data as whoever uses links meets them: the driver keeps tickets and answers every op. */
import { describe, expect, test } from 'vitest';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { provider } from '../../src/crypto/node.node.ts';
import type { SecureOptions } from '../../src/peer/secure.ts';
import type { SecureLink } from '../../src/peer/secureLink.ts';
import type { TicketIssuer, TicketStore, TlsConfigInit } from '../../src/tls/index.ts';
import { SessionCache, TicketCache, TicketKeys } from '../../src/tls/resumption.ts';
import { memoryPair } from '../../src/transport/index.ts';
import { pause, Recorder } from '../transport/recorder.ts';
import { asClient, asServer, clientContext, serverContext } from './securePair.ts';

interface World {
  connect(options?: SecureOptions): Promise<{ client: SecureLink; server: SecureLink }>;
}

function world(client: Partial<TlsConfigInit>, server: Partial<TlsConfigInit>): World {
  const contexts = { client: clientContext(client), server: serverContext(server) };
  return {
    connect: async (options = {}) => {
      const [a, b] = memoryPair();
      const [near, far] = await Promise.all([
        asClient(a, options, contexts.client),
        asServer(b, {}, contexts.server),
      ]);
      return { client: near, server: far };
    },
  };
}

/** A word each way, then close: the tickets have come by then. */
async function talk({ client, server }: { client: SecureLink; server: SecureLink }): Promise<void> {
  const [a, b] = [Recorder.start(client), Recorder.start(server)];
  client.send(utf8('ping'));
  await b.until('ping', () => b.text === 'ping');
  await pause(5);
  server.send(utf8('pong'));
  await a.until('pong', () => a.text === 'pong');
  client.close();
  server.close();
  await a.until('closed', () => a.isClosed);
  expect(a.closes).toEqual([undefined]);
}

describe('links resume', () => {
  const slow = (issuer: TicketIssuer): TicketIssuer => ({
    onceOnly: issuer.onceOnly,
    issue: (state) => pause(2).then(() => issuer.issue(state)),
    redeem: (ticket) => pause(2).then(() => issuer.redeem(ticket)),
  });
  const issuers: Record<string, () => TicketIssuer> = {
    'sealed tickets': () => new TicketKeys(provider),
    'a session cache': () => new SessionCache(provider),
    'an issuer that takes its time': () => slow(new SessionCache(provider)),
  };
  for (const [name, make] of Object.entries(issuers))
    test(`with ${name}: proved again, without certificates on the wire`, async () => {
      const { connect } = world({ tickets: new TicketCache() }, { resumption: make() });
      const first = await connect();
      expect(first.client.negotiated.resumed).toBe(false);
      await talk(first);
      const second = await connect();
      expect([second.client.negotiated.resumed, second.server.negotiated.resumed]).toEqual([true, true]);
      expect(second.server.negotiated.peer?.leaf?.names.email).toEqual(['alice@example.test']);
      expect(second.client.stats.wireIn).toBeLessThan(first.client.stats.wireIn / 2);
      await talk(second);
    });

  test('an issuer that never answers, or fails, costs the tickets and nothing else', async () => {
    for (const issue of [() => new Promise<never>(() => {}), () => Promise.reject(new Error('no key'))]) {
      const resumption: TicketIssuer = { onceOnly: false, issue, redeem: () => undefined };
      const { connect } = world({ tickets: new TicketCache() }, { resumption });
      await talk(await connect());
      const second = await connect();
      expect(second.client.negotiated.resumed).toBe(false);
      await talk(second);
    }
  });

  test('a store that throws costs the ticket and nothing else', async () => {
    const tickets: TicketStore = {
      put: () => {
        throw new Error('disk full');
      },
      take: () => undefined,
    };
    const { connect } = world({ tickets }, { resumption: new TicketKeys(provider) });
    await talk(await connect());
  });
});

describe('early data', () => {
  const accepting = (): World =>
    world(
      { tickets: new TicketCache(), earlyData: 1000 },
      { resumption: new SessionCache(provider), earlyData: 1000 },
    );
  const earlyData = utf8('GET / before the handshake');

  test('is apart from what is proved to be fresh, and comes once', async () => {
    const { connect } = accepting();
    await talk(await connect());
    const { client, server } = await connect({ earlyData });
    expect(client.earlyDataSent).toBe(earlyData.length);
    expect([client.negotiated.earlyData, server.negotiated.earlyData]).toEqual(['accepted', 'accepted']);
    expect(concat(server.takeEarlyData())).toEqual(earlyData);
    expect(server.takeEarlyData()).toEqual([]);
    await talk({ client, server }); // nothing of it is in the stream
  });

  test('is not sent without a ticket, and says so', async () => {
    const { client, server } = await accepting().connect({ earlyData });
    expect(client.earlyDataSent).toBe(0);
    expect(client.negotiated.earlyData).toBe('none');
    expect(server.takeEarlyData()).toEqual([]);
    await talk({ client, server });
  });

  test('is sent as far as the ticket allows', async () => {
    const { connect } = accepting();
    await talk(await connect());
    const { client, server } = await connect({ earlyData: new Uint8Array(3000) });
    expect(client.earlyDataSent).toBe(1000);
    expect(concat(server.takeEarlyData()).length).toBe(1000);
    await talk({ client, server });
  });
});
