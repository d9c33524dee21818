/**
 * The engine against `node:tls` over TCP, one Node of each line (`node scripts/nodes.mjs` fetches them): OpenSSL 3.0 to 3.5.
 *
 * External PSKs are not tried: ours are offered through the RFC 9258 importer only, and OpenSSL has none.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { missing } from '../support/counterpart.ts';
import { Program } from '../support/program.ts';
import { echoClient, echoServer } from './support/echoProgram.ts';
import { describePeer } from './support/subjects.ts';

const LINES = ['20', '22', '24', '26'];

const list = fileURLToPath(new URL('../../node_modules/.cache/q2q/nodes.json', import.meta.url));
const binaries: Record<string, string> = existsSync(list) ? JSON.parse(readFileSync(list, 'utf8')) : {};
const program = fileURLToPath(new URL('programs/echo.mjs', import.meta.url));

const rest = {
  lacks: {
    'their key update': 'node:tls has no call for it',
    'early data': 'node:tls has none',
    'early data and a retry': 'node:tls has none',
    'raw keys': 'node:tls has none',
    'record size': 'node:tls has none',
  },
  alerts: { untrusted: 'dropped' }, // it looks at the verdict when OpenSSL's handshake is over
} as const;

for (const line of LINES) {
  const binary = binaries[line];
  const found = binary !== undefined || missing(`no Node ${line} (node scripts/nodes.mjs fetches it)`);
  const launch = (argument: string): Program => new Program(binary!, [program, argument]);
  describePeer({
    name: `Node ${line}`,
    found,
    kinds: line === '20' ? ['ed25519', 'p256', 'p384', 'rsa'] : ['p256', 'rsa'],
    hybrid: line !== '20',
    server: echoServer(launch, rest),
    client: echoClient(launch, rest),
  });
}
