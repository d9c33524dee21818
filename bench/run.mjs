// Benchmarks as ratios: ours and a peer side by side in one run. `--quick` for CI; `--only engine,identity,mux,relay` for a
// part, `--peers 'q2q mux;protomux'` for some contenders of the mux.
// The numbers are reported, never judged: a shared machine decides too much of them.
import { parseArgs } from 'node:util';
import { machine } from './lib.mjs';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: 'engine,identity,mux,relay' },
    peers: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const effort = values.quick ? { rounds: 3, seconds: 0.7 } : { rounds: 7, seconds: 2 };
/** The mux has many contenders. */
const muxEffort = values.quick ? { rounds: 3, seconds: 0.4 } : effort;
const chosen = values.peers === undefined ? {} : { peers: values.peers.split(';') };
const benches = {
  engine: async () => (await import('./engine.mjs')).benchEngine(effort),
  identity: async () => (await import('./identity.mjs')).benchIdentity(effort),
  mux: async () => (await import('./mux.mjs')).benchMux({ ...muxEffort, ...chosen }),
  relay: async () => (await import('./relay.mjs')).benchRelay(effort),
};

console.log(machine());
const rows = [];
for (const name of values.only.split(',')) {
  if (benches[name] === undefined) throw new Error(`no bench named ${name}, wanted ${Object.keys(benches)}`);
  rows.push(...(await benches[name]()));
}
if (values.json) console.log(JSON.stringify(rows));
process.exit(0);
