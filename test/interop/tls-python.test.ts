/**
 * The engine against Python's `ssl.MemoryBIO` on the standard input and output of a process: no socket at either end.
 *
 * External PSKs are not tried: ours are offered through the RFC 9258 importer only, and Python's `ssl` has none.
 */
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { toDuplex } from '../../src/peer/duplex.node.ts';
import { processLink } from '../../src/transport/node.node.ts';
import { have } from '../support/counterpart.ts';
import { Program } from '../support/program.ts';
import { argument, REPORTS } from './support/echoProgram.ts';
import type { Meeting, Role } from './support/meeting.ts';
import { describePeer } from './support/subjects.ts';

const PYTHON = '/usr/bin/python3'; // Debian's own, which the other Debian packages belong to
const program = fileURLToPath(new URL('programs/memory_bio.py', import.meta.url));

function role(name: 'client' | 'server'): Role {
  return {
    speaks: 'echo',
    lacks: {
      'their key update': 'the ssl module has no call for it',
      exporter: 'the ssl module has no call for it',
      'early data': 'the ssl module has none',
      'early data and a retry': 'the ssl module has none',
      'raw keys': 'the ssl module has none',
      'record size': 'the ssl module has none',
      staple: 'the ssl module has none',
    },
    resumed: REPORTS.resumed,
    async start(wish) {
      const far = new Program(PYTHON, [program, argument(name, wish)], { carries: true, extra: true });
      const again = async (): Promise<Meeting> => ({ far, carrier: far.child.stdio[3] as Duplex });
      return { far, carrier: toDuplex(processLink(far.child)), again };
    },
  };
}

describePeer({
  name: 'Python ssl.MemoryBIO',
  found: have(PYTHON),
  kinds: ['ed25519', 'p256', 'p384', 'rsa'],
  server: role('server'),
  client: role('client'),
});
