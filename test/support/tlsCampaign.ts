/** Fuzzes both roles with every scenario for a time; a failure names the seed that repeats it alone. */

import { SeededRandom } from './random.ts';
import { damage } from './tlsFuzz.ts';
import { Ordeal } from './tlsOracle.ts';
import { makePair, other, type Role, record, SCENARIOS } from './tlsScenarios.ts';
import { type Item, readScript } from './tlsScript.ts';

export interface Tally {
  readonly seed: number;
  cases: number;
  /** Cases that got through the handshake in spite of everything. */
  opened: number;
  /** How cases ended, by error code; `fine` without an error. */
  readonly ends: Map<string, number>;
}

const ROLES: readonly Role[] = ['client', 'server'];

/** `$Q2Q_SEED` repeats a campaign from that seed on. */
export function campaign(milliseconds: number): Tally {
  const seed = Number(process.env['Q2Q_SEED'] ?? Date.now() % 1_000_000_000);
  const tally: Tally = { seed, cases: 0, opened: 0, ends: new Map() };
  const recordings = SCENARIOS.map(record);
  const scripts = recordings.map(({ sent }) => ({
    client: readScript(sent.client),
    server: readScript(sent.server),
  }));
  const all: Record<Role, Item[][]> = {
    client: scripts.map(({ client }) => client),
    server: scripts.map(({ server }) => server),
  };
  const until = performance.now() + milliseconds;
  for (let at = seed; performance.now() < until; at++) {
    const random = new SeededRandom(at);
    const index = random.int(0, SCENARIOS.length - 1);
    const role = ROLES[random.int(0, 1)]!;
    const peer = other(role);
    const scenario = SCENARIOS[index]!;
    const donors = random.int(0, 9) === 0 ? [...all.client, ...all.server] : all[peer];
    const { wire, how } = damage(random, all[peer][index]!, donors);
    try {
      const { connection } = makePair(scenario)[role];
      const ordeal = new Ordeal(connection, random);
      ordeal.run(wire);
      ordeal.judge();
      const end = connection.error?.code ?? 'fine';
      tally.cases++;
      tally.ends.set(end, (tally.ends.get(end) ?? 0) + 1);
      if (ordeal.story.some(({ type }) => type === 'handshake')) tally.opened++;
    } catch (cause) {
      const what = `Q2Q_SEED=${at}: ${role} in "${scenario.name}", damaged by ${how.join(', ')}`;
      throw new Error(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }
  return tally;
}

export function describeTally({ seed, cases, opened, ends }: Tally): string {
  const list = [...ends].sort(([, a], [, b]) => b - a).map(([code, count]) => `${code} ${count}`);
  return `seed ${seed}: ${cases} cases, ${opened} opened; ${list.join(', ')}`;
}
