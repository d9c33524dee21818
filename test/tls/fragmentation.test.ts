/**
 * Any cutting and joining of the bytes gives the same events, for every kind of handshake; and so does any cutting of
 * the messages into records. Noise is refused.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, hex, utf8 } from '../../src/base/bytes.ts';
import { isQ2qError } from '../../src/base/errors.ts';
import { sized } from '../support/sized.ts';
import { openPair, pair } from '../support/tls.ts';
import { makePair, other, type Role, record, SCENARIOS, type Scenario } from '../support/tlsScenarios.ts';
import { readScript, writeScript } from '../support/tlsScript.ts';

type Cut = (bytes: Uint8Array) => Iterable<Uint8Array>;

const whole: Cut = (bytes) => [bytes.slice()];

const cutBy = (sizes: readonly number[]): Cut =>
  function* (bytes) {
    for (let at = 0, i = 0; at < bytes.length; i++) {
      const size = sizes[i % sizes.length]!;
      yield bytes.slice(at, at + size);
      at += size;
    }
  };

/** All that an end makes of what its peer sent: what it asked, told and said. */
function replay(scenario: Scenario, role: Role, wire: Uint8Array, cut: Cut) {
  const end = makePair(scenario)[role];
  end.settleAll();
  for (const chunk of cut(wire)) {
    end.connection.feed(chunk);
    end.settleAll();
    end.take();
  }
  const early = end.events.flatMap((event) => (event.type === 'earlyData' ? [event.bytes] : []));
  return {
    story: end.story.filter((type, i, all) => type !== 'earlyData' || all[i - 1] !== 'earlyData'),
    data: hex(end.data),
    early: hex(concat(early)),
    negotiated: JSON.stringify(end.connection.negotiated),
    sent: hex(concat(end.sent)),
  };
}

/** For each scenario and role. */
const RUNS = sized(6, 12);
const cuts = fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 40 }).map(cutBy);

describe.each(SCENARIOS)('$name', (scenario) => {
  const { sent } = record(scenario);
  describe.each(['client', 'server'] as const)('as the %s sees it', (role) => {
    const wire = sent[other(role)];
    const expected = replay(scenario, role, wire, whole);

    it('plays to its end', () => {
      expect(expected.story.at(-1)).toBe('end');
      expect(expected.early === '').toBe(scenario.early !== true || !expected.story.includes('earlyData'));
    });

    it('is the same byte by byte', () => {
      expect(replay(scenario, role, wire, cutBy([1]))).toEqual(expected);
    });

    it('is the same cut anyhow', () => {
      fc.assert(
        fc.property(cuts, (cut) => {
          expect(replay(scenario, role, wire, cut)).toEqual(expected);
        }),
        { numRuns: RUNS },
      );
    });

    it('is the same whatever records its messages are cut into', () => {
      const script = readScript(wire);
      const most = Math.min(...script.map((item) => (item.kind === 'message' ? item.size : 16_384)));
      fc.assert(
        fc.property(fc.integer({ min: 1, max: Math.max(2, most) }), cuts, (size, cut) => {
          const again = replay(scenario, role, writeScript(script, size), cut);
          expect(again).toEqual(expected);
        }),
        { numRuns: RUNS },
      );
    });
  });
});

describe('damage', () => {
  const texts = { client: 'from the client', server: 'from the server' };

  it.each(['client', 'server'] as const)(
    'to a byte of what the %s sends never gives other data, nor any error but the typed one',
    (sender) => {
      fc.assert(
        fc.property(fc.nat(2600), fc.integer({ min: 1, max: 255 }), (at, flip) => {
          const ends = pair();
          let offset = 0;
          const damaging: Cut = (bytes) => {
            const damaged = bytes.map((byte, i) => (offset + i === at ? byte ^ flip : byte));
            offset += bytes.length;
            return [damaged];
          };
          const shuttle = (): void => {
            for (let idle = 0; idle < 2; idle++)
              for (const from of ['client', 'server'] as const) {
                const to = ends[other(from)];
                ends[from].settleAll();
                const bytes = ends[from].take();
                if (bytes.length > 0) idle = -1;
                for (const chunk of from === sender ? damaging(bytes) : [bytes]) to.connection.feed(chunk);
                to.settleAll();
              }
          };
          shuttle();
          for (const role of ['client', 'server'] as const)
            if (ends[role].connection.phase === 'open') ends[role].connection.write(utf8(texts[role]));
          shuttle();
          for (const role of ['client', 'server'] as const) {
            const { connection, data } = ends[other(role)];
            expect([texts[role], '']).toContain(new TextDecoder().decode(data)); // a longer record is waited for
            connection.endOfInput();
            expect(isQ2qError(connection.error)).toBe(true);
          }
        }),
        { numRuns: 100 },
      );
    },
  );
});

describe('noise', () => {
  it('is refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (noise) => {
        const { server } = pair();
        server.connection.feed(noise);
        server.connection.endOfInput();
        server.settleAll();
        expect(isQ2qError(server.error)).toBe(true);
        expect(server.story).toEqual(['error']);
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
