/**
 * Everything a user can import, by entry, held to a list (P7, U2): a new name is a decision, and nothing that weakens a
 * check or lays the inside open gets out by accident. `npx vitest run test/exports.test.ts -u` writes the list anew.
 */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');

type Target = string | { readonly [condition: string]: Target };
const { exports: entries } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, Target>;
};

/** The source of every module behind an entry, whatever its condition. */
function sourcesOf(target: Target, condition = ''): [condition: string, source: string][] {
  if (typeof target === 'string')
    return target.endsWith('.js')
      ? [[condition, target.replace('./dist/', 'src/').replace(/\.js$/, '.ts')]]
      : [];
  return Object.entries(target).flatMap(([name, inner]) =>
    sourcesOf(inner, name === 'default' ? condition : name),
  );
}

const surface = await Promise.all(
  Object.entries(entries).flatMap(([entry, target]) =>
    sourcesOf(target).map(async ([condition, source]) => ({
      entry: `${entry.replace(/^\./, 'q2q')}${condition && ` (${condition})`}`,
      names: Object.keys((await import(join(root, source))) as object).sort(),
    })),
  ),
);

describe('what the package exports', () => {
  it('is what the list says', async () => {
    const text = surface.map(
      ({ entry, names }) => `${entry}\n${names.map((name) => `  ${name}\n`).join('')}`,
    );
    await expect(`${text.join('\n')}`).toMatchFileSnapshot('exports.txt');
  });

  it('has no name that promises less', () => {
    const names = surface.flatMap((entry) => entry.names);
    expect(
      names.filter((name) =>
        /insecure|unsafe|danger|skip|ignore|disable|noVerify|trustAll|allowAll/i.test(name),
      ),
    ).toEqual([]);
  });

  it('keeps proofs, states, records and key logs inside', () => {
    const inside =
      /^(prove|make)(Peer|RawKey)|Proof$|Verified$|^(Traffic|Suspended|POISONED)$|Record(Reader|Writer)|keyLogLine|Schedule$|^Seam/;
    expect(surface.flatMap(({ names }) => names.filter((name) => inside.test(name)))).toEqual([]);
  });
});
