/** Handshakes that cannot even begin: the link is not left open behind them. */
import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { Secret } from '../../src/base/secret.ts';
import { provider } from '../../src/crypto/node.node.ts';
import type { SecureOptions } from '../../src/peer/secure.ts';
import type { ClientContext, TicketStore } from '../../src/tls/index.ts';
import { clientOptions, trustRoots } from '../../src/tls/options/index.ts';
import { SessionTicket } from '../../src/tls/tickets/sessionTicket.ts';
import { memoryPair } from '../../src/transport/index.ts';
import { Pki } from '../support/pki.ts';
import { Recorder } from '../transport/recorder.ts';
import { asClient, asServer, clientContext } from './securePair.ts';

/** A ticket whose secret is gone: a store that hands it out a second time. */
function spent(): SessionTicket {
  const psk = new Secret(new Uint8Array(32));
  psk.destroy();
  return new SessionTicket({
    ...{ suite: 'TLS_AES_128_GCM_SHA256', psk, ticket: Uint8Array.of(1), chain: [Uint8Array.of(0x30, 0)] },
    ...{ ageAdd: 0, lifetime: 600, maxEarlyData: 100, expiresAt: Number.POSITIVE_INFINITY },
  });
}

const taking = (take: TicketStore['take']): TicketStore => ({ put: () => {}, take });

/** The link ends while its dialling is refused with this. */
async function ends(context: ClientContext, options: SecureOptions, says: RegExp): Promise<void> {
  const [a, b] = memoryPair();
  const other = Recorder.start(b);
  await expect(asClient(a, options, context)).rejects.toThrow(says);
  await other.until('the link ends', () => other.ended || other.isClosed, 500);
}

describe('a handshake that cannot begin', () => {
  test('closes the link: the context is for another name', async () => {
    const context = clientOptions('other.test', { trust: trustRoots(new Pki().roots), provider });
    await ends(context, {}, /this context is for other\.test/);
  });

  test.each([{}, { earlyData: utf8('x') }])(
    'closes the link: the ticket was used before (%o)',
    async (early) => {
      const tickets = taking(() => ({ age: 0, ticket: spent() }));
      await ends(clientContext({ tickets, earlyData: 100 }), early, /used after it was destroyed/);
    },
  );
});

test('a store of tickets that throws costs the ticket only', async () => {
  const tickets = taking(() => {
    throw new Error('disk is full');
  });
  const [a, b] = memoryPair();
  const [client] = await Promise.all([asClient(a, {}, clientContext({ tickets })), asServer(b)]);
  expect(client.negotiated.resumed).toBe(false);
});
