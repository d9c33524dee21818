/**
 * The engine against Twisted's TLS (pyOpenSSL's memory BIO) where no socket carries the records: on the standard input and
 * output of a process, and in the messages of a WebSocket.
 *
 * External PSKs are not tried: ours are offered through the RFC 9258 importer only, and pyOpenSSL has none.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { toDuplex } from '../../src/peer/duplex.node.ts';
import { connectWs, processLink } from '../../src/transport/node.node.ts';
import { have, missing } from '../support/counterpart.ts';
import { Program } from '../support/program.ts';
import { argument, REPORTS } from './support/echoProgram.ts';
import type { Lacks, Meeting, Role } from './support/meeting.ts';
import { describePeer } from './support/subjects.ts';

const PYTHON = '/usr/bin/python3'; // Debian's own, which python3-twisted belongs to
const program = fileURLToPath(new URL('programs/twisted_echo.py', import.meta.url));

const lacks: Lacks = {
  'their key update': 'pyOpenSSL has no call for it',
  'our half-close': 'Twisted ends a TLS connection when either half does',
  'their half-close': 'Twisted ends a TLS connection when either half does',
  'early data': 'pyOpenSSL has none',
  'early data and a retry': 'pyOpenSSL has none',
  'raw keys': 'pyOpenSSL has none',
  'record size': 'OpenSSL has none',
  staple: 'Twisted has no face for it',
};

const noClientSessions: Lacks = {
  resumption: 'a Twisted client has no face for sessions',
  'retried resumption': 'a Twisted client has no face for sessions',
};
const oneConnection: Lacks = {
  resumption: 'one process has one standard input',
  'retried resumption': 'one process has one standard input',
};
const alerts = { noProtocol: 'internal_error' } as const; // its callback names the empty protocol

const onStdio = (role: 'client' | 'server'): Role => ({
  speaks: 'echo',
  lacks: { ...lacks, ...oneConnection },
  exported: REPORTS.exported,
  alerts,
  async start(wish) {
    const far = new Program(PYTHON, [program, argument(role, wish), 'stdio'], { carries: true });
    return { far, carrier: toDuplex(processLink(far.child)) };
  },
});

const inMessages = (role: 'client' | 'server'): Role => ({
  speaks: 'echo',
  lacks: { ...lacks, ...(role === 'client' && noClientSessions) },
  exported: REPORTS.exported,
  resumed: /"handshake"/, // pyOpenSSL does not say
  alerts,
  async start(wish) {
    const far = new Program(PYTHON, [program, argument(role, wish), 'websocket']);
    const [, port] = await far.until(/"port": (\d+)/);
    const meet = async (): Promise<Meeting> => {
      const carrier = toDuplex(await connectWs(`ws://127.0.0.1:${port}/`));
      return { far, carrier, again: meet };
    };
    return meet();
  },
});

function haveTwisted(): boolean {
  if (!have(PYTHON)) return false;
  try {
    execFileSync(PYTHON, ['-c', 'import twisted, OpenSSL, service_identity, autobahn'], { stdio: 'ignore' });
    return true;
  } catch {
    return missing('python3-twisted, -openssl, -service-identity or -autobahn is not installed');
  }
}

const found = haveTwisted();
const kinds = ['ed25519', 'p256', 'p384', 'rsa'] as const;
for (const [carrier, role] of [
  ['on stdio', onStdio],
  ['in WebSocket messages', inMessages],
] as const)
  describePeer({ name: `Twisted ${carrier}`, found, kinds, server: role('server'), client: role('client') });
