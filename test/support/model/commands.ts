/**
 * A schedule is a list of 32-bit words, so that it can be drawn from a seed as fast as from fast-check, shrinks, and fits
 * in a line when printed.
 *
 *     bits 0–5 what · 6 which end · 7–11 which channel · 12–13 which scale of size · 14–31 how much
 */
export interface Command {
  readonly what: What;
  /** 0 = a, 1 = b */
  readonly end: 0 | 1;
  readonly pick: number;
  readonly size: number;
}

/** How many of 64 words mean it. */
const WEIGHTS = {
  open: 4,
  accept: 3,
  refuse: 1,
  write: 10,
  finish: 3,
  reset: 1,
  stop: 1,
  output: 10,
  deliver: 11,
  read: 10,
  pause: 2,
  ping: 1,
  advance: 1,
  settle: 1,
  goaway: 1,
  prioritize: 1,
  datagram: 1,
  cut: 2,
} as const;

export type What = keyof typeof WEIGHTS;

const KINDS: readonly What[] = Object.entries(WEIGHTS).flatMap(([what, weight]) =>
  new Array<What>(weight).fill(what as What),
);
if (KINDS.length !== 64) throw new Error(`weights of ${KINDS.length} words, wanted 64`);

/** Around frames (1,024), thresholds (256) and windows (3,000 and 5,000) of the model's sessions. */
const EDGES = [0, 1, 255, 256, 257, 1_023, 1_024, 1_025, 2_999, 3_000, 3_001, 4_999, 5_000, 5_001, 9_000];

export function decodeCommand(word: number): Command {
  return {
    what: KINDS[word & 63]!,
    end: ((word >>> 6) & 1) as 0 | 1,
    pick: (word >>> 7) & 31,
    size: sizeOf((word >>> 12) & 3, word >>> 14),
  };
}

function sizeOf(scale: number, value: number): number {
  if (scale === 0) return value % 50;
  if (scale === 1) return value % 3_000;
  if (scale === 2) return value % 20_000;
  return EDGES[value % EDGES.length]!;
}

export function describeCommand(word: number): string {
  const { what, end, pick, size } = decodeCommand(word);
  return `${what} ${'ab'[end]} #${pick} ${size}`;
}
