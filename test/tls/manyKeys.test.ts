/** A client with more keys than one: which of them a server looks at, and what that may cost it. */
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { MAX_TICKETS_TRIED } from '../../src/tls/limits.ts';
import { ExtensionType } from '../../src/tls/messages/codePoints.ts';
import { ExtensionBlock } from '../../src/tls/messages/extensionBlock.ts';
import { preSharedKeyOffer } from '../../src/tls/messages/extensions.ts';
import { ExternalPsk, TicketCache } from '../../src/tls/resumption.ts';
import { World } from '../support/resumption.ts';
import { pair, pump } from '../support/tls.ts';

const key = (name: string, local: string, remote: string): ExternalPsk =>
  new ExternalPsk({
    identity: utf8(name),
    key: Uint8Array.from(utf8(name.repeat(32)), (byte, i) => byte ^ i),
    parties: { local, remote },
  });
const eight = Array.from({ length: 8 }, (_, i) => `key ${i}`);
const ours = eight.map((name) => key(name, 'alice', 'bob'));

describe('a server', () => {
  it.each([0, 3, 7])('finds key %i of eight, once per hash, behind a ticket of somebody else', (i) => {
    const world = new World({ client: { externalPsks: ours } });
    world.open();
    const ends = world.meet({
      server: { credentials: [], externalPsks: [key(eight[i]!, 'bob', 'alice')], clientCertificate: 'none' },
    });
    expect(ends.server.error).toBeUndefined();
    expect(Buffer.from(ends.server.connection.negotiated!.psk!.identity).toString()).toBe(eight[i]);
  });

  it('asks for the tickets of a hello a few times only', () => {
    const asked: Uint8Array[] = [];
    const issuer = {
      onceOnly: false,
      issue: () => undefined,
      redeem: (ticket: Uint8Array) => {
        asked.push(ticket);
        return undefined;
      },
    };
    const identities = Array.from({ length: 1000 }, (_, i) => ({
      identity: Uint8Array.of(i >> 8, i),
      age: 0,
    }));
    const ends = pair({
      client: { tickets: new TicketCache() },
      server: { resumption: issuer },
      clientSeam: {
        shapeClientHello: (hello) => ({
          ...hello,
          extensions: new ExtensionBlock([
            ...hello.extensions.list.filter(({ type }) => type !== ExtensionType.preSharedKey),
            preSharedKeyOffer(
              identities,
              identities.map(() => 32),
            ),
          ]),
        }),
      },
    });
    pump(ends);
    expect(asked.length).toBe(MAX_TICKETS_TRIED);
  });
});

describe('a session', () => {
  // The credentials of both ends are Ed25519.
  const stranger = { schemes: ['ecdsa_secp256r1_sha256'] as const };

  it('does not go on at a client that accepts the server’s signature no more', () => {
    const world = new World();
    world.open();
    const { client } = world.meet({ client: stranger });
    expect(client.error).toBeDefined();
    expect(client.connection.negotiated).toBeUndefined();
  });

  it('does not go on at a server that accepts the client’s signature no more', () => {
    const world = new World();
    world.open();
    const { server } = world.meet({ server: stranger });
    expect(server.story).toContain('op redeemTicket');
    expect(server.connection.negotiated).toBeUndefined();
  });
});
