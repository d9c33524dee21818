/** Whom we believe: roots from files, people we have met, and what they say when they are compared. */
import { rmSync, writeFileSync } from 'node:fs';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { nodeProvider } from '../../src/crypto/node.node.ts';
import { keyWords, type Pin, peerId } from '../../src/identity/index.ts';
import { DirectoryIdentityStore } from '../../src/identity/store.node.ts';
import { Overlay } from './support/overlay.ts';
import type { Ran } from './support/q2q.ts';

// Each step starts a process; beside other suites on two cores that takes a while.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const provider = nodeProvider();
const newKeyId = (): string => peerId(provider.generateKey('ed25519').spki);
const words = (key: string): readonly string[] => keyWords(key, wordlist);
let overlay: Overlay;

beforeAll(async () => {
  overlay = await Overlay.start();
}, 60_000);
afterAll(async () => {
  await overlay?.dispose();
});

const alice = (...args: readonly string[]): Promise<Ran> => overlay.workspace.run(args, overlay.as('alice'));

async function met(pin: Partial<Pin> & { readonly keys: readonly string[] }): Promise<void> {
  const store = await DirectoryIdentityStore.open(overlay.path('alice'), provider);
  await store.putPin({
    address: 'bob@example.org',
    firstSeen: 1,
    lastSeen: 86_400_000,
    verified: false,
    ...pin,
  });
}

describe('the list', () => {
  test('shows a domain’s root key, its words, how it is known and where its relay is', async () => {
    const [record] = (await alice('trust', 'list', '--json')).stdout.toString().trim().split('\n');
    const { roots, ...rest } = JSON.parse(record!) as { roots: string[] };
    expect(rest).toMatchObject({
      domain: 'example.org',
      source: 'pinned',
      sequence: expect.any(Number),
      relay: overlay.relayUrl,
    });
    const text = (await alice('trust')).stdout.toString();
    expect(text).toContain(`  words      ${words(roots[0]!).join(' ')}\n`);
    expect(text).toContain('  known by   an invite, a file or a person\n');
  });

  test('shows people we have met, and whether anybody compared their keys', async () => {
    const [old, userCa] = [newKeyId(), newKeyId()];
    await met({ keys: [old], userCa });
    const text = (await alice('trust', 'list')).stdout.toString();
    expect(text).toMatch(
      /^bob@example\.org\n {2}user CA {4}[a-z2-7-]{63}\n {2}seen {7}1970-01-01 to 1970-01-02, one device\n/m,
    );
    expect(text).toContain('  compared   not yet: q2q trust verify bob@example.org\n');
    expect((await alice('id', 'words', 'bob@example.org')).stdout.toString()).toBe(
      `${words(userCa).join(' ')}\n`,
    );
  });
});

describe('comparing', () => {
  test('by words or by key, what is the same is verified', async () => {
    for (const how of ['words', 'key']) {
      const key = newKeyId();
      await met({ keys: [newKeyId(), key] });
      const said = how === 'words' ? words(key) : ['--key', `bob@example.org key:${key}`];
      const ran = await alice('trust', 'verify', 'bob@example.org', ...said);
      expect(ran.stderr).toMatch(/^q2q: bob@example\.org is verified/);
      expect(ran.code).toBe(0);
      const lines = (await alice('trust', 'list', '--json')).stdout.toString().trim().split('\n');
      expect(JSON.parse(lines.at(-1)!)).toMatchObject({ address: 'bob@example.org', verified: true });
    }
  });

  test('what is not the same is refused, and changes nothing', async () => {
    await met({ keys: [newKeyId()] });
    const said = [words(newKeyId()), ['--key', newKeyId()]];
    for (const args of said) {
      const ran = await alice('trust', 'verify', 'bob@example.org', ...args);
      expect(ran.stderr).toMatch(
        /^q2q: error: that is not the key that bob@example\.org is known by: .*\nq2q: hint: send bob@example\.org nothing/,
      );
      expect(ran.code).toBe(5);
    }
    const lines = (await alice('trust', 'list', '--json')).stdout.toString().trim().split('\n');
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({ verified: false });
  });

  test('words that no key has were misheard', async () => {
    await met({ keys: [newKeyId()] });
    const ran = await alice('trust', 'verify', 'bob@example.org', 'abandon', 'ability');
    expect(ran.stderr).toMatch(/^q2q: error: 2 words, wanted 12\n/);
    expect(ran.code).toBe(2);
  });

  test('without anything to compare with, and without a terminal, is wrong usage; of strangers, an error', async () => {
    expect((await alice('trust', 'verify', 'bob@example.org')).code).toBe(2);
    expect((await alice('trust', 'verify', 'zoe@example.org', '--key', newKeyId())).code).toBe(3);
  });

  test('a domain’s root by its words', async () => {
    const [record] = (await alice('trust', 'list', '--json')).stdout.toString().trim().split('\n');
    const { roots } = JSON.parse(record!) as { roots: string[] };
    const ran = await alice('trust', 'verify', 'example.org', ...words(roots[0]!));
    expect(ran.stderr).toMatch(/^q2q: example\.org is verified/);
  });
});

test('what is removed is known no more', async () => {
  await met({ keys: [newKeyId()] });
  expect((await alice('trust', 'remove', 'bob@example.org')).stderr).toMatch(/forgot bob@example\.org/);
  expect((await alice('trust', 'remove', 'bob@example.org')).code).toBe(3);
  const carol = (...args: readonly string[]): Promise<Ran> =>
    overlay.workspace.run(args, overlay.as('carol'));
  const added = await carol(
    'trust',
    'add',
    'example.org',
    '--root',
    overlay.path('relay', 'root.pem'),
    '--relay',
    overlay.relayUrl,
  );
  expect(added.stderr).toMatch(
    /^q2q: example\.org is vouched for by the key [a-z2-7-]{63}\nq2q: its words: (\w+ ?){12}\n$/,
  );
  expect((await carol('trust', 'remove', 'example.org')).code).toBe(0);
  expect((await carol('trust', 'list')).stdout.toString()).toBe('');
});

describe('a domain that nobody brought an invite of', () => {
  const dan = (...args: readonly string[]): Promise<Ran> => overlay.workspace.run(args, overlay.as('dan'));

  test('is believed at first sight where somebody asks for that, and then by its own word only', async () => {
    const origin = overlay.relayUrl.replace(/^ws/, 'http').replace(/\/$/, '');
    const added = await dan('trust', 'add', 'example.org', '--tofu', origin);
    expect(added.stderr).toMatch(
      /^q2q: example\.org is vouched for by .*\nq2q: its words: .*\nq2q: nobody has compared them/,
    );
    expect(added.code).toBe(0);
    const listed = JSON.parse((await dan('trust', '--json')).stdout.toString()) as Record<string, unknown>;
    expect(listed).toMatchObject({ source: 'tofu', relay: overlay.relayUrl });
    const other = await Overlay.start();
    const moved = await dan('trust', 'add', 'example.org', '--tofu', other.relayUrl.replace(/^ws/, 'http'));
    expect(moved.stderr).toMatch(
      /^q2q: error: the domain "example\.org" was known by the root .* and now shows/,
    );
    expect(moved.code).toBe(5);
    await other.dispose();
  });

  test.each([
    ['in no way', []],
    ['by a server that is not its own', ['--web', 'https://example.com']],
    ['over a web that proves nothing', ['--web', 'http://example.org']],
    ['by something that is no server', ['--tofu', 'example.org']],
  ])('is not believed %s', async (_what, args) => {
    expect((await dan('trust', 'add', 'example.org', ...args)).code).toBe(2);
  });

  test('whose server is not there is not believed', async () => {
    expect((await dan('trust', 'add', 'localhost', '--web', 'https://localhost:1')).code).toBe(3);
  });
});

test('whom we dial is remembered, and warned of when the key is another; refused once people compared it', async () => {
  const listen = async (): Promise<() => Promise<unknown>> => {
    const server = await overlay.listen('pin/1', ['--exec', 'cat', '--allow', 'alice@example.org']);
    return () => server.stop();
  };
  const dial = (): Promise<Ran> =>
    overlay.workspace.run(['dial', 'bob@example.org/pin/1'], { ...overlay.as('alice'), stdin: 'x' });
  await alice('trust', 'remove', 'bob@example.org');
  const stop = await listen();
  expect((await dial()).code).toBe(0);
  await stop();
  const known = (await overlay.workspace.run(['id', 'words'], overlay.as('bob'))).stdout.toString();
  expect((await alice('id', 'words', 'bob@example.org')).stdout.toString()).toBe(known);
  rmSync(overlay.path('bob'), { recursive: true });
  await overlay.enroll('bob'); // a new key, of which nothing that alice knows speaks
  const again = await listen();
  const warned = await dial();
  expect(warned.stderr).toMatch(/warning: bob@example\.org shows another key than before/);
  expect(warned.stdout.toString()).toBe('x');
  expect((await alice('trust', 'verify', 'bob@example.org', ...known.trim().split(' '))).code).toBe(0);
  const refused = await dial();
  expect(refused.stderr).toMatch(/was known by the key .* and now shows the key/);
  expect(refused.code).toBe(5);
  await alice('trust', 'remove', 'bob@example.org');
  expect((await dial()).code).toBe(0);
  await again();
});

describe('an allow file', () => {
  const dial = (): Promise<Ran> =>
    overlay.workspace.run(['dial', 'bob@example.org/list/1'], { ...overlay.as('alice'), stdin: 'hello' });

  test('lets in whom it names, and holds as it is now', async () => {
    const file = overlay.write('allowed', '# friends\nzoe@example.org\n');
    const bob = await overlay.listen('list/1', ['--exec', 'cat', '--allow-file', file]);
    expect((await dial()).code).toBe(5);
    writeFileSync(file, '# friends\nalice@example.org   # from work\n');
    expect((await dial()).stdout.toString()).toBe('hello');
    writeFileSync(file, '*@example.org\n');
    expect((await dial()).code).toBe(0);
    writeFileSync(file, 'alice@example.org and bob\n');
    expect((await dial()).code).toBe(5);
    expect(bob.stderr).toMatch(/warning: nobody is let in by the list: allow file \S+: line 1: /);
    await bob.stop();
  });

  test('that cannot be read is told before anybody is waited for', async () => {
    const broken = overlay.write('broken', 'alice@example.org\nnobody\n');
    const listen = (file: string): Promise<Ran> =>
      overlay.workspace.run(['listen', 'x/1', '--exec', 'cat', '--allow-file', file], overlay.as('bob'));
    const ran = await listen(broken);
    expect(ran.stderr).toMatch(/^q2q: error: allow file \S+: line 2: "nobody" has no "@"/);
    expect(ran.code).toBe(3);
    expect((await listen(overlay.path('nowhere'))).code).toBe(3);
  });
});
