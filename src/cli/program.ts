/** The command table: global options, help and the grammar's errors. Each verb lives in commands/. */
import { Command, Option } from 'commander';
import { addCert } from './commands/cert.ts';
import { addDial } from './commands/dial.ts';
import { addDomain } from './commands/domain.ts';
import { addEnroll } from './commands/enroll.ts';
import { addForward } from './commands/forward.ts';
import { addId } from './commands/id.ts';
import { addListen } from './commands/listen.ts';
import { addRelay } from './commands/relay.ts';
import { addRenew } from './commands/renew.ts';
import { addTls } from './commands/tls.ts';
import { addTrust } from './commands/trust.ts';
import type { Run } from './context.ts';
import { addExamples } from './help.ts';

/** Put in by the build (scripts/build.mjs). */
declare const Q2Q_VERSION: string | undefined;

const version: string = typeof Q2Q_VERSION === 'string' ? Q2Q_VERSION : '0.0.0-source';

/** The main job: a domain, two people, a service of one reached by the other. */
const OVERVIEW: readonly string[] = [
  'q2q relay --domain example.org --data ./relay &',
  'q2q domain invite alice@example.org --data ./relay > alice.invite',
  'alice$ q2q enroll < alice.invite',
  'bob$   q2q listen http/1 --allow alice@example.org --tcp 127.0.0.1:80',
  'alice$ q2q forward 8080 bob@example.org/http/1',
  'alice$ curl http://127.0.0.1:8080/',
];

export interface GrammarOutput {
  readonly writeOut: (text: string) => void;
  readonly writeErr: (text: string) => void;
}

export function buildProgram(run: Run, output: GrammarOutput): Command {
  const program = new Command('q2q')
    .description('Dial a person and a purpose, get one authenticated byte stream.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .addOption(new Option('--home <dir>', 'folder of identities and settings (or $Q2Q_HOME)'))
    .addOption(new Option('-q, --quiet', 'say nothing but errors on stderr'))
    .addOption(new Option('-v, --verbose', 'say more on stderr'))
    .addOption(new Option('--no-color', 'no colour (or $NO_COLOR)'))
    .configureHelp({ showGlobalOptions: true, helpWidth: 100 })
    .configureOutput({ ...output, outputError: () => {} }) // main prints the grammar's errors in our own voice
    .showSuggestionAfterError(true)
    .exitOverride();
  for (const add of [
    addRelay,
    addDomain,
    addEnroll,
    addRenew,
    addId,
    addTrust,
    addListen,
    addDial,
    addForward,
  ])
    add(program, run);
  addCert(program, run);
  addTls(program, run);
  addExamples(program, OVERVIEW);
  return program;
}
