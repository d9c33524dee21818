/**
 * Keys that an ssh agent holds (`ssh-agent`, gpg-agent, a desktop's keyring): they sign by promise and never leave it.
 * Each request has a connection of its own, so an agent may be restarted under us.
 */
import { connect } from 'node:net';
import { type Bytes, concat } from '../base/bytes.ts';
import { Reader } from '../base/reader.ts';
import { Writer } from '../base/writer.ts';
import { CURVE_SCHEME, requireScheme } from '../crypto/privateKey.ts';
import type { Signer } from '../crypto/provider.ts';
import {
  type AgentKey,
  identitiesRequest,
  malformed,
  parseIdentities,
  parseSignature,
  signRequest,
} from './agentMessages.ts';
import { IdentityError } from './errors.ts';
import { AGENT_LIST_TIMEOUT, AGENT_SIGN_TIMEOUT, MAX_AGENT_MESSAGE } from './limits.ts';

export type { AgentKey, AgentKeyKind } from './agentMessages.ts';

export interface AgentOptions {
  /** Milliseconds to wait for an answer; a person may have to say yes to a signature. */
  readonly timeout?: number;
}

/** Ed25519, P-256 and P-384 keys of the agent behind `socket` (`$SSH_AUTH_SOCK`). A locked agent shows none. */
export async function agentKeys(socket: string, options: AgentOptions = {}): Promise<readonly AgentKey[]> {
  return parseIdentities(await ask(socket, identitiesRequest(), options.timeout ?? AGENT_LIST_TIMEOUT));
}

/** What signs with the agent's key of that id. Rejects with `ERR_IDENTITY_AGENT_NO_KEY` when it has none. */
export async function agentSigner(
  socket: string,
  keyId: string,
  options: AgentOptions = {},
): Promise<Signer> {
  const found = await agentSigners(socket, options)(keyId);
  if (found !== undefined) return found;
  throw new IdentityError('ERR_IDENTITY_AGENT_NO_KEY', `the agent does not hold the key ${keyId}`, {
    hint: 'add it with `ssh-add`; a locked agent (`ssh-add -X` unlocks it) shows no keys at all',
  });
}

/** The same as a store asks it (`StoredKeyOptions.signers`): undefined when the agent has no such key. */
export function agentSigners(
  socket: string,
  options: AgentOptions = {},
): (keyId: string) => Promise<Signer | undefined> {
  return async (keyId) => {
    const key = (await agentKeys(socket, options)).find((one) => one.keyId === keyId);
    return key === undefined ? undefined : signerOf(socket, key, options);
  };
}

function signerOf(socket: string, key: AgentKey, { timeout = AGENT_SIGN_TIMEOUT }: AgentOptions): Signer {
  return Object.freeze<Signer>({
    kind: key.kind,
    spki: key.spki,
    // The curve alone decides the hash (RFC 5656 §6.2.1), and it is the one TLS has for it.
    schemes: Object.freeze([CURVE_SCHEME[key.kind]]),
    async sign(scheme, message): Promise<Bytes> {
      requireScheme(this, scheme);
      return parseSignature(await ask(socket, signRequest(key, message), timeout), key);
    },
  });
}

/** One question, one answer, without their lengths. */
function ask(path: string, question: Bytes, timeout: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    const timer = setTimeout(() => end(silent(timeout)), timeout);
    const chunks: Uint8Array[] = [];
    let received = 0;
    let wanted = 4; // the length first, then what it says
    const end = (outcome: Uint8Array | Error): void => {
      clearTimeout(timer);
      socket.destroy();
      if (outcome instanceof Error) reject(outcome);
      else resolve(outcome);
    };
    socket.on('connect', () => {
      socket.write(new Writer(4 + question.length).u32(question.length).bytes(question).finish());
    });
    socket.on('data', (chunk: Uint8Array) => {
      chunks.push(chunk);
      received += chunk.length;
      if (received < wanted) return;
      const all = concat(chunks);
      const length = new Reader(all).u32();
      wanted = 4 + length;
      if (length > MAX_AGENT_MESSAGE)
        end(malformed(`a message of ${length} bytes, at most ${MAX_AGENT_MESSAGE} are read`));
      else if (received > wanted) end(malformed('more than was asked'));
      else if (received === wanted) end(all.subarray(4));
    });
    socket.on('error', (cause) => end(gone(path, cause)));
    socket.on('close', () => end(gone(path)));
  });
}

function gone(path: string, cause?: Error): IdentityError {
  const why = cause === undefined ? 'it ended the connection' : cause.message;
  return new IdentityError('ERR_IDENTITY_AGENT', `no answer from the agent at "${path}": ${why}`, {
    cause,
    hint: 'is it running? `ssh-add -l` asks the agent of $SSH_AUTH_SOCK',
  });
}

function silent(timeout: number): IdentityError {
  return new IdentityError('ERR_IDENTITY_AGENT_TIMEOUT', `the agent gave no answer in ${timeout} ms`, {
    hint: 'it may wait for a person to say yes',
  });
}
