/** What stands inside the extensions we use, each with its reader and its writer (RFC 9846 §4.3). */
import type { Bytes } from '../../base/bytes.ts';
import { EMPTY, fromUtf8, utf8 } from '../../base/bytes.ts';
import { Reader } from '../../base/reader.ts';
import { Writer } from '../../base/writer.ts';
import { decodeError, illegalParameter } from '../errors.ts';
import { ExtensionType, TLS13 } from './codePoints.ts';
import type { Extension } from './extensionBlock.ts';

export interface KeyShare {
  readonly group: number;
  readonly share: Uint8Array;
}

function extension(type: number, fill: (writer: Writer) => void): Extension {
  const writer = new Writer(64);
  fill(writer);
  return { type, data: writer.finish() };
}

/** Reads all of `data`; bytes left over are a decode_error. */
function whole<T>(data: Uint8Array, read: (reader: Reader) => T): T {
  const reader = new Reader(data);
  const value = read(reader);
  reader.end();
  return value;
}

function u16List(reader: Reader): number[] {
  const list = reader.nested(2, 2);
  const values: number[] = [];
  while (list.left > 0) values.push(list.u16());
  return values;
}

function u16ListExtension(type: number, values: readonly number[]): Extension {
  return extension(type, (w) =>
    w.vector(2, () => {
      for (const value of values) w.u16(value);
    }),
  );
}

// server_name (RFC 6066 §3)

export function serverName(name: string): Extension {
  return extension(ExtensionType.serverName, (w) =>
    w.vector(2, () => w.u8(0).vector(2, () => w.bytes(utf8(name)))),
  );
}

export const serverNameAccepted: Extension = { type: ExtensionType.serverName, data: EMPTY };

/** The host name, lower case; undefined when the list holds other kinds of names only. */
export function readServerName(data: Uint8Array): string | undefined {
  return whole(data, (reader) => {
    const list = reader.nested(2, 1);
    let name: string | undefined;
    while (list.left > 0) {
      const kind = list.u8();
      const bytes = list.vector(2, 1);
      if (kind !== 0) continue;
      if (name !== undefined) throw illegalParameter('server_name holds two host names');
      name = readHostName(bytes);
    }
    return name;
  });
}

/** Host names are ASCII (A-labels); a NUL or a control byte could make two readers see two names. */
function readHostName(bytes: Uint8Array): string {
  if (bytes.length > 255 || bytes.some((byte) => byte <= 0x20 || byte >= 0x7f))
    throw illegalParameter('server_name is not a host name');
  return fromUtf8(bytes).toLowerCase();
}

// supported_versions (§4.3.1)

/** `grease`: a version that nobody knows, in front (RFC 8701). */
export const supportedVersionsOffer = (grease?: number): Extension =>
  extension(ExtensionType.supportedVersions, (w) =>
    w.vector(1, () => (grease === undefined ? w : w.u16(grease)).u16(TLS13)),
  );
export const supportedVersionChosen: Extension = extension(ExtensionType.supportedVersions, (w) =>
  w.u16(TLS13),
);

export function readOfferedVersions(data: Uint8Array): number[] {
  return whole(data, (reader) => {
    const list = reader.nested(1, 2, 254);
    const versions: number[] = [];
    while (list.left > 0) versions.push(list.u16());
    return versions;
  });
}

// supported_groups (§4.3.7), signature_algorithms (§4.3.3)

export const supportedGroups = (groups: readonly number[]): Extension =>
  u16ListExtension(ExtensionType.supportedGroups, groups);
export const signatureAlgorithms = (schemes: readonly number[]): Extension =>
  u16ListExtension(ExtensionType.signatureAlgorithms, schemes);
export const signatureAlgorithmsCert = (schemes: readonly number[]): Extension =>
  u16ListExtension(ExtensionType.signatureAlgorithmsCert, schemes);

export function readU16List(data: Uint8Array): number[] {
  return whole(data, u16List);
}

// key_share (§4.3.8)

export function keyShareOffer(shares: readonly KeyShare[]): Extension {
  return extension(ExtensionType.keyShare, (w) =>
    w.vector(2, () => {
      for (const { group, share } of shares) w.u16(group).vector(2, () => w.bytes(share));
    }),
  );
}

export function keyShareAnswer({ group, share }: KeyShare): Extension {
  return extension(ExtensionType.keyShare, (w) => w.u16(group).vector(2, () => w.bytes(share)));
}

export function keyShareRetry(group: number): Extension {
  return extension(ExtensionType.keyShare, (w) => w.u16(group));
}

function keyShareEntry(reader: Reader): KeyShare {
  return { group: reader.u16(), share: reader.vector(2, 1) };
}

/** At most one share per group (lesson 30). */
export function readOfferedShares(data: Uint8Array): KeyShare[] {
  return whole(data, (reader) => {
    const list = reader.nested(2);
    const shares = new Map<number, KeyShare>();
    while (list.left > 0) {
      const share = keyShareEntry(list);
      if (shares.has(share.group)) throw illegalParameter(`two key shares for group ${share.group}`);
      shares.set(share.group, share);
    }
    return [...shares.values()];
  });
}

export function readChosenShare(data: Uint8Array): KeyShare {
  return whole(data, keyShareEntry);
}

// application_layer_protocol_negotiation (RFC 7301 §3.1)

export function alpn(protocols: readonly string[]): Extension {
  return extension(ExtensionType.alpn, (w) =>
    w.vector(2, () => {
      for (const protocol of protocols) w.vector(1, () => w.bytes(utf8(protocol)));
    }),
  );
}

/** Octets as Latin-1, so that names we do not know survive; ours are ASCII. */
export function readAlpn(data: Uint8Array): string[] {
  return whole(data, (reader) => {
    const list = reader.nested(2, 2);
    const protocols: string[] = [];
    while (list.left > 0) protocols.push(String.fromCharCode(...list.vector(1, 1)));
    return protocols;
  });
}

export function readChosenAlpn(data: Uint8Array): string {
  const protocols = readAlpn(data);
  if (protocols.length !== 1) throw decodeError(`server chose ${protocols.length} protocols, wanted one`);
  return protocols[0]!;
}

// cookie (§4.3.2)

export function cookie(bytes: Uint8Array): Extension {
  return extension(ExtensionType.cookie, (w) => w.vector(2, () => w.bytes(bytes)));
}

export function readCookie(data: Uint8Array): Bytes {
  return whole(data, (reader) => new Uint8Array(reader.vector(2, 1)));
}

// pre_shared_key (§4.3.11), psk_key_exchange_modes (§4.3.9)

export interface PskIdentity {
  readonly identity: Uint8Array;
  /** obfuscated_ticket_age, modulo 2^32; 0 for external keys. */
  readonly age: number;
}

export interface OfferedPsks {
  readonly identities: readonly PskIdentity[];
  readonly binders: readonly Uint8Array[];
}

/** Binders are filled in once the rest of the hello is there: until then they are zeros of the right lengths. */
export function preSharedKeyOffer(
  identities: readonly PskIdentity[],
  binderLengths: readonly number[],
): Extension {
  return extension(ExtensionType.preSharedKey, (w) => {
    w.vector(2, () => {
      for (const { identity, age } of identities) w.vector(2, () => w.bytes(identity)).u32(age);
    });
    w.vector(2, () => {
      for (const length of binderLengths) w.vector(1, () => w.bytes(new Uint8Array(length)));
    });
  });
}

/** Bytes of the binders list with its length, which the binders themselves do not cover (§4.3.11.2). */
export function bindersLength(lengths: readonly number[]): number {
  return lengths.reduce((sum, length) => sum + 1 + length, 2);
}

export function readOfferedPsks(data: Uint8Array): OfferedPsks {
  return whole(data, (reader) => {
    const identities: PskIdentity[] = [];
    const list = reader.nested(2, 7);
    while (list.left > 0) identities.push({ identity: list.vector(2, 1), age: list.u32() });
    const binders: Uint8Array[] = [];
    const tags = reader.nested(2, 1);
    // A binder of the wrong length is a wrong binder, as a Finished is: whoever compares it says so.
    while (tags.left > 0) binders.push(tags.vector(1));
    if (identities.length !== binders.length)
      throw illegalParameter(
        `pre_shared_key has ${identities.length} identities and ${binders.length} binders`,
      );
    return { identities, binders };
  });
}

export const preSharedKeyChosen = (index: number): Extension =>
  extension(ExtensionType.preSharedKey, (w) => w.u16(index));

/** The index of the chosen key, the group of a retry, the version of a ServerHello. */
export function readU16(data: Uint8Array): number {
  return whole(data, (reader) => reader.u16());
}

const PSK_DHE_KE = 1;

/** Only with (EC)DHE: without it a stolen ticket key would open recorded sessions. */
export const pskModesOffer: Extension = extension(ExtensionType.pskKeyExchangeModes, (w) =>
  w.vector(1, () => w.u8(PSK_DHE_KE)),
);

export function allowsPskWithDhe(data: Uint8Array): boolean {
  return whole(data, (reader) => reader.vector(1, 1)).includes(PSK_DHE_KE);
}

// early_data (§4.3.10)

export const earlyData: Extension = { type: ExtensionType.earlyData, data: EMPTY };

export const maxEarlyData = (bytes: number): Extension =>
  extension(ExtensionType.earlyData, (w) => w.u32(bytes));

export function readMaxEarlyData(data: Uint8Array): number {
  return whole(data, (reader) => reader.u32());
}

/** Extensions that say something by being there. */
export function readEmpty(data: Uint8Array): true {
  if (data.length > 0) throw decodeError(`extension of ${data.length} bytes, wanted none`);
  return true;
}

// ticket_request (RFC 9149 §3)

export interface TicketRequest {
  readonly fresh: number;
  readonly resumed: number;
}

export const ticketRequest = ({ fresh, resumed }: TicketRequest): Extension =>
  extension(ExtensionType.ticketRequest, (w) => w.u8(fresh).u8(resumed));

export function readTicketRequest(data: Uint8Array): TicketRequest {
  return whole(data, (reader) => ({ fresh: reader.u8(), resumed: reader.u8() }));
}

export const ticketCount = (count: number): Extension =>
  extension(ExtensionType.ticketRequest, (w) => w.u8(count));

export function readTicketCount(data: Uint8Array): number {
  return whole(data, (reader) => reader.u8());
}

// certificate_authorities (§4.3.4)

export function certificateAuthorities(names: readonly Uint8Array[]): Extension {
  return extension(ExtensionType.certificateAuthorities, (w) =>
    w.vector(2, () => {
      for (const name of names) w.vector(2, () => w.bytes(name));
    }),
  );
}

export function readCertificateAuthorities(data: Uint8Array): Bytes[] {
  return whole(data, (reader) => {
    const list = reader.nested(2, 3);
    const names: Bytes[] = [];
    while (list.left > 0) names.push(new Uint8Array(list.vector(2, 1)));
    return names;
  });
}

// status_request (RFC 6066 §8, RFC 9846 §4.5.1.1)

const OCSP = 1;

/** No responder ids, no request extensions: whatever the peer has. */
export const statusRequest: Extension = extension(ExtensionType.statusRequest, (w) =>
  w.u8(OCSP).u16(0).u16(0),
);

/** Whether the peer wants OCSP: other kinds of status are not defined. */
export function wantsOcsp(data: Uint8Array): boolean {
  return whole(data, (reader) => {
    const kind = reader.u8();
    if (kind !== OCSP) {
      reader.bytes(reader.left);
      return false;
    }
    reader.vector(2);
    reader.vector(2);
    return true;
  });
}

export const certificateStatus = (response: Uint8Array): Extension =>
  extension(ExtensionType.statusRequest, (w) => w.u8(OCSP).vector(3, () => w.bytes(response)));

export function readCertificateStatus(data: Uint8Array): Bytes {
  return whole(data, (reader) => {
    const kind = reader.u8();
    if (kind !== OCSP) throw decodeError(`certificate status of kind ${kind}, wanted OCSP (1)`);
    return new Uint8Array(reader.vector(3, 1));
  });
}

// signed_certificate_timestamp (RFC 6962 §3.3)

export const timestampRequest: Extension = { type: ExtensionType.signedCertificateTimestamp, data: EMPTY };

export const timestamps = (list: Uint8Array): Extension => ({
  type: ExtensionType.signedCertificateTimestamp,
  data: list,
});

/** A list of at least one non-empty timestamp; what they say is for the verifier. */
export function readTimestamps(data: Uint8Array): Bytes {
  return whole(data, (reader) => {
    const list = reader.nested(2, 1);
    while (list.left > 0) list.vector(2, 1);
    return new Uint8Array(data);
  });
}

// compress_certificate (RFC 8879 §3)

export function compressCertificate(ids: readonly number[]): Extension {
  return extension(ExtensionType.compressCertificate, (w) =>
    w.vector(1, () => {
      for (const id of ids) w.u16(id);
    }),
  );
}

export function readCompressCertificate(data: Uint8Array): number[] {
  return whole(data, (reader) => {
    const list = reader.nested(1, 2, 254);
    const ids: number[] = [];
    while (list.left > 0) ids.push(list.u16());
    if (new Set(ids).size !== ids.length) throw decodeError('compress_certificate names an algorithm twice');
    return ids;
  });
}

// client_certificate_type, server_certificate_type (RFC 7250 §3)

const X509_TYPE = 0;

type TypeExtension = typeof ExtensionType.clientCertificateType | typeof ExtensionType.serverCertificateType;

export const certificateTypesOffer = (type: TypeExtension, types: readonly number[]): Extension =>
  extension(type, (w) => w.vector(1, () => w.bytes(Uint8Array.from(types))));

export const certificateTypeChosen = (type: TypeExtension, chosen: number): Extension =>
  extension(type, (w) => w.u8(chosen));

/** Whoever has certificates only says nothing: the extension MUST be left out then (RFC 7250 §4.1). */
export function readCertificateTypes(data: Uint8Array): readonly number[] {
  const types = whole(data, (reader) => [...reader.vector(1, 1)]);
  if (types.every((type) => type === X509_TYPE))
    throw illegalParameter('certificate types that name X.509 only');
  return types;
}

export function readCertificateType(data: Uint8Array): number {
  return whole(data, (reader) => reader.u8());
}

// record_size_limit (RFC 8449 §4)

/** `bytes`: of a whole TLSInnerPlaintext, the type byte included. */
export const recordSizeLimit = (bytes: number): Extension =>
  extension(ExtensionType.recordSizeLimit, (w) => w.u16(bytes));

const LEAST_RECORD_SIZE_LIMIT = 64;

export function readRecordSizeLimit(data: Uint8Array): number {
  const limit = readU16(data);
  if (limit < LEAST_RECORD_SIZE_LIMIT)
    throw illegalParameter(`record_size_limit of ${limit}, wanted at least ${LEAST_RECORD_SIZE_LIMIT}`);
  return limit;
}
