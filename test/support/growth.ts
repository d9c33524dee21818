/**
 * How much longer four times the work takes: about 4 when the cost is linear, 16 when it is quadratic. A ratio of two
 * runs side by side says so on a busy machine, too, where a limit in milliseconds would only measure the neighbours.
 */
export function growth(size: number, prepare: (size: number) => () => void): number {
  const best = (amount: number): number => {
    let least = Number.POSITIVE_INFINITY;
    for (let attempt = 0; attempt < 5; attempt++) {
      const run = prepare(amount);
      const began = performance.now();
      run();
      least = Math.min(least, performance.now() - began);
    }
    return least;
  };
  best(size); // warm up
  const small = best(size);
  return best(4 * size) / small;
}

/** Half way between linear and quadratic. */
export const LINEAR = 9;
