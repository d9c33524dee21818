/** Second opinions over real channels (Q9). */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { provider } from '../../src/crypto/node.node.ts';
import {
  DomainAuthority,
  groupPeerId,
  MemoryIdentityStore,
  peerId,
  Trust,
} from '../../src/identity/index.ts';
import type { Peer } from '../../src/index.ts';
import { trustLadder } from '../../src/peer/ladder.ts';
import { peerWitness, serveWitness, WITNESS_PROTOCOL } from '../../src/peer/witness.ts';
import { relayWorld, type World } from '../support/relayWorld.ts';

const now = Date.now();
const far = DomainAuthority.create(provider, 'far.example', now);
const impostor = DomainAuthority.create(provider, 'far.example', now);
const held = Trust.of([{ domain: 'far.example', roots: [far.root] }]);
const { signal } = new AbortController();

let world: World;
let alice: Peer;

beforeEach(async () => {
  world = await relayWorld();
  alice = await world.peer('alice');
});
afterEach(() => world[Symbol.asyncDispose]());

async function witness(user: string, trust = held): Promise<void> {
  const peer = await world.peer(user);
  await serveWitness(peer, {
    authorize: ({ from }) => from.name === 'alice@example.org',
    trust: () => trust,
  });
}

/** Alice meets far.example through somebody who shows her the roots of `shown`. */
async function meets(shown: DomainAuthority, quorum: number): Promise<unknown> {
  const store = new MemoryIdentityStore();
  const resolve = trustLadder({
    ...{ store, provider, clock: systemClock },
    firstUse: { wanted: () => true, source: async () => shown.bundle({ sequence: 1, now }) },
    witnesses: {
      ask: ['bob@example.org', 'carol@example.org'].map((address) => peerWitness(alice, address)),
      quorum,
      timeout: 3000,
    },
  });
  const answer = await resolve('far.example', { signal }).catch((error: unknown) => error);
  expect(await store.anchors('far.example')).toEqual(answer instanceof Error ? undefined : answer);
  return answer;
}

describe('a domain met through somebody else', () => {
  test('is believed when both witnesses hold what it shows', async () => {
    await Promise.all([witness('bob'), witness('carol')]);
    expect(await meets(far, 2)).toMatchObject({ domain: 'far.example', source: 'tofu' });
  });

  test('is refused when a man in the middle shows another root than the witnesses hold', async () => {
    await Promise.all([witness('bob'), witness('carol')]);
    const error = (await meets(impostor, 1)) as Error;
    expect(error).toMatchObject({ code: 'ERR_IDENTITY_WITNESS' });
    const truth = groupPeerId(peerId(far.root.spki));
    expect(error.message).toContain(groupPeerId(peerId(impostor.root.spki)));
    expect(error.message).toContain(`bob@example.org holds ${truth}`);
    expect(error.message).toContain(`carol@example.org holds ${truth}`);
  });

  test('is refused when too few know it, or answer', async () => {
    await Promise.all([witness('bob'), witness('carol', Trust.of([]))]);
    const error = (await meets(far, 2)) as Error;
    expect(error.message).toContain('1 of the 2 witnesses');
    expect(error.message).toContain('carol@example.org holds no root of it');
  });

  test('is refused when a witness is absent and both were wanted', async () => {
    await witness('bob');
    const error = (await meets(far, 2)) as Error;
    expect(error.message).toContain('carol@example.org did not answer');
  });
});

describe('a witness', () => {
  test('answers whom it wants to, and nobody else', async () => {
    await witness('bob');
    const mallory = await world.peer('mallory');
    const asked = peerWitness(mallory, 'bob@example.org').roots('far.example', { signal });
    await expect(asked).rejects.toMatchObject({ code: 'ERR_PEER_NOT_FOUND' });
  });

  test('says what it was asked, and nothing for a domain it does not know', async () => {
    await witness('bob');
    const bob = peerWitness(alice, 'bob@example.org');
    expect(await bob.roots('Far.example', { signal })).toEqual([far.root]);
    expect(await bob.roots('near.example', { signal })).toEqual([]);
  });

  test.each([
    ['no DER', Uint8Array.of(1, 2, 3)],
    ['too much', new Uint8Array(600)],
    ['nothing', new Uint8Array(0)],
  ])('resets a channel on which comes %s', async (_, bytes) => {
    await witness('bob');
    const channel = await alice.dial(`bob@example.org/${WITNESS_PROTOCOL}`);
    channel.send(bytes);
    channel.closeWrite();
    await expect(
      (async () => {
        for await (const _chunk of channel);
      })(),
    ).rejects.toThrow();
  });

  test.each([
    ['an empty message', Uint8Array.of(0x30, 0)],
    ['too much', new Uint8Array(40_000)],
    ['nothing', new Uint8Array(0)],
  ])('that answers %s is none', async (_, answer) => {
    const bob = await world.peer('bob');
    await bob.listen(WITNESS_PROTOCOL, { authorize: () => true }, async (channel) => {
      channel.send(answer);
      await channel.close();
    });
    const asked = peerWitness(alice, 'bob@example.org').roots('far.example', { signal });
    await expect(asked).rejects.toThrow();
  });
});
