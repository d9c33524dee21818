/** `q2q cert`: what certificates and their kin say, and whether they hold. */
import type { Command } from 'commander';
import type { Run } from '../context.ts';
import { addCertShow } from './certShow.ts';
import { addCertVerify } from './certVerify.ts';

export function addCert(program: Command, run: Run): void {
  const cert = program.command('cert').description('look at certificates');
  addCertShow(cert, run);
  addCertVerify(cert, run);
}
