/** Many schedules, each from its seed; one that fails is made as short as it can be and printed so that it replays. */
import { SeededRandom } from '../random.ts';
import { describeCommand } from './commands.ts';
import { Model } from './model.ts';

export function schedule(seed: number): number[] {
  const random = new SeededRandom(seed ^ 0x5eed);
  return Array.from({ length: random.int(5, 60) }, () => Math.floor(random.next() * 2 ** 32));
}

/** Runs `count` schedules from `first` on. Throws with the seed and the shortest schedule that still fails. */
export function campaign(first: number, count: number, progress?: (done: number) => void): void {
  for (let i = 0; i < count; i++) {
    const seed = (first + i) >>> 0;
    const words = schedule(seed);
    const failure = failureOf(seed, words);
    if (failure !== undefined) throw report(seed, shorten(seed, words), failure);
    progress?.(i + 1);
  }
}

export function failureOf(seed: number, words: readonly number[]): unknown {
  try {
    new Model(seed).run(words);
    return undefined;
  } catch (error) {
    return error ?? new Error('something was thrown');
  }
}

function shorten(seed: number, words: readonly number[]): readonly number[] {
  let best = words;
  for (let size = best.length >> 1; size > 0; size >>= 1)
    for (let at = 0; at + size <= best.length; ) {
      const without = [...best.slice(0, at), ...best.slice(at + size)];
      if (failureOf(seed, without) === undefined) at += size;
      else best = without;
    }
  return best;
}

function report(seed: number, words: readonly number[], first: unknown): Error {
  const cause = failureOf(seed, words) ?? first;
  const what = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  const steps = words.map(describeCommand).join('; ');
  return new Error(
    `Q2Q_MODEL_SEED=${seed} Q2Q_MODEL_RUNS=1 fails with ${what}\n  ${steps}\n  [${words.join(', ')}]`,
    {
      cause,
    },
  );
}
