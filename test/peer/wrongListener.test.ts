/** A relay that joins a dialler to somebody else: whatever that one shows, no byte of the application leaves or arrives. */
import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silent } from '../../src/base/log.ts';
import { provider } from '../../src/crypto/node.node.ts';
import {
  DomainAuthority,
  type Identity,
  identityFromChain,
  selfSignedIdentity,
  Trust,
  VerifiedPeer,
  verifyPeer,
} from '../../src/identity/index.ts';
import { CallerSession } from '../../src/peer/callerSession.ts';
import type { Channel } from '../../src/peer/channel.ts';
import { ListenerSession } from '../../src/peer/listenerSession.ts';
import { Listeners } from '../../src/peer/listeners.ts';
import { memoryPair } from '../../src/transport/memory.ts';

const DAY = 86_400_000;
const now = Date.now();
const domain = DomainAuthority.create(provider, 'example.org', now - 20 * DAY);
/** Says that it is example.org, too. */
const impostor = DomainAuthority.create(provider, 'example.org', now - 20 * DAY);
const elsewhere = DomainAuthority.create(provider, 'example.net', now - 20 * DAY);
const trust = Trust.of([{ domain: 'example.org', roots: [domain.root] }]);

function user(authority: DomainAuthority, name: string, at = now, lifetime = DAY): Identity {
  const key = provider.generateKey('ed25519');
  return identityFromChain(authority.issueUser({ spki: key.spki, user: name, now: at, lifetime }), key);
}

/** The domain's own server, which may speak for the domain but for none of its users. */
function server(): Identity {
  const key = provider.generateKey('ed25519');
  const chain = domain.issueServer({ spki: key.spki, now });
  return { keyId: '', notAfter: now + DAY, chain, signer: key };
}

/** Bob's real, public chain with a key that is not his. */
function thief(): Identity {
  const bob = user(domain, 'bob');
  const { kind, spki, schemes } = bob.signer;
  const own = provider.generateKey('ed25519');
  return { ...bob, signer: { kind, spki, schemes, sign: (scheme, message) => own.sign(scheme, message) } };
}

const alice = user(domain, 'alice');
const genuine = user(domain, 'bob');

/** What a dial of bob gives when this one answers, and what the one who answered got to see. */
async function dialled(
  answering: Identity,
  expected = 'bob@example.org',
): Promise<{ outcome: unknown; seen: number }> {
  const [left, right] = memoryPair();
  const parts = { trust, provider, clock: systemClock };
  const proof = verifyPeer(alice.chain, { kind: 'anyPeer' }, trust, 'client', now, provider);
  if (!(proof instanceof VerifiedPeer)) throw proof;
  let seen = 0;
  const listeners = new Listeners();
  const as = answering.name ?? `key:${answering.keyId}`;
  const handler = async (channel: Channel): Promise<void> => {
    seen++;
    await channel.closed.catch(() => {});
  };
  listeners.add({ as, protocol: 'echo/1', description: '', authorize: () => true, handler });
  const path = { kind: 'relayed' } as const;
  const listener = new ListenerSession(
    { link: right, path },
    {
      ...{ identity: () => answering, claim: { peer: proof, protocol: 'echo/1' }, listeners, parts },
      ...{ logger: silent, onHandlerError: () => {} },
    },
  );
  const caller = new CallerSession({ link: left, path }, { parts, logger: silent });
  const { signal } = new AbortController();
  const to = { expected: { kind: 'name', name: expected }, to: expected, protocol: 'echo/1' } as const;
  const outcome = await caller.open({ identity: alice, ...to, signal, timeout: 5_000 }).then(
    (channel) => {
      channel.reset();
      return 'a channel';
    },
    (error: unknown) => error,
  );
  caller.destroy(new Error('done'));
  await listener.closed;
  return { outcome, seen };
}

test('bob himself is let through', async () => {
  expect(await dialled(genuine)).toEqual({ outcome: 'a channel', seen: 1 });
});

test.each<[string, () => Identity]>([
  ['another user of the domain', () => user(domain, 'mallory')],
  ['a user whose name begins alike', () => user(domain, 'bob.mallory')],
  ['bob of another domain', () => user(elsewhere, 'bob')],
  ['bob under another root that says it is the domain', () => user(impostor, 'bob')],
  ['bob with a certificate that ran out', () => user(domain, 'bob', now - 3 * DAY, DAY)],
  ['bob with a certificate that has not begun', () => user(domain, 'bob', now + 2 * DAY)],
  ['the domain server itself', server],
  ['a key peer', () => selfSignedIdentity(provider.generateKey('ed25519'), now)],
])('%s is not taken for bob', async (_who, who) => {
  const { outcome, seen } = await dialled(who());
  expect(outcome).toMatchObject({
    code: 'ERR_PEER_WRONG_IDENTITY',
    message: /^who answered is not bob@example\.org/,
  });
  expect(seen).toBe(0);
});

test("bob's certificate without bob's key is no bob", async () => {
  const { outcome, seen } = await dialled(thief());
  expect(outcome).toMatchObject({ code: 'ERR_PEER_WRONG_IDENTITY' });
  expect(seen).toBe(0);
});
