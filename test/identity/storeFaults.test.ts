/** Changes of a directory store cut where they change the disk; `test/slow/storeFaults.test.ts` cuts them everywhere. */
import { sha256 } from '@noble/hashes/sha2.js';
import { vi } from 'vitest';
import type { Faults } from '../support/faultyFiles.ts';
import { describeCuts } from './storeCuts.ts';

const disk = vi.hoisted(() => ({}) as { faults: Faults });
vi.mock('node:fs/promises', async (original) => {
  const { Faults } = await import('../support/faultyFiles.ts');
  disk.faults = new Faults();
  return disk.faults.wrap(await original());
});
vi.mock('@noble/hashes/scrypt.js', () => ({
  scrypt: (password: Uint8Array, salt: Uint8Array) => sha256(new Uint8Array([...password, 0, ...salt])),
}));

describeCuts({
  faults: disk.faults,
  everyStep: false,
  modes: [
    ['fail', 'ENOSPC', 'a full disk', /new identity|newer sequence|changePassphrase/],
    ['die', 'EIO', 'kill -9'],
  ],
});
