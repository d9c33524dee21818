/** What a server reads out of a ClientHello and what it picks (RFC 9846 §4.2.1, §9.2): decisions only, no state. */
import { equalBytes } from '../base/bytes.ts';
import type { Group, Scheme, Suite } from '../crypto/suites.ts';
import { groupById, SUITES, schemeById, suiteById } from '../crypto/suites.ts';
import type { Choice } from './authentication.ts';
import { chooseCredential } from './authentication.ts';
import { illegalParameter, missingExtension, TlsError } from './errors.ts';
import type { ClientHelloInfo } from './events.ts';
import type { ClientHello } from './messages/clientHello.ts';
import { ExtensionType, TLS13 } from './messages/codePoints.ts';
import { checkHomes } from './messages/extensionBlock.ts';
import * as ext from './messages/extensions.ts';
import type { Settings } from './settings.ts';

/** A ClientHello, read and checked for itself. */
export interface Offered {
  readonly hello: ClientHello;
  readonly serverName: string | undefined;
  readonly alpn: readonly string[] | undefined;
  readonly groups: readonly number[];
  readonly schemes: readonly number[];
  readonly shares: readonly ext.KeyShare[];
}

/** What the server goes on with. */
export interface Picked {
  readonly suite: Suite;
  readonly group: Group;
  /** The client's share of that group; undefined: ask for it with a HelloRetryRequest. */
  readonly share: Uint8Array | undefined;
  readonly alpn: string | undefined;
  readonly credential: Choice;
}

export function readOffer(hello: ClientHello): Offered {
  const { extensions } = hello;
  checkVersions(extensions.get(ExtensionType.supportedVersions));
  checkHomes(extensions, 'client_hello');
  const last = extensions.list[extensions.list.length - 1];
  if (extensions.has(ExtensionType.preSharedKey) && last?.type !== ExtensionType.preSharedKey)
    throw illegalParameter('pre_shared_key is not the last extension');
  const required = (type: number, name: string): Uint8Array => {
    const data = extensions.get(type);
    if (data === undefined) throw missingExtension(`ClientHello without ${name}`);
    return data;
  };
  const schemes = ext.readU16List(required(ExtensionType.signatureAlgorithms, 'signature_algorithms'));
  const groups = ext.readU16List(required(ExtensionType.supportedGroups, 'supported_groups'));
  const shares = ext.readOfferedShares(required(ExtensionType.keyShare, 'key_share'));
  for (const { group } of shares) {
    if (!groups.includes(group))
      throw illegalParameter(`key share of group 0x${group.toString(16)}, missing in supported_groups`);
  }
  const nameData = extensions.get(ExtensionType.serverName);
  const alpnData = extensions.get(ExtensionType.alpn);
  return {
    hello,
    serverName: nameData && ext.readServerName(nameData),
    alpn: alpnData && ext.readAlpn(alpnData),
    groups,
    schemes,
    shares,
  };
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
    schemes: Object.freeze(named<Scheme>(offer.schemes, schemeById)) as readonly Scheme['name'][],
  });
}

export function pick(settings: Settings, offer: Offered): Picked {
  const suite = pickSuite(settings.suites, offer.hello.cipherSuites);
  const { group, share } = pickGroup(settings.groups, offer);
  const alpn = pickAlpn(settings, offer.alpn);
  const credential = chooseCredential(settings.config.credentials, offer.schemes);
  if (credential === undefined)
    throw new TlsError('ERR_TLS_HANDSHAKE_FAILURE', 'client accepts no signature scheme of our certificates');
  return { suite, group, share, alpn, credential };
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
    first.cipherSuites.join() === second.cipherSuites.join() &&
    fixedExtensions(first) === fixedExtensions(second);
  if (!same) throw illegalParameter('second ClientHello differs from the first where it may not');
  if (second.extensions.has(ExtensionType.earlyData))
    throw illegalParameter('second ClientHello offers early data');
}

function fixedExtensions({ extensions }: ClientHello): string {
  return extensions.list
    .filter(({ type }) => !CHANGEABLE.has(type))
    .map(({ type, data }) => `${type}:${data.join()}`)
    .sort()
    .join(';');
}
