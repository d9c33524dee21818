/** Lists of extensions (RFC 9846 §4.3): order kept, doubles refused, unknown types kept as numbers. */
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import { illegalParameter, TlsError } from '../errors.ts';
import { ExtensionType } from './codePoints.ts';

export interface Extension {
  readonly type: number;
  readonly data: Uint8Array;
}

export class ExtensionBlock {
  readonly list: readonly Extension[];
  readonly #byType = new Map<number, Uint8Array>();

  /** §4.3 forbids doubles and leaves the alert open: BoringSSL's suite wants two, and the message knows which. */
  constructor(list: readonly Extension[], refusal: (text: string) => TlsError = illegalParameter) {
    this.list = list;
    for (const { type, data } of list) {
      if (this.#byType.has(type)) throw refusal(`extension ${type} appears twice in one message`);
      this.#byType.set(type, data);
    }
  }

  static read(reader: Reader, refusal?: (text: string) => TlsError): ExtensionBlock {
    const block = reader.nested(2);
    const list: Extension[] = [];
    while (block.left > 0) list.push({ type: block.u16(), data: block.vector(2) });
    return new ExtensionBlock(list, refusal);
  }

  write(writer: Writer): void {
    writer.vector(2, (w) => {
      for (const { type, data } of this.list) w.u16(type).vector(2, () => w.bytes(data));
    });
  }

  has(type: number): boolean {
    return this.#byType.has(type);
  }

  get(type: number): Uint8Array | undefined {
    return this.#byType.get(type);
  }
}

/** Messages that carry extensions; a retry request is a ServerHello on the wire only. */
export type ExtensionHome =
  | 'client_hello'
  | 'server_hello'
  | 'hello_retry_request'
  | 'encrypted_extensions'
  | 'certificate'
  | 'certificate_request'
  | 'new_session_ticket';

/** The table of §4.3: where each extension may stand. */
const HOMES = new Map<number, readonly ExtensionHome[]>([
  [ExtensionType.serverName, ['client_hello', 'encrypted_extensions']],
  [ExtensionType.maxFragmentLength, ['client_hello', 'encrypted_extensions']],
  [ExtensionType.statusRequest, ['client_hello', 'certificate_request', 'certificate']],
  [ExtensionType.supportedGroups, ['client_hello', 'encrypted_extensions']],
  [ExtensionType.signatureAlgorithms, ['client_hello', 'certificate_request']],
  [ExtensionType.useSrtp, ['client_hello', 'encrypted_extensions']],
  [ExtensionType.heartbeat, ['client_hello', 'encrypted_extensions']],
  [ExtensionType.alpn, ['client_hello', 'encrypted_extensions']],
  [ExtensionType.signedCertificateTimestamp, ['client_hello', 'certificate_request', 'certificate']],
  [ExtensionType.clientCertificateType, ['client_hello', 'encrypted_extensions']],
  [ExtensionType.serverCertificateType, ['client_hello', 'encrypted_extensions']],
  [ExtensionType.padding, ['client_hello']],
  [ExtensionType.compressCertificate, ['client_hello', 'certificate_request']],
  [ExtensionType.recordSizeLimit, ['client_hello', 'encrypted_extensions']],
  [ExtensionType.preSharedKey, ['client_hello', 'server_hello']],
  [ExtensionType.earlyData, ['client_hello', 'encrypted_extensions', 'new_session_ticket']],
  [ExtensionType.supportedVersions, ['client_hello', 'server_hello', 'hello_retry_request']],
  [ExtensionType.cookie, ['client_hello', 'hello_retry_request']],
  [ExtensionType.pskKeyExchangeModes, ['client_hello']],
  [ExtensionType.certificateAuthorities, ['client_hello', 'certificate_request']],
  [ExtensionType.oidFilters, ['certificate_request']],
  [ExtensionType.postHandshakeAuth, ['client_hello']],
  [ExtensionType.signatureAlgorithmsCert, ['client_hello', 'certificate_request']],
  [ExtensionType.keyShare, ['client_hello', 'server_hello', 'hello_retry_request']],
  [ExtensionType.ticketRequest, ['client_hello', 'encrypted_extensions']],
]);

/** Refuses known extensions in a message that may not carry them; unknown ones pass (lesson 32). */
export function checkHomes(block: ExtensionBlock, home: ExtensionHome): void {
  for (const { type } of block.list) {
    const homes = HOMES.get(type);
    if (homes !== undefined && !homes.includes(home))
      throw illegalParameter(`extension ${type} may not stand in a ${home}`);
  }
}

/** Refuses answers to questions that were not asked. `offered`: extension types of our message. */
export function checkSolicited(
  block: ExtensionBlock,
  home: ExtensionHome,
  offered: ReadonlySet<number>,
): void {
  checkHomes(block, home);
  for (const { type } of block.list) {
    if (!offered.has(type))
      throw new TlsError('ERR_TLS_UNSUPPORTED_EXTENSION', `${home} answers extension ${type}, never offered`);
  }
}
