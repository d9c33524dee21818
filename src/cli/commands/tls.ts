/** `q2q tls`: the TLS engine as a tool, against anybody's. */
import type { Command } from 'commander';
import type { Run } from '../context.ts';
import { addTlsConnect } from './tlsConnect.ts';
import { addTlsServe } from './tlsServe.ts';

export function addTls(program: Command, run: Run): void {
  const tls = program
    .command('tls')
    .description('TLS 1.3 over TCP and other carriers, as a server or a client of anything');
  addTlsServe(tls, run);
  addTlsConnect(tls, run);
}
