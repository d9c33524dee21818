/** Every change of a directory store cut at every step it takes, reading included. */
import { sha256 } from '@noble/hashes/sha2.js';
import { vi } from 'vitest';
import { describeCuts } from '../identity/storeCuts.ts';
import type { Faults } from '../support/faultyFiles.ts';

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
  everyStep: true,
  modes: [
    ['fail', 'ENOSPC', 'a full disk'],
    ['fail', 'EIO', 'a failing disk'],
    ['die', 'EIO', 'kill -9'],
  ],
});
