/** Seeded pseudo-random numbers (mulberry32): a printed seed replays a test. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 ≤ x < 1 */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** from … to, both included */
  int(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.int(0, 255));
  }
}

/** The byte at `index` of the test pattern `seed`: streams are checked against it without being stored. */
export function patternByte(seed: number, index: number): number {
  return (Math.imul(index + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca6b)) >>> 24;
}

export function pattern(seed: number, from: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = patternByte(seed, from + i);
  return bytes;
}

/** Index of the first byte that differs from the pattern, or -1. */
export function mismatch(seed: number, from: number, bytes: Uint8Array): number {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== patternByte(seed, from + i)) return from + i;
  return -1;
}
