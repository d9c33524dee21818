/** Real carriers, each as something that listens and something that dials it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Acceptor, type Connector, processConnector } from '../../src/peer/secureEndpoints.node.ts';
import type { Link } from '../../src/transport/index.ts';
import { processLink, stdioLink } from '../../src/transport/node.node.ts';

export interface Carrier {
  readonly listen: string | Acceptor | Link;
  /** What dials it, once it listens at `address`. */
  dial(address: string): string | Connector | Link;
  readonly dispose?: () => void;
}

/**
 * Copies between its own standard input and output and a unix socket: what `ssh host nc -U path` would do. It opens its
 * output anew, as `process.stdout` never closes; a terminal has no end to give, so there it exits.
 */
const GLUE = `
const net = require('node:net');
const socket = net.connect({ path: process.argv[1], allowHalfOpen: true });
const tty = process.stdout.isTTY;
const out = tty ? process.stdout : new net.Socket({ fd: 1, readable: false, writable: true });
if (tty) process.stdout.write('R');
process.stdin.pipe(socket);
socket.pipe(out, { end: !tty });
if (tty) socket.on('end', () => setTimeout(() => process.exit(0), 20));
for (const each of [socket, out]) each.on('error', () => process.exit(1));
`;

const glue = (path: string): string[] => ['-e', GLUE, path];

function folder(): { path: string; dispose: () => void } {
  const made = mkdtempSync(join(tmpdir(), 'q2q-carrier-'));
  return { path: join(made, 's'), dispose: () => rmSync(made, { recursive: true, force: true }) };
}

/** Two children that copy: what goes into one's input comes out of its output at the other end. */
function pipes(): Carrier {
  const children: ChildProcess[] = [];
  const cat = (): ChildProcess => {
    const child = spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] });
    children.push(child);
    return child;
  };
  const [there, back] = [cat(), cat()];
  return {
    listen: stdioLink(there.stdout!, back.stdin!),
    dial: () => stdioLink(back.stdout!, there.stdin!),
    dispose: () => {
      for (const child of children) child.kill();
    },
  };
}

function unixSocket(): Carrier {
  const { path, dispose } = folder();
  return { listen: `unix:${path}`, dial: (address) => address, dispose };
}

/** Our own child process is the way to the server. */
function subprocess(): Carrier {
  const { path, dispose } = folder();
  return {
    listen: `unix:${path}`,
    dial: () => processConnector(process.execPath, glue(path)),
    dispose,
  };
}

/** A terminal line in raw mode on the way: no half-close, no reset, and every byte value must pass. */
function pty(): Carrier {
  const { path, dispose } = folder();
  const command = `stty raw -echo; exec '${process.execPath}' -e "$GLUE" '${path}'`;
  return {
    listen: `unix:${path}`,
    dial: () => async () => {
      const env = { ...process.env, GLUE };
      const child = spawn('script', ['-qec', command, '/dev/null'], {
        env,
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      // What is sent before the line is raw would be echoed.
      await once(child.stdout, 'readable');
      if (String(child.stdout.read(1)) !== 'R') throw new Error('the terminal did not become ready');
      return processLink(child, { name: 'pty' });
    },
    dispose,
  };
}

export const CARRIERS: Readonly<Record<string, () => Carrier>> = {
  tcp: () => ({ listen: 'tcp://127.0.0.1:0', dial: (address) => address }),
  'unix socket': unixSocket,
  websocket: () => ({ listen: 'ws://127.0.0.1:0/tls', dial: (address) => address }),
  stdio: pipes,
  subprocess,
  ...(havePty() && { pty }),
};

/** util-linux's `script` runs a program on a pseudo-terminal. */
function havePty(): boolean {
  try {
    return execFileSync('script', ['--version'], { encoding: 'utf8' }).includes('util-linux');
  } catch {
    console.warn('no `script` of util-linux here: tests over a pseudo-terminal are left out');
    return false;
  }
}
