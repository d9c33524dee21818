/** Enrolment by password: the domain first proves itself, then the password leaves. */
import { sha256 } from '@noble/hashes/sha2.js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { provider } from '../../src/crypto/node.node.ts';
import { Trust } from '../../src/identity/index.ts';
import { loginOver, type PasswordLogin } from '../../src/peer/enrol.ts';
import type { Connect } from '../../src/peer/types.ts';
import { RELAY_URL, relayWorld, type World } from '../support/relayWorld.ts';

const PASSWORD = 'correct horse battery';
let world: World;
let login: PasswordLogin;
beforeEach(async () => {
  world = await relayWorld({ limits: { loginHold: 20 } });
  await world.domain.setPassword('alice', PASSWORD);
  const trust = Trust.of([world.domain.anchors]);
  login = { name: 'alice@example.org', password: PASSWORD, url: RELAY_URL, trust };
});
afterEach(() => world[Symbol.asyncDispose]());

const enrol = (change: Partial<PasswordLogin> = {}, connect: Connect = world.connect) =>
  loginOver({ ...login, ...change }, { key: provider.generateKey('ed25519'), connect, provider });
const failing = (code: string) => expect.objectContaining({ code });

describe('a name and its password', () => {
  test('become an identity at a domain whose root is held', async () => {
    const { identity, anchors, relay } = await enrol();
    expect(identity.name).toBe('alice@example.org');
    expect(anchors).toEqual(world.domain.anchors);
    expect(relay).toEqual({ url: RELAY_URL, domain: 'example.org' });
  });

  test('do so where only the hash of the root is known', async () => {
    const { spki } = world.domain.authority.root;
    const { trust: _, ...rest } = login;
    login = rest;
    const { anchors } = await enrol({ rootPin: sha256(spki) });
    expect(anchors.roots).toEqual([world.domain.authority.root]);
  });

  test('stay here when nothing is known of the domain', async () => {
    const { trust: _, ...rest } = login;
    login = rest;
    const before = world.links.count;
    await expect(enrol()).rejects.toThrow(failing('ERR_PEER_NO_TRUST'));
    await expect(enrol({ name: 'alice@example.com' })).rejects.toThrow(failing('ERR_PEER_NO_TRUST'));
    expect(world.links.count).toBe(before);
  });

  test('stay here when the server is another', async () => {
    const impostor = await relayWorld();
    await impostor.domain.setPassword('alice', PASSWORD);
    await expect(enrol({}, impostor.connect)).rejects.toThrow(failing('ERR_PEER_WRONG_IDENTITY'));
    expect((await impostor.domain.auditLog()).map(({ what }) => what)).toEqual(['password_set']);
    await impostor[Symbol.asyncDispose]();
  });

  test('are refused with one code, whichever is wrong, and never shown in it', async () => {
    for (const change of [{ password: 'a wrong one' }, { name: 'eve@example.org' }]) {
      const error = await enrol(change).catch((thrown: Error) => thrown);
      expect(error).toMatchObject({ code: 'ERR_PEER_LOGIN_REFUSED' });
      expect(String((error as Error).stack)).not.toContain(change.password ?? PASSWORD);
    }
  });

  test('are told to wait when the account is locked', async () => {
    for (let i = 0; i < 5; i++)
      await expect(enrol({ password: `guess ${i}` })).rejects.toThrow(failing('ERR_PEER_LOGIN_REFUSED'));
    await expect(enrol()).rejects.toThrow(failing('ERR_PEER_BUSY'));
  }, 15_000);
});

test('an invite that a hundred devices take at once, over a link each, enrols one of them', async () => {
  const invite = await world.domain.invite('bob', { url: RELAY_URL });
  const { enrolOver } = await import('../../src/peer/enrol.ts');
  const { formatInvite } = await import('../../src/peer/invite.ts');
  const answers = await Promise.allSettled(
    Array.from({ length: 100 }, () =>
      enrolOver(formatInvite(invite), {
        key: provider.generateKey('ed25519'),
        connect: world.connect,
        provider,
      }),
    ),
  );
  const refused = answers.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
  expect(refused).toHaveLength(99);
  for (const { reason } of refused) expect(reason).toMatchObject({ code: 'ERR_PEER_INVITE_USED' });
  const issued = (await world.domain.auditLog()).filter(
    ({ what, user }) => what === 'issued' && user === 'bob',
  );
  expect(issued).toHaveLength(1);
}, 30_000);
