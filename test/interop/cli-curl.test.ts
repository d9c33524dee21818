/** curl through `q2q forward` to a real HTTP server behind `q2q listen --tcp`. */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Overlay } from '../cli/support/overlay.ts';
import { collect, type Ran } from '../cli/support/q2q.ts';
import { have } from '../support/counterpart.ts';

const BODY = randomBytes(8 << 20);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe.skipIf(!have('curl'))('curl through a forward', () => {
  let overlay: Overlay;
  let web: Server;
  let base = '';

  beforeAll(async () => {
    overlay = await Overlay.start();
    web = createServer((request, response) => {
      if (request.method !== 'PUT') return void response.end(BODY);
      const hash = createHash('sha256');
      request.on('data', (chunk: Buffer) => hash.update(chunk));
      request.on('end', () => response.end(hash.digest('hex')));
    });
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    const { port } = web.address() as AddressInfo;
    await overlay.listen('http/1', ['--tcp', `127.0.0.1:${port}`, '--allow', 'alice@example.org']);
    base = `http://127.0.0.1:${(await overlay.forward('bob@example.org/http/1')).port}/`;
  });
  afterAll(async () => {
    web?.close();
    await overlay?.dispose();
  });

  const curl = (...args: string[]): Promise<Ran> =>
    collect(spawn('curl', ['--silent', '--show-error', '--fail', ...args]), 20_000, 'curl');

  test('gets 8 MiB whole', async () => {
    const ran = await curl(base);
    expect(ran.stderr).toBe('');
    expect(sha256(ran.stdout)).toBe(sha256(BODY));
  });

  test('puts 8 MiB whole', async () => {
    const file = overlay.write('body', BODY);
    const ran = await curl('--upload-file', file, base);
    expect(ran.stdout.toString()).toBe(sha256(BODY));
  });

  test('gets eight pages at once, and again on a kept connection', async () => {
    const ran = await curl(
      '--parallel',
      '--parallel-max',
      '8',
      ...Array.from({ length: 8 }, () => base).flatMap((url) => ['-o', '/dev/null', url]),
    );
    expect(ran.code).toBe(0);
    const twice = await curl('-w', '%{num_connects}\n', '-o', '/dev/null', base, '-o', '/dev/null', base);
    expect(twice.stdout.toString()).toBe('1\n0\n');
  });
});
