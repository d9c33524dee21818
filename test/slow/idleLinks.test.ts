/** What an idle secure link keeps over what its engine does: no buffer, no timer, no cycle that outlives it. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { provider } from '../../src/crypto/node.node.ts';
import { type SecureOptions, secure } from '../../src/peer/secure.ts';
import type { SecureLink } from '../../src/peer/secureLink.ts';
import { ClientContext, ServerContext } from '../../src/tls/index.ts';
import { memoryPair } from '../../src/transport/index.ts';
import { VirtualClock } from '../support/clock.ts';
import { DOMAIN, Pki } from '../support/pki.ts';
import { Recorder } from '../transport/recorder.ts';

setFlagsFromString('--expose_gc');
const gc = runInNewContext('gc') as () => void;

/** The engine's 13 KiB (test/slow/memory.test.ts), the link above it, and the carrier in memory below. */
const MOST = 16 * 1024;

const pki = new Pki('p256', provider, Date.now());
const client = new ClientContext(
  { verifier: pki.serverVerifier(), credentials: [pki.user('alice', 'p256')] },
  provider,
);
const server = new ServerContext(
  { verifier: pki.clientVerifier(), credentials: [pki.server('p256')] },
  provider,
);

/** Links over which something was said, each way; their recorders are let go. */
async function idle(options: SecureOptions): Promise<readonly SecureLink[]> {
  const [near, far] = memoryPair();
  const links = await Promise.all([
    secure(near, client, { serverName: DOMAIN, ...options }),
    secure(far, server, options),
  ]);
  const [a, b] = links.map((link) => Recorder.start(link)) as [Recorder, Recorder];
  for (const link of links) link.send(new Uint8Array(40_000));
  await a.until('all', () => a.received === 40_000);
  await b.until('all', () => b.received === 40_000);
  a.chunks = b.chunks = [];
  return links;
}

function used(): number {
  for (let i = 0; i < 4; i++) gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

it('an idle link holds at most 16 KiB, and 10,000 of them no timer', async () => {
  const clock = new VirtualClock();
  for (let i = 0; i < 20; i++) await idle({ clock });
  const before = used();
  const held: (readonly SecureLink[])[] = [];
  for (let i = 0; i < 5000; i++) held.push(await idle({ clock }));
  const each = Math.round((used() - before) / (2 * held.length));
  console.log(`${each} bytes per idle link`);
  expect(each).toBeLessThan(MOST);
  expect(clock.pending).toBe(0);
});

it('a link that has ended is collected, and its engine with it', async () => {
  const gone: WeakRef<object>[] = [];
  for (let i = 0; i < 20; i++) {
    const links = await idle({});
    gone.push(
      ...links.map((link) => new WeakRef(link)),
      ...links.map(({ connection }) => new WeakRef(connection)),
    );
    for (const link of links) link.close();
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  used();
  expect(gone.filter((each) => each.deref() !== undefined).length).toBeLessThanOrEqual(4); // the last pair may be on a stack
});
