/** What a server reads out of a ClientHello and what it picks (RFC 9846 §4.2.1, §9.2): decisions only, no state. */
import { equalBytes } from '../base/bytes.ts';
import type { Group, Scheme, Suite } from '../crypto/suites.ts';
import { groupById, SUITES, schemeById, suiteById } from '../crypto/suites.ts';
import type { CertificateType, TlsConfig } from './config.ts';
import type { Choice } from './credentials.ts';
import { CERTIFICATE_TYPES, certificateType, chooseCredential } from './credentials.ts';
import { illegalParameter, missingExtension, TlsError } from './errors.ts';
import type { ClientHelloInfo } from './events.ts';
import type { CertificateWishes } from './messages/certificateRequest.ts';
import { readWishes } from './messages/certificateRequest.ts';
import type { ClientHello } from './messages/clientHello.ts';
import { ExtensionType, TLS13 } from './messages/codePoints.ts';
import type { Extension, ExtensionBlock } from './messages/extensionBlock.ts';
import { checkHomes } from './messages/extensionBlock.ts';
import * as ext from './messages/extensions.ts';
import type { Settings } from './settings.ts';

/** A ClientHello, read and checked for itself. */
export interface Offered {
  readonly hello: ClientHello;
  readonly serverName: string | undefined;
  readonly alpn: readonly string[] | undefined;
  readonly groups: readonly number[];
  readonly shares: readonly ext.KeyShare[];
  /** Of our certificates. */
  readonly wishes: CertificateWishes;
  /** Types of our certificates it takes, and of its own that it has (RFC 7250). */
  readonly serverTypes: readonly number[];
  readonly clientTypes: readonly number[];
  /** Only where a mode with (EC)DHE is allowed; without one there is nothing to resume by. */
  readonly psks: ext.OfferedPsks | undefined;
  readonly allowsPsks: boolean;
  readonly earlyData: boolean;
  readonly ticketRequest: ext.TicketRequest | undefined;
  /** Of a whole inner plaintext. */
  readonly recordSizeLimit: number | undefined;
}

/** What the server goes on with. */
export interface Picked {
  readonly suite: Suite;
  readonly group: Group;
  /** The client's share of that group; undefined: ask for it with a HelloRetryRequest. */
  readonly share: Uint8Array | undefined;
  readonly alpn: string | undefined;
}

export function readOffer(hello: ClientHello): Offered {
  const { extensions } = hello;
  checkVersions(extensions.get(ExtensionType.supportedVersions));
  checkHomes(extensions, 'client_hello');
  const last = extensions.list[extensions.list.length - 1];
  if (extensions.has(ExtensionType.preSharedKey) && last?.type !== ExtensionType.preSharedKey)
    throw illegalParameter('pre_shared_key is not the last extension');
  const read = <T>(type: number, reader: (data: Uint8Array) => T): T | undefined => {
    const data = extensions.get(type);
    return data === undefined ? undefined : reader(data);
  };
  const psks = read(ExtensionType.preSharedKey, ext.readOfferedPsks);
  const modes = read(ExtensionType.pskKeyExchangeModes, ext.allowsPskWithDhe);
  if (psks !== undefined && modes === undefined)
    throw missingExtension('ClientHello with pre_shared_key and without psk_key_exchange_modes');
  // §9.2: whoever offers a key may leave the certificates out.
  if (psks === undefined) required(extensions, ExtensionType.signatureAlgorithms, 'signature_algorithms');
  const groups = ext.readU16List(required(extensions, ExtensionType.supportedGroups, 'supported_groups'));
  const shares = ext.readOfferedShares(required(extensions, ExtensionType.keyShare, 'key_share'));
  const listed = new Set(groups); // both lists may be thousands long
  for (const { group } of shares) {
    if (!listed.has(group))
      throw illegalParameter(`key share of group 0x${group.toString(16)}, missing in supported_groups`);
  }
  const x509 = [CERTIFICATE_TYPES.x509];
  return {
    hello,
    serverName: read(ExtensionType.serverName, ext.readServerName),
    alpn: read(ExtensionType.alpn, ext.readAlpn),
    groups,
    shares,
    wishes: readWishes(extensions),
    serverTypes: read(ExtensionType.serverCertificateType, ext.readCertificateTypes) ?? x509,
    clientTypes: read(ExtensionType.clientCertificateType, ext.readCertificateTypes) ?? x509,
    psks: modes ? psks : undefined,
    allowsPsks: modes ?? false,
    earlyData: read(ExtensionType.earlyData, ext.readEmpty) ?? false,
    ticketRequest: read(ExtensionType.ticketRequest, ext.readTicketRequest),
    recordSizeLimit: read(ExtensionType.recordSizeLimit, ext.readRecordSizeLimit),
  };
}

function required(extensions: ExtensionBlock, type: number, name: string): Uint8Array {
  const data = extensions.get(type);
  if (data === undefined) throw missingExtension(`ClientHello without ${name}`);
  return data;
}

function checkVersions(data: Uint8Array | undefined): void {
  if (data === undefined)
    throw new TlsError('ERR_TLS_PROTOCOL_VERSION', 'client offers TLS 1.2 or less, wanted TLS 1.3');
  const versions = ext.readOfferedVersions(data);
  if (!versions.includes(TLS13))
    throw new TlsError('ERR_TLS_PROTOCOL_VERSION', 'client does not offer TLS 1.3');
}

/** For the application's choice of a context: known names only. */
export function describeOffer(offer: Offered): ClientHelloInfo {
  const named = <T extends { readonly name: string }>(
    ids: readonly number[],
    find: (id: number) => T | undefined,
  ): T['name'][] => ids.flatMap((id) => find(id)?.name ?? []);
  return Object.freeze({
    ...(offer.serverName !== undefined && { serverName: offer.serverName }),
    alpn: Object.freeze([...(offer.alpn ?? [])]),
    suites: Object.freeze(named<Suite>(offer.hello.cipherSuites, suiteById)) as readonly Suite['name'][],
    groups: Object.freeze(named<Group>(offer.groups, groupById)) as readonly Group['name'][],
    schemes: Object.freeze(named<Scheme>(offer.wishes.schemes, schemeById)) as readonly Scheme['name'][],
  });
}

export function pick(settings: Settings, offer: Offered): Picked {
  const suite = pickSuite(settings.suites, offer.hello.cipherSuites);
  return { suite, ...pickGroup(settings.groups, offer), alpn: pickAlpn(settings, offer.alpn) };
}

/** What we would show: said of sessions that go on, too, so that their clients need not take it for X.509. */
export function pickServerType({ config }: Settings, offer: Offered): CertificateType | undefined {
  const choice = firstChoice(config, offer);
  return choice && certificateType(choice.credential);
}

/** The first of our credentials that the client can take, in our order of types. */
export function pickCredential({ config }: Settings, offer: Offered): Choice {
  const { hello, wishes } = offer;
  if (wishes.schemes.length === 0) throw missingExtension('ClientHello without signature_algorithms');
  const { ours, types } = serverTypes(config, offer);
  if (ours.length === 0)
    throw new TlsError(
      'ERR_TLS_HANDSHAKE_FAILURE',
      'no pre-shared key in common with the client, and no certificate to show it',
    );
  if (types.length === 0 && hello.extensions.has(ExtensionType.serverCertificateType))
    throw new TlsError('ERR_TLS_CERTIFICATE', `client takes no ${ours.join(' and no ')}`, {
      alert: 'unsupported_certificate', // RFC 7250 §4.2
    });
  const choice = firstChoice(config, offer);
  if (choice !== undefined) return choice;
  throw new TlsError(
    'ERR_TLS_HANDSHAKE_FAILURE',
    'client accepts no signature scheme or no type of our certificates',
  );
}

function firstChoice(config: TlsConfig, offer: Offered): Choice | undefined {
  for (const type of serverTypes(config, offer).types) {
    const choice = chooseCredential(config.credentials, offer.wishes, type);
    if (choice !== undefined) return choice;
  }
  return undefined;
}

/** Types that we have, and those of them that the client takes. */
function serverTypes(
  { credentials }: TlsConfig,
  offer: Offered,
): Readonly<Record<'ours' | 'types', readonly CertificateType[]>> {
  const ours = [...new Set(credentials.map(certificateType))];
  return { ours, types: ours.filter((name) => offer.serverTypes.includes(CERTIFICATE_TYPES[name])) };
}

/** What the client will show: the first type we accept that it has. Undefined: none, and we do not ask. */
export function pickClientType(
  { config }: Settings,
  { hello, clientTypes }: Offered,
): CertificateType | undefined {
  if (config.clientCertificate === 'none') return undefined;
  const type = config.certificateTypes.find((name) => clientTypes.includes(CERTIFICATE_TYPES[name]));
  // RFC 7250 §4.2 wants this wherever the client says what it has.
  const isSaid = hello.extensions.has(ExtensionType.clientCertificateType);
  if (type === undefined && (isSaid || config.clientCertificate === 'require'))
    throw new TlsError('ERR_TLS_CERTIFICATE', 'client has no certificate of a type that we accept', {
      alert: 'unsupported_certificate',
    });
  return type;
}

/**
 * Our order, but whoever puts ChaCha20 first has no AES hardware and is the slower side: it gets its wish.
 */
function pickSuite(ours: readonly Suite[], theirs: readonly number[]): Suite {
  const common = ours.filter((suite) => theirs.includes(suite.id));
  const first = SUITES.find((suite) => suite.id === theirs.find((id) => suiteById(id) !== undefined));
  const wish = first?.aead === 'chacha20-poly1305' ? common.find((suite) => suite === first) : undefined;
  const suite = wish ?? common[0];
  if (suite === undefined)
    throw new TlsError('ERR_TLS_HANDSHAKE_FAILURE', 'client offers none of our cipher suites');
  return suite;
}

/** A group whose share is there saves a round trip; else the first both can do. */
function pickGroup(ours: readonly Group[], { groups, shares }: Offered): Pick<Picked, 'group' | 'share'> {
  for (const group of ours) {
    const entry = shares.find((share) => share.group === group.id);
    if (entry !== undefined) return { group, share: entry.share };
  }
  const group = ours.find((candidate) => groups.includes(candidate.id));
  if (group === undefined)
    throw new TlsError('ERR_TLS_HANDSHAKE_FAILURE', 'client supports none of our key exchange groups');
  return { group, share: undefined };
}

/** Our preference (RFC 7301 §3.2). No overlap is fatal, and so is silence unless the configuration allows it. */
function pickAlpn({ config }: Settings, offered: readonly string[] | undefined): string | undefined {
  if (config.alpn.length === 0) return undefined;
  if (offered === undefined) {
    if (!config.requireAlpn) return undefined;
    throw new TlsError('ERR_TLS_ALPN', `client names no protocol, wanted one of ${config.alpn.join(', ')}`);
  }
  const protocol = config.alpn.find((candidate) => offered.includes(candidate));
  if (protocol === undefined)
    throw new TlsError('ERR_TLS_ALPN', `client offers none of our protocols ${config.alpn.join(', ')}`);
  return protocol;
}

/** Extensions that a second ClientHello may add, change or drop (§4.2.2). */
const CHANGEABLE: ReadonlySet<number> = new Set([
  ExtensionType.keyShare,
  ExtensionType.cookie,
  ExtensionType.earlyData,
  ExtensionType.preSharedKey,
  ExtensionType.padding,
]);

/** The second ClientHello after a retry differs from the first only where it may (lesson 20). */
export function checkSecondHello(first: ClientHello, second: ClientHello): void {
  const same =
    equalBytes(first.random, second.random) &&
    equalBytes(first.sessionId, second.sessionId) &&
    first.cipherSuites.length === second.cipherSuites.length &&
    first.cipherSuites.every((suite, i) => suite === second.cipherSuites[i]) &&
    sameExtensions(first.extensions, second.extensions);
  if (!same) throw illegalParameter('second ClientHello differs from the first where it may not');
  if (second.extensions.has(ExtensionType.earlyData))
    throw illegalParameter('second ClientHello offers early data');
}

/** In any order; no type stands twice. */
function sameExtensions(first: ExtensionBlock, second: ExtensionBlock): boolean {
  const fixed = ({ list }: ExtensionBlock): readonly Extension[] =>
    list.filter(({ type }) => !CHANGEABLE.has(type));
  const after = fixed(second);
  return (
    fixed(first).length === after.length &&
    after.every(({ type, data }) => {
      const before = first.get(type);
      return before !== undefined && equalBytes(before, data);
    })
  );
}
