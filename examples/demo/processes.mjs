// The demo's processes: every part of q2q runs in one of its own, from the built command line, as a user would run it.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const q2q = process.env.Q2Q_CLI ?? fileURLToPath(new URL('../../dist/cli/q2q.js', import.meta.url));
const running = new Set();

/** Starts `q2q …`; `stdio` as spawn's. Its stderr is kept, to be shown when something fails. */
export function start(name, args, { home, stdio = ['ignore', 'pipe', 'pipe'], env = {} } = {}) {
  const child = spawn(process.execPath, [q2q, ...args], {
    env: { ...process.env, ...(home && { Q2Q_HOME: home }), ...env },
    stdio,
  });
  const part = { name, child, talk: '', data: '' };
  part.ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? signal));
  });
  running.add(part);
  part.ended.then(
    () => running.delete(part),
    () => running.delete(part),
  );
  child.stderr?.on('data', (chunk) => (part.talk += chunk));
  return part;
}

/** Runs `q2q …` to its end and gives its stdout. */
export async function run(name, args, { input, ...options } = {}) {
  const part = start(name, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] });
  part.child.stdout.on('data', (chunk) => (part.data += chunk));
  part.child.stdin.on('error', () => {});
  part.child.stdin.end(input ?? '');
  await succeeded(part);
  return part.data;
}

/** Waits for the end of a part that must end well. */
export async function succeeded(part) {
  const code = await part.ended;
  if (code !== 0) throw new Error(`${part.name} ended with ${code}: ${part.talk.trim()}`);
}

/** Waits for the first line of JSON on stdout that has `event: 'ready'`. */
export function ready(part, timeout = 10_000) {
  return waited(part, timeout, (resolve) => {
    part.child.stdout.on('data', (chunk) => {
      part.data += chunk;
      for (const line of part.data.split('\n').slice(0, -1)) {
        const record = JSON.parse(line);
        if (record.event === 'ready') resolve(record);
      }
    });
  });
}

/** Waits for a line of talk. */
export function said(part, pattern, timeout = 10_000) {
  return waited(part, timeout, (resolve) => {
    const look = () => pattern.test(part.talk) && resolve(part.talk);
    part.child.stderr.on('data', look);
    look();
  });
}

function waited(part, timeout, begin) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`${part.name} was not ready in time: ${part.talk.trim()}`)),
      timeout,
    );
    const settle = (value) => {
      clearTimeout(timer);
      resolve(value);
    };
    part.ended.then((code) => {
      clearTimeout(timer);
      reject(new Error(`${part.name} ended early with ${code}: ${part.talk.trim()}`));
    }, reject);
    begin(settle);
  });
}

/** Asks a part to end in good order. */
export async function stop(part) {
  part.child.kill('SIGTERM');
  const code = await part.ended;
  if (code !== 0) throw new Error(`${part.name} ended with ${code}: ${part.talk.trim()}`);
}

/** Nothing of ours outlives the demo, however it ends. */
export function killAll() {
  for (const part of running) part.child.kill('SIGKILL');
}
