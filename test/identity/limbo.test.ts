import { expect, test } from 'vitest';
import { provider } from '../../src/crypto/node.node.ts';
import { readVectors } from '../support/vectors.ts';
import { type LimboCase, type LimboException, runLimbo } from './limbo.ts';
import strictExceptions from './limbo-exceptions.json' with { type: 'json' };
import webExceptions from './limbo-exceptions-web.json' with { type: 'json' };

/** `strict` is what peers are held to and what `npm run limbo` reports; `web` is the rule set of `q2q tls`. */
const EXCEPTIONS = { strict: strictExceptions, web: webExceptions } as Record<
  'strict' | 'web',
  LimboException[]
>;

interface Group {
  ok: number;
  badAccepted: number;
  goodRefused: number;
}

for (const rules of ['strict', 'web'] as const) {
  test(`x509-limbo under ${rules} rules: no difference but those listed, none slow`, {
    timeout: 60_000,
  }, (context) => {
    const { testcases } = readVectors<{ testcases: LimboCase[] }>(context, 'x509-limbo', 'limbo-public.json');
    const ids = new Set(testcases.map(({ id }) => id));
    // The public part of the suite lacks some of the cases we know to be contradictory.
    const exceptions = new Map(EXCEPTIONS[rules].filter(({ id }) => ids.has(id)).map((one) => [one.id, one]));
    const groups = new Map<string, Group>();
    const unlisted: string[] = [];
    const stale = new Set(exceptions.keys());
    let slowest = { id: '', milliseconds: 0 };
    for (const one of testcases) {
      let verdict = runLimbo(one, rules === 'strict', provider);
      // The collector and the compiler work in our name as well: only what is slow twice is slow.
      if (verdict.milliseconds > 250) verdict = runLimbo(one, rules === 'strict', provider);
      if (verdict.milliseconds > slowest.milliseconds) slowest = verdict;
      const name = one.id.startsWith('bettertls') ? one.id.split('::').slice(0, 2).join('::') : 'core';
      const group = groups.get(name) ?? { ok: 0, badAccepted: 0, goodRefused: 0 };
      groups.set(name, group);
      if (verdict.actual === one.expected_result) {
        group.ok++;
        continue;
      }
      if (verdict.actual === 'SUCCESS') group.badAccepted++;
      else group.goodRefused++;
      stale.delete(one.id);
      const listed = exceptions.get(one.id);
      if (listed?.expected !== one.expected_result || listed.actual !== verdict.actual)
        unlisted.push(`${one.id}: expected ${one.expected_result}, ${verdict.context || 'accepted'}`);
    }
    for (const [name, { ok, badAccepted, goodRefused }] of groups)
      console.log(
        `x509-limbo ${rules} ${name}: ${ok} ok, ${badAccepted} bad accepted, ${goodRefused} good refused`,
      );
    console.log(`slowest: ${slowest.id}, ${slowest.milliseconds.toFixed(0)} ms`);
    expect(unlisted).toEqual([]);
    expect([...stale], 'exceptions that are none any more').toEqual([]);
    expect(slowest.milliseconds).toBeLessThan(500);
  });
}
