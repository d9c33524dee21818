/** `q2q domain log`: what the domain did, and what was tried on it. */
import type { Command } from 'commander';
import type { AuditEntry } from '../../relay/audit.ts';
import { parseCount } from '../arguments.ts';
import type { Context, Run } from '../context.ts';
import { addDataOption, type DomainFolderOptions, readDomain } from '../domainFolder.ts';
import { addExamples } from '../help.ts';
import { oneLine } from '../output.ts';

interface LogOptions extends DomainFolderOptions {
  readonly last: string;
  readonly json?: boolean;
}

export function addDomainLog(domain: Command, run: Run): void {
  const log = domain.command('log').description('show what the domain did, and what was tried on it');
  addDataOption(log)
    .option('--last <count>', 'so many lines, the newest last', '100')
    .option('--json', 'one JSON object a line')
    .action((options: LogOptions, command: Command) => run(command, (context) => showLog(options, context)));
  addExamples(log, ['q2q domain log --data /var/lib/q2q --last 20']);
}

async function showLog(options: LogOptions, { out }: Context): Promise<undefined> {
  const last = parseCount(options.last, '--last');
  for (const entry of await readDomain(options, (_domain, store) => store.audit(last))) {
    if (options.json === true) out.json(record(entry));
    else out.print(oneLine(line(entry)));
  }
  return undefined;
}

/** `2026-11-28T12:00:00Z  invite_used  user=bob  invite=…`: as it is on disk, the times for people. */
function line({ at, what, ...facts }: AuditEntry): string {
  const parts = Object.entries(facts).map(([name, value]) => `${name}=${fact(name, value)}`);
  return [moment(at), what.padEnd(16), ...parts].join('  ').trimEnd();
}

function fact(name: string, value: string | number): string {
  return name === 'until' ? moment(value as number) : String(value);
}

function moment(time: number): string {
  return new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');
}

function record({ at, until, ...facts }: AuditEntry): object {
  return {
    at: new Date(at).toISOString(),
    ...facts,
    ...(until !== undefined && { until: new Date(until).toISOString() }),
  };
}
