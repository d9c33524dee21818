/** The ClientHello a client sends, first and second: what it offers, with the binders of its keys (RFC 9846 §4.2.2, §4.3.11). */
import type { Bytes } from '../base/bytes.ts';
import { EMPTY } from '../base/bytes.ts';
import type { CryptoProvider, KeyExchange } from '../crypto/provider.ts';
import type { Suite } from '../crypto/suites.ts';
import { groupByName, suiteByName } from '../crypto/suites.ts';
import { CERTIFICATE_TYPES, certificateType } from './credentials.ts';
import { ClientGrease, isGrease } from './grease.ts';
import type { ClientHello } from './messages/clientHello.ts';
import { encodeClientHello } from './messages/clientHello.ts';
import { ExtensionType } from './messages/codePoints.ts';
import type { Extension } from './messages/extensionBlock.ts';
import { ExtensionBlock } from './messages/extensionBlock.ts';
import * as ext from './messages/extensions.ts';
import type { ExternalPsk } from './psk.ts';
import { certificateQuestions } from './questions.ts';
import { EarlySchedule } from './schedule/schedule.ts';
import type { Transcript } from './schedule/transcript.ts';
import type { Seam } from './seam.ts';
import { isDnsName } from './serverName.ts';
import type { Settings } from './settings.ts';
import type { Output } from './state.ts';
import type { SessionTicket } from './tickets/sessionTicket.ts';
import type { HeldTicket } from './tickets/store.ts';

/** Whom we dial and with what. */
export interface ClientStart {
  readonly settings: Settings;
  readonly serverName: string | undefined;
  /** The session to go on with. */
  readonly held: HeldTicket | undefined;
  /** Where the tickets of this connection are kept. */
  readonly ticketKey: string;
  readonly seam?: Seam;
}

interface OfferedKey extends ext.PskIdentity {
  readonly suite: Suite;
  /** The key itself; throws once it is destroyed. */
  expose(): Uint8Array;
}

/** A key that we offer to go on with. */
export type OfferedPsk = OfferedKey &
  (
    | { readonly kind: 'resumption'; readonly from: SessionTicket }
    | { readonly kind: 'imported'; readonly from: ExternalPsk }
  );

/** A ClientHello that was sent. */
export interface Offer {
  readonly hello: ClientHello;
  readonly message: Bytes;
  /** Extensions that the server may answer. */
  readonly offered: ReadonlySet<number>;
  /** A hybrid goes with its classical half. */
  readonly keyExchanges: readonly KeyExchange[];
  readonly psks: readonly OfferedPsk[];
}

export function firstOffer(start: ClientStart, out: Output): Offer {
  const { settings, seam } = start;
  const { provider, config } = settings;
  const keyExchanges = startKeyExchange(settings, settings.groups[0]!.name);
  const psks = offeredPsks(start);
  const grease = config.grease ? new ClientGrease(provider.random(8)) : undefined;
  const hello = shaped(seam, {
    random: provider.random(32),
    sessionId: config.compatibility ? provider.random(32) : EMPTY,
    cipherSuites: [...(grease ? [grease.suite] : []), ...settings.suites.map(({ id }) => id)],
    extensions: new ExtensionBlock(helloExtensions(start, keyExchanges, psks, grease)),
  });
  const hashOf = (psk: OfferedPsk, covered: Uint8Array): Bytes =>
    provider.hash(psk.suite.hash).update(covered).digest();
  return send({ hello, keyExchanges, psks }, provider, hashOf, out);
}

export interface SecondOfferChange {
  readonly keyExchanges: readonly KeyExchange[];
  readonly cookie: Bytes | undefined;
  /** Keys of another hash are of no use any more (§4.2.2). */
  readonly suite: Suite;
  /** Behind the HelloRetryRequest. */
  readonly transcript: Transcript;
}

/** The first hello with a new share, the cookie, new binders and no early data; nothing else may change (§4.2.2). */
export function secondOffer(
  first: Offer,
  { keyExchanges, cookie, suite, transcript }: SecondOfferChange,
  { settings, seam }: ClientStart,
  out: Output,
): Offer {
  const psks = first.psks.filter((psk) => psk.suite.hash === suite.hash);
  const dropped: readonly number[] = [ExtensionType.earlyData, ExtensionType.preSharedKey];
  const kept = first.hello.extensions.list.filter(({ type }) => !dropped.includes(type));
  const share = keyExchanges === first.keyExchanges ? undefined : shares(keyExchanges, undefined);
  const extensions = new ExtensionBlock([
    ...kept.map((extension) => (extension.type === share?.type ? share : extension)),
    ...(cookie === undefined ? [] : [ext.cookie(cookie)]),
    ...preSharedKey(psks),
  ]);
  const hello = shaped(seam, { ...first.hello, extensions });
  const hashOf = (_psk: OfferedPsk, covered: Uint8Array): Bytes => transcript.currentWith(covered);
  return send({ hello, keyExchanges, psks }, settings.provider, hashOf, out);
}

export function startKeyExchange(
  { provider, groups }: Settings,
  group: KeyExchange['group'],
): readonly KeyExchange[] {
  const keyExchange = provider.keyExchange(group);
  const { companion } = keyExchange;
  // A share of a group that is not offered would be refused (§4.3.8).
  if (companion === undefined || !groups.some(({ name }) => name === companion.group)) return [keyExchange];
  return [keyExchange, companion];
}

function shaped(seam: Seam | undefined, hello: ClientHello): ClientHello {
  return seam?.shapeClientHello?.(hello) ?? hello;
}

/** The ticket goes first: only the first key can carry early data (§4.3.10). */
function offeredPsks({ settings, held }: ClientStart): OfferedPsk[] {
  const external = settings.psks.map(
    ({ identity, key, hash, source }): OfferedPsk => ({
      ...{ identity, age: 0, kind: 'imported', from: source },
      suite: settings.suites.find((suite) => suite.hash === hash)!,
      expose: () => key.expose(),
    }),
  );
  if (held === undefined) return external;
  const { ticket, age } = held;
  const resumption: OfferedPsk = {
    identity: ticket.ticket,
    age: (Math.floor(age) + ticket.ageAdd) >>> 0,
    kind: 'resumption',
    suite: suiteByName(ticket.suite),
    expose: () => ticket.psk.expose(),
    from: ticket,
  };
  return [resumption, ...external];
}

function helloExtensions(
  start: ClientStart,
  keyExchanges: readonly KeyExchange[],
  psks: readonly OfferedPsk[],
  grease: ClientGrease | undefined,
): Extension[] {
  const { settings, serverName } = start;
  const { groups, config } = settings;
  const { tickets, ticketCount, recordSizeLimit } = config;
  const resumes = tickets !== undefined || psks.length > 0;
  return [
    ...(grease ? [{ type: grease.first, data: EMPTY }] : []),
    ...(isDnsName(serverName) ? [ext.serverName(serverName)] : []),
    ext.supportedGroups([...(grease ? [grease.group] : []), ...groups.map(({ id }) => id)]),
    shares(keyExchanges, grease),
    ext.supportedVersionsOffer(grease?.version),
    ...certificateQuestions(settings, 'client_hello', grease),
    ...(config.alpn.length > 0 ? [ext.alpn(config.alpn)] : []),
    ...certificateTypes(settings),
    ...(recordSizeLimit === undefined ? [] : [ext.recordSizeLimit(recordSizeLimit + 1)]),
    ...(resumes ? [ext.pskModesOffer] : []),
    ...(tickets === undefined
      ? []
      : [ext.ticketRequest({ fresh: ticketCount, resumed: Math.min(ticketCount, 1) })]),
    ...(mayOfferEarlyData(start) > 0 ? [ext.earlyData] : []),
    ...(grease ? [{ type: grease.last, data: Uint8Array.of(0) }] : []),
    ...preSharedKey(psks),
  ];
}

function shares(keyExchanges: readonly KeyExchange[], grease: ClientGrease | undefined): Extension {
  const list = keyExchanges.map(({ group, share }) => ({ group: groupByName(group).id, share }));
  return ext.keyShareOffer(grease ? [{ group: grease.group, share: Uint8Array.of(0) }, ...list] : list);
}

/** Said only where it is not the default: certificates both ways (RFC 7250 §4.1). */
function certificateTypes({ config }: Settings): Extension[] {
  const numbers = (types: readonly (keyof typeof CERTIFICATE_TYPES)[]): number[] =>
    types.map((type) => CERTIFICATE_TYPES[type]);
  const shown = [...new Set(config.credentials.map(certificateType))];
  const { clientCertificateType, serverCertificateType } = ExtensionType;
  return [
    ...(config.certificateTypes.join() === 'x509'
      ? []
      : [ext.certificateTypesOffer(serverCertificateType, numbers(config.certificateTypes))]),
    ...(shown.includes('rawPublicKey')
      ? [ext.certificateTypesOffer(clientCertificateType, numbers(shown))]
      : []),
  ];
}

function preSharedKey(psks: readonly OfferedPsk[]): Extension[] {
  return psks.length === 0 ? [] : [ext.preSharedKeyOffer(psks, binderLengths(psks))];
}

function binderLengths(psks: readonly OfferedPsk[]): number[] {
  return psks.map(({ suite }) => suite.hashLength);
}

/** Bytes of early data that the session allows and we want; only under the protocol it was made for (§4.3.10). */
export function mayOfferEarlyData({ settings, held }: ClientStart): number {
  if (held === undefined) return 0;
  const { ticket } = held;
  const { config, suites } = settings;
  const sameProtocol =
    ticket.alpn === undefined
      ? config.alpn.length === 0 || !config.requireAlpn
      : config.alpn.includes(ticket.alpn);
  const sameSuite = suites.some(({ name }) => name === ticket.suite);
  return sameProtocol && sameSuite ? Math.min(config.earlyData, ticket.maxEarlyData) : 0;
}

function send(
  offer: Pick<Offer, 'hello' | 'keyExchanges' | 'psks'>,
  provider: CryptoProvider,
  hashOf: (psk: OfferedPsk, covered: Uint8Array) => Bytes,
  out: Output,
): Offer {
  const message = encodeClientHello(offer.hello);
  out.own(...offer.keyExchanges);
  if (offer.psks.length > 0) fillBinders(message, offer.psks, provider, hashOf);
  out.send('client_hello', message);
  const types = offer.hello.extensions.list.map(({ type }) => type);
  return { ...offer, message, offered: new Set(types.filter((type) => !isGrease(type))) };
}

/** Each binder covers the hello up to the list of binders, which is its end (§4.3.11.2). */
function fillBinders(
  message: Bytes,
  psks: readonly OfferedPsk[],
  provider: CryptoProvider,
  hashOf: (psk: OfferedPsk, covered: Uint8Array) => Bytes,
): void {
  let at = message.length - ext.bindersLength(binderLengths(psks));
  const covered = message.subarray(0, at);
  at += 2;
  for (const psk of psks) {
    const schedule = new EarlySchedule(provider, psk.suite, psk.expose());
    const binder = schedule.binder(psk.kind, hashOf(psk, covered));
    schedule.destroy();
    message.set(binder, at + 1);
    at += 1 + binder.length;
  }
}
