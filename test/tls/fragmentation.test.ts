/** Any cutting and joining of the bytes gives the same events, and any damage ends in one typed error (lesson 36). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, hex, utf8 } from '../../src/base/bytes.ts';
import { isQ2qError } from '../../src/base/errors.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import type { GroupName } from '../../src/crypto/suites.ts';
import { ClientContext, ServerContext } from '../../src/tls/index.ts';
import { DOMAIN, Pki } from '../support/pki.ts';
import { override } from '../support/scriptedProvider.ts';
import { type Cut, End, every, openPair, pair, pump, whole } from '../support/tls.ts';

/** Randomness that repeats, so that a recorded flight fits a second connection. */
function repeatable(): CryptoProvider {
  let count = 0;
  const bytes = (length: number): Uint8Array<ArrayBuffer> =>
    new Uint8Array(length).map((_, i) => (++count * 31 + i * 7) & 255);
  const keyFor = (group: GroupName): Uint8Array => {
    const key = bytes(group === 'secp384r1' ? 48 : 32);
    key[0] = 1;
    return key;
  };
  return override(node, {
    random: bytes,
    keyExchange: (group) => node.keyExchange(group, keyFor(group)),
    encapsulate: (group, peerShare) => node.encapsulate(group, peerShare, keyFor(group)),
  });
}

const pki = new Pki();
const credentials = { client: [pki.user('alice')], server: [pki.server()] };

function ends(): { client: End; server: End } {
  const client = new ClientContext(
    { verifier: pki.serverVerifier(), credentials: credentials.client },
    repeatable(),
  );
  const server = new ServerContext(
    { verifier: pki.clientVerifier(), credentials: credentials.server, groups: ['secp256r1'] },
    repeatable(),
  );
  return { client: new End(client.connect({ serverName: DOMAIN })), server: new End(server.accept()) };
}

/** A handshake with a retry, data with and without key updates, and an end, by both sides. */
function record(): { client: End; server: End } {
  const both = ends();
  pump(both);
  both.client.connection.write(utf8('one'));
  both.client.connection.updateKeys(true);
  both.client.connection.write(new Uint8Array(20_000).fill(1));
  pump(both);
  both.server.connection.write(utf8('two'));
  both.server.connection.closeWrite();
  both.client.connection.closeWrite();
  pump(both);
  return both;
}

const recorded = record();

/** Plays what the other side sent to a fresh end. */
function replay(role: 'client' | 'server', cut: Cut): { story: string[]; data: string; sent: string } {
  const end = ends()[role];
  end.settleAll();
  const incoming = concat(recorded[role === 'client' ? 'server' : 'client'].sent);
  for (const chunk of cut(incoming)) {
    end.connection.feed(new Uint8Array(chunk));
    end.settleAll();
    end.take();
  }
  return { story: end.story, data: hex(end.data), sent: hex(concat(end.sent)).slice(0, 400) };
}

const cuts = fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 40 });

function cutBy(sizes: readonly number[]): Cut {
  return function* (bytes) {
    for (let at = 0, i = 0; at < bytes.length; i++) {
      const size = sizes[i % sizes.length]!;
      yield bytes.subarray(at, at + size);
      at += size;
    }
  };
}

describe('fragmentation', () => {
  for (const role of ['client', 'server'] as const) {
    const expected = replay(role, whole);

    it(`is invisible to the ${role}: the recording itself plays to its end`, () => {
      expect(expected.story.at(-1)).toBe('end');
    });

    it(`is invisible to the ${role}: byte by byte`, () => {
      expect(replay(role, every(1))).toEqual(expected);
    });

    it(`is invisible to the ${role}: cut anyhow`, () => {
      fc.assert(
        fc.property(cuts, (sizes) => {
          expect(replay(role, cutBy(sizes))).toEqual(expected);
        }),
        { numRuns: 40 },
      );
    });
  }
});

describe('damage', () => {
  for (const role of ['client', 'server'] as const)
    it(`to what the ${role} reads never throws anything but ends in a typed error or a stall`, () => {
      const incoming = concat(recorded[role === 'client' ? 'server' : 'client'].sent);
      fc.assert(
        fc.property(
          fc.nat(incoming.length - 1),
          fc.integer({ min: 1, max: 255 }),
          fc.constantFrom('flip', 'insert', 'remove'),
          (at, value, how) => {
            const end = ends()[role];
            end.settleAll();
            const damaged =
              how === 'flip'
                ? incoming.map((byte, i) => (i === at ? byte ^ value : byte))
                : concat([
                    incoming.subarray(0, at),
                    how === 'insert' ? Uint8Array.of(value) : new Uint8Array(0),
                    incoming.subarray(how === 'insert' ? at : at + 1),
                  ]);
            end.connection.feed(new Uint8Array(damaged));
            end.settleAll();
            end.connection.endOfInput();
            end.settleAll();
            const { error } = end;
            expect(error === undefined ? end.story.at(-1) : isQ2qError(error)).toBe(
              error === undefined ? 'end' : true,
            );
            if (error !== undefined) expect(end.story.filter((type) => type === 'error')).toEqual(['error']);
          },
        ),
        { numRuns: 150 },
      );
    });

  it('in the form of noise is refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (noise) => {
        const { server } = pair();
        server.connection.feed(new Uint8Array(noise));
        server.connection.endOfInput();
        expect(isQ2qError(server.error)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('of one connection’s records by another’s is bad_record_mac (lesson 40)', () => {
    const [a, b] = [openPair(), openPair()];
    a.client.connection.write(utf8('for a'));
    b.server.connection.feed(a.client.take());
    expect(b.server.error?.alert).toBe('bad_record_mac');
  });
});
