/** The fuzzing of `test/tls/fuzz.test.ts` for longer; `$Q2Q_FUZZ_SECONDS` says how long, `$Q2Q_SEED` where it starts. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { campaign, describeTally } from '../support/tlsCampaign.ts';

const seconds = Number(process.env['Q2Q_FUZZ_SECONDS'] ?? 90);

/** Whatever is damaged, some of it must get as far as each of these: a fuzzer that does not has gone blind. */
const MUST_OCCUR = [
  'fine',
  'ERR_TLS_UNEXPECTED_MESSAGE',
  'ERR_TLS_DECODE',
  'ERR_TLS_RECORD_MAC',
  'ERR_TLS_RECORD_OVERFLOW',
  'ERR_TLS_ILLEGAL_PARAMETER',
  'ERR_TLS_MISSING_EXTENSION',
  'ERR_TLS_UNSUPPORTED_EXTENSION',
  'ERR_TLS_PROTOCOL_VERSION',
  'ERR_TLS_HANDSHAKE_FAILURE',
  'ERR_TLS_CERTIFICATE',
  'ERR_TLS_CERTIFICATE_REQUIRED',
  'ERR_TLS_PEER_REFUSED',
  'ERR_TLS_FLOOD',
  'ERR_TLS_TRUNCATED',
  'ERR_TLS_ALERT',
  'ERR_TLS_ALPN',
];

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function heap(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

it(
  `${seconds} seconds of damaged flights find nothing but typed errors, and leave nothing behind`,
  () => {
    campaign(2000); // warm up
    const before = heap();
    const tally = campaign(1000 * seconds);
    console.log(describeTally(tally));
    for (const code of MUST_OCCUR) expect(tally.ends.has(code), `${code} never occurred`).toBe(true);
    expect(tally.opened).toBeGreaterThan(tally.cases / 20);
    expect(heap() - before).toBeLessThan(8 * 1024 * 1024);
  },
  1000 * seconds + 60_000,
);
