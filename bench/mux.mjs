// The mux alone (no TLS) over loopback TCP against other multiplexers: every contender has two processes of its own, which
// live through the whole run; measures go round by round. Contenders that are not installed are left out, with a word.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { compare, median } from './lib.mjs';
import { contenders } from './muxContenders.mjs';

const MIB = 2 ** 20;
const SMALL = 128;
const AT_ONCE = 32;
/** For all contenders: without it a process that has collected its heap once may work at a third of its speed (README.md). */
const FLAGS = [...process.execArgv, '--initial-old-space-size=128'];
const CHILD = fileURLToPath(new URL('muxChild.mjs', import.meta.url));

export async function benchMux({ rounds, seconds, peers: wanted = Object.keys(contenders) }) {
  const pairs = await startAll(wanted);
  for (const pair of Object.values(pairs)) await pair.warm(seconds);
  const each = (measure) =>
    Object.fromEntries(Object.entries(pairs).map(([name, pair]) => [name, () => measure(pair, name)]));
  const bulk = (size, per) =>
    each(async (pair) => {
      const { result, cpu, took } = await pair.measure('bulk', { seconds, size });
      return { value: result / per, perCpu: (result * took) / per / cpu };
    });
  const p50 = {};
  const options = { rounds, cpu: true };
  const rows = [
    await compare('mux bulk, one channel, writes of 16 KiB', 'MiB/s', bulk(16_384, MIB), options),
    await compare(`mux small writes, ${SMALL} bytes`, 'million/s', bulk(SMALL, SMALL * 1e6), options),
    await compare(
      'mux ping of 32 bytes beside a channel of saturating bulk, 99th percentile',
      'ms',
      each(async (pair, name) => {
        const { p50: middle, p99 } = (await pair.measure('ping', { seconds })).result;
        (p50[name] ??= []).push(middle);
        return p99;
      }),
      { rounds, smaller: true },
    ),
    await compare(
      `mux opens: open, one byte, one byte back, close; ${AT_ONCE} at a time`,
      'per second',
      each(async (pair) => {
        const { result, cpu, took } = await pair.measure('opens', { seconds, atOnce: AT_ONCE });
        return { value: result, perCpu: (result * took) / cpu };
      }),
      options,
    ),
  ];
  rows[2].p50 = Object.fromEntries(Object.entries(p50).map(([name, values]) => [name, median(values)]));
  const middles = Object.entries(rows[2].p50).map(([name, value]) => `${name} ${value.toFixed(2)}`);
  console.log(`\nits median, ms: ${middles.join(', ')}`);
  for (const pair of Object.values(pairs)) pair.close();
  return rows;
}

async function startAll(names) {
  const pairs = names.map((name) => new Pair(name));
  const started = await Promise.allSettled(pairs.map((pair) => pair.start()));
  started.forEach(({ reason }, i) => {
    if (reason === undefined) return;
    console.log(`${names[i]} is left out: ${reason.message.split('\n')[0]}`);
    pairs[i].close();
  });
  const entries = names.map((name, i) => [name, pairs[i]]);
  return Object.fromEntries(entries.filter((_, i) => started[i].status === 'fulfilled'));
}

/** The two processes of a contender. */
class Pair {
  constructor(name) {
    this.server = new End(name);
    this.client = new End(name);
  }

  async start() {
    await Promise.all([this.server, this.client].map((end) => end.ask('load')));
    await this.client.ask('dial', { port: await this.server.ask('listen') });
  }

  /** What is measured is compiled before. */
  async warm(seconds) {
    await this.client.ask('bulk', { seconds, size: 16_384 });
    await this.client.ask('bulk', { seconds, size: SMALL });
    await this.client.ask('ping', { seconds });
    await this.client.ask('opens', { seconds, atOnce: AT_ONCE });
  }

  /** `cpu`: seconds of both processes. */
  async measure(command, argument) {
    const before = await this.cpu();
    const started = performance.now();
    const result = await this.client.ask(command, argument);
    const took = (performance.now() - started) / 1000;
    return { result, took, cpu: (await this.cpu()) - before };
  }

  async cpu() {
    const ends = await Promise.all([this.client.ask('cpu'), this.server.ask('cpu')]);
    return ends[0] + ends[1];
  }

  close() {
    this.server.close();
    this.client.close();
  }
}

class End {
  #asked = new Map();
  #next = 0;

  constructor(name) {
    this.child = fork(CHILD, [name], { execArgv: FLAGS });
    this.child.on('error', () => {}); // it ended: whoever asks hears it below
    this.child.on('message', ({ id, result, error }) => {
      const { resolve, reject } = this.#asked.get(id);
      this.#asked.delete(id);
      if (error === undefined) resolve(result);
      else reject(new Error(error));
    });
    this.child.on('exit', (code) => {
      for (const { reject } of this.#asked.values()) reject(new Error(`process ended with code ${code}`));
    });
  }

  ask(command, argument) {
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      this.#asked.set(id, { resolve, reject });
      this.child.send({ id, command, argument });
    });
  }

  close() {
    this.child.disconnect();
  }
}
