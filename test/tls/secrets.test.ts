/** Nothing printable holds a secret, keys are destroyed when they end, and proofs cannot be made by hand (lessons 33, 34). */
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { hex, utf8 } from '../../src/base/bytes.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { TlsError } from '../../src/tls/index.ts';
import {
  Anonymous,
  Authenticated,
  FinishedVerified,
  RecordAligned,
  SignatureVerified,
} from '../../src/tls/proofs.ts';
import { Traffic } from '../../src/tls/traffic.ts';
import { KeyLog } from '../support/forge.ts';
import { override } from '../support/scriptedProvider.ts';
import { openPair, pump } from '../support/tls.ts';

describe('secrets', () => {
  it('appear in no inspection, JSON or error text of what users hold', () => {
    const log = new KeyLog();
    const { client, server } = openPair({ client: { keyLog: log.log } });
    const exported = hex(client.connection.exportKey('EXPORTER-x'));
    server.connection.feed(utf8('garbage'));
    const texts = [client.connection, server.connection, server.error, ...client.events].map((value) =>
      [inspect(value, { depth: 20, showHidden: true }), String(value), safeJson(value)].join(),
    );
    const secrets = [...log.lines.map((line) => line.split(' ')[2]!), exported];
    expect(secrets.length).toBe(6);
    for (const text of texts) {
      const squeezed = text.toLowerCase().replace(/[^0-9a-f]/g, '');
      for (const secret of secrets) expect(squeezed.includes(secret)).toBe(false);
    }
  });

  it('are destroyed when the connection ends, by every way', () => {
    const endings: [string, (ends: ReturnType<typeof openPair>) => void][] = [
      [
        'close',
        (ends) => {
          ends.client.connection.closeWrite();
          ends.server.connection.closeWrite();
          pump(ends);
        },
      ],
      ['error', ({ client }) => client.connection.feed(utf8('garbage'))],
      ['abort', ({ client }) => client.connection.abort()],
      ['truncation', ({ client }) => client.connection.endOfInput()],
    ];
    for (const [, end] of endings) {
      const alive = new Set<object>();
      const ends = openPair({ clientProvider: counting(alive) });
      expect(alive.size).toBe(2);
      end(ends);
      expect(alive.size).toBe(0);
      expect(() => ends.client.connection.exportKey('EXPORTER-x')).toThrow(TlsError);
    }
  });

  it('of old generations are destroyed by KeyUpdate', () => {
    const alive = new Set<object>();
    const ends = openPair({ clientProvider: counting(alive) });
    ends.client.connection.updateKeys(true);
    pump(ends);
    expect(alive.size).toBe(2);
  });
});

/** Tracks which AEAD keys have not been destroyed. */
function counting(alive: Set<object>): CryptoProvider {
  return override(node, {
    aead: (name, key) => {
      const real = node.aead(name, key);
      const tracked = {
        tagLength: 16,
        recordLimit: real.recordLimit,
        seal: (...args: Parameters<typeof real.seal>) => real.seal(...args),
        open: (...args: Parameters<typeof real.open>) => real.open(...args),
        destroy: () => {
          alive.delete(tracked);
          real.destroy();
        },
      } as const;
      alive.add(tracked);
      return tracked;
    },
  });
}

function safeJson(value: unknown): string {
  const seen = new Set<unknown>();
  return (
    JSON.stringify(value, (_key, inner: unknown) => {
      if (typeof inner === 'bigint') return String(inner);
      if (typeof inner !== 'object' || inner === null) return inner;
      if (seen.has(inner)) return '[seen]';
      seen.add(inner);
      return inner;
    }) ?? ''
  );
}

describe('proofs', () => {
  it('are made by their checks alone: these lines do not compile', () => {
    const make = (): unknown[] => [
      // @ts-expect-error private constructor
      new SignatureVerified(),
      // @ts-expect-error private constructor
      new FinishedVerified(),
      // @ts-expect-error private constructor
      new RecordAligned(),
      // @ts-expect-error private constructor
      new Anonymous(),
      // @ts-expect-error a look-alike is no proof
      new Authenticated({ peer: {} }, { leaf: {}, scheme: {} }),
      // @ts-expect-error the open state demands its proofs
      new Traffic({ role: 'client' }, {}, {}, {}),
      // @ts-expect-error and does not take one for another
      (proof: FinishedVerified): RecordAligned => proof,
    ];
    expect(make).toBeTypeOf('function');
  });

  it('of anonymity are refused where a certificate is required', () => {
    expect(() => Anonymous.allowedBy('require')).toThrow(
      expect.objectContaining({ alert: 'certificate_required' }),
    );
  });
});
