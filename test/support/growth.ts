/**
 * How much longer four times the work takes: about 4 when the cost is linear, 16 when it is quadratic. Counted in time of
 * the processor, in turns: on a busy machine a long run is interrupted more often than a short one, and a limit in
 * milliseconds would only measure the neighbours.
 */
export function growth(size: number, prepare: (size: number) => () => void): number {
  const spent = (amount: number): number => {
    const run = prepare(amount);
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
  spent(size); // warm up
  let [small, large] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let attempt = 0; attempt < 7; attempt++) {
    small = Math.min(small, spent(size));
    large = Math.min(large, spent(4 * size));
  }
  return large / small;
}

/** Half way between linear and quadratic. */
export const LINEAR = 9;
