/** The relay's core, driven by hand in made-up time: who is told what, and when. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { ToPeer, ToRelay } from '../../src/peer/messages.ts';
import { type CoreAction, RelayCore } from '../../src/relay/core.ts';
import { RELAY_LIMITS, type RelayLimits } from '../../src/relay/limits.ts';

const FAR = 1e12;
let core: RelayCore;
let now: number;
let actions: CoreAction[];
let seed: number;

function start(limits: Partial<RelayLimits> = {}): void {
  now = 1_000;
  seed = 0;
  actions = [];
  core = new RelayCore({
    domain: 'example.org',
    limits: { ...RELAY_LIMITS, ...limits },
    random: (length) => new Uint8Array(length).fill(++seed),
  });
}
beforeEach(() => start());

function pull(): void {
  for (let action = core.next(); action !== undefined; action = core.next()) actions.push(action);
}

/** Everything sent to that client since the last call. */
function told(client: number): ToPeer[] {
  pull();
  const mine = actions.filter((action) => action.type === 'send' && action.client === client);
  actions = actions.filter((action) => !mine.includes(action));
  return mine.map((action) => (action as Extract<CoreAction, { type: 'send' }>).message);
}

/** Everything that is not a message. */
function done(): CoreAction[] {
  pull();
  const others = actions.filter(({ type }) => type !== 'send');
  actions = actions.filter(({ type }) => type === 'send');
  return others;
}

function say(client: number, message: ToRelay): void {
  core.message(client, message, now);
}

/** Lets time pass, waking the core exactly when it asks to be. */
function wait(ms: number): void {
  const until = now + ms;
  for (let at = core.deadline(); at !== undefined && at <= until; at = core.deadline()) {
    now = Math.max(now, at);
    core.tick(now);
  }
  now = until;
}

let nextKey = 0;
interface Who {
  link?: number;
  instance?: number;
  expiresAt?: number;
  keyPeer?: boolean;
}

function join(name: string, { link = 1, instance = 1, expiresAt = FAR, keyPeer = false }: Who = {}): number {
  const keyId = `${name}${++nextKey}`.padEnd(56, 'a').slice(0, 56);
  const who = { link, keyId, chain: [Uint8Array.of(1)], expiresAt, observed: '192.0.2.1:5' };
  const client = core.connect({ ...who, name: keyPeer ? undefined : `${name}@example.org` }, now);
  if (client === undefined) throw new Error('too many of that identity');
  say(client, { type: 'hello', instance: new Uint8Array(16).fill(instance), software: 't' });
  expect(told(client)[0]).toMatchObject({ type: 'welcome', domain: 'example.org' });
  return client;
}

function listen(client: number, protocol = 'chat/1', description = ''): number {
  say(client, { type: 'listen', id: 1, protocols: [protocol], description });
  const [answer] = told(client);
  if (answer?.type !== 'listening') throw new Error(`not listening: ${JSON.stringify(answer)}`);
  return answer.listener;
}

function dial(
  client: number,
  to = 'bob@example.org',
  { first = true, id = 7, protocol = 'chat/1' } = {},
): void {
  say(client, { type: 'dial', id, to, protocol, first });
}

function question(client: number): Extract<ToPeer, { type: 'incoming' }> {
  const found = told(client).find(({ type }) => type === 'incoming');
  if (found?.type !== 'incoming') throw new Error('nobody asked');
  return found;
}

function offersOf(client: number): Extract<ToPeer, { type: 'offers' }> {
  const found = told(client).find(({ type }) => type === 'offers');
  if (found?.type !== 'offers') throw new Error('no offers came');
  return found;
}

describe('a dial', () => {
  test('asks the listener, offers it, and joins two paths by two one-use tokens', () => {
    const [alice, bob] = [join('alice', { link: 1 }), join('bob', { link: 2 })];
    listen(bob, 'chat/1', 'laptop');
    dial(alice);
    const asked = question(bob);
    expect(asked).toMatchObject({ from: 'alice@example.org', protocol: 'chat/1', chain: [Uint8Array.of(1)] });
    say(bob, { type: 'answer', id: asked.id, allow: true });
    const { offers } = offersOf(alice);
    expect(offers).toMatchObject([{ description: 'laptop' }]);

    say(alice, { type: 'connect', id: 8, offer: offers[0]!.offer });
    const [toAlice] = told(alice);
    const [toBob] = told(bob);
    if (toAlice?.type !== 'token' || toBob?.type !== 'path') throw new Error('no tokens');
    expect(toBob.id).toBe(asked.id);
    expect(toAlice.token).not.toEqual(toBob.token);

    core.path(1, 101, toAlice.token);
    expect(done()).toEqual([]);
    core.path(2, 102, toBob.token);
    expect(done()).toMatchObject([{ type: 'splice', caller: 101, listener: 102, from: 'alice@example.org' }]);
    expect(core.stats()).toMatchObject({ tokens: 0, paths: 1 });
    core.spliceEnded(1, now);
    expect(core.stats().paths).toBe(0);
  });

  const cases: [string, (alice: number, bob: number) => void][] = [
    ['nobody of that name', (alice) => dial(alice, 'carol@example.org')],
    ['another protocol', (alice) => dial(alice, 'bob@example.org', { protocol: 'other/1' })],
    ['a name that cannot be', (alice) => dial(alice, '💥')],
    [
      'a refusal',
      (alice, bob) => {
        dial(alice);
        say(bob, { type: 'answer', id: question(bob).id, allow: false });
      },
    ],
    [
      'a listener that leaves while it is asked',
      (alice, bob) => {
        dial(alice);
        core.disconnect(bob, now);
      },
    ],
  ];
  test.each(cases)('to %s says "not found", no earlier than the others', (_, act) => {
    const [alice, bob] = [join('alice'), join('bob')];
    listen(bob);
    act(alice, bob);
    wait(RELAY_LIMITS.refusalHold - 1);
    expect(told(alice)).toEqual([]);
    wait(1);
    expect(told(alice)).toEqual([{ type: 'failed', id: 7, code: 'not_found' }]);
    wait(10_000);
    expect(told(alice)).toEqual([]);
  });

  test('refused late is answered at the deadline, not when the refusal came', () => {
    const [alice, bob] = [join('alice'), join('bob')];
    listen(bob);
    dial(alice);
    wait(1_200);
    say(bob, { type: 'answer', id: question(bob).id, allow: false });
    wait(RELAY_LIMITS.answerDeadline - 1_201);
    expect(told(alice)).toEqual([]);
    wait(1);
    expect(told(alice)).toMatchObject([{ code: 'not_found' }]);
  });

  test('that takes the first is not held up by a frozen device', () => {
    const [alice, frozen, bob] = [join('alice'), join('bob', { instance: 1 }), join('bob', { instance: 2 })];
    listen(frozen);
    listen(bob);
    dial(alice);
    wait(40);
    say(bob, { type: 'answer', id: question(bob).id, allow: true });
    expect(offersOf(alice).offers).toHaveLength(1);
    const late = question(frozen);
    say(frozen, { type: 'answer', id: late.id, allow: true }); // late, not wrong
    wait(10_000);
    expect(told(alice)).toEqual([]);
    expect(done()).toEqual([]);
  });

  test('that chooses waits for the frozen device only until the deadline', () => {
    const alice = join('alice');
    const devices = [1, 2, 3].map((instance) => join('bob', { instance }));
    for (const [i, device] of devices.entries()) listen(device, 'chat/1', `device ${i}`);
    dial(alice, 'bob@example.org', { first: false });
    for (const device of devices.slice(0, 2))
      say(device, { type: 'answer', id: question(device).id, allow: true });
    wait(RELAY_LIMITS.answerDeadline - 1);
    expect(told(alice)).toEqual([]);
    wait(1);
    expect(offersOf(alice).offers.map(({ description }) => description)).toEqual(['device 0', 'device 1']);
  });

  test('that chooses is answered at once when everybody has answered', () => {
    const alice = join('alice');
    const devices = [1, 2, 3].map((instance) => join('bob', { instance }));
    for (const device of devices) listen(device);
    dial(alice, 'bob@example.org', { first: false });
    for (const device of devices) say(device, { type: 'answer', id: question(device).id, allow: true });
    const { offers } = offersOf(alice);
    expect(new Set(offers.map(({ node }) => node)).size).toBe(3);
  });

  test('by key reaches an enrolled peer and a key peer', () => {
    const [alice, bob] = [join('alice'), join('carol', { keyPeer: true })];
    listen(bob);
    const address = told(bob);
    expect(address).toEqual([]);
    const keyId = `carol${nextKey}`.padEnd(56, 'a').slice(0, 56);
    dial(alice, `key:${keyId}`);
    expect(question(bob).from).toBe('alice@example.org');
  });

  test('that was cancelled gets no answer', () => {
    const [alice, bob] = [join('alice'), join('bob')];
    listen(bob);
    dial(alice);
    const { id } = question(bob);
    say(alice, { type: 'cancel', id: 7 });
    say(bob, { type: 'answer', id, allow: true });
    wait(10_000);
    expect(told(alice)).toEqual([]);
  });

  test('beyond the rate is told to wait', () => {
    start({ dialBurst: 2, dialRate: 1 });
    const alice = join('alice');
    for (const id of [1, 2, 3]) dial(alice, 'x@example.org', { id });
    expect(told(alice)).toEqual([{ type: 'failed', id: 3, code: 'busy' }]);
    wait(1_000);
    told(alice);
    dial(alice, 'x@example.org', { id: 4 });
    expect(told(alice)).toEqual([]);
  });
});

describe('a token', () => {
  function met(): { alice: Uint8Array; bob: Uint8Array } {
    const [alice, bob] = [join('alice', { link: 1 }), join('bob', { link: 2 })];
    listen(bob);
    dial(alice);
    say(bob, { type: 'answer', id: question(bob).id, allow: true });
    say(alice, { type: 'connect', id: 8, offer: offersOf(alice).offers[0]!.offer });
    const [a] = told(alice);
    const [b] = told(bob);
    if (a?.type !== 'token' || b?.type !== 'path') throw new Error('no tokens');
    return { alice: a.token, bob: b.token };
  }
  const refused = (path: number) => [{ type: 'refusePath', path, code: 'token' }];

  test('works once', () => {
    const tokens = met();
    core.path(1, 101, tokens.alice);
    core.path(1, 103, tokens.alice);
    expect(done()).toEqual(refused(103));
  });

  test('works from its own link only', () => {
    const tokens = met();
    core.path(3, 103, tokens.alice);
    core.path(2, 104, tokens.alice);
    core.path(1, 105, tokens.bob);
    expect(done()).toEqual([...refused(103), ...refused(104), ...refused(105)]);
    core.path(1, 101, tokens.alice);
    core.path(2, 102, tokens.bob);
    expect(done()).toMatchObject([{ type: 'splice' }]);
  });

  test('works for ten seconds, and whoever waited is sent away', () => {
    const tokens = met();
    core.path(1, 101, tokens.alice);
    wait(RELAY_LIMITS.tokenLifetime);
    expect(done()).toEqual([{ type: 'refusePath', path: 101, code: 'timeout' }]);
    core.path(2, 102, tokens.bob);
    expect(done()).toEqual(refused(102));
    expect(core.stats()).toMatchObject({ tokens: 0, paths: 0 });
  });

  test('that is guessed sixteen times costs the link', () => {
    for (let i = 0; i < 16; i++) core.path(9, i, new Uint8Array(16).fill(i));
    expect(done().at(-1)).toEqual({ type: 'closeLink', link: 9, code: 'token' });
  });

  test('that is missing is refused', () => {
    core.path(1, 101, undefined);
    expect(done()).toEqual(refused(101));
  });

  test('is off when a side leaves before both came', () => {
    const tokens = met();
    core.path(1, 101, tokens.alice);
    core.pathGone(101, now);
    core.path(2, 102, tokens.bob);
    expect(done()).toEqual(refused(102));
  });
});

describe('presence', () => {
  test('ends with the control channel', () => {
    const [alice, bob] = [join('alice'), join('bob')];
    listen(bob);
    core.disconnect(bob, now);
    expect(core.stats()).toMatchObject({ controls: 1, services: 0 });
    dial(alice);
    wait(500);
    expect(told(alice)).toMatchObject([{ code: 'not_found' }]);
  });

  test('ends with unlisten, and that counts as a refusal of what is being asked', () => {
    const [alice, bob] = [join('alice'), join('bob')];
    const listener = listen(bob);
    dial(alice);
    say(bob, { type: 'unlisten', id: 2, listener });
    expect(told(bob).at(-1)).toEqual({ type: 'done', id: 2 });
    wait(500);
    expect(told(alice)).toMatchObject([{ code: 'not_found' }]);
  });

  test('of the same instance goes to the newest, and the older one is told', () => {
    const old = join('bob', { instance: 5 });
    listen(old);
    const young = join('bob', { instance: 5 });
    expect(done()).toMatchObject([{ type: 'close', client: old, code: 'superseded' }]);
    expect(core.stats()).toMatchObject({ controls: 1, services: 0 });
    listen(young);
    expect(core.stats().services).toBe(2); // name and key
  });

  test('of another identity with the same instance stays', () => {
    join('bob', { instance: 5 });
    join('carol', { instance: 5 });
    expect(done()).toEqual([]);
    expect(core.stats().controls).toBe(2);
  });

  test('ends with the certificate, unless it was renewed', () => {
    const [short, renewed] = [join('bob', { expiresAt: 5_000 }), join('carol', { expiresAt: 5_000 })];
    say(renewed, { type: 'renew', id: 3 });
    expect(done()).toEqual([{ type: 'ask', client: renewed, question: { type: 'renew', id: 3 } }]);
    core.renewed(renewed, 3, { chain: [Uint8Array.of(2)], expiresAt: 50_000 });
    expect(told(renewed)).toEqual([{ type: 'certificate', id: 3, chain: [Uint8Array.of(2)] }]);
    wait(5_000);
    expect(done()).toMatchObject([{ type: 'close', client: short, code: 'expired' }]);
    wait(60_000);
    expect(done()).toMatchObject([{ type: 'close', client: renewed, code: 'expired' }]);
  });

  test('on a reserved protocol is refused', () => {
    const bob = join('bob');
    for (const protocols of [['q2q-control/1'], ['.admin'], ['a b']]) {
      say(bob, { type: 'listen', id: 4, protocols, description: '' });
      expect(told(bob)).toEqual([{ type: 'failed', id: 4, code: 'invalid' }]);
    }
  });

  test('is bounded', () => {
    start({ listensPerControl: 2 });
    const bob = join('bob');
    for (const id of [1, 2, 3]) say(bob, { type: 'listen', id, protocols: [`p/${id}`], description: '' });
    expect(told(bob).at(-1)).toEqual({ type: 'failed', id: 3, code: 'busy' });
  });

  test('is bounded by its protocols, however many come in one message', () => {
    start({ listensPerControl: 64 });
    const bob = join('bob');
    const protocols = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => `p/${from + i}`);
    say(bob, { type: 'listen', id: 1, protocols: protocols(0, 32), description: '' });
    say(bob, { type: 'listen', id: 2, protocols: protocols(32, 31), description: '' });
    say(bob, { type: 'listen', id: 3, protocols: protocols(63, 2), description: '' });
    expect(told(bob).at(-1)).toEqual({ type: 'failed', id: 3, code: 'busy' });
    say(bob, { type: 'listen', id: 4, protocols: protocols(63, 1), description: '' });
    expect(told(bob)).toMatchObject([{ type: 'listening', id: 4 }]);
  });
});

describe('out of turn', () => {
  test('anything before hello closes the channel', () => {
    const client = core.connect(
      { link: 1, name: 'a@example.org', keyId: 'a'.repeat(56), chain: [], expiresAt: FAR, observed: '' },
      now,
    )!;
    say(client, { type: 'renew', id: 1 });
    expect(done()).toMatchObject([{ type: 'close', client, code: 'protocol' }]);
    say(client, { type: 'renew', id: 1 });
    expect(done()).toEqual([]);
  });

  test.each<ToRelay>([
    { type: 'hello', instance: new Uint8Array(16), software: '' },
    {
      type: 'enrol',
      id: 1,
      invite: new Uint8Array(8),
      secret: new Uint8Array(16),
      csr: new Uint8Array(1),
      device: '',
    },
  ])('$type on an open channel closes it', (message) => {
    const client = join('alice');
    say(client, message);
    expect(done()).toMatchObject([{ type: 'close', client, code: 'protocol' }]);
  });

  test('an offer works once, and an unknown one is not found', () => {
    const [alice, bob] = [join('alice'), join('bob')];
    listen(bob);
    dial(alice);
    say(bob, { type: 'answer', id: question(bob).id, allow: true });
    const { offer } = offersOf(alice).offers[0]!;
    say(alice, { type: 'connect', id: 8, offer });
    say(alice, { type: 'connect', id: 9, offer });
    say(alice, { type: 'connect', id: 10, offer: 12_345 });
    expect(told(alice).map((message) => ('code' in message ? message.code : message.type))).toEqual([
      'token',
      'not_found',
      'not_found',
    ]);
  });

  test('an offer runs out after a minute', () => {
    const [alice, bob] = [join('alice'), join('bob')];
    listen(bob);
    dial(alice);
    say(bob, { type: 'answer', id: question(bob).id, allow: true });
    const { offer } = offersOf(alice).offers[0]!;
    wait(RELAY_LIMITS.offerLifetime);
    say(alice, { type: 'connect', id: 8, offer });
    expect(told(alice)).toMatchObject([{ code: 'not_found' }]);
  });
});

describe('messages', () => {
  test('beyond the rate close their channel, whatever they ask', () => {
    start({ messageBurst: 4, messageRate: 1 });
    const [alice, bob] = [join('alice'), join('bob')];
    for (let i = 0; i < 3; i++) say(alice, { type: 'cancel', id: 1 });
    wait(2_000);
    for (let i = 0; i < 2; i++) say(alice, { type: 'cancel', id: 1 });
    expect(done()).toEqual([]);
    say(alice, { type: 'answer', id: 1, allow: true });
    expect(done()).toMatchObject([{ type: 'close', client: alice, code: 'busy' }]);
    say(bob, { type: 'cancel', id: 1 });
    expect(done()).toEqual([]);
  });

  test('that answer what others asked are free, in time or late', () => {
    start({ messageBurst: 3, messageRate: 0.001 });
    const bob = join('bob');
    listen(bob);
    for (let i = 0; i < 20; i++) {
      const caller = join(`caller${i}`);
      dial(caller);
      const asked = question(bob);
      if (i % 2 === 0) wait(RELAY_LIMITS.answerDeadline);
      say(bob, { type: 'answer', id: asked.id, allow: true });
    }
    expect(done()).toEqual([]);
    for (let i = 0; i < 2; i++) say(bob, { type: 'answer', id: 5, allow: true });
    expect(done()).toMatchObject([{ type: 'close', client: bob, code: 'busy' }]);
  });
});

describe('one identity on many links', () => {
  test('has so many control channels, and then is busy until one of them ends', () => {
    start({ controlsPerIdentity: 2 });
    const [first] = [join('bob', { instance: 1 }), join('bob', { instance: 2, link: 2 })];
    expect(() => join('bob', { instance: 3, link: 3 })).toThrow('too many');
    join('carol');
    core.disconnect(first, now);
    join('bob', { instance: 3, link: 3 });
    expect(core.stats()).toMatchObject({ controls: 3, identities: 2 });
  });

  test('dials at one rate, and leaving does not refill it', () => {
    start({ dialBurst: 2, dialRate: 1 });
    const devices = [join('alice', { instance: 1 }), join('alice', { instance: 2, link: 2 })];
    for (const device of devices) dial(device, 'x@example.org');
    for (const device of devices) core.disconnect(device, now);
    told(devices[0]!);
    const again = join('alice', { instance: 3, link: 3 });
    dial(again, 'x@example.org', { id: 1 });
    expect(told(again)).toEqual([{ type: 'failed', id: 1, code: 'busy' }]);
    core.disconnect(again, now);
    wait(2_000);
    expect(core.stats().identities).toBe(0);
  });

  /** A dial of that device that ends with an offer, or with what it got instead. */
  function offered(device: number, bob: number): ToPeer | undefined {
    dial(device);
    say(bob, { type: 'answer', id: question(bob).id, allow: true });
    return told(device)[0];
  }

  function connected(device: number, bob: number): ToPeer | undefined {
    const answer = offered(device, bob);
    if (answer?.type !== 'offers') throw new Error(`no offer: ${JSON.stringify(answer)}`);
    say(device, { type: 'connect', id: 8, offer: answer.offers[0]!.offer });
    return told(device)[0];
  }

  test('holds so many offers, and has them back when they are used, late or left', () => {
    start({ offersPerIdentity: 3 });
    const bob = join('bob', { link: 9 });
    listen(bob);
    const devices = [1, 2].map((instance) => join('alice', { instance, link: instance }));
    const [one, two] = devices as [number, number];
    for (const device of [one, one, two]) expect(offered(device, bob)).toMatchObject({ type: 'offers' });
    expect(offered(two, bob)).toEqual({ type: 'failed', id: 7, code: 'busy' });
    core.disconnect(one, now);
    expect(connected(two, bob)).toMatchObject({ type: 'token' });
    for (let i = 0; i < 2; i++) expect(offered(two, bob)).toMatchObject({ type: 'offers' });
    expect(offered(two, bob)).toMatchObject({ code: 'busy' });
    wait(RELAY_LIMITS.offerLifetime);
    for (let i = 0; i < 3; i++) expect(offered(two, bob)).toMatchObject({ type: 'offers' });
  });

  test('has so many paths, those that run on after it left and came again included', () => {
    start({ pathsPerIdentity: 2 });
    const bob = join('bob', { link: 9 });
    listen(bob);
    const carol = join('carol', { link: 8 });
    listen(carol);
    const [one, two] = [1, 2].map((instance) => join('alice', { instance, link: instance })) as [
      number,
      number,
    ];
    const token = connected(one, bob);
    const other = told(bob)[0];
    if (token?.type !== 'token' || other?.type !== 'path') throw new Error('no tokens');
    core.path(1, 101, token.token);
    core.path(9, 102, other.token);
    expect(done()).toMatchObject([{ type: 'splice', meeting: 1 }]);
    for (const device of [one, two]) core.disconnect(device, now);
    wait(60_000);
    const again = join('alice', { instance: 3, link: 3 });
    dial(again, 'carol@example.org');
    say(carol, { type: 'answer', id: question(carol).id, allow: true });
    say(again, { type: 'connect', id: 8, offer: offersOf(again).offers[0]!.offer });
    expect(told(again)).toMatchObject([{ type: 'token' }]);
    expect(connected(again, bob)).toEqual({ type: 'failed', id: 8, code: 'busy' });
    core.spliceEnded(1, now);
    expect(connected(again, bob)).toMatchObject({ type: 'token' });
  });
});

test('nothing is left when everybody has gone', () => {
  const clients = ['a', 'b', 'c'].map((name, i) => join(name, { link: i }));
  for (const client of clients) listen(client);
  for (const client of clients) dial(client, 'b@example.org', { first: false });
  for (const client of clients) core.disconnect(client, now);
  wait(120_000);
  expect(core.stats()).toEqual({ controls: 0, services: 0, tokens: 0, paths: 0, identities: 0 });
  expect(core.deadline()).toBeUndefined();
});
