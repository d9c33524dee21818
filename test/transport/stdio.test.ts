import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { processLink } from '../../src/transport/node.node.ts';
import { bundleProgram } from '../support/bundle.ts';
import { firstWrong, numbered, pause, Recorder } from './recorder.ts';

/** A child that echoes with backpressure; `slow` reads nothing until told; `talk` writes for ever; `exit N` fails. */
const PROGRAM = `
import { processStdioLink } from './transport/node.node.ts';
const [mode, argument] = process.argv.slice(2);
const link = processStdioLink();
let alive = 0;
setInterval(() => alive++, 5).unref();
link.start({
  data(chunk) {
    if (mode === 'exit') { process.exit(Number(argument)); }
    if (!link.send(chunk)) link.pause();
  },
  drain() { if (mode === 'talk') talk(); else link.resume(); },
  end() { link.closeWrite(); },
  closed(error) { process.stderr.write('closed ' + (error?.code ?? 'clean') + ' alive ' + (alive > 2) + '\\n'); },
});
function talk() { while (link.send(new Uint8Array(16384))); }
if (mode === 'talk') talk();
`;

let program: string;
let child: ChildProcess;
let errors: string;

beforeAll(async () => {
  program = await bundleProgram('stdio', PROGRAM);
});

afterEach(() => {
  child.kill('SIGKILL');
});

afterAll(() => rm(program));

function run(...args: string[]): Recorder {
  child = spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  errors = '';
  child.stderr!.on('data', (text) => (errors += text));
  return Recorder.start(processLink(child));
}

describe('a child process over its standard input and output', () => {
  test('echoes a megabyte in order and ends cleanly after half-close', async () => {
    const link = run('echo');
    for (let at = 0; at < 1_000_000; at += 10_000) link.link.send(numbered(10_000, at));
    link.link.closeWrite();
    await link.until('end', () => link.ended);
    expect(link.received).toBe(1_000_000);
    expect(firstWrong(link.bytes)).toBe(-1);
    await link.until('closed', () => link.isClosed);
    expect(link.closes).toEqual([undefined]);
    expect(child.exitCode).toBe(0);
    expect(errors).toContain('closed clean');
  });

  test('half-close passes through shell pipes too', async () => {
    const command = `cat | ${process.execPath} ${program} echo | cat`;
    child = spawn('sh', ['-c', command], { stdio: ['pipe', 'pipe', 'ignore'] });
    const link = Recorder.start(processLink(child));
    link.link.send(utf8('through three pipes'));
    link.link.closeWrite();
    await link.until('closed', () => link.isClosed);
    expect(link.text).toBe('through three pipes');
    expect(link.closes).toEqual([undefined]);
  });

  test('a parent that does not read leaves the child running, and holds it back', async () => {
    const link = run('talk');
    link.link.pause();
    await pause(300);
    link.link.resume();
    await link.until('data', () => link.received > 4_000_000);
    child.stdout!.destroy(); // the child's pipe breaks
    const ended = once(child, 'close'); // after the last of its standard error
    await link.until('closed', () => link.isClosed);
    await ended;
    expect(errors).toMatch(/closed ERR_LINK_RESET alive true/);
  });

  test('a bad exit is the reason', async () => {
    const link = run('exit', '3');
    link.link.send(utf8('go'));
    await link.until('closed', () => link.isClosed);
    expect(link.closes[0]?.code).toBe('ERR_LINK_EXITED');
    expect(link.closes[0]?.message).toContain('exited with code 3');
  });

  test('a killed child is the reason, and sends after it do no harm', async () => {
    const link = run('echo');
    link.link.send(utf8('hello'));
    await link.until('echo', () => link.received === 5);
    child.kill('SIGKILL');
    await link.until('closed', () => link.isClosed);
    expect(link.closes[0]?.message).toContain('ended by SIGKILL');
    expect(link.link.send(utf8('late'))).toBe(false);
    expect(link.closes.length).toBe(1);
  });

  test('a program that does not exist is refused', async () => {
    child = spawn('/nonexistent/program', { stdio: ['pipe', 'pipe', 'inherit'] });
    const link = Recorder.start(processLink(child));
    link.link.send(utf8('anybody?'));
    await link.until('closed', () => link.isClosed);
    expect(link.closes[0]?.code).toBe('ERR_LINK_REFUSED');
  });

  test('reset kills the child', async () => {
    const link = run('talk');
    await link.until('data', () => link.received > 0);
    link.link.reset();
    await link.until('closed', () => link.isClosed);
    expect(link.closes[0]?.code).toBe('ERR_LINK_ABORTED');
    expect(child.signalCode).toBe('SIGKILL');
  });
});
