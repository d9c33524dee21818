/** Every transcript (*.txt) beside this file is played against the built command line. */
import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { Workspace } from './support/q2q.ts';
import { play } from './support/transcript.ts';

// Each step starts a process; beside other suites on two cores that takes a while.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const here = new URL('.', import.meta.url);
const transcripts = readdirSync(here).filter((name) => name.endsWith('.txt'));
let workspace = new Workspace();

afterEach(async () => {
  await workspace.dispose();
  workspace = new Workspace();
});

test.each(transcripts)('%s goes as written', async (name) => {
  const steps = await play(readFileSync(new URL(name, here), 'utf8'), workspace);
  expect(steps).toBeGreaterThan(0);
});
