/** A second implementation of the mux in Python, written from docs/protocol.md §2 alone, against the vectors. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { have } from '../support/counterpart.ts';
import { python, verdict } from './support/muxPython.ts';

const found = have('python3');
const file = fileURLToPath(new URL('../vectors/mux.json', import.meta.url));
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;

/** A hand port's mistakes: each must be noticed. */
const WRONG = ['FIN=0x40,EOM=0x20', 'FIN=0x10', 'NOLEN=0x40', 'MAX_CONTROL=4097'];

describe.skipIf(!found)('test/vectors/mux.json', () => {
  it('C6: the second implementation reads the vectors as the first does', async () => {
    const entries = Object.entries(vectors).filter(([name]) => name !== 'about');
    const count = entries.reduce((sum, [, group]) => sum + (Array.isArray(group) ? group.length : 1), 0);
    const far = python('vectors', file);
    expect(await verdict(far)).toBe('');
    expect(JSON.parse(far.printed)).toEqual({ vectors: count, differences: 0 });
  });

  it.each(WRONG)('C6: a hand port with %s fails them', async (constants) => {
    const far = python('vectors', file, ...constants.split(',').flatMap((one) => ['--wrong', one]));
    expect(await far.exited).toBe(1);
    expect(far.printed).toMatch(/"differences": [1-9]/);
  });
});
