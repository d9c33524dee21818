import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type AdminSocket, askAdmin, serveAdmin } from '../../src/relay/adminSocket.node.ts';
import { RelayError } from '../../src/relay/errors.ts';

let folder: string;
let socket: AdminSocket | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'q2q-admin-'));
});
afterEach(async () => {
  await socket?.close();
  socket = undefined;
  rmSync(folder, { recursive: true, force: true });
});

it('carries a request and its answer', async () => {
  socket = await serveAdmin(folder, async (request) => ({ got: request }));
  const answers = await Promise.all([1, 2, 3].map((n) => askAdmin(folder, { do: 'it', n })));
  expect(answers).toEqual([1, 2, 3].map((n) => ({ got: { do: 'it', n } })));
});

it('is its owner’s alone, and gone when it is closed', async () => {
  socket = await serveAdmin(folder, async () => ({}));
  expect(statSync(join(folder, 'admin.sock')).mode & 0o777).toBe(0o600);
  await socket?.close();
  socket = undefined;
  expect(() => statSync(join(folder, 'admin.sock'))).toThrow();
});

it('tells a failure as it was: code, fault, message and hint', async () => {
  socket = await serveAdmin(folder, async () => {
    throw new RelayError('ERR_RELAY_ACCOUNT', 'no account bob', { hint: 'look for it' });
  });
  await expect(askAdmin(folder, {})).rejects.toMatchObject({
    ...{ code: 'ERR_RELAY_ACCOUNT', fault: 'config', message: 'no account bob', hint: 'look for it' },
  });
});

it('finds nobody where nobody serves, nor behind the socket of a process that died', async () => {
  expect(await askAdmin(folder, {})).toBeUndefined();
  writeFileSync(join(folder, 'admin.sock'), '');
  expect(await askAdmin(folder, {})).toBeUndefined();
  socket = await serveAdmin(folder, async () => ({ here: true }));
  expect(await askAdmin(folder, {})).toEqual({ here: true });
});

it.each([
  ['what is not JSON', 'hello\n', /not JSON/],
  ['what is no object', '[1]\n', /no JSON object/],
  ['a line without end', 'x'.repeat(70_000), /more than 65536 bytes/],
  ['half a line', '{"do":', /ended within a line/],
])('refuses %s', async (_what, text, reason) => {
  socket = await serveAdmin(folder, async () => ({ done: true }));
  expect(await raw(text)).toMatch(reason);
});

it('says nothing where the path is too long for a socket', async () => {
  const deep = join(folder, 'a'.repeat(120));
  mkdirSync(deep);
  expect(await serveAdmin(deep, async () => ({}))).toBeUndefined();
  expect(await askAdmin(deep, {})).toBeUndefined();
});

function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const client = connect({ path: join(folder, 'admin.sock'), allowHalfOpen: true });
    client.on('data', (chunk) => (answer += chunk.toString()));
    client.on('end', () => resolve(answer));
    client.on('error', reject);
    client.end(text);
  });
}
