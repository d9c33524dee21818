/** Handshakes that cannot even begin: the link is not left open behind them. */
import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { Secret } from '../../src/base/secret.ts';
import type { TicketStore } from '../../src/tls/index.ts';
import { SessionTicket } from '../../src/tls/tickets/sessionTicket.ts';
import { memoryPair } from '../../src/transport/index.ts';
import { Recorder } from '../transport/recorder.ts';
import { asClient, clientContext } from './securePair.ts';

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

describe('a handshake that cannot begin', () => {
  test.each([
    [
      'the store of tickets throws',
      () => {
        throw new Error('disk is full');
      },
      /disk is full/,
    ],
    ['the ticket was used before', () => ({ age: 0, ticket: spent() }), /used after it was destroyed/],
  ])('closes the link: %s', async (_why, take, says) => {
    for (const early of [{}, { earlyData: utf8('x') }]) {
      const [a, b] = memoryPair();
      const other = Recorder.start(b);
      const context = clientContext({ tickets: taking(take), earlyData: 100 });
      await expect(asClient(a, early, context)).rejects.toThrow(says);
      await other.until('the link ends', () => other.ended || other.isClosed, 500);
    }
  });
});
