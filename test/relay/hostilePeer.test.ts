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
import { ControlClient } from '../../src/peer/controlClient.ts';
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
const hello = (instance = random(16)): Uint8Array =>
  encodeMessage({ type: 'hello', instance, software: 'x' });

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

test('one identity on ever more links has its share of control channels, and others are served', async () => {
  world = await relayWorld({ limits: { controlsPerIdentity: 3 } });
  const { identity } = await world.enrol('mallory');
  const sessions = await Promise.all(Array.from({ length: 6 }, openSession));
  const controls = await Promise.all(sessions.map((session) => openControl(session, identity)));
  const endings = controls.map((control) => {
    control.send(hello());
    return codeOf(control);
  });
  await expect.poll(() => world.relay.stats().controls).toBe(3);
  await stillServes();
  for (const session of sessions) session.destroy();
  const codes = await Promise.all(endings);
  expect(codes.filter((code) => code === CLOSE_CODES.busy)).toHaveLength(3);
  await expect.poll(() => world.relay.stats().controls).toBe(0);
});

describe('a control message that breaks the rules', () => {
  const prefixed = (...body: number[]): Uint8Array =>
    Uint8Array.of(body.length >> 8, body.length & 0xff, ...body);
  test.each<[string, Uint8Array]>([
    ['before hello', encodeMessage({ type: 'renew', id: 1 })],
    ['a second hello', concat([hello(), hello()])],
    ['of the other direction', concat([hello(), encodeMessage({ type: 'done', id: 1 })])],
    ['of enrolment', concat([hello(), enrolment()])],
    ['empty', concat([hello(), Uint8Array.of(0, 0)])],
    ['longer than allowed', concat([hello(), Uint8Array.of(0xff, 0xff)])],
    ['that is no MessagePack', concat([hello(), prefixed(0xc1)])],
    ['of an unknown code', concat([hello(), prefixed(0x91, 0x7f)])],
    ['with a field too many', concat([hello(), prefixed(0x93, 8, 1, 1)])],
    ['nested without end', concat([hello(), prefixed(...new Array<number>(10_000).fill(0x91))])],
    ['that promises four billion values', concat([hello(), prefixed(0xdd, 0xff, 0xff, 0xff, 0xff)])],
    [
      'of sixteen thousand small values',
      concat([hello(), prefixed(0xdc, 0x3f, 0xf0, ...new Array<number>(16_368).fill(0xc0))]),
    ],
    ['that is a map', concat([hello(), prefixed(0x81, 0xa1, 0x61, 1)])],
  ])('%s resets its channel and costs nobody else', async (_what, bytes) => {
    world = await relayWorld();
    const { identity } = await world.enrol('mallory');
    const session = await openSession();
    const control = await openControl(session, identity);
    control.send(bytes);
    expect(await codeOf(control)).toBe(CLOSE_CODES.protocol);
    await expect.poll(() => world.relay.stats().controls).toBe(0);
    session.destroy();
    await stillServes();
  });
});

function enrolment(): Uint8Array {
  const [invite, secret, csr] = [random(8), random(16), random(100)];
  return encodeMessage({ type: 'enrol', id: 1, invite, secret, csr, device: '' });
}

test('a listener that reads nothing is cut off before much is stored for it', async () => {
  world = await relayWorld({
    limits: { dialBurst: 10_000, messageBurst: 10_000, dialsPerControl: 10_000, answerDeadline: 300 },
  });
  const { identity } = await world.enrol('mallory');
  const session = await openSession();
  const control = await openControl(session, identity);
  const listen = { type: 'listen', id: 1, protocols: ['echo/1'], description: '' } as const;
  control.send([hello(), encodeMessage(listen)]);
  await expect.poll(() => world.relay.stats().services).toBeGreaterThan(0);
  const ended = deferred<Q2qError | undefined>();
  control.pause();
  control.start({ data: () => {}, drain: () => {}, end: () => {}, closed: ended.resolve });

  const caller = await openSession();
  const asking = await ControlClient.open(caller, {
    ...{
      identity: (await world.enrol('alice')).identity,
      domain: DOMAIN,
      url: RELAY_URL,
      instance: random(16),
    },
    ...{ parts: parts(), signal: new AbortController().signal },
    events: { incoming: async () => false, path: () => {}, bundle: () => {} },
  });
  const ask = () => {
    const { signal } = new AbortController(); // one each: Node takes more than ten listeners on one for a leak
    return asking.dial('mallory@example.org', 'echo/1', { first: true, signal });
  };
  const answers = await Promise.allSettled(Array.from({ length: 2_000 }, ask));
  expect(answers.every(({ status }) => status === 'rejected')).toBe(true);
  expect(resetCodeOf(await ended.promise)).toBe(CLOSE_CODES.busy);
  expect(world.relay.stats()).toMatchObject({ controls: 1, services: 0 });
  for (const one of [session, caller]) one.destroy();
  await stillServes();
});

test('a control channel that asks without end is closed, and its link and the others go on', async () => {
  world = await relayWorld();
  const { identity } = await world.enrol('mallory');
  const session = await openSession();
  const control = await openControl(session, identity);
  const unlisten = encodeMessage({ type: 'unlisten', id: 1, listener: 1 });
  control.send([hello(), ...new Array<Uint8Array>(2_000).fill(unlisten)]);
  expect(await codeOf(control)).toBe(CLOSE_CODES.busy);
  expect(world.relay.stats()).toMatchObject({ links: 1, controls: 0 });
  session.destroy();
  await stillServes();
});

describe('a path channel', () => {
  test('with guessed tokens is refused, and the link is closed at the sixteenth', async () => {
    world = await relayWorld();
    const session = await openSession();
    const codes: (number | undefined)[] = [];
    for (let i = 0; i < 15; i++) codes.push(await codeOf(session.open(PATH_CHANNEL, [random(16)])));
    expect(new Set(codes)).toEqual(new Set([CLOSE_CODES.token]));
    for (const meta of ['x', [], [1], { 0: random(16) }, [random(4_000)]]) session.open(PATH_CHANNEL, meta);
    expect(await session.closed).toMatchObject({ code: expect.stringMatching(/^ERR_MUX_/) });
    expect(world.relay.stats()).toMatchObject({ links: 0, paths: 0, tokens: 0 });
    await stillServes();
  });

  test('joins once: a token that is used again, or by another link, is refused', async () => {
    world = await relayWorld();
    const bob = await world.peer('bob');
    await bob.listen('echo/1', { authorize: () => true }, echo);
    const { identity } = await world.enrol('mallory');
    const [session, other] = [await openSession(), await openSession()];
    const control = await ControlClient.open(session, {
      ...{ identity, domain: DOMAIN, url: RELAY_URL, instance: random(16), parts: parts() },
      ...{
        events: { incoming: async () => false, path: () => {}, bundle: () => {} },
        signal: new AbortController().signal,
      },
    });
    const { signal } = new AbortController();
    const [offer] = await control.dial('bob@example.org', 'echo/1', { first: true, signal });
    const token = await control.connect(offer!.offer, 'bob', signal);
    expect(await codeOf(other.open(PATH_CHANNEL, [token]))).toBe(CLOSE_CODES.token);
    const path = session.open(PATH_CHANNEL, [token]);
    expect(await codeOf(session.open(PATH_CHANNEL, [token]))).toBe(CLOSE_CODES.token);
    await expect.poll(() => world.relay.stats().splices).toBe(1);
    path.reset();
    for (const one of [session, other]) one.destroy();
    await expect.poll(() => world.relay.stats()).toMatchObject({ links: 1, splices: 0, paths: 0, tokens: 0 });
    await stillServes();
  });
});

describe('a link', () => {
  test('that opens ten thousand channels and resets them is cut off, and others are served meanwhile', async () => {
    world = await relayWorld();
    const session = await openSession();
    const served = stillServes();
    const begun = performance.now();
    let opened = 0;
    try {
      for (; opened < 10_000; opened++) {
        session.open(CONTROL_CHANNEL).reset(CLOSE_CODES.timeout);
        if (opened % 100 === 99) await new Promise((resolve) => setTimeout(resolve, 0));
      }
    } catch (error) {
      expect(error).toMatchObject({
        code: expect.stringMatching(/^ERR_MUX_(CLOSED|REMOTE|GOAWAY|LINK_CLOSED)$/),
      });
    }
    await served;
    expect(performance.now() - begun).toBeLessThan(10_000);
    session.destroy();
    await expect.poll(() => world.relay.stats().links).toBe(0);
  });

  test('that begins handshakes and never ends them has 64 of them, for a while', async () => {
    world = await relayWorld({ limits: { helloTimeout: 500 } });
    const session = await openSession();
    const endings = Array.from({ length: 200 }, () => {
      const channel = session.open(CONTROL_CHANNEL);
      channel.send(Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc)); // a ClientHello's first bytes
      return codeOf(channel);
    });
    await stillServes();
    const codes = await Promise.all(endings);
    expect(codes.filter((code) => code === CLOSE_CODES.busy)).toHaveLength(200 - 64);
    session.destroy();
    await expect.poll(() => world.relay.stats().links).toBe(0);
  });
});
