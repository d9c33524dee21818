/** What stands inside the extensions we use, each with its reader and its writer (RFC 9846 §4.3). */
import type { Bytes } from '../../base/bytes.ts';
import { fromUtf8, utf8 } from '../../base/bytes.ts';
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

export const serverNameAccepted: Extension = { type: ExtensionType.serverName, data: new Uint8Array(0) };

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

export const supportedVersionsOffer: Extension = extension(ExtensionType.supportedVersions, (w) =>
  w.vector(1, () => w.u16(TLS13)),
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

export function readChosenVersion(data: Uint8Array): number {
  return whole(data, (reader) => reader.u16());
}

// supported_groups (§4.3.7), signature_algorithms (§4.3.3)

export const supportedGroups = (groups: readonly number[]): Extension =>
  u16ListExtension(ExtensionType.supportedGroups, groups);
export const signatureAlgorithms = (schemes: readonly number[]): Extension =>
  u16ListExtension(ExtensionType.signatureAlgorithms, schemes);

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

export function readRetryGroup(data: Uint8Array): number {
  return whole(data, (reader) => reader.u16());
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
