/** Peers held to what was remembered of them, in real channels. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { groupPeerId, MemoryIdentityStore, verifiedPin } from '../../src/identity/index.ts';
import type { Peer, PeerError } from '../../src/index.ts';
import { PinBook } from '../../src/peer/pinBook.ts';
import { ask, echo } from '../support/echo.ts';
import { relayWorld, type World } from '../support/relayWorld.ts';

let world: World;
let store: MemoryIdentityStore;
let book: PinBook;
let alice: Peer;

beforeEach(async () => {
  world = await relayWorld({ admitKeyPeers: true });
  store = new MemoryIdentityStore();
  book = await PinBook.open(store, systemClock);
  alice = await world.peer('alice', { judge: book.judge });
});
afterEach(() => world[Symbol.asyncDispose]());

const BOB = 'bob@example.org/echo/1';

async function bobListens(): Promise<Peer> {
  const bob = await world.peer('bob');
  await bob.listen('echo/1', { authorize: () => true }, echo);
  return bob;
}

async function meet(): Promise<string> {
  const channel = await alice.dial(BOB);
  const { assurance } = channel.peer;
  await book.remember(channel.negotiated.peer!);
  expect(await ask(channel, 'hello')).toBe('hello');
  return assurance;
}

describe('whom we dial', () => {
  test('is remembered when told to, and verified once people compared', async () => {
    await bobListens();
    expect(await store.pins()).toEqual([]);
    expect(await meet()).toBe('domain');
    const pin = (await store.pin(BOB))!;
    expect(pin).toMatchObject({ address: 'bob@example.org', verified: false });
    await store.putPin(verifiedPin(pin));
    await book.reload();
    expect(await meet()).toBe('verified');
  });

  test('is refused with both fingerprints when the domain vouches for another key', async () => {
    const bob = await bobListens();
    await meet();
    const before = bob.identities[0]!.keyId;
    await bob.close();
    const impostor = await bobListens(); // a second device that the domain let in
    const error = (await alice.dial(BOB).catch((thrown: unknown) => thrown)) as PeerError;
    expect(error).toMatchObject({ code: 'ERR_PEER_WRONG_IDENTITY' });
    for (const id of [before, impostor.identities[0]!.keyId])
      expect(error.message).toContain(groupPeerId(id));
    expect(await store.pin(BOB)).toMatchObject({ keys: [before] });
  });
});

describe('who calls', () => {
  test('is held to it too, before authorize is asked, and leaves no trace', async () => {
    const asked: string[] = [];
    await alice.listen('echo/1', { authorize: ({ from }) => asked.push(from.assurance) > 0 }, echo);
    const bob = await world.peer('bob');
    const channel = await bob.dial('alice@example.org/echo/1');
    expect(await ask(channel, 'hello')).toBe('hello');
    expect(await store.pins()).toEqual([]);
    await store.putPin({
      address: 'bob@example.org',
      keys: [alice.identities[0]!.keyId],
      ...{ firstSeen: 0, lastSeen: 0, verified: true },
    });
    await book.reload();
    const again = await world.peer('bob');
    await expect(again.dial('alice@example.org/echo/1')).rejects.toMatchObject({
      code: 'ERR_PEER_NOT_FOUND',
    });
    expect(asked).toEqual(['domain']);
  });

  test('whoever throws instead of judging lets nobody in', async () => {
    const carol = await world.peer('carol', {
      judge: () => {
        throw new Error('bug');
      },
    });
    await bobListens();
    await expect(carol.dial(BOB)).rejects.toMatchObject({ code: 'ERR_PEER_WRONG_IDENTITY' });
    await carol.listen('echo/1', { authorize: () => true }, echo);
    await expect(alice.dial('carol@example.org/echo/1')).rejects.toMatchObject({
      code: 'ERR_PEER_NOT_FOUND',
    });
  });
});

test('what changed is not remembered over what was', async () => {
  const bob = await bobListens();
  await meet();
  const plain = await world.peer('carol');
  await bob.close();
  await bobListens();
  const channel = await plain.dial(BOB);
  expect(await book.remember(channel.negotiated.peer!)).toBe('changed');
  expect(await store.pin(BOB)).toMatchObject({ keys: [bob.identities[0]!.keyId] });
});
