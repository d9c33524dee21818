/**
 * The few messages of the ssh agent protocol (draft-ietf-sshm-ssh-agent) that list keys and sign with them, in the
 * encodings of RFC 4251 §5. An agent is a program of the same user, and still only another program: what it answers is
 * read as strictly as what comes from the network.
 */
import { type Bytes, concat, equalBytes, fromUtf8, utf8 } from '../base/bytes.ts';
import { Reader, ShortInput } from '../base/reader.ts';
import { Writer } from '../base/writer.ts';
import { derFromRaw } from '../crypto/signature.ts';
import { encodeSpki, parseSpki } from '../crypto/spki.ts';
import { IdentityError } from './errors.ts';
import { MAX_AGENT_KEYS } from './limits.ts';
import { peerId } from './peerId.ts';

/** §5.1 of the draft. */
const FAILURE = 5;
const REQUEST_IDENTITIES = 11;
const IDENTITIES_ANSWER = 12;
const SIGN_REQUEST = 13;
const SIGN_RESPONSE = 14;

export type AgentKeyKind = 'ed25519' | 'p256' | 'p384';

export interface AgentKey {
  readonly kind: AgentKeyKind;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Bytes;
  readonly keyId: string;
  /** What its owner called it; printable, but nobody vouches for it. */
  readonly comment: string;
  /** How the agent knows it. */
  readonly blob: Bytes;
}

/** Key types by their ssh names (RFC 8709 §4, RFC 5656 §3.1); the curve's own name stands beside it. */
const TYPES: Readonly<Record<string, { kind: AgentKeyKind; curve?: string; size: number }>> = {
  'ssh-ed25519': { kind: 'ed25519', size: 32 },
  'ecdsa-sha2-nistp256': { kind: 'p256', curve: 'nistp256', size: 32 },
  'ecdsa-sha2-nistp384': { kind: 'p384', curve: 'nistp384', size: 48 },
};

const typeOf = (kind: AgentKeyKind): [name: string, size: number] => {
  const [name, { size }] = Object.entries(TYPES).find(([, type]) => type.kind === kind)!;
  return [name, size];
};

export function identitiesRequest(): Bytes {
  return Uint8Array.of(REQUEST_IDENTITIES);
}

export function signRequest({ blob }: AgentKey, message: Uint8Array): Bytes {
  const writer = new Writer(16 + blob.length + message.length).u8(SIGN_REQUEST);
  for (const part of [blob, message]) writer.u32(part.length).bytes(part);
  return writer.u32(0).finish(); // no flags: they choose among hashes of RSA
}

/** The keys that we can use; those of other kinds are passed over. */
export function parseIdentities(answer: Uint8Array): readonly AgentKey[] {
  return strictly(answer, IDENTITIES_ANSWER, (reader) => {
    const count = reader.u32();
    if (count > MAX_AGENT_KEYS) throw malformed(`${count} keys, at most ${MAX_AGENT_KEYS} are read`);
    const keys: AgentKey[] = [];
    for (let i = 0; i < count; i++) {
      const blob = new Uint8Array(string(reader));
      const comment = printable(string(reader));
      const key = parseKey(blob);
      if (key !== undefined) keys.push(Object.freeze({ ...key, comment, blob }));
    }
    return Object.freeze(keys);
  });
}

function parseKey(blob: Uint8Array): Pick<AgentKey, 'kind' | 'spki' | 'keyId'> | undefined {
  const reader = new Reader(blob);
  const type = TYPES[ascii(string(reader))];
  if (type === undefined) return undefined;
  const { kind, curve } = type;
  if (curve !== undefined && ascii(string(reader)) !== curve)
    throw malformed('a key whose type and curve differ');
  const spki = encodeSpki(kind, string(reader));
  reader.end();
  if (parseSpki(spki)?.kind !== kind) throw malformed(`a ${kind} key that is none`);
  return { kind, spki, keyId: peerId(spki) };
}

/** The signature as TLS and X.509 want it: Ed25519's 64 bytes, ECDSA's two numbers in DER. */
export function parseSignature(answer: Uint8Array, { kind }: AgentKey): Bytes {
  return strictly(answer, SIGN_RESPONSE, (outer) => {
    const reader = new Reader(string(outer));
    const [type, size] = typeOf(kind);
    const found = ascii(string(reader));
    if (found !== type) throw malformed(`a signature of another kind than ${type}`);
    const signature = string(reader);
    reader.end();
    if (kind !== 'ed25519') return ecdsa(signature, size);
    if (signature.length !== 64) throw malformed(`a signature of ${signature.length} bytes, wanted 64`);
    return new Uint8Array(signature);
  });
}

/** RFC 5656 §3.1.2 */
function ecdsa(signature: Uint8Array, size: number): Bytes {
  const reader = new Reader(signature);
  const raw = concat([mpint(reader, size), mpint(reader, size)]);
  reader.end();
  return derFromRaw(raw);
}

/** A positive number in its shortest form, filled up to `size` bytes (RFC 4251 §5). */
function mpint(reader: Reader, size: number): Bytes {
  const bytes = string(reader);
  const [first, second] = bytes;
  if (first === undefined || first >= 0x80) throw malformed('a number that is not positive');
  if (first === 0 && (second === undefined || second < 0x80))
    throw malformed('a number that is not in its shortest form');
  const digits = first === 0 ? bytes.subarray(1) : bytes;
  if (digits.length > size) throw malformed(`a number of ${digits.length} bytes, at most ${size} fit`);
  const filled = new Uint8Array(size);
  filled.set(digits, size - digits.length);
  return filled;
}

function strictly<T>(answer: Uint8Array, wanted: number, read: (reader: Reader) => T): T {
  try {
    const reader = new Reader(answer);
    const type = reader.u8();
    if (type === FAILURE)
      throw new IdentityError('ERR_IDENTITY_AGENT_REFUSED', 'the agent does not do it', {
        hint: 'it may be locked, the key removed from it, or a person said no: `ssh-add -l` shows its keys',
      });
    if (type !== wanted) throw malformed(`a message of type ${type}, wanted ${wanted}`);
    const value = read(reader);
    reader.end();
    return value;
  } catch (error) {
    if (error instanceof ShortInput) throw malformed(error.message, error);
    throw error;
  }
}

function string(reader: Reader): Uint8Array {
  return reader.bytes(reader.u32());
}

/** A name of the protocol; anything that is none equals no name we look for. */
function ascii(bytes: Uint8Array): string {
  if (bytes.length > 64) return '';
  const text = String.fromCharCode(...bytes);
  return equalBytes(utf8(text), bytes) ? text : '';
}

/** It will be shown on a terminal. */
function printable(bytes: Uint8Array): string {
  let text: string;
  try {
    text = fromUtf8(bytes.subarray(0, 256));
  } catch {
    return '';
  }
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
}

export function malformed(what: string, cause?: unknown): IdentityError {
  return new IdentityError('ERR_IDENTITY_AGENT_ANSWER', `the agent answers with ${what}`, { cause });
}
