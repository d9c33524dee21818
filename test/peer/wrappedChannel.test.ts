/** Wrappers on a channel: its halves end apart through them, and what waits in a throttle goes with its half. */
import { expect, test } from 'vitest';
import { meterLink } from '../../src/transport/meterLink.ts';
import { throttleLink } from '../../src/transport/throttleLink.ts';
import { channelPair, quiet } from '../support/channelPair.ts';
import { VirtualClock } from '../support/simLink.ts';

function halves(log: string[]) {
  return {
    data: ({ length }: Uint8Array) => void log.push(`${length} bytes`),
    drain() {},
    end: () => void log.push('end'),
    closed: (error: { code: string } | undefined) => void log.push(`closed ${error?.code}`),
    readFailed: ({ code }: { code: string }) => void log.push(`readFailed ${code}`),
    writeFailed: ({ code }: { code: string }) => void log.push(`writeFailed ${code}`),
  };
}

test('stop and resetWrite reach the other end through wrappers, and leave the other half alone', async () => {
  const { a, b } = await channelPair();
  const clock = new VirtualClock();
  const [here, there]: [string[], string[]] = [[], []];
  const near = throttleLink(meterLink(a), { write: 1_000, read: 1_000, burst: 100, clock });
  near.start(halves(here));
  const far = meterLink(b);
  far.start(halves(there));
  near.send(new Uint8Array(1_000)); // 100 leave at once, the rest waits
  await quiet();
  near.resetWrite!(300);
  await quiet();
  await clock.advance(5_000);
  expect(there).toEqual(['100 bytes', 'readFailed ERR_MUX_RESET']);
  expect([near.buffered, clock.pending]).toEqual([0, 0]);
  far.send(new Uint8Array(50));
  await quiet();
  expect(here).toEqual(['50 bytes']);
  near.stop!(301);
  await quiet();
  expect(there.at(-1)).toMatch(/^(writeFailed|closed) ERR_MUX_/);
});

test('a wrapper offers no half-reset where its link has none, and none of its reader’s deafness is hidden', async () => {
  const { a, b, links } = await channelPair();
  expect(meterLink(links[0]).stop).toBeUndefined();
  const log: string[] = [];
  const { readFailed: _, writeFailed: __, ...deaf } = halves(log);
  meterLink(a).start(deaf);
  b.start(halves([]));
  b.resetWrite(300);
  await quiet();
  expect(log).toEqual(['closed ERR_MUX_RESET']); // who cannot hear of one half loses both
});
