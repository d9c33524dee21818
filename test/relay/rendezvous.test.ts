/** Meetings by the ten thousand: who leaves ends what is theirs, and looks at nothing else. */
import { expect, test } from 'vitest';
import { Client } from '../../src/relay/client.ts';
import { IdentityCounts } from '../../src/relay/counts.ts';
import { RELAY_LIMITS } from '../../src/relay/limits.ts';
import { Rendezvous } from '../../src/relay/rendezvous.ts';
import { Timers } from '../../src/relay/timers.ts';

const limits = { ...RELAY_LIMITS, pathsPerControl: 1e9, pathsPerIdentity: 1e9 };

function setUp() {
  const timers = new Timers();
  const counts = new IdentityCounts(limits, timers);
  const abandoned: number[] = [];
  let seed = 0;
  const random = (length: number) => {
    const bytes = new Uint8Array(length);
    new DataView(bytes.buffer).setUint32(0, ++seed);
    return bytes;
  };
  const hooks = { splice: () => {}, abandon: (path: number) => void abandoned.push(path) };
  const rendezvous = new Rendezvous(limits, timers, counts, random, hooks);
  let number = 0;
  const join = (name: string): Client => {
    const who = { link: ++number, name, keyId: '', chain: [], expiresAt: 1e12, observed: '' };
    return new Client(number, who, counts.enter(name, 0)!, limits, 0);
  };
  return { rendezvous, abandoned, join };
}

test('who leaves ends the meetings they were to come to, as caller or as listener, and no others', () => {
  const { rendezvous, abandoned, join } = setUp();
  const [alice, bob, carol] = [join('alice'), join('bob'), join('carol')];
  const first = rendezvous.arrange(alice, bob, 0)!;
  const second = rendezvous.arrange(carol, bob, 0)!;
  const third = rendezvous.arrange(alice, carol, 0)!;
  rendezvous.arrive(bob.who.link, 1, first.listener);
  rendezvous.arrive(bob.who.link, 2, second.listener);
  rendezvous.arrive(carol.who.link, 3, third.listener);
  rendezvous.gone(bob, 0);
  expect(rendezvous.meetings).toBe(1);
  rendezvous.gone(alice, 0);
  expect(abandoned).toEqual([1, 2, 3]);
  expect([rendezvous.meetings, rendezvous.waiting, alice.paths, bob.paths, carol.paths]).toEqual([
    0, 0, 0, 0, 0,
  ]);
});

test('5,000 who leave cost nothing by the 30,000 meetings of others that are open', () => {
  const { rendezvous, join } = setUp();
  const [alice, bob] = [join('alice'), join('bob')];
  for (let i = 0; i < 30_000; i++) rendezvous.arrange(alice, bob, 0);
  const others = Array.from({ length: 5_000 }, (_, i) => join(`other${i}`));
  const begun = performance.now();
  for (const other of others) rendezvous.gone(other, 0);
  expect(performance.now() - begun).toBeLessThan(200); // 2 ms; with a look at every meeting 2 s and more
  expect(rendezvous.meetings).toBe(30_000);
});
