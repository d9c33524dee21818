/**
 * What a side of TLS is willing to do: a frozen value, checked when it is made. There is no switch that weakens a
 * check; who may be at the other end is decided by a verifier that must be given.
 */

import type { Signer } from '../crypto/provider.ts';
import type { GroupName, SchemeName, SuiteName } from '../crypto/suites.ts';
import { GROUPS, SCHEMES, SUITES } from '../crypto/suites.ts';
import type { CertificateCodec } from './compression.ts';
import * as check from './configChecks.ts';
import type { CredentialChooser, PeerVerifier } from './events.ts';
import { DEFAULT_TICKET_COUNT, MAX_PLAINTEXT, MAX_RECORD_PLAINTEXT } from './limits.ts';
import type { ExternalPsk } from './psk.ts';
import type { TicketIssuer } from './tickets/issuer.ts';
import type { TicketStore } from './tickets/store.ts';

/**
 * A certificate chain (DER, leaf first, the root usually left out) and the key behind its leaf. An empty chain is a raw
 * public key (RFC 7250): `signer.spki` is all that is shown.
 */
export interface Credential {
  readonly chain: readonly Uint8Array[];
  readonly signer: Signer;
  /** DER OCSPResponse about the leaf, shown to peers that ask (RFC 9846 §4.5.1.1). */
  readonly ocsp?: Uint8Array;
  /** SignedCertificateTimestampList about the leaf, shown to peers that ask (RFC 6962 §3.3). */
  readonly scts?: Uint8Array;
}

/** Whether a server asks for the client's certificate, and whether it goes on without one. */
export type ClientCertificatePolicy = 'require' | 'request' | 'none';

export type CertificateType = 'x509' | 'rawPublicKey';

/** Constrains configurations: a context runs it and passes on what it throws. */
export interface ConfigPolicy {
  check(config: TlsConfig): void;
}

export interface TlsConfigInit {
  /** Who may be at the other end. */
  readonly verifier: PeerVerifier;
  /** Our certificates, preferred first. A server needs one; a client without a suitable one shows none. */
  readonly credentials?: readonly Credential[];
  /** Clients: picks the credential once the server has said what it accepts, in place of `credentials`. */
  readonly chooseCredential?: CredentialChooser;
  /** Application protocols, preferred first. None: the extension is neither sent nor answered. */
  readonly alpn?: readonly string[];
  /**
   * When we have `alpn` and the peer says nothing of ALPN: fail with no_application_protocol (the default, against
   * cross-protocol confusion), or go on without a protocol, as RFC 7301 §3.2 allows. When true, a session also resumes
   * only under the protocol it was made for.
   */
  readonly requireAlpn?: boolean;
  /** Cipher suites, preferred first; the provider's own order when left out. */
  readonly suites?: readonly SuiteName[];
  /** Key exchange groups, preferred first; the client sends a share of the first. */
  readonly groups?: readonly GroupName[];
  /** Signature schemes we accept from the peer, preferred first. */
  readonly schemes?: readonly SchemeName[];
  /** Schemes that may sign the peer's certificates, when those are not the same (signature_algorithms_cert). */
  readonly certificateSchemes?: readonly SchemeName[];
  /** DER Names of the authorities whose certificates we ask for (§4.3.4). */
  readonly certificateAuthorities?: readonly Uint8Array[];
  /** What the peer may show, preferred first; certificates only unless told. The verifier sees which it was. */
  readonly certificateTypes?: readonly CertificateType[];
  /** Ask the peer for an OCSP staple and certificate timestamps; the verifier judges them. */
  readonly requestStatus?: boolean;
  /** Codecs for certificate messages (RFC 8879), preferred first. */
  readonly compression?: readonly CertificateCodec[];
  /** Servers only. */
  readonly clientCertificate?: ClientCertificatePolicy;
  /**
   * Clients: where tickets are kept; without it nothing resumes. The verifier is asked again whenever a session goes on, but
   * early data leaves before that: share a store only among contexts that believe the same servers.
   */
  readonly tickets?: TicketStore;
  /** Servers: mints and redeems tickets; without it nothing resumes. */
  readonly resumption?: TicketIssuer;
  /** Tickets a client asks for and a server gives at most (RFC 9149); 2 unless told, 0 for none. */
  readonly ticketCount?: number;
  /**
   * Bytes of early data (0-RTT) we send or accept; 0, the default, is none. Early data can be replayed by whoever
   * saw it: a server needs an issuer that redeems each ticket once.
   */
  readonly earlyData?: number;
  /** Keys shared beforehand, imported as RFC 9258 says. Who holds one needs no certificate. */
  readonly externalPsks?: readonly ExternalPsk[];
  /** Servers: answer every first ClientHello with a HelloRetryRequest and a cookie: who dials must be able to read. */
  readonly retryCookie?: boolean;
  /** Look like TLS 1.2 to middleboxes (RFC 9846 §E.4): session id and ChangeCipherSpec. Sent by clients by default. */
  readonly compatibility?: boolean;
  /** Say values that nobody knows, in hellos and tickets, so that peers keep ignoring them (RFC 8701). On by default. */
  readonly grease?: boolean;
  /** Largest plaintext we put into one record: 64 to 16,384 bytes. */
  readonly maxPlaintext?: number;
  /** Largest plaintext we accept in one protected record (RFC 8449), 64 to 16,384 bytes; told to the peer when given. */
  readonly recordSizeLimit?: number;
  /** Protected records are padded to a multiple of this many bytes, as far as they may grow; 1, the default, is none. */
  readonly padTo?: number;
  /** What a site demands of every configuration. */
  readonly policy?: ConfigPolicy;
  /** Receives NSS key log lines, which let anybody who has them decrypt the connection. */
  readonly keyLog?: (line: string) => void;
}

export class TlsConfig {
  readonly verifier: PeerVerifier;
  readonly credentials: readonly Credential[];
  readonly chooseCredential: CredentialChooser | undefined;
  readonly alpn: readonly string[];
  readonly requireAlpn: boolean;
  readonly suites: readonly SuiteName[] | undefined;
  readonly groups: readonly GroupName[] | undefined;
  readonly schemes: readonly SchemeName[] | undefined;
  readonly certificateSchemes: readonly SchemeName[] | undefined;
  readonly certificateAuthorities: readonly Uint8Array[];
  readonly certificateTypes: readonly CertificateType[];
  readonly requestStatus: boolean;
  readonly compression: readonly CertificateCodec[];
  readonly clientCertificate: ClientCertificatePolicy;
  readonly tickets: TicketStore | undefined;
  readonly resumption: TicketIssuer | undefined;
  readonly ticketCount: number;
  readonly earlyData: number;
  readonly externalPsks: readonly ExternalPsk[];
  readonly retryCookie: boolean;
  readonly compatibility: boolean;
  readonly grease: boolean;
  readonly maxPlaintext: number;
  readonly recordSizeLimit: number | undefined;
  readonly padTo: number;
  readonly policy: ConfigPolicy | undefined;
  readonly keyLog: ((line: string) => void) | undefined;

  constructor(init: TlsConfigInit) {
    this.verifier = check.method('verifier', init.verifier, 'verify', 'say who may be at the other end');
    this.credentials = Object.freeze((init.credentials ?? []).map(check.credential));
    this.chooseCredential = check.callback('chooseCredential', init.chooseCredential);
    this.alpn = check.alpn(init.alpn ?? []);
    this.requireAlpn = check.boolean('requireAlpn', init.requireAlpn ?? true);
    this.suites = check.names('suites', init.suites, SUITES);
    this.groups = check.names('groups', init.groups, GROUPS);
    this.schemes = check.names('schemes', init.schemes, SCHEMES);
    this.certificateSchemes = check.names('certificateSchemes', init.certificateSchemes, SCHEMES);
    this.certificateAuthorities = check.authorities(init.certificateAuthorities ?? []);
    this.certificateTypes = check.certificateTypes(init.certificateTypes ?? ['x509']);
    this.requestStatus = check.boolean('requestStatus', init.requestStatus ?? false);
    this.compression = check.codecs(init.compression ?? []);
    this.clientCertificate = check.clientCertificate(init.clientCertificate ?? 'require');
    this.tickets = check.optionalMethod('tickets', init.tickets, 'take');
    this.resumption = check.optionalMethod('resumption', init.resumption, 'redeem');
    this.ticketCount = check.integer(
      'ticketCount',
      init.ticketCount ?? DEFAULT_TICKET_COUNT,
      0,
      check.MOST_TICKETS,
    );
    this.earlyData = check.earlyData(init.earlyData ?? 0, init.resumption);
    this.externalPsks = check.externalPsks(init.externalPsks ?? []);
    this.retryCookie = check.boolean('retryCookie', init.retryCookie ?? false);
    this.compatibility = check.boolean('compatibility', init.compatibility ?? true);
    this.grease = check.boolean('grease', init.grease ?? true);
    this.maxPlaintext = check.integer(
      'maxPlaintext',
      init.maxPlaintext ?? MAX_PLAINTEXT,
      64,
      MAX_RECORD_PLAINTEXT,
    );
    this.recordSizeLimit =
      init.recordSizeLimit === undefined
        ? undefined
        : check.integer('recordSizeLimit', init.recordSizeLimit, 64, MAX_RECORD_PLAINTEXT);
    this.padTo = check.integer('padTo', init.padTo ?? 1, 1, MAX_RECORD_PLAINTEXT);
    this.policy = check.optionalMethod('policy', init.policy, 'check');
    this.keyLog = check.callback('keyLog', init.keyLog);
    Object.freeze(this);
  }

  /** A copy with some fields replaced; everything is checked again. */
  with(change: Partial<TlsConfigInit>): TlsConfig {
    return new TlsConfig({ ...(this as TlsConfigInit), ...change });
  }

  /** Same content: verifier, signers, stores and functions by identity, everything else by value. */
  equals(other: TlsConfig): boolean {
    const fields = Object.keys(this) as (keyof TlsConfig)[];
    return this === other || fields.every((field) => check.same(this[field], other[field]));
  }
}
