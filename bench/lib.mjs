// Interleaved rounds, medians and ratios: on a shared machine only what ran side by side can be compared.
import { cpus, loadavg } from 'node:os';

/**
 * Runs every contender once per round (A B, B A, A B …) and prints medians, best rounds and the ratio of the first to the
 * others, taken round by round. `contenders` maps a name to an async function that returns one number; bigger is better unless
 * `smaller`. With `cpu` the ratio per second of CPU time as well: it counts helper threads of the engine, and hardly minds
 * the neighbours. Contenders that work in other processes return `{ value, perCpu }`; of others it is this process's time.
 */
export async function compare(title, unit, contenders, { rounds, smaller = false, cpu = false }) {
  const names = Object.keys(contenders);
  const samples = new Map(names.map((name) => [name, []]));
  const perCpu = new Map(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? names : [...names].reverse();
    for (const name of order) {
      const started = performance.now();
      const before = process.cpuUsage();
      const measured = await contenders[name]();
      const { user, system } = process.cpuUsage(before);
      const { value = measured } = measured;
      const here = (value * (performance.now() - started) * 1000) / (user + system);
      samples.get(name).push(value);
      perCpu.get(name).push(measured.perCpu ?? here);
    }
  }
  const [ours, ...others] = names;
  const best = (values) => (smaller ? Math.min(...values) : Math.max(...values));
  const row = {
    title,
    unit,
    medians: Object.fromEntries(names.map((name) => [name, median(samples.get(name))])),
    best: Object.fromEntries(names.map((name) => [name, best(samples.get(name))])),
    ratios: {},
  };
  for (const other of others) {
    const ratios = ratiosOf(samples, ours, other);
    row.ratios[other] = {
      median: median(ratios),
      low: Math.min(...ratios),
      high: Math.max(...ratios),
      ...(cpu && { cpu: median(ratiosOf(perCpu, ours, other)) }),
    };
  }
  print(row, smaller);
  return row;
}

function ratiosOf(samples, ours, other) {
  return samples.get(ours).map((value, i) => value / samples.get(other)[i]);
}

function print({ title, unit, medians, best, ratios }, smaller) {
  console.log(`\n${title} (${unit}${smaller ? ', smaller is better' : ''}): median, best round`);
  for (const [name, value] of Object.entries(medians)) {
    const ratio = ratios[name];
    const compared =
      ratio === undefined
        ? ''
        : `   ours ÷ this = ${ratio.median.toFixed(2)} (${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)})${ratio.cpu === undefined ? '' : `, per CPU second ${ratio.cpu.toFixed(2)}`}`;
    console.log(
      `  ${name.padEnd(34)} ${format(value).padStart(10)} ${format(best[name]).padStart(8)}${compared}`,
    );
  }
}

function format(value) {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(3);
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function machine() {
  return `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, load ${loadavg()[0].toFixed(2)}`;
}

/** Calls `one` for `seconds` and returns calls per second. */
export async function perSecond(seconds, one) {
  for (let i = 0; i < 5; i++) await one();
  const started = performance.now();
  let count = 0;
  while (performance.now() - started < seconds * 1000) {
    await one();
    count++;
  }
  return count / ((performance.now() - started) / 1000);
}
