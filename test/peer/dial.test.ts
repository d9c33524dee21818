/** Two peers, one relay, everything real: enrolment, dialling by name, the authenticated channel. */
import { afterEach, expect, test } from 'vitest';
import { concat, fromUtf8, utf8 } from '../../src/base/bytes.ts';
import type { Channel } from '../../src/peer/channel.ts';
import { relayWorld, type World } from '../support/relayWorld.ts';

let world: World;
afterEach(() => world[Symbol.asyncDispose]());

async function readAll(channel: Channel): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of channel) chunks.push(chunk);
  return fromUtf8(concat(chunks));
}

/** Sends back what comes, then closes. */
async function echo(channel: Channel): Promise<void> {
  for await (const chunk of channel) channel.send(chunk);
  await channel.close();
}

test('alice dials bob by name and both know who is there', async () => {
  world = await relayWorld();
  const [alice, bob] = [await world.peer('alice'), await world.peer('bob')];
  const seen: Channel[] = [];
  await bob.listen('echo/1', { authorize: () => true, description: 'laptop' }, (channel) => {
    seen.push(channel);
    return echo(channel);
  });

  const channel = await alice.dial('bob@example.org/echo/1');
  channel.send(utf8('hello bob'));
  channel.closeWrite();

  expect(await readAll(channel)).toBe('hello bob');
  expect(channel.peer).toMatchObject({ name: 'bob@example.org', assurance: 'domain' });
  expect(seen[0]!.peer.name).toBe('alice@example.org');
  expect(channel.protocol).toBe('echo/1');
  expect(channel.path).toMatchObject({ kind: 'relayed' });
  await channel.closed;
});
