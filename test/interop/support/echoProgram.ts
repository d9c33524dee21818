/**
 * Small programs around TLS stacks that come as libraries. All take the same argument, one JSON object:
 *
 *     {role, port (clients), cert?, key?, ca, name, groups?, alpn?, clientCertificate?, staple?, exporter?}
 *
 * and echo what they read. After our end they say "farewell". At the line "close your half" they close theirs and from
 * then on report what they hear. Clients dial once more for each line "again" on standard input, with the session of the last
 * time. Reports are JSON lines on standard error: `listening {port}`, `handshake {suite, alpn,
 * resumed, stapled?, exported?}`, `heard {text}`, `error {message}`.
 */

import type { Program, ProgramOptions } from '../../support/program.ts';
import type { Role, Wish } from './meeting.ts';
import { dialled, dialling } from './meeting.ts';

type Launch = (argument: string, options?: ProgramOptions) => Program;

/** How the reports are read. */
export const REPORTS: Required<Pick<Role, 'exported' | 'resumed' | 'stapled'>> = {
  exported: /"exported": ?"([0-9a-f]+)"/,
  resumed: /"resumed": ?true/,
  stapled: /"stapled": ?true/,
};

/** An echo program that listens, or dials us, over TCP. */
export function echoServer(launch: Launch, rest: Pick<Role, 'lacks'> & Partial<Role>): Role {
  return {
    speaks: 'echo',
    ...REPORTS,
    async start(wish) {
      const far = launch(argument('server', wish));
      const [, port] = await far.until(/"port": ?(\d+)/);
      return dialled(far, Number(port));
    },
    ...rest,
  };
}

export function echoClient(launch: Launch, rest: Pick<Role, 'lacks'> & Partial<Role>): Role {
  return {
    speaks: 'echo',
    ...REPORTS,
    start: (wish) =>
      dialling(
        (port) => launch(argument('client', wish, port)),
        (far) => {
          far.say('again\n');
          return far;
        },
      ),
    ...rest,
  };
}

export function argument(role: 'client' | 'server', { credential, ...wish }: Wish, port?: number): string {
  return JSON.stringify({ role, port, ...credential, ...wish });
}
