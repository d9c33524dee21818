/** Passwords: hashed, counted before they are judged, locked after a handful, and nothing to be learnt from a refusal. */
import { sha256 } from '@noble/hashes/sha2.js';
import { beforeEach, describe, expect, test } from 'vitest';
import { concat, utf8 } from '../../src/base/bytes.ts';
import type { Clock } from '../../src/base/clock.ts';
import { silent } from '../../src/base/log.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { createCsr, parseCertificate, peerId } from '../../src/identity/index.ts';
import { DomainService } from '../../src/relay/domain.ts';
import type { Issued } from '../../src/relay/issuer.ts';
import { PASSWORD_COST, RELAY_LIMITS } from '../../src/relay/limits.ts';
import { hashPortably } from '../../src/relay/passwords.ts';
import { hashByOpenSsl } from '../../src/relay/scrypt.node.ts';
import { MemoryDomainStore } from '../../src/relay/store.ts';

const RIGHT = 'correct horse battery';
let now: number;
let hashed: number;
let release: (() => void)[] | undefined;
let store: MemoryDomainStore;
let domain: DomainService;

/** Waits are over at once, and the clock has moved by them. */
const clock: Clock = {
  now: () => now,
  monotonic: () => now,
  after: (delay, run) => {
    queueMicrotask(() => {
      now += delay;
      run();
    });
    return () => {};
  },
};

/** A cheap stand-in that counts, and waits when told to. */
const hashPassword = async (password: Uint8Array, salt: Uint8Array): Promise<Uint8Array> => {
  hashed++;
  if (release !== undefined) await new Promise<void>((go) => release!.push(go));
  return sha256(concat([salt, password]));
};
const open = () =>
  DomainService.open({ store, provider, clock, logger: silent, domain: 'example.org', hashPassword });

beforeEach(async () => {
  now = Date.UTC(2026, 10, 1);
  release = undefined;
  store = new MemoryDomainStore();
  domain = await open();
  await domain.setPassword('alice', RIGHT);
  hashed = 0;
});

const key = provider.generateKey('ed25519');
const csr = createCsr(key);
function login(user: string, password: string, from = '192.0.2.1:5'): Promise<Issued | string> {
  return domain.login({ user, password, from, csr, device: 'phone', provedKeyId: peerId(key.spki) });
}
const named = (answer: Issued | string) =>
  typeof answer === 'string' ? answer : parseCertificate(answer.chain[0]!).names.email[0];

describe('a password', () => {
  test('enrols a device of its account, and of no other', async () => {
    expect(named(await login('alice', RIGHT))).toBe('alice@example.org');
    expect((await domain.accounts())[0]!.devices).toMatchObject([{ label: 'phone', by: 'password' }]);
    await domain.setPassword('bob', 'another one of them');
    expect(await login('bob', RIGHT)).toBe('login_refused');
  });

  test('is the same however its accents are typed', async () => {
    await domain.setPassword('alice', 'crème brûlée');
    expect(named(await login('alice', 'crème brûlée'.normalize('NFD')))).toBe('alice@example.org');
  });

  test('is stored as a salted hash with its cost, and stands in no line of the log', async () => {
    await login('alice', 'a wrong guess');
    await domain.setPassword('bob', RIGHT);
    const [alice, bob] = [await store.password('alice'), await store.password('bob')];
    expect(alice!.cost).toEqual(PASSWORD_COST);
    expect(alice!.hash).not.toBe(bob!.hash);
    const log = JSON.stringify([await domain.auditLog(), alice, bob]);
    expect(log).not.toContain(RIGHT);
    expect(log).not.toContain('a wrong guess');
    expect(log).toContain('password_set');
  });

  test.each(['', 'short', 'x'.repeat(257)])(
    'of another length than 8 to 256 is not set: %j',
    async (text) => {
      await expect(domain.setPassword('alice', text)).rejects.toMatchObject({ code: 'ERR_RELAY_PASSWORD' });
    },
  );

  test('that is new replaces the old one', async () => {
    await domain.setPassword('alice', 'the new password');
    expect(await login('alice', RIGHT)).toBe('login_refused');
    expect(named(await login('alice', 'the new password'))).toBe('alice@example.org');
  });

  test('makes no account by itself', async () => {
    expect(await login('eve', RIGHT)).toBe('login_refused');
    expect((await domain.accounts()).map(({ user }) => user)).toEqual(['alice']);
  });

  test('of an account that is blocked enrols nothing', async () => {
    await store.putAccount({ ...(await store.account('alice'))!, blocked: true });
    expect(await login('alice', RIGHT)).toBe('refused');
  });

  test('with a request that does not hold together is not even tried', async () => {
    const broken = createCsr(key);
    broken[broken.length - 1]! ^= 1;
    const request = { user: 'alice', password: RIGHT, from: '', device: '', provedKeyId: peerId(key.spki) };
    expect(await domain.login({ ...request, csr: broken })).toBe('invalid');
    expect(await domain.login({ ...request, csr, provedKeyId: 'another' })).toBe('invalid');
    expect(await domain.login({ ...request, csr, device: '../x' })).toBe('invalid');
    expect(await domain.login({ ...request, csr, user: '../alice' })).toBe('invalid');
    expect(hashed).toBe(0);
  });
});

describe('a thousand wrong passwords', () => {
  /** From as many addresses, at once or one after another: the account is what locks. */
  const guesses = Array.from(
    { length: 1_000 },
    (_, i) => [`guess ${i}`, `10.0.${i >> 8}.${i & 255}:1`] as const,
  );

  test.each(['alice', 'nobody'])('for %s: five are hashed, the rest is told busy at once', async (user) => {
    const answers: string[] = [];
    for (const [guess, from] of guesses) answers.push((await login(user, guess, from)) as string);
    expect(answers.slice(0, 5)).toEqual(Array(5).fill('login_refused'));
    expect(new Set(answers.slice(5))).toEqual(new Set(['busy']));
    expect(hashed).toBe(RELAY_LIMITS.passwordTries);
  });

  test('at once: one is hashed, and nobody else waits for them', async () => {
    const answers = await Promise.all(guesses.map(([guess, from]) => login('alice', guess, from)));
    expect(hashed).toBe(1);
    expect(answers.filter((answer) => answer === 'busy')).toHaveLength(999);
    await domain.setPassword('bob', RIGHT);
    expect(named(await login('bob', RIGHT))).toBe('bob@example.org');
  });

  test('lock out the right one for a quarter of an hour, over a restart, and no longer', async () => {
    for (const [guess, from] of guesses) await login('alice', guess, from);
    expect(await login('alice', RIGHT)).toBe('busy');
    domain = await open();
    expect(await login('alice', RIGHT)).toBe('busy');
    now += RELAY_LIMITS.passwordLock;
    expect(named(await login('alice', RIGHT))).toBe('alice@example.org');
    expect(hashed).toBe(6);
  });

  test('four and the right one are forgotten, even when the process ended between', async () => {
    for (const [guess, from] of guesses.slice(0, 4)) await login('alice', guess, from);
    domain = await open();
    expect(named(await login('alice', RIGHT))).toBe('alice@example.org');
    for (const [guess, from] of guesses.slice(0, 4))
      expect(await login('alice', guess, from)).toBe('login_refused');
  });

  test('from one address end after twenty, whomever they are for', async () => {
    for (let i = 0; i < 20; i++)
      expect(await login(`user${i}`, 'guess', '192.0.2.9:7')).toBe('login_refused');
    expect(await login('alice', RIGHT, '192.0.2.9:8')).toBe('busy');
    expect(await login('alice', RIGHT, '[2001:db8::1]:8')).not.toBe('busy');
    now += 60_000;
    expect(named(await login('alice', RIGHT, '192.0.2.9:9'))).toBe('alice@example.org');
  });

  test('leave one line each in the log, a hundred at once, then one a second', async () => {
    for (let i = 0; i < 300; i++) await login(`user${i}`, 'guess', `10.1.${i >> 8}.${i & 255}:1`);
    const lines = (await domain.auditLog()).filter(({ what }) => what === 'password_failed');
    expect(lines.length).toBeLessThanOrEqual(RELAY_LIMITS.auditBurst + 300);
    expect(lines.every(({ user }) => user === undefined)).toBe(true);
    await login('alice', 'guess');
    expect((await domain.auditLog()).at(-1)).toMatchObject({ what: 'password_failed', user: 'alice' });
  });
});

test('two are hashed at once, sixteen wait, and more are sent away', async () => {
  release = [];
  const answers = Array.from({ length: 30 }, (_, i) => login(`user${i}`, 'guess', ''));
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(hashed).toBe(2);
  const go = setInterval(() => release!.shift()?.(), 1);
  const results = await Promise.all(answers);
  clearInterval(go);
  expect(results.filter((answer) => answer === 'busy')).toHaveLength(30 - 18);
  expect(hashed).toBe(18);
});

test('a wrong password and a name that nobody has leave at the same time', async () => {
  const before = now;
  await login('alice', 'guess');
  const first = now - before;
  await login('nobody', 'guess');
  expect(now - before - first).toBe(first);
  expect(first).toBe(RELAY_LIMITS.loginHold);
});

test('scrypt is the same portably and by OpenSSL', async () => {
  const [password, salt] = [utf8('correct horse'), new Uint8Array(16).fill(7)];
  const cost = { N: 1_024, r: 8, p: 3 };
  expect(await hashByOpenSsl(password, salt, cost)).toEqual(
    Buffer.from(await hashPortably(password, salt, cost)),
  );
  await expect(hashByOpenSsl(password, salt, PASSWORD_COST)).resolves.toHaveLength(32);
});
