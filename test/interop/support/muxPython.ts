/** `muxPeer.py` as a process of its own. */
import { fileURLToPath } from 'node:url';
import { Program } from '../../support/program.ts';

const program = fileURLToPath(new URL('../muxPeer.py', import.meta.url));

export function python(...args: string[]): Program {
  return new Program('python3', [program, ...args]);
}

/** What the Python end thought of it: '' when all was as it should be. */
export async function verdict(far: Program): Promise<string> {
  const code = await far.exited;
  return code === 0 ? '' : far.output;
}
