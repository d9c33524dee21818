/** The fuzzing of `test/tls/fuzz.test.ts` for longer; `$Q2Q_FUZZ_SECONDS` says how long, `$Q2Q_SEED` where it starts. */
import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { campaign, describeTally } from '../support/tlsCampaign.ts';
import { SCENARIOS, Victim } from '../support/tlsScenarios.ts';

const seconds = Number(process.env['Q2Q_FUZZ_SECONDS'] ?? 90);

/** Whatever is damaged, some of it must get as far as each of these: a fuzzer that does not has gone blind. */
const MUST_OCCUR = [
  'fine',
  'ERR_TLS_UNEXPECTED_MESSAGE',
  'ERR_TLS_DECODE',
  'ERR_TLS_RECORD_MAC',
  'ERR_TLS_RECORD_OVERFLOW',
  'ERR_TLS_ILLEGAL_PARAMETER',
  'ERR_TLS_TRUNCATED',
  'ERR_TLS_ALERT',
  'ERR_TLS_FINISHED',
];
/** Once in some thousand cases. */
const RARE = [
  'ERR_TLS_FLOOD',
  'ERR_TLS_PROTOCOL_VERSION',
  'ERR_TLS_MISSING_EXTENSION',
  'ERR_TLS_UNSUPPORTED_EXTENSION',
  'ERR_TLS_CERTIFICATE',
  'ERR_TLS_PEER_REFUSED',
  'ERR_TLS_HANDSHAKE_FAILURE',
];
const MANY_CASES = 20_000;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Array buffers are given back beside the collector, a little later. */
async function heap(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    collect();
    await setTimeout(50);
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

it(
  `${seconds} seconds of damaged flights find nothing but typed errors, and leave nothing behind`,
  async () => {
    campaign(2000); // warm up
    const before = await heap();
    const tally = campaign(1000 * seconds);
    console.log(describeTally(tally));
    for (const code of [...MUST_OCCUR, ...(tally.cases > MANY_CASES ? RARE : [])])
      expect(tally.ends.has(code), `${code} never occurred`).toBe(true);
    expect(tally.opened).toBeGreaterThan(tally.cases / 20);
    expect((await heap()) - before).toBeLessThan(8 * 1024 * 1024);
  },
  1000 * seconds + 60_000,
);

describe('what one connection holds of a message that never ends', () => {
  const mutual = SCENARIOS[0]!;
  const COUNT = 300;
  /** A record's worth, and the objects of a connection in its handshake. */
  const MOST = 48 * 1024;
  const cut: Record<string, Uint8Array> = {
    'a byte of a record': Uint8Array.of(22),
    'a record of 16 KiB, of which five bytes came': Uint8Array.of(22, 3, 1, 0x40, 0, 1),
    'a message of 64 KiB, of which a byte came': Uint8Array.of(22, 3, 1, 0, 5, 1, 0, 0xff, 0xff, 3),
    'a message of 16 MiB': Uint8Array.of(22, 3, 1, 0, 5, 1, 0xff, 0xff, 0xff, 3),
  };

  it.each(Object.entries(cut))('%s', async (what, bytes) => {
    const measure = async (count: number): Promise<{ kept: Victim[]; grown: number }> => {
      const before = await heap();
      const kept = Array.from({ length: count }, () => new Victim(mutual, 'server').feed(bytes));
      return { kept, grown: (await heap()) - before };
    };
    await measure(50); // warm up
    const { kept, grown } = await measure(COUNT);
    expect(kept.length).toBe(COUNT);
    console.log(`${what}: ${Math.round(grown / COUNT)} bytes a connection`);
    expect(grown / COUNT).toBeLessThan(MOST);
  });
});
