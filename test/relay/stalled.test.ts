/** Readers that stall, across a relay's splice, in virtual time: they cost their own channel and bounded memory. */
import { expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/mux/index.ts';
import type { ChannelLink } from '../../src/peer/channelLink.ts';
import { Session } from '../../src/peer/session.ts';
import { PathEnd, splice } from '../../src/relay/splice.ts';
import { unreadOf } from '../support/account.ts';
import { exercise, type LinkLog } from '../support/channels.ts';
import { SeededRandom } from '../support/random.ts';
import { simLinks, VirtualClock } from '../support/simLink.ts';

interface World {
  readonly clock: VirtualClock;
  readonly caller: Session;
  /** The relay's two sessions: to the caller, to the listener. */
  readonly relay: readonly [Session, Session];
  readonly listener: Session;
}

/** caller ⇄ relay ⇄ listener: each incoming channel is spliced to one of the same name. `rate` in bytes/ms. */
function world({ rate, delay }: { rate: number; delay: number }): World {
  const clock = new VirtualClock();
  const random = new SeededRandom(5);
  const options = { random: (n: number) => random.bytes(n), clock };
  const links = (): ReturnType<typeof simLinks>['links'] =>
    simLinks({ clock, rate, delay, chunk: (n) => Math.min(n, 4_096) }).links;
  const [a, b] = links();
  const [c, d] = links();
  const relay = [new Session(b, options), new Session(c, options)] as const;
  relay[0].onIncoming((incoming) => {
    const [from, to] = [incoming.accept(), relay[1].open(incoming.name)];
    splice(new PathEnd(from, () => {}), new PathEnd(to, () => {}), () => {});
  });
  return { clock, caller: new Session(a, options), relay, listener: new Session(d, options) };
}

function sendForEver(link: ChannelLink): void {
  const piece = new Uint8Array(16_384);
  const drain = (): void => {
    while (link.send(piece));
  };
  link.start({ data() {}, drain, end() {}, closed() {} });
  drain();
}

/** Bytes that `live` channels bring to the listener in this time, beside others that nobody reads there. */
async function carried(live: number, stalled: number, time: number): Promise<number> {
  const { clock, caller, listener } = world({ rate: 1_250, delay: 10 });
  let received = 0;
  listener.onIncoming((incoming) => {
    const link = incoming.accept();
    if (incoming.name === 'stalled') link.pause();
    link.start({ data: ({ length }) => void (received += length), drain() {}, end() {}, closed() {} });
  });
  for (let i = 0; i < stalled; i++) sendForEver(caller.open('stalled'));
  for (let i = 0; i < live; i++) sendForEver(caller.open('live'));
  await clock.advance(time);
  for (const session of [caller, listener]) session.destroy();
  return received;
}

test('L5: one stalled channel through a relay leaves 20 live ones more than 90 % of what they have alone', async () => {
  const alone = await carried(20, 0, 10_000);
  const beside = await carried(20, 1, 10_000);
  expect(alone).toBeGreaterThan(0.9 * 1_250 * 10_000); // the link is the limit
  expect(beside / alone).toBeGreaterThan(0.9);
});

test('Q20: two times 500 KB to readers that pause for 3 s: both finish, and what is held is bounded', async () => {
  const { clock, caller, relay, listener } = world({ rate: 1_250, delay: 10 });
  const logs: LinkLog[] = [];
  listener.onIncoming((incoming) => {
    const link = incoming.accept();
    const seed = Number(incoming.name);
    logs.push(exercise(link, { reads: seed }));
    if (seed === 1 || seed === 2) {
      link.pause();
      clock.after(3_000, () => link.resume());
    }
  });
  const length = 500_000;
  const senders = [1, 2].map((seed) => exercise(caller.open(`${seed}`), { writes: { seed, length } }));
  await clock.advance(2_000);
  expect(logs.map(({ received }) => received)).toEqual([0, 0]);
  // A third channel is not held up by the two, which hold one window each per hop.
  exercise(caller.open('3'), { writes: { seed: 3, length: 100_000 } });
  await clock.advance(500);
  expect(logs[2]?.received).toBe(100_000);
  const { initialCredit, sendHighWater } = DEFAULT_LIMITS;
  const held = (session: Session): number => {
    let bytes = 0;
    for (let id = 1; id < 10; id++) bytes += unreadOf(session.mux, id) + session.mux.queued(id);
    return bytes;
  };
  for (const session of [relay[0], relay[1], listener]) {
    expect(held(session)).toBeGreaterThan(0);
    expect(held(session)).toBeLessThanOrEqual(2 * (initialCredit + sendHighWater));
  }
  await clock.advance(3_000);
  expect(logs.map(({ received, wrongAt, ends }) => [received, wrongAt, ends])).toEqual([
    [length, -1, 1],
    [length, -1, 1],
    [100_000, -1, 1],
  ]);
  expect(senders.map(({ error }) => error)).toEqual([undefined, undefined]);
  for (const session of [caller, ...relay, listener]) session.destroy();
});
