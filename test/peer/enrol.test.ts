/** Enrolment as a person sees it: an invite works, once, at the right domain, or says clearly why not. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { provider } from '../../src/crypto/node.node.ts';
import { Trust, VerifiedPeer, verifyPeer } from '../../src/identity/index.ts';
import { enrolOver } from '../../src/peer/enrol.ts';
import { formatInvite, parseInvite } from '../../src/peer/invite.ts';
import type { Connect } from '../../src/peer/types.ts';
import { RELAY_URL, relayWorld, type World } from '../support/relayWorld.ts';

let world: World;
let line: string;
beforeEach(async () => {
  world = await relayWorld();
  line = formatInvite(await world.domain.invite('alice', { url: RELAY_URL }));
});
afterEach(() => world[Symbol.asyncDispose]());

const enrol = (text: string, connect: Connect = world.connect, key = provider.generateKey('ed25519')) =>
  enrolOver(text, { key, connect, provider });
const failing = (code: string) => expect.objectContaining({ code });

describe('an invite', () => {
  test('and a fresh key become an identity, the root to trust, and the relay to use', async () => {
    const key = provider.generateKey('ed25519');
    const { identity, anchors, relay } = await enrolOver(line, { key, connect: world.connect, provider });
    expect(identity).toMatchObject({ name: 'alice@example.org', signer: key });
    expect(relay).toEqual({ url: RELAY_URL, domain: 'example.org' });
    const trust = Trust.of([anchors]);
    const name = { kind: 'name', name: 'alice@example.org' } as const;
    const proof = verifyPeer(identity.chain, name, trust, 'client', Date.now(), provider);
    expect(proof).toBeInstanceOf(VerifiedPeer);
  });

  test('works with a P-256 key, as browsers like it', async () => {
    const { identity } = await enrol(line, world.connect, provider.generateKey('p256'));
    expect(identity.name).toBe('alice@example.org');
  });

  test('works once', async () => {
    await enrol(line);
    await expect(enrol(line)).rejects.toThrow(failing('ERR_PEER_INVITE_USED'));
  });

  test('whose answer was lost works again with the same key', async () => {
    const key = provider.generateKey('ed25519');
    const first = await enrol(line, world.connect, key);
    const second = await enrol(line, world.connect, key);
    expect(second.identity.keyId).toBe(first.identity.keyId);
  });

  test('leaves only when the device has stored its key, and stays unused when that fails', async () => {
    const key = provider.generateKey('ed25519');
    const beforeAsking = () => Promise.reject(new Error('disk is full'));
    const options = { key, connect: world.connect, provider };
    await expect(enrolOver(line, { ...options, beforeAsking })).rejects.toThrow('disk is full');
    const { identity } = await enrol(line); // another key: nobody used the invite
    expect(identity.name).toBe('alice@example.org');
  });

  test('with a wrong secret is refused', async () => {
    const wrong = formatInvite({ ...parseInvite(line), secret: new Uint8Array(16) });
    await expect(enrol(wrong)).rejects.toThrow(failing('ERR_PEER_INVITE_REFUSED'));
  });

  test('that has expired is refused here, and by the domain if our clock is wrong', async () => {
    const { domain } = world;
    const old = await domain.invite('bob', { url: RELAY_URL, lifetime: -1 });
    let connected = false;
    const connect: Connect = (...args) => {
      connected = true;
      return world.connect(...args);
    };
    await expect(enrol(formatInvite(old), connect)).rejects.toThrow(failing('ERR_PEER_INVITE_EXPIRED'));
    expect(connected).toBe(false);
    const forged = formatInvite({ ...old, expires: Date.now() + 60_000 });
    await expect(enrol(forged)).rejects.toThrow(failing('ERR_PEER_INVITE_EXPIRED'));
  });

  test('for another root than the server has gives nothing away', async () => {
    const invite = parseInvite(line);
    const elsewhere = formatInvite({ ...invite, rootPin: new Uint8Array(32) });
    await expect(enrol(elsewhere)).rejects.toThrow(failing('ERR_PEER_WRONG_IDENTITY'));
    await enrol(line); // the secret was not spent, nor seen
  });

  test('taken to the server of another domain with the same name gives nothing away', async () => {
    const impostor = await relayWorld();
    await expect(enrol(line, impostor.connect)).rejects.toThrow(failing('ERR_PEER_WRONG_IDENTITY'));
    expect(await impostor.domain.accounts()).toEqual([]);
    await impostor[Symbol.asyncDispose]();
  });

  test('with nobody at its address says so', async () => {
    const connect: Connect = () => Promise.reject(new Error('connection refused'));
    await expect(enrol(line, connect)).rejects.toThrow(failing('ERR_PEER_UNREACHABLE'));
  });

  test('can be given up', async () => {
    const never: Connect = (_url, { signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const controller = new AbortController();
    const key = provider.generateKey('ed25519');
    const enrolling = enrolOver(line, { key, connect: never, provider, signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(enrolling).rejects.toThrow('enough');
  });

  test('for a device label that cannot be is refused, and not spent', async () => {
    const key = provider.generateKey('ed25519');
    const wrong = enrolOver(line, { key, connect: world.connect, provider, device: 'my laptop' });
    await expect(wrong).rejects.toThrow(failing('ERR_PEER_PROTOCOL'));
    await enrol(line);
  });
});

test('a crowd that enrols at the same moment is served one by one', async () => {
  const people = Array.from({ length: 8 }, (_, i) => `user${i}`);
  const enrolled = await Promise.all(people.map((user) => world.enrol(user)));
  expect(enrolled.map(({ identity }) => identity.name)).toEqual(people.map((user) => `${user}@example.org`));
});
