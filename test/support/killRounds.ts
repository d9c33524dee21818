/** A domain whose process is killed with SIGKILL at random points, again and again, in one data folder. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silent } from '../../src/base/log.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { parseBundle, peerId } from '../../src/identity/index.ts';
import { DomainService } from '../../src/relay/domain.ts';
import { DirectoryDomainStore } from '../../src/relay/store.node.ts';
import { bundleProgram } from './bundle.ts';

/** Invites, enrols, sets passwords, revokes and rolls without end, and says each thing once it was promised. */
const PROGRAM = `
import { systemClock } from './base/clock.ts';
import { silent } from './base/log.ts';
import { provider } from './crypto/node.node.ts';
import { createCsr, peerId } from './identity/index.ts';
import { DomainService } from './relay/domain.ts';
import { DirectoryDomainStore } from './relay/store.node.ts';

const hashPassword = async () => new Uint8Array(32);
const [folder, round] = process.argv.slice(2);
const store = await DirectoryDomainStore.open(folder, { exclusive: true });
const service = await DomainService.open({ store, provider, clock: systemClock, logger: silent, domain: 'example.org', hashPassword });
const say = (...words) => process.stdout.write(words.join(' ') + '\\n');
say('domain', peerId(service.authority.root.spki));
for (let i = 0; ; i++) {
  const user = 'user' + round + '.' + i;
  const { id, secret } = await service.invite(user, { url: 'ws://localhost/' });
  say('invited', user, Buffer.from(id).toString('hex'));
  const key = provider.generateKey('ed25519');
  const provedKeyId = peerId(key.spki);
  const issued = await service.enrol({ invite: id, secret, csr: createCsr(key), device: 'd', provedKeyId });
  if (typeof issued === 'string') throw new Error(issued);
  say('enrolled', user, provedKeyId);
  if (i % 3 !== 2) continue;
  await service.setPassword(user, 'a password of ' + user);
  say('password', user);
  await service.revoke({ keyId: provedKeyId });
  say('revoked', user, provedKeyId);
  if (i % 2 === 1) {
    await service.roll();
    say('rolled', peerId(service.authority.root.spki));
    await service.retireRoot();
    say('retired', peerId(service.authority.root.spki));
  }
}
`;

/** Each round must find everything that any round before it was promised. */
export async function killRounds(rounds: number, seed: number): Promise<number> {
  const program = await bundleProgram('killed', PROGRAM);
  const folder = await mkdtemp(join(tmpdir(), 'q2q-kill-'));
  const promised = new Set<string>();
  let random = seed;
  try {
    for (let round = 0; round < rounds; round++) {
      random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0; // the seed replays the kill times
      const child = spawn(process.execPath, [program, folder, String(round)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const lines = createInterface(child.stdout);
      let timer: NodeJS.Timeout | undefined;
      lines.on('line', (line) => {
        promised.add(line);
        // Odd rounds get as far as an enrolment; even ones may be killed on the way to the first.
        if (round % 2 === 1 && !line.startsWith('enrolled')) return;
        timer ??= setTimeout(() => child.kill('SIGKILL'), random % 120);
      });
      const early = setTimeout(() => child.kill('SIGKILL'), 20_000);
      const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
      clearTimeout(early);
      clearTimeout(timer);
      expect(signal, `round ${round}, seed ${seed}`).toBe('SIGKILL');
      await findAll(folder, promised);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  return promised.size;
}

async function findAll(folder: string, promised: ReadonlySet<string>): Promise<void> {
  const store = await DirectoryDomainStore.open(folder, { exclusive: true });
  try {
    const clock = systemClock;
    const service = await DomainService.open({ store, provider, clock, logger: silent });
    expect(service.domain).toBe('example.org');
    const issued = new Set(
      (await store.audit(100_000))
        .filter(({ what }) => what === 'issued')
        .map(({ user, keyId }) => `${user} ${keyId}`),
    );
    const withdrawn = (await store.revocations())?.keys.map(({ keyId }) => keyId) ?? [];
    const [first] = [...promised].filter((line) => line.startsWith('domain'));
    // Every root that was promised follows from the first, and the newest of them signs, or one that came after it.
    const { roots, handovers } = service.authority;
    const known = new Set([...roots, ...handovers].map(({ spki }) => peerId(spki)));
    known.add(first!.split(' ')[1]!);
    for (const line of promised) {
      const [what, user, detail] = line.split(' ') as [string, string, string];
      if (what === 'invited') expect((await store.invite(detail))?.user).toBe(user);
      if (what === 'password') expect((await store.password(user))?.user).toBe(user);
      if (what === 'domain' || what === 'rolled' || what === 'retired') expect(known).toContain(user);
      if (what === 'revoked') {
        expect(withdrawn).toContain(detail);
        expect((await store.account(user))?.devices[0]?.revoked).toEqual(expect.any(Number));
      }
      if (what !== 'enrolled') continue;
      expect((await store.account(user))?.devices.map(({ keyId }) => keyId)).toEqual([detail]);
      expect(issued).toContain(`${user} ${detail}`);
    }
    expect(roots.length).toBeLessThanOrEqual(2);
    const { sequence = 0 } = service.anchors;
    expect(parseBundle(await service.bundle()).sequence).toBeGreaterThanOrEqual(sequence);
  } finally {
    await store.close();
  }
}
