/**
 * Every change of a directory store, cut at the steps it takes: the old state is there or the new, never a third. A file of
 * tests puts the faulty file system in place (`vi.mock`) and hands it in.
 */
import { cpSync, lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { provider } from '../../src/crypto/node.node.ts';
import { IdentityError, type IdentityStore, identityFromChain, type Pin } from '../../src/identity/index.ts';
import { DirectoryIdentityStore } from '../../src/identity/store.node.ts';
import { CHANGING, type Faults, type Mode } from '../support/faultyFiles.ts';
import { NOW } from './maker.ts';
import { authority, user, userCa } from './storeSuite.ts';

const alice = user('alice');
const bob = user('bob');
const carol = user('carol');
const alicesCa = userCa('alice');
const bobsCa = userCa('bob');
const pin: Pin = { address: 'bob@example.org', keys: [], firstSeen: 1, lastSeen: 1, verified: false };
const renewed = identityFromChain(
  authority.issueUser({ spki: alice.key.spki, user: 'alice', now: NOW + 86_400_000 }),
  alice.key,
);

const spare = provider.generateKey('p256');
const spareChain = authority.issueUser({ spki: spare.spki, user: 'alice', now: NOW });

type Change = (store: DirectoryIdentityStore) => Promise<unknown>;
const CHANGES: readonly [name: string, change: Change][] = [
  ['put of a new identity', (store) => store.put(carol.identity)],
  ['put of a renewed one', (store) => store.put(renewed)],
  ['put of a new key', (store) => store.put(identityFromChain(spareChain, spare))],
  ['remove of the default', (store) => store.remove('alice@example.org')],
  ['remove of another', (store) => store.remove('bob@example.org')],
  ['setDefault', (store) => store.setDefault('bob@example.org')],
  ['putAnchors of a new domain', (store) => store.putAnchors({ domain: 'example.net', roots: [] })],
  [
    'putAnchors of a newer sequence',
    (store) => store.putAnchors({ domain: 'example.org', roots: [], sequence: 4 }),
  ],
  ['removeAnchors', (store) => store.removeAnchors('example.org')],
  ['putPin', (store) => store.putPin({ ...pin, address: 'carol@example.org' })],
  ['updatePin', (store) => store.updatePin('bob@example.org', (held) => ({ ...held!, verified: true }))],
  ['removePin', (store) => store.removePin('bob@example.org')],
  ['putUserAuthority', (store) => store.putUserAuthority('bob@example.org', bobsCa)],
  ['removeUserAuthority', (store) => store.removeUserAuthority('alice@example.org')],
  ['changePassphrase', (store) => store.changePassphrase('secret')],
];

/** How it ends, and which changes it is tried on. */
type Cut = readonly [mode: Mode, code: string, what: string, changes?: RegExp];

export interface Cuts {
  readonly faults: Faults;
  /** Also the steps that only read: ten times as many. */
  readonly everyStep: boolean;
  readonly modes: readonly Cut[];
}

export function describeCuts({ faults, everyStep, modes }: Cuts): void {
  const base = mkdtempSync(join(tmpdir(), 'q2q-faults-'));
  const template = join(base, 'template');
  afterAll(() => rmSync(base, { recursive: true }));

  const open = (folder: string): Promise<DirectoryIdentityStore> =>
    DirectoryIdentityStore.open(folder, provider);

  beforeAll(async () => {
    const store = await open(template);
    await store.put(alice.identity);
    await store.put(bob.identity);
    await store.putAnchors({ domain: 'example.org', roots: [authority.root], sequence: 3 });
    await store.putPin(pin);
    await store.putUserAuthority('alice@example.org', alicesCa);
  });

  /** Everything a store tells, keys included: whether they open without a passphrase, and that they sign. */
  async function stateOf(folder: string): Promise<string> {
    faults.arm();
    const plain = await read(await open(folder)).catch((error) => {
      if ((error as IdentityError).code === 'ERR_IDENTITY_PASSPHRASE_NEEDED') return undefined;
      throw error;
    });
    if (plain !== undefined) return JSON.stringify(plain);
    const secret = { passphrase: () => 'secret' };
    const sealed = await read(await DirectoryIdentityStore.open(folder, provider, secret));
    const keys = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.pem'),
    );
    return JSON.stringify({ sealed: keys.length, ...sealed });
  }

  async function read(store: IdentityStore): Promise<object> {
    const identities = [];
    for (const label of await store.list()) {
      const { keyId, notAfter, signer } = (await store.get(label))!;
      await signer.sign(signer.schemes[0]!, new Uint8Array(1));
      identities.push([label, keyId, notAfter]);
    }
    const trust = await store.trust();
    const anchors = trust.domains.map((domain) => [domain, trust.anchorsFor(domain)?.sequence]);
    const authorities = [];
    for (const name of ['alice@example.org', 'bob@example.org'])
      authorities.push((await store.userAuthority(name))?.key.spki.length);
    const pins = (await store.pins()).map(({ address, verified }) => [address, verified]);
    return { identities, default: await store.defaultLabel(), anchors: anchors.sort(), pins, authorities };
  }

  function entries(folder: string): string[] {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' });
  }

  /** Runs the change in a fresh copy of the template with a fault at step `at`. */
  async function cut(
    change: Change,
    at: number,
    mode: Mode,
    code: string,
  ): Promise<{ folder: string; error: unknown; steps: readonly string[] }> {
    const folder = mkdtempSync(join(base, 'run-'));
    cpSync(template, folder, { recursive: true });
    faults.arm();
    const store = await open(folder);
    faults.arm(at, mode, code);
    const error = await change(store).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    const { steps } = faults;
    faults.arm();
    return { folder, error, steps };
  }

  describe.each(CHANGES)('%s', (name, change) => {
    const tried = modes.filter(([, , , changes]) => changes?.test(name) ?? true);
    test.each(tried.map(([mode, code, what]) => [mode, code, what] as const))(
      '%s %s at any step leaves the old state or the new (%s)',
      async (mode, code) => {
        const before = await stateOf(template);
        const whole = await cut(change, Number.POSITIVE_INFINITY, mode, code);
        expect(whole.error).toBeUndefined();
        const after = await stateOf(whole.folder);
        expect(after).not.toBe(before);
        expect(entries(whole.folder).filter((name) => /\.(tmp|lock)-/.test(name))).toEqual([]);
        for (const [at, step] of whole.steps.entries()) {
          if (!everyStep && !CHANGING.has(step)) continue;
          const { folder, error } = await cut(change, at, mode, code);
          const where = `step ${at} of ${whole.steps.length}, ${step}`;
          if (error !== undefined) expect(error, where).toBeInstanceOf(IdentityError);
          for (const name of entries(folder)) {
            const { mode: bits } = lstatSync(join(folder, name));
            expect(bits & 0o077, `${where}: ${name}`).toBe(0);
          }
          const left = await stateOf(folder);
          expect(error === undefined ? [after] : [before, after], where).toContain(left);
          // Nothing is in the way of who comes next, and after that nothing unfinished lies about.
          const next = await open(folder);
          await next.removePin('nobody@example.org');
          if (everyStep) expect(await stateOf(folder), where).toBe(left);
          expect(
            entries(folder).filter((name) => /\.(tmp|lock)-/.test(name)),
            where,
          ).toEqual([]);
          rmSync(folder, { recursive: true });
        }
      },
    );
  });
}
