/** `q2q domain`: what the person does who is responsible for a domain, where its data folder is. */
import type { Command } from 'commander';
import type { Run } from '../context.ts';
import { addExamples } from '../help.ts';
import { addDomainAccounts } from './domainAccounts.ts';
import { addDomainBundle } from './domainBundle.ts';
import { addDomainInit } from './domainInit.ts';
import { addDomainInvite } from './domainInvite.ts';
import { addDomainLog } from './domainLog.ts';
import { addDomainRevoke } from './domainRevoke.ts';
import { addDomainRoll } from './domainRoll.ts';

export function addDomain(program: Command, run: Run): void {
  const domain = program.command('domain').description('make a domain, let people in, put them out');
  for (const add of [
    ...[addDomainInit, addDomainInvite, addDomainAccounts, addDomainRevoke],
    ...[addDomainRoll, addDomainBundle, addDomainLog],
  ])
    add(domain, run);
  addExamples(domain, [
    'q2q domain init example.org --data /var/lib/q2q',
    'q2q domain invite bob@example.org --data /var/lib/q2q > bob.invite',
    'q2q domain accounts --data /var/lib/q2q',
    'q2q domain revoke bob@example.org --data /var/lib/q2q',
  ]);
}
