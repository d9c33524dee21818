/** Callers that are nobody (Q16). */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { provider } from '../../src/crypto/node.node.ts';
import {
  anonymousIdentity,
  judgePin,
  Trust,
  type VerifiedPeer,
  verifyPeer,
} from '../../src/identity/index.ts';
import type { PeerIdentity } from '../../src/index.ts';
import { ask, echo } from '../support/echo.ts';
import { relayWorld, type World } from '../support/relayWorld.ts';

let world: World;
beforeEach(async () => {
  world = await relayWorld({ admitKeyPeers: true });
});
afterEach(() => world[Symbol.asyncDispose]());

const nobody = () => anonymousIdentity(provider.generateKey('ed25519'), Date.now());

test('find nobody, whatever authorize would say, unless the protocol wants them', async () => {
  const bob = await world.peer('bob');
  const asked: PeerIdentity[] = [];
  const authorize = ({ from }: { readonly from: PeerIdentity }): boolean => {
    asked.push(from);
    return true;
  };
  await bob.listen('private/1', { authorize }, echo);
  await bob.listen('public/1', { authorize, anonymous: true }, echo);
  const caller = await world.keyPeer({ identity: nobody() });
  await expect(caller.dial('bob@example.org/private/1')).rejects.toMatchObject({
    code: 'ERR_PEER_NOT_FOUND',
  });
  expect(asked).toEqual([]);
  expect(await ask(await caller.dial('bob@example.org/public/1'), 'hello')).toBe('hello');
  expect(asked).toHaveLength(1);
  expect(asked[0]).toMatchObject({ assurance: 'anonymous' });
  expect(asked[0]).not.toHaveProperty('name');
  expect(asked[0]).not.toHaveProperty('domain');
  // A second channel over the living session asks the proven caller: no way round by having been let in elsewhere.
  await expect(caller.dial('bob@example.org/private/1')).rejects.toMatchObject({
    code: 'ERR_PEER_NOT_FOUND',
  });
});

test('are no key peers, which are let in as before', async () => {
  const bob = await world.peer('bob');
  await bob.listen('private/1', { authorize: ({ from }) => from.assurance === 'key' }, echo);
  const caller = await world.keyPeer();
  expect(await ask(await caller.dial('bob@example.org/private/1'), 'hello')).toBe('hello');
});

test('are never remembered, and are their key to who wants just that', () => {
  const { chain, keyId } = nobody();
  const judge = (expected: Parameters<typeof verifyPeer>[1]): VerifiedPeer =>
    verifyPeer(chain, expected, Trust.of([]), 'client', Date.now(), provider) as VerifiedPeer;
  const peer = judge({ kind: 'anyPeer' });
  expect(peer.identity.assurance).toBe('anonymous');
  expect(() => judgePin(undefined, peer, Date.now())).toThrow(/not remembered/);
  expect(judge({ kind: 'key', id: keyId }).identity.assurance).toBe('key');
  const day = verifyPeer(
    chain,
    { kind: 'anyPeer' },
    Trust.of([]),
    'client',
    Date.now() + 2 * 86_400_000,
    provider,
  );
  expect(day).toMatchObject({ code: 'ERR_IDENTITY_EXPIRED' });
});
