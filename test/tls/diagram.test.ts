/**
 * The pictures of the state machines in `docs/tls.md` are drawn from what the engine does: every scenario is
 * played, and every combination of features, and each step noted. `npx vitest run test/tls/diagram.test.ts -u` draws them anew.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import type { Seam } from '../../src/tls/seam.ts';
import { cause, combinations, converse, makePair, type Role, SCENARIOS } from '../support/tlsScenarios.ts';

const page = readFileSync(resolve(import.meta.dirname, '../../docs/tls.md'), 'utf8');

it('docs/tls.md shows the state machines as they are', async () => {
  await expect(withPicture(withPicture(page, 'client'), 'server')).toMatchFileSnapshot('../../docs/tls.md');
});

/** Each arrow once, in the order of first use; those between the same two states share a line. */
function withPicture(text: string, role: Role): string {
  const arrows = new Map<string, Set<string>>();
  for (const [from, by, to] of stepsOf(role)) {
    const ends = `${from} --> ${to}`;
    arrows.set(ends, (arrows.get(ends) ?? new Set()).add(by));
  }
  const lines = [...arrows].map(([ends, labels]) => `    ${ends}: ${[...labels].join(', ')}`);
  const picture = ['```mermaid', 'stateDiagram-v2', ...lines, '```'].join('\n');
  const place = new RegExp(`(<!-- states: ${role} -->\n)[\\s\\S]*?(<!-- end -->)`);
  expect(text).toMatch(place);
  return text.replace(place, `$1${picture}\n$2`);
}

function* stepsOf(role: Role): Iterable<[from: string, by: string, to: string]> {
  for (const scenario of [...SCENARIOS, ...combinations()]) {
    const steps: [string, string, string][] = [];
    const observe: Seam['observe'] = (from, by, to) =>
      void steps.push([from?.name ?? '[*]', label(cause(by)), to.name]);
    const pair = makePair(scenario, { [role]: { observe } });
    converse(scenario, pair);
    const { error } = pair[role].connection;
    if (error !== undefined) throw new Error(`"${scenario.name}" fails: ${error.message}`);
    yield* steps;
  }
}

/** `server_hello` → `ServerHello`; ops keep their names, in italics where Mermaid can. */
function label(name: string): string {
  if (name === 'start' || name.startsWith('op ')) return name;
  return name.replace(/(^|_)([a-z])/g, (_match, _gap, letter: string) => letter.toUpperCase());
}
