/** A relay among peers that do not keep the rules: what they leave behind, and what it costs the others. */
import { afterEach, describe, expect, test } from 'vitest';
import { concat } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { deferred } from '../../src/base/deferred.ts';
import type { Q2qError } from '../../src/base/errors.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { type Identity, Trust } from '../../src/identity/index.ts';
import { CLOSE_CODES, resetCodeOf } from '../../src/peer/codes.ts';
import { type ContextParts, controlContext } from '../../src/peer/contexts.ts';
import { encodeMessage } from '../../src/peer/messages.ts';
import { CONTROL_CHANNEL, PATH_CHANNEL } from '../../src/peer/names.ts';
import { secure } from '../../src/peer/secure.ts';
import type { SecureLink } from '../../src/peer/secureLink.ts';
import { Session } from '../../src/peer/session.ts';
import type { Link } from '../../src/transport/link.ts';
import { ask, echo } from '../support/echo.ts';
import { DOMAIN, RELAY_URL, relayWorld, type World } from '../support/relayWorld.ts';

let world: World;
afterEach(() => world[Symbol.asyncDispose]());

const random = (length: number): Uint8Array => provider.random(length);

async function openSession(): Promise<Session> {
  return new Session(await world.connect(RELAY_URL, { signal: new AbortController().signal }), { random });
}

function parts(): ContextParts {
  return { trust: Trust.of([world.domain.anchors]), provider, clock: systemClock };
}

/** A control channel on which nothing was said yet. */
function openControl(session: Session, identity: Identity): Promise<SecureLink> {
  const context = controlContext(identity, DOMAIN, parts());
  return secure(session.open(CONTROL_CHANNEL), context, { serverName: DOMAIN });
}

/** Why the link ended. */
function ending(link: Link): Promise<Q2qError | undefined> {
  const ended = deferred<Q2qError | undefined>();
  link.start({ data: () => {}, drain: () => {}, end: () => link.close(), closed: ended.resolve });
  return ended.promise;
}

const codeOf = async (link: Link): Promise<number | undefined> => resetCodeOf(await ending(link));
const hello = (instance = random(16)): Uint8Array => encodeMessage({ type: 'hello', instance, software: 'x' });

/** Two peers that keep the rules can still meet. */
async function stillServes(): Promise<void> {
  const [alice, bob] = [await world.peer('alice'), await world.peer('bob')];
  await bob.listen('echo/1', { authorize: () => true }, echo);
  expect(await ask(await alice.dial('bob@example.org/echo/1'), 'still there')).toBe('still there');
  await Promise.all([alice.close(), bob.close()]);
}

describe('a control channel', () => {
  test('that says no hello is ended, and nothing is kept of it', async () => {
    world = await relayWorld({ limits: { helloTimeout: 100 } });
    const { identity } = await world.enrol('mallory');
    const session = await openSession();
    expect(await codeOf(await openControl(session, identity))).toBe(CLOSE_CODES.timeout);
    await expect.poll(() => world.relay.stats().controls).toBe(0);
    session.destroy();
  });

  test('opened again and again by one instance never uses up the places of its link', async () => {
    world = await relayWorld({ limits: { controlsPerLink: 3 } });
    const { identity } = await world.enrol('mallory');
    const session = await openSession();
    const instance = random(16);
    for (let i = 0, before: SecureLink | undefined; i < 8; i++) {
      const control = await openControl(session, identity);
      control.send(hello(instance));
      if (before !== undefined) expect(await codeOf(before)).toBe(CLOSE_CODES.superseded);
      before = control;
    }
    expect(world.relay.stats().controls).toBe(1);
    session.destroy();
    await expect.poll(() => world.relay.stats().controls).toBe(0);
  });
});
