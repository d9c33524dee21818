/** Processes that share one directory store: they change it, read it, and are killed in the middle. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import { provider } from '../../src/crypto/node.node.ts';
import { DirectoryIdentityStore } from '../../src/identity/store.node.ts';
import { bundleProgram } from './bundle.ts';
import { SeededRandom } from './random.ts';

/** `node PROGRAM folder role count`; says what it has done, a line each. */
const PROGRAM = `
import { provider } from './crypto/node.node.ts';
import { DomainAuthority, identityFromChain, peerId } from './identity/index.ts';
import { DirectoryIdentityStore } from './identity/store.node.ts';

const [folder, role, count] = process.argv.slice(2);
const now = Date.UTC(2026, 10, 21);
const authority = DomainAuthority.create(provider, 'example.org', now);
const say = (...words) => process.stdout.write(words.join(' ') + '\\n');
const store = await DirectoryIdentityStore.open(folder, provider, { passphrase: () => 'secret' });
const user = (name) => {
  const key = provider.generateKey('ed25519');
  return identityFromChain(authority.issueUser({ spki: key.spki, user: name, now }), key);
};
const plain = await DirectoryIdentityStore.open(folder, provider);
const pin = (held) => ({ address: 'bob@example.org', keys: [], verified: false, firstSeen: 1, ...held, lastSeen: (held?.lastSeen ?? 0) + 1 });

const ROLES = {
  /** Everything a store can be told, over and over. */
  async change(i) {
    const alice = user('alice');
    say('try alice', alice.keyId);
    await plain.put(alice);
    say('alice', alice.keyId);
    await plain.putAnchors({ domain: 'example.org', roots: [authority.root], sequence: (await plain.anchors('example.org'))?.sequence + 1 || 1 });
    say('anchors', (await plain.anchors('example.org')).sequence);
    say('pin', (await plain.updatePin('bob@example.org', pin)).lastSeen);
    const spki = provider.generateKey('p256');
    await plain.putUserAuthority('alice@example.org', { chain: authority.issueUserCa({ spki: spki.spki, user: 'alice', now }), key: spki });
    say('authority', 'there');
    await plain.put(user('bob'));
    await plain.setDefault(i % 2 ? 'bob@example.org' : 'alice@example.org');
    say('try remove');
    await plain.remove('bob@example.org');
    await plain.removePin('carol@example.org');
    await plain.removeUserAuthority('bob@example.org');
  },
  /** The passphrase, on and off. */
  async passphrase(i) {
    await store.changePassphrase(i % 2 ? undefined : 'secret');
    say('changed');
  },
  async count() {
    await plain.updatePin('bob@example.org', pin);
  },
  async anchors() {
    const sequence = 1 + Math.floor(Math.random() * 1e6);
    try {
      await plain.putAnchors({ domain: 'example.org', roots: [], sequence });
      say('stored', sequence);
    } catch (error) {
      if (error.code !== 'ERR_IDENTITY_STORE_OLDER') throw error;
      say('older', sequence);
    }
  },
  async put() {
    await plain.put(user('alice'));
  },
  /** Sees one whole state or another, and anchors that never go back. */
  async read() {
    const labels = await plain.list();
    for (const label of labels) {
      const identity = await plain.get(label);
      if (identity?.name !== label) throw new Error('lost ' + label);
    }
    const { sequence = 0 } = (await plain.anchors('example.org')) ?? {};
    if (sequence < (this.sequence ?? 0)) throw new Error('went back to ' + sequence);
    this.sequence = sequence;
    await plain.pins();
    await plain.defaultLabel();
    await plain.trust();
  },
};
say('ready');
for (let i = 0; i < Number(count); i++) await ROLES[role](i);
say('done');
`;

export type Role = 'change' | 'passphrase' | 'count' | 'anchors' | 'put' | 'read';

export class StoreProcess {
  readonly lines: string[] = [];
  readonly child: ChildProcess;
  readonly ended: Promise<number | string>;
  errors = '';

  private constructor(program: string, args: readonly string[]) {
    this.child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const read = createInterface(this.child.stdout!);
    read.on('line', (line) => void this.lines.push(line));
    this.child.stderr!.on('data', (chunk: Buffer) => (this.errors += chunk.toString()));
    this.ended = Promise.all([once(this.child, 'exit'), once(read, 'close')]).then(
      ([[code, signal]]) => (signal ?? code) as number | string,
    );
  }

  static async start(folder: string, role: Role, count = 1e9): Promise<StoreProcess> {
    program ??= bundleProgram('store', PROGRAM);
    return new StoreProcess(await program, [folder, role, String(count)]);
  }

  async until(word: string): Promise<void> {
    while (!this.lines.some((line) => line.startsWith(word))) {
      if (this.child.exitCode !== null)
        throw new Error(`it ended with ${this.child.exitCode}: ${this.errors}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** The last thing it said behind that word. */
  last(word: string): string | undefined {
    return this.lines.findLast((line) => line.startsWith(`${word} `))?.slice(word.length + 1);
  }
}

let program: Promise<string> | undefined;

/** Kills a process that changes a store, again and again; each time what it promised is there, and nothing half. */
export async function storeKillRounds(rounds: number, seed: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'q2q-store-kill-'));
  const random = new SeededRandom(seed);
  let promises = 0;
  try {
    for (let round = 0; round < rounds; round++) {
      const where = `round ${round}, seed ${seed}`;
      const writer = await StoreProcess.start(folder, 'change');
      // Every other round is well under way; the first makes what later rounds count on.
      await writer.until(round === 0 ? 'authority' : round % 2 === 0 ? 'ready' : 'alice');
      await new Promise((resolve) => setTimeout(resolve, random.int(0, 60)));
      writer.child.kill('SIGKILL');
      expect(await writer.ended, `${where}: ${writer.errors}`).toBe('SIGKILL');
      promises += writer.lines.length;
      await expectWhole(folder, writer, where);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return promises;
}

async function expectWhole(folder: string, writer: StoreProcess, where: string): Promise<void> {
  const store = await DirectoryIdentityStore.open(folder, provider);
  const labels = await store.list();
  for (const label of labels) expect((await store.get(label))?.name, where).toBe(label);
  expect(labels, where).toContain('alice@example.org');
  const promised = writer.last('alice');
  if (promised !== undefined)
    expect([promised, writer.last('try alice')], where).toContain(
      (await store.get('alice@example.org'))?.keyId,
    );
  const anchors = writer.last('anchors');
  if (anchors !== undefined)
    expect([Number(anchors), Number(anchors) + 1], where).toContain(
      (await store.anchors('example.org'))?.sequence,
    );
  const pin = writer.last('pin');
  if (pin !== undefined)
    expect([Number(pin), Number(pin) + 1], where).toContain((await store.pin('bob@example.org'))?.lastSeen);
  if (writer.last('authority') !== undefined)
    expect((await store.userAuthority('alice@example.org'))?.key.kind, where).toBe('p256');
  const usual = await store.defaultLabel();
  if (usual !== undefined) expect(labels, where).toContain(usual);
  await expectTidy(folder, store, where);
}

/** Nobody is in the way of who comes next, who also tidies up; all is private. */
export async function expectTidy(
  folder: string,
  store: DirectoryIdentityStore,
  where: string,
): Promise<void> {
  await store.removePin('nobody@example.org');
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  expect(
    names.filter((name) => /\.(lock|tmp)-|passphrase/.test(name)),
    where,
  ).toEqual([]);
  for (const name of names) expect(lstatSync(join(folder, name)).mode & 0o077, name).toBe(0);
}

/** The same for the passphrase of three keys: all of them are under it, or none is. */
export async function passphraseKillRounds(
  rounds: number,
  seed: number,
): Promise<Readonly<Record<string, number>>> {
  const folder = mkdtempSync(join(tmpdir(), 'q2q-passphrase-kill-'));
  const random = new SeededRandom(seed);
  const found: Record<string, number> = { plain: 0, sealed: 0 };
  try {
    for (const name of ['put', 'change'] as const) {
      const maker = await StoreProcess.start(folder, name, 1);
      expect(await maker.ended, maker.errors).toBe(0);
    }
    for (let round = 0; round < rounds; round++) {
      const where = `round ${round}, seed ${seed}`;
      const writer = await StoreProcess.start(folder, 'passphrase');
      await writer.until(round % 2 === 0 ? 'ready' : 'changed');
      await new Promise((resolve) => setTimeout(resolve, random.int(0, 1_500)));
      writer.child.kill('SIGKILL');
      expect(await writer.ended, `${where}: ${writer.errors}`).toBe('SIGKILL');
      const forms: string[] = [];
      for (const [form, options] of [
        ['plain', {}],
        ['sealed', { passphrase: () => 'secret' }],
      ] as const) {
        const store = await DirectoryIdentityStore.open(folder, provider, options);
        const opened = await Promise.allSettled([
          store.get('alice@example.org'),
          store.userAuthority('alice@example.org'),
        ]);
        if (form === 'sealed' && forms.length > 0) break; // a plain key opens with any
        expect(new Set(opened.map(({ status }) => status)).size, where).toBe(1);
        if (opened[0]!.status === 'fulfilled') forms.push(form);
      }
      expect(forms, where).toHaveLength(1);
      found[forms[0]!]!++;
      const store = await DirectoryIdentityStore.open(folder, provider);
      await store.setDefault('alice@example.org'); // finishes what was begun
      await expectTidy(folder, store, where);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return found;
}
