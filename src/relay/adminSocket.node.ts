/**
 * How a person at the machine speaks with the process that serves a domain: a unix socket in the data folder. Who may write
 * to that folder owns the domain anyway, so the socket's rights (0600, in a folder of 0700) are the whole admission.
 * A connection carries one request and one answer, each a line of JSON:
 *
 *     → {"do":"block","user":"bob"}        ← {"done":{…}}  or  {"failed":{"code","fault","message","hint"?}}
 */
import { chmod, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join, relative } from 'node:path';
import { type Fault, isQ2qError, Q2qError, toError } from '../base/errors.ts';
import { RelayError } from './errors.ts';

/** A bundle in base64 is the longest answer but for the audit log, which is cut to fit. */
const MAX_LINE = 8_388_608;
const MAX_REQUEST = 65_536;
/** Between connecting and the whole request; answers may take longer, for passwords are hashed slowly. */
const REQUEST_TIMEOUT = 5_000;
const ANSWER_TIMEOUT = 60_000;
/** What the address of a unix socket holds, on the systems that hold the least. */
const MAX_PATH = 103;

export interface AdminSocket {
  close(): Promise<void>;
}

/**
 * Answers requests until it is closed. Only for the process that holds the folder's lock: a socket file that is there
 * already was left by a process that died. Undefined where the folder's path is too long for a socket, and on Windows.
 */
export async function serveAdmin(
  folder: string,
  perform: (request: object) => Promise<object>,
): Promise<AdminSocket | undefined> {
  const path = socketPath(folder);
  if (path === undefined) return undefined;
  await rm(path, { force: true });
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    void answer(socket, perform);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
  return {
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve)); // takes the file away, too
    },
  };
}

/** The answer of the process that serves the folder, as it answered or failed; undefined when there is none. */
export async function askAdmin(folder: string, request: object): Promise<object | undefined> {
  const path = socketPath(folder);
  const socket = path === undefined ? undefined : await connected(path);
  if (socket === undefined) return undefined;
  socket.write(`${JSON.stringify(request)}\n`);
  const line = await readLine(socket, MAX_LINE, ANSWER_TIMEOUT).finally(() => socket.destroy());
  const { done, failed } = parsed(line) as { done?: object; failed?: Failure };
  if (done !== undefined) return done;
  if (failed === undefined) throw malformed('the answer is of no form we know');
  throw new Q2qError(failed.code, failed.fault, failed.message, { hint: failed.hint });
}

interface Failure {
  readonly code: string;
  readonly fault: Fault;
  readonly message: string;
  readonly hint?: string;
}

async function answer(socket: Socket, perform: (request: object) => Promise<object>): Promise<void> {
  let reply: object;
  try {
    reply = { done: await perform(parsed(await readLine(socket, MAX_REQUEST, REQUEST_TIMEOUT))) };
  } catch (error) {
    reply = { failed: failureOf(error) };
  }
  socket.end(`${JSON.stringify(reply)}\n`);
}

function failureOf(error: unknown): Failure {
  if (!isQ2qError(error)) return { code: 'ERR_RELAY_ADMIN', fault: 'local', message: toError(error).message };
  const { code, fault, message, hint } = error;
  return { code, fault, message, ...(hint !== undefined && { hint }) };
}

function connected(path: string): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined);
      else reject(malformed(`the control socket ${path} cannot be used: ${error.message}`));
    });
  });
}

function readLine(socket: Socket, limit: number, timeout: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const timer = setTimeout(
      () => reject(malformed('the other end of the control socket is silent')),
      timeout,
    );
    const fail = (reason: string): void => {
      clearTimeout(timer);
      reject(malformed(reason));
    };
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (chunk.includes(10)) {
        clearTimeout(timer);
        resolve(Buffer.concat(chunks).toString('utf8').split('\n', 1)[0]!);
      } else if (size > limit) fail(`a line of more than ${limit} bytes`);
    });
    socket.once('end', () => fail('the control socket ended within a line'));
    socket.once('error', (error) => fail(`the control socket failed: ${error.message}`));
  });
}

function parsed(line: string): object {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw malformed('a line that is not JSON', cause);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw malformed('a line that is no JSON object');
}

function malformed(message: string, cause?: unknown): RelayError {
  return new RelayError('ERR_RELAY_ADMIN', message, { cause });
}

/** The shorter of the two ways to say it. */
function socketPath(folder: string): string | undefined {
  if (process.platform === 'win32') return undefined;
  const path = join(folder, 'admin.sock');
  const short = [path, relative(process.cwd(), path)].sort((a, b) => a.length - b.length)[0]!;
  return Buffer.byteLength(short) <= MAX_PATH ? short : undefined;
}
