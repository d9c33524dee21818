/**
 * What a side of TLS is willing to do: a frozen value, checked when it is made. There is no switch that weakens a
 * check; who may be at the other end is decided by a verifier that must be given.
 */

import type { Bytes } from '../base/bytes.ts';
import { equalBytes } from '../base/bytes.ts';
import type { Signer } from '../crypto/provider.ts';
import type { GroupName, SchemeName, SuiteName } from '../crypto/suites.ts';
import { GROUPS, SCHEMES, SUITES } from '../crypto/suites.ts';
import { parseCertificate } from '../identity/index.ts';
import { TlsError } from './errors.ts';
import type { PeerVerifier } from './events.ts';
import { MAX_CHAIN_LENGTH, MAX_HANDSHAKE_MESSAGE, MAX_PLAINTEXT, MAX_RECORD_PLAINTEXT } from './limits.ts';

/** A certificate chain (DER, leaf first, the root usually left out) and the key behind its leaf. */
export interface Credential {
  readonly chain: readonly Uint8Array[];
  readonly signer: Signer;
}

/** Whether a server asks for the client's certificate, and whether it goes on without one. */
export type ClientCertificatePolicy = 'require' | 'request' | 'none';

export interface TlsConfigInit {
  /** Who may be at the other end. */
  readonly verifier: PeerVerifier;
  /** Our certificates, preferred first. A server needs one; a client without a suitable one shows none. */
  readonly credentials?: readonly Credential[];
  /** Application protocols, preferred first. None: the extension is neither sent nor answered. */
  readonly alpn?: readonly string[];
  /**
   * When we have `alpn` and the peer says nothing of ALPN: fail with no_application_protocol (the default, against
   * cross-protocol confusion), or go on without a protocol, as RFC 7301 §3.2 allows.
   */
  readonly requireAlpn?: boolean;
  /** Cipher suites, preferred first; the provider's own order when left out. */
  readonly suites?: readonly SuiteName[];
  /** Key exchange groups, preferred first; the client sends a share of the first. */
  readonly groups?: readonly GroupName[];
  /** Signature schemes we accept from the peer, preferred first. */
  readonly schemes?: readonly SchemeName[];
  /** Servers only. */
  readonly clientCertificate?: ClientCertificatePolicy;
  /** Look like TLS 1.2 to middleboxes (RFC 9846 §E.4): session id and ChangeCipherSpec. Sent by clients by default. */
  readonly compatibility?: boolean;
  /** Largest plaintext we put into one record: 64 to 16,384 bytes. */
  readonly maxPlaintext?: number;
  /** Receives NSS key log lines, which let anybody who has them decrypt the connection. */
  readonly keyLog?: (line: string) => void;
}

export class TlsConfig {
  readonly verifier: PeerVerifier;
  readonly credentials: readonly Credential[];
  readonly alpn: readonly string[];
  readonly requireAlpn: boolean;
  readonly suites: readonly SuiteName[] | undefined;
  readonly groups: readonly GroupName[] | undefined;
  readonly schemes: readonly SchemeName[] | undefined;
  readonly clientCertificate: ClientCertificatePolicy;
  readonly compatibility: boolean;
  readonly maxPlaintext: number;
  readonly keyLog: ((line: string) => void) | undefined;

  constructor(init: TlsConfigInit) {
    this.verifier = checkVerifier(init.verifier);
    this.credentials = Object.freeze((init.credentials ?? []).map(checkCredential));
    this.alpn = checkAlpn(init.alpn ?? []);
    this.requireAlpn = checkBoolean('requireAlpn', init.requireAlpn ?? true);
    this.suites = checkNames('suites', init.suites, SUITES);
    this.groups = checkNames('groups', init.groups, GROUPS);
    this.schemes = checkNames('schemes', init.schemes, SCHEMES);
    this.clientCertificate = checkPolicy(init.clientCertificate ?? 'require');
    this.compatibility = checkBoolean('compatibility', init.compatibility ?? true);
    this.maxPlaintext = checkMaxPlaintext(init.maxPlaintext ?? MAX_PLAINTEXT);
    this.keyLog = init.keyLog;
    if (this.keyLog !== undefined && typeof this.keyLog !== 'function')
      throw invalid('keyLog', 'is not a function');
    Object.freeze(this);
  }

  /** A copy with some fields replaced; everything is checked again. */
  with(change: Partial<TlsConfigInit>): TlsConfig {
    return new TlsConfig({ ...this.#init(), ...change });
  }

  /** Same content: verifier, signers and key log by identity, everything else by value. */
  equals(other: TlsConfig): boolean {
    return (
      this === other ||
      (this.verifier === other.verifier &&
        this.requireAlpn === other.requireAlpn &&
        this.clientCertificate === other.clientCertificate &&
        this.compatibility === other.compatibility &&
        this.maxPlaintext === other.maxPlaintext &&
        this.keyLog === other.keyLog &&
        sameList(this.alpn, other.alpn) &&
        sameList(this.suites, other.suites) &&
        sameList(this.groups, other.groups) &&
        sameList(this.schemes, other.schemes) &&
        sameList(this.credentials, other.credentials, sameCredential))
    );
  }

  #init(): TlsConfigInit {
    const { suites, groups, schemes, keyLog, ...always } = this;
    return {
      ...always,
      ...(suites && { suites }),
      ...(groups && { groups }),
      ...(schemes && { schemes }),
      ...(keyLog && { keyLog }),
    };
  }
}

function invalid(field: string, problem: string, cause?: unknown): TlsError {
  return new TlsError('ERR_TLS_CONFIG', `${field}: ${problem}`, { cause });
}

function checkVerifier(verifier: PeerVerifier | undefined): PeerVerifier {
  if (typeof verifier?.verify !== 'function')
    throw invalid('verifier', 'is missing: say who may be at the other end');
  return verifier;
}

function checkCredential(credential: Credential, index: number): Credential {
  const field = `credentials[${index}]`;
  const { chain, signer } = credential;
  if (chain.length < 1 || chain.length > MAX_CHAIN_LENGTH)
    throw invalid(`${field}.chain`, `has ${chain.length} certificates, wanted 1 to ${MAX_CHAIN_LENGTH}`);
  let total = 0;
  for (const der of chain) {
    if (!(der instanceof Uint8Array) || der.length === 0)
      throw invalid(`${field}.chain`, 'holds something that is not DER bytes');
    total += der.length;
  }
  if (total > MAX_HANDSHAKE_MESSAGE - 1024)
    throw invalid(`${field}.chain`, `of ${total} bytes does not fit a handshake message`);
  if (typeof signer?.sign !== 'function') throw invalid(`${field}.signer`, 'cannot sign');
  if (
    !signer.schemes.some((name) => SCHEMES.some((scheme) => scheme.name === name && !scheme.certificateOnly))
  )
    throw invalid(`${field}.signer`, 'offers no signature scheme of TLS 1.3');
  checkPair(field, chain[0]!, signer);
  const copies: readonly Bytes[] = chain.map((der) => new Uint8Array(der));
  return Object.freeze({ chain: Object.freeze(copies), signer });
}

/** A key that is not the certificate's would only show in the first handshake, as the peer's decrypt_error. */
function checkPair(field: string, leaf: Uint8Array, signer: Signer): void {
  let spki: Uint8Array;
  try {
    ({ spki } = parseCertificate(leaf));
  } catch (cause) {
    throw invalid(`${field}.chain`, 'begins with a certificate that cannot be read', cause);
  }
  if (!equalBytes(spki, signer.spki))
    throw invalid(`${field}.signer`, 'is not the key of the first certificate of the chain');
}

function checkAlpn(protocols: readonly string[]): readonly string[] {
  for (const protocol of protocols) {
    // RFC 7301 allows any octets; ours are printable ASCII, so that names look the same in logs and on the wire.
    if (!/^[\x21-\x7e]{1,255}$/.test(protocol))
      throw invalid('alpn', `"${protocol}" is not 1 to 255 printable ASCII characters`);
  }
  if (new Set(protocols).size !== protocols.length) throw invalid('alpn', 'names a protocol twice');
  if (protocols.reduce((sum, protocol) => sum + protocol.length + 1, 0) > 0xfff0)
    throw invalid('alpn', 'does not fit its extension');
  return Object.freeze([...protocols]);
}

function checkNames<Name extends string>(
  field: string,
  names: readonly Name[] | undefined,
  known: readonly { readonly name: Name }[],
): readonly Name[] | undefined {
  if (names === undefined) return undefined;
  if (names.length === 0) throw invalid(field, 'is empty');
  for (const name of names) {
    if (!known.some((entry) => entry.name === name)) throw invalid(field, `"${name}" is not known`);
  }
  if (new Set(names).size !== names.length) throw invalid(field, 'names an entry twice');
  return Object.freeze([...names]);
}

function checkPolicy(policy: ClientCertificatePolicy): ClientCertificatePolicy {
  if (policy !== 'require' && policy !== 'request' && policy !== 'none')
    throw invalid('clientCertificate', `"${String(policy)}" is not require, request or none`);
  return policy;
}

/** A string such as 'false' must not pass for true. */
function checkBoolean(field: string, value: boolean): boolean {
  if (typeof value !== 'boolean') throw invalid(field, 'is not a boolean');
  return value;
}

function checkMaxPlaintext(value: number): number {
  if (!Number.isInteger(value) || value < 64 || value > MAX_RECORD_PLAINTEXT)
    throw invalid('maxPlaintext', `${value} is not an integer from 64 to ${MAX_RECORD_PLAINTEXT}`);
  return value;
}

function sameList<T>(
  a: readonly T[] | undefined,
  b: readonly T[] | undefined,
  same: (x: T, y: T) => boolean = Object.is,
): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((item, i) => same(item, b[i]!));
}

function sameCredential(a: Credential, b: Credential): boolean {
  return a.signer === b.signer && sameList(a.chain, b.chain, equalBytes);
}
