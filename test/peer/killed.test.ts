/** Processes that are killed: the others learn it soon, by a typed error, and go on when the process is back. */
import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isQ2qError } from '../../src/base/errors.ts';
import {
  type Channel,
  type Enrolled,
  enroll,
  Peer,
  type PeerOptions,
  provider,
  Trust,
} from '../../src/node.ts';
import { bundleProgram } from '../support/bundle.ts';
import { introduce, readAll } from '../support/echo.ts';
import { pattern, patternByte } from '../support/random.ts';

const RELAY = `
import { provider } from './crypto/node.node.ts';
import { startRelay } from './relay/index.node.ts';
const [dataDir, port] = process.argv.slice(2);
const relay = await startRelay({ dataDir, port: Number(port), domain: 'example.org', provider, limits: { resumeTtl: 0 } });
const invites = await Promise.all(['alice', 'bob'].map((user) => relay.invite(user)));
console.log(JSON.stringify({ port: relay.port, invites }));
`;

const BOB = `
import { type Channel, type Enrolled, enroll, Peer, type PeerOptions, provider, Trust } from './node.ts';
const { identity, anchors, relay } = await enroll(process.argv[2], { key: provider.generateKey('ed25519') });
const bob = await Peer.create({ identity, trust: Trust.of([anchors]), relays: [relay] });
await bob.listen('drip/1', { authorize: () => true }, (channel) => channel.send(new Uint8Array(10)));
console.log(JSON.stringify({ listening: true }));
`;

let folder: string;
const children: ChildProcess[] = [];
const peers: Peer[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'q2q-killed-'));
});
afterEach(async () => {
  await Promise.all(peers.splice(0).map((peer) => peer.close()));
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

/** Runs the program and returns it with the first line that it printed. */
async function run<T>(name: string, source: string, ...args: string[]): Promise<[ChildProcess, T]> {
  const program = await bundleProgram(name, source);
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const line = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout!).once('line', resolve);
    child.once('exit', (code) => reject(new Error(`${name} ended with code ${code}`)));
  });
  return [child, JSON.parse(line) as T];
}

const startRelay = (port = 0) =>
  run<{ port: number; invites: [string, string] }>('relay', RELAY, join(folder, 'data'), String(port));

const enrolled = (invite: string): Promise<Enrolled> =>
  enroll(invite, { key: provider.generateKey('ed25519') });

async function started({ identity, anchors, relay }: Enrolled, more: Partial<PeerOptions>): Promise<Peer> {
  const peer = await Peer.create({ identity, trust: Trust.of([anchors]), relays: [relay], ...more });
  peers.push(peer);
  return peer;
}

const peerOf = async (invite: string): Promise<Peer> => started(await enrolled(invite), { outlive: 0 });

const soon = <T>(promise: Promise<T>): Promise<T> =>
  Promise.race([
    promise,
    new Promise<never>((_, reject) => setTimeout(() => reject(new Error('too late')), 3_000)),
  ]);

test('the relay: channels end, dials say unreachable, and all is well when it is back', async () => {
  const [relay, { port, invites }] = await startRelay();
  const [alice, bob] = [await peerOf(invites[0]), await peerOf(invites[1])];
  await bob.listen('chat/1', { authorize: () => true }, introduce);
  await bob.listen('hold/1', { authorize: () => true }, (channel) => void channel.send(new Uint8Array(1)));
  const channel = await alice.dial('bob@example.org/hold/1');

  relay.kill('SIGKILL');
  const error = await soon(
    channel.closed.then(
      () => undefined,
      (reason: unknown) => reason,
    ),
  );
  expect(isQ2qError(error)).toBe(true);
  await expect(soon(alice.dial('bob@example.org/chat/1'))).rejects.toMatchObject({
    code: 'ERR_PEER_UNREACHABLE',
  });

  const back = new Promise<void>((resolve) => {
    bob.on('relay', ({ state }) => state === 'up' && resolve());
  });
  await startRelay(port);
  await back;
  expect(await readAll(await alice.dial('bob@example.org/chat/1'))).toContain('hears alice');
});

test('the relay: channels that wait for a path go on over the other relay of the domain', async () => {
  const [first, { port, invites }] = await startRelay();
  const [a, b] = [await enrolled(invites[0]), await enrolled(invites[1])];
  const filter = (path: string): boolean => !/lock$|\.sock$/.test(path);
  await cp(join(folder, 'data'), join(folder, 'second'), { recursive: true, filter });
  const second = await run<{ port: number }>('relay', RELAY, join(folder, 'second'), '0');
  const other = { ...a.relay, url: a.relay.url.replace(String(port), String(second[1].port)) };
  const relays = [a.relay, other];
  const [alice, bob] = [await started(a, { relays }), await started(b, { relays })];
  const LENGTH = 20_000_000;
  let received = 0;
  let wrong = 0;
  let carrying = first;
  const done = new Promise<void>((resolve, reject) => {
    const take = async (channel: Channel): Promise<void> => {
      for await (const chunk of channel) {
        for (const byte of chunk) if (byte !== patternByte(1, received++)) wrong++;
        if (received > LENGTH / 10) carrying.kill('SIGKILL');
      }
      await channel.close();
    };
    void bob.listen('take/1', { authorize: () => true }, (channel) => take(channel).then(resolve, reject));
  });
  const channel = await alice.dial('bob@example.org/take/1');
  // Mostly the first; on a busy machine it may not have answered when the other is asked, 300 ms later.
  const byFirst = channel.path.via?.includes(String(port));
  carrying = byFirst ? first : second[0];
  const rest = byFirst ? second[1].port : port;
  for (let at = 0; at < LENGTH; at += 50_000)
    if (!channel.send(pattern(1, at, 50_000))) await channel.drained();
  channel.closeWrite();
  await done;
  expect([received, wrong]).toEqual([LENGTH, 0]);
  expect(channel.path.via).toContain(String(rest));
}, 60_000);

test('a peer: its channels end, and nobody finds it any more', async () => {
  const [, { invites }] = await startRelay();
  const [bob] = await run('bob', BOB, invites[1]);
  const alice = await peerOf(invites[0]);
  const channel = await alice.dial('bob@example.org/drip/1');
  bob.kill('SIGKILL');
  const error = await soon(
    channel.closed.then(
      () => undefined,
      (reason: unknown) => reason,
    ),
  );
  expect(isQ2qError(error)).toBe(true);
  await expect(soon(alice.dial('bob@example.org/drip/1'))).rejects.toMatchObject({
    code: 'ERR_PEER_NOT_FOUND',
  });
});
