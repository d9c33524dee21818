/**
 * Keys shared beforehand, used only through the importer of RFC 9258: what TLS gets is a key of its own for this
 * protocol, this hash and these two parties, whatever else the shared one is used for.
 */
import type { Bytes } from '../base/bytes.ts';
import { EMPTY, equalBytes, utf8 } from '../base/bytes.ts';
import { Secret } from '../base/secret.ts';
import { Writer } from '../base/writer.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { TlsError } from './errors.ts';
import { MAX_PSK_CONTEXT, MAX_PSK_IDENTITY, MAX_PSK_KEY, MIN_PSK_KEY } from './limits.ts';
import { TLS13 } from './messages/codePoints.ts';
import { expandLabel } from './schedule/hkdf.ts';

export type PskHash = 'sha256' | 'sha384';
export type PskRole = 'client' | 'server';

/**
 * Which of the two holders does what. Without it, a node that both dials and answers would take its own ClientHello,
 * reflected, for the other's (RFC 9257 §4.1, RFC 9258 Appendix A, RFC 9846 §F.8; lesson 26).
 */
export type PskParties =
  /** What the two holders call themselves: who dials and who answers becomes part of the imported key. */
  | { readonly local: string; readonly remote: string }
  /** For peers with a context of their own making: the one role this holder ever has. */
  | { readonly role: PskRole; readonly context: Uint8Array };

export interface ExternalPskInit {
  /** What the key is called. Sent in the clear. */
  readonly identity: Uint8Array;
  /** At least 128 bits that nobody can guess: not a password (RFC 9257 §6). */
  readonly key: Uint8Array;
  readonly parties: PskParties;
  /** The hash that belongs to the key; SHA-256 where nothing was agreed (RFC 9258 §5.1). */
  readonly hash?: PskHash;
}

/** A key shared beforehand; frozen, and its key cannot be printed. */
export class ExternalPsk {
  readonly identity: Bytes;
  readonly key: Secret;
  readonly parties: PskParties;
  readonly hash: PskHash;

  /** Copies what it is given. */
  constructor(init: ExternalPskInit) {
    this.identity = copyOf('identity', init.identity, 1, MAX_PSK_IDENTITY);
    this.parties = checkParties(init.parties);
    this.hash = checkHash(init.hash ?? 'sha256');
    this.key = new Secret(checkKey(init.key));
    Object.freeze(this);
  }

  /** What TLS gets: a key for suites of each of these hashes; none in a role that this holder never has. */
  importFor(provider: CryptoProvider, role: PskRole, hashes: readonly PskHash[]): readonly ImportedPsk[] {
    const context = contextFor(this.parties, role);
    return context === undefined ? [] : hashes.map((hash) => importPsk(provider, this, context, hash));
  }
}

/** A key that one handshake hash may use, as RFC 9258 §5 makes it. */
export interface ImportedPsk {
  /** The serialized ImportedIdentity, which is what goes on the wire. */
  readonly identity: Bytes;
  readonly key: Secret;
  /** Of the suites it serves. */
  readonly hash: PskHash;
  readonly source: ExternalPsk;
}

/** `target_kdf` (RFC 9258 §5.1), with the length of its output. */
const TARGET_KDFS: Readonly<Record<PskHash, { readonly id: number; readonly length: number }>> =
  Object.freeze({
    sha256: Object.freeze({ id: 0x0001, length: 32 }),
    sha384: Object.freeze({ id: 0x0002, length: 48 }),
  });

/** RFC 9258 §5.1. The hash of the key, not that of the target, derives: the target is named in what is hashed. */
function importPsk(
  provider: CryptoProvider,
  psk: ExternalPsk,
  context: Uint8Array,
  target: PskHash,
): ImportedPsk {
  const { id, length } = TARGET_KDFS[target];
  const identity = new Writer(12 + psk.identity.length + context.length)
    .vector(2, (w) => w.bytes(psk.identity))
    .vector(2, (w) => w.bytes(context))
    .u16(TLS13)
    .u16(id)
    .finish();
  const extracted = new Secret(provider.hkdfExtract(psk.hash, EMPTY, psk.key.expose()));
  const digest = provider.hash(psk.hash).update(identity).digest();
  const key = new Secret(expandLabel(provider, psk.hash, extracted.expose(), 'derived psk', digest, length));
  extracted.destroy();
  return Object.freeze({ identity, key, hash: target, source: psk });
}

/** `struct { opaque client<1..2^8-1>; opaque server<1..2^8-1>; }`; undefined when the key is not for this role. */
function contextFor(parties: PskParties, role: PskRole): Uint8Array | undefined {
  if ('role' in parties) return parties.role === role ? parties.context : undefined;
  const { local, remote } = parties;
  const [client, server] = role === 'client' ? [local, remote] : [remote, local];
  return new Writer(2 + client.length + server.length)
    .vector(1, (w) => w.bytes(utf8(client)))
    .vector(1, (w) => w.bytes(utf8(server)))
    .finish();
}

function checkParties(parties: PskParties): PskParties {
  if (typeof parties !== 'object' || parties === null)
    throw invalid('parties', 'are missing: say who dials and who answers');
  if (!('role' in parties)) return checkNames(parties.local, parties.remote);
  const { role, context } = parties;
  if (role !== 'client' && role !== 'server')
    throw invalid('parties.role', `"${String(role)}" is not client or server`);
  return Object.freeze({ role, context: copyOf('parties.context', context, 0, MAX_PSK_CONTEXT) });
}

function checkNames(local: string, remote: string): PskParties {
  for (const [field, name] of [
    ['parties.local', local],
    ['parties.remote', remote],
  ] as const) {
    if (typeof name !== 'string' || name.length === 0 || utf8(name).length > 255)
      throw invalid(field, 'is not a name of 1 to 255 bytes');
  }
  if (equalBytes(utf8(local), utf8(remote)))
    throw invalid('parties', `are both "${local}": whoever reflects our hello would pass for the other`);
  return Object.freeze({ local, remote });
}

function checkHash(hash: PskHash): PskHash {
  if (!Object.hasOwn(TARGET_KDFS, hash)) throw invalid('hash', `"${String(hash)}" is not sha256 or sha384`);
  return hash;
}

function checkKey(key: Uint8Array): Bytes {
  const copy = copyOf('key', key, MIN_PSK_KEY, MAX_PSK_KEY);
  if (copy.every((byte) => byte === copy[0])) throw invalid('key', 'is one byte over and over');
  return copy;
}

function copyOf(field: string, bytes: Uint8Array, least: number, most: number): Bytes {
  if (!(bytes instanceof Uint8Array)) throw invalid(field, 'is not bytes');
  if (bytes.length < least || bytes.length > most)
    throw invalid(field, `of ${bytes.length} bytes, wanted ${least} to ${most}`);
  return new Uint8Array(bytes);
}

/** Never quotes a value: the key is among them. */
function invalid(field: string, problem: string): TlsError {
  return new TlsError('ERR_TLS_CONFIG', `externalPsks: ${field} ${problem}`);
}
