/**
 * The client's states in the order of RFC 9846 Appendix A.1; those behind the ServerHello are in `clientFlight.ts`.
 *
 *     startClient
 *      └▶ ExpectServerHello ──HelloRetryRequest, once──▶ ExpectServerHello
 *          └▶ ExpectEncryptedExtensions
 *              └▶ ExpectCertificateOrRequest ──CertificateRequest──▶ ExpectCertificate
 *                  └▶ ExpectCertificateVerify ◀──────────────────────────┘
 *                      └▶ AwaitIdentity (op: verifyPeer)
 *                          └▶ ExpectFinished ──asked for a certificate──▶ AwaitSignature (op: sign)
 *                              └▶ Traffic ◀───────────────────────────────────┘
 */
import type { Bytes } from '../base/bytes.ts';
import { EMPTY, equalBytes } from '../base/bytes.ts';
import { Secret } from '../base/secret.ts';
import type { KeyExchange } from '../crypto/provider.ts';
import type { Suite } from '../crypto/suites.ts';
import { groupById } from '../crypto/suites.ts';
import type { ClientStart } from './clientFlight.ts';
import { ExpectEncryptedExtensions } from './clientFlight.ts';
import { illegalParameter, missingExtension, unexpectedMessage } from './errors.ts';
import type { ClientHello } from './messages/clientHello.ts';
import { encodeClientHello } from './messages/clientHello.ts';
import type { HandshakeName } from './messages/codePoints.ts';
import { ExtensionType, LEGACY_VERSION, TLS13 } from './messages/codePoints.ts';
import type { Extension } from './messages/extensionBlock.ts';
import { checkSolicited, ExtensionBlock } from './messages/extensionBlock.ts';
import * as ext from './messages/extensions.ts';
import type { HandshakeMessage } from './messages/handshake.ts';
import type { ServerHello } from './messages/serverHello.ts';
import { decodeServerHello, isRetryRequest, oldVersion } from './messages/serverHello.ts';
import { RecordAligned } from './proofs.ts';
import { EarlySchedule } from './schedule/schedule.ts';
import { Transcript } from './schedule/transcript.ts';
import { isDnsName } from './serverName.ts';
import type { Settings } from './settings.ts';
import type { Output, State } from './state.ts';
import type { Agreement } from './traffic.ts';

/** A ClientHello that was sent. */
interface Offer {
  readonly hello: ClientHello;
  readonly message: Bytes;
  readonly offered: ReadonlySet<number>;
  readonly keyExchange: KeyExchange;
}

/** What a HelloRetryRequest settled. */
interface Retry {
  readonly suite: Suite;
  readonly transcript: Transcript;
}

export function startClient(start: ClientStart, out: Output): State {
  const { provider, groups, config } = start.settings;
  const keyExchange = provider.keyExchange(groups[0]!.name);
  const random = provider.random(32);
  const sessionId = config.compatibility ? provider.random(32) : EMPTY;
  const shape = start.seam?.shapeClientHello ?? ((hello: ClientHello) => hello);
  const hello = shape({
    random,
    sessionId,
    cipherSuites: start.settings.suites.map((suite) => suite.id),
    extensions: new ExtensionBlock(helloExtensions(start, keyExchange)),
  });
  out.tolerateChangeCipherSpec(true);
  return new ExpectServerHello(start, sendOffer(hello, keyExchange, out), undefined);
}

function helloExtensions({ settings, serverName }: ClientStart, keyExchange: KeyExchange): Extension[] {
  const { groups, schemes, config } = settings;
  return [
    ...(isDnsName(serverName) ? [ext.serverName(serverName)] : []),
    ext.supportedGroups(groups.map((group) => group.id)),
    ext.keyShareOffer([shareOf(settings, keyExchange)]),
    ext.supportedVersionsOffer,
    ext.signatureAlgorithms(schemes.map((scheme) => scheme.id)),
    ...(config.alpn.length > 0 ? [ext.alpn(config.alpn)] : []),
  ];
}

function shareOf({ groups }: Settings, { group: name, share }: KeyExchange): ext.KeyShare {
  return { group: groups.find((group) => group.name === name)!.id, share };
}

function sendOffer(hello: ClientHello, keyExchange: KeyExchange, out: Output): Offer {
  const message = encodeClientHello(hello);
  out.own(keyExchange);
  out.send('client_hello', message);
  return { hello, message, offered: new Set(hello.extensions.list.map(({ type }) => type)), keyExchange };
}

class ExpectServerHello implements State {
  readonly name = 'ExpectServerHello';
  readonly accepts: readonly HandshakeName[] = ['server_hello'];
  readonly #start: ClientStart;
  readonly #offer: Offer;
  readonly #retry: Retry | undefined;

  constructor(start: ClientStart, offer: Offer, retry: Retry | undefined) {
    this.#start = start;
    this.#offer = offer;
    this.#retry = retry;
  }

  handle(message: HandshakeMessage, out: Output): State {
    const hello = decodeServerHello(message.body);
    return isRetryRequest(hello) ? this.#retried(hello, message, out) : this.#answered(hello, message, out);
  }

  /** ServerHello (§4.2.3): the secret is agreed and everything behind it is encrypted. */
  #answered(hello: ServerHello, message: HandshakeMessage, out: Output): State {
    const { settings } = this.#start;
    this.#checkVersion(hello);
    checkSolicited(hello.extensions, 'server_hello', this.#offer.offered);
    const suite = this.#checkChoices(hello);
    if (this.#retry !== undefined && this.#retry.suite !== suite)
      throw illegalParameter('ServerHello changes the suite of its HelloRetryRequest');
    const sharedSecret = this.#agree(hello);
    const aligned = RecordAligned.check(message);

    const transcript = this.#retry?.transcript ?? new Transcript(settings.provider, suite.hash);
    if (this.#retry === undefined) transcript.add(this.#offer.message);
    transcript.add(message.bytes);
    const schedule = new EarlySchedule(settings.provider, suite).handshake(sharedSecret);
    const hash = transcript.current();
    const clientSecret = schedule.clientTraffic(hash);
    const serverSecret = schedule.serverTraffic(hash);
    out.own(schedule, clientSecret, serverSecret);
    const { random } = this.#offer.hello;
    out.keyLog('CLIENT_HANDSHAKE_TRAFFIC_SECRET', random, clientSecret.dangerousExpose());
    out.keyLog('SERVER_HANDSHAKE_TRAFFIC_SECRET', random, serverSecret.dangerousExpose());
    out.readKeys(serverSecret.keys(), aligned);
    // Ours from here on too: an alert about what follows must not be readable on the way.
    if (this.#offer.hello.sessionId.length > 0) out.changeCipherSpec('beforeNext');
    out.writeKeys(clientSecret.keys());

    const agreement: Agreement = {
      role: 'client',
      suite: suite.name,
      group: this.#offer.keyExchange.group,
      ...(isDnsName(this.#start.serverName) && { serverName: this.#start.serverName }),
      helloRetried: this.#retry !== undefined,
    };
    const { offered } = this.#offer;
    return new ExpectEncryptedExtensions({
      start: this.#start,
      random,
      offered,
      transcript,
      schedule,
      clientSecret,
      serverSecret,
      agreement,
    });
  }

  /** HelloRetryRequest (§4.2.4): once, and only if it changes something. */
  #retried(hello: ServerHello, message: HandshakeMessage, out: Output): State {
    if (this.#retry !== undefined) throw unexpectedMessage('got a second HelloRetryRequest');
    RecordAligned.check(message); // nothing can rightly follow: the server waits for us
    const { settings, seam } = this.#start;
    const { offered, keyExchange } = this.#offer;
    this.#checkVersion(hello);
    checkSolicited(hello.extensions, 'hello_retry_request', new Set([...offered, ExtensionType.cookie]));
    const suite = this.#checkChoices(hello);
    const shareData = hello.extensions.get(ExtensionType.keyShare);
    const cookieData = hello.extensions.get(ExtensionType.cookie);
    if (shareData === undefined && cookieData === undefined)
      throw illegalParameter('HelloRetryRequest asks for no change');
    const nextExchange = shareData === undefined ? keyExchange : this.#retryExchange(shareData);
    const cookie = cookieData === undefined ? undefined : ext.readCookie(cookieData);

    const transcript = Transcript.afterRetry(settings.provider, suite.hash, this.#offer.message);
    transcript.add(message.bytes);
    if (this.#offer.hello.sessionId.length > 0) out.changeCipherSpec('now');
    const shape = seam?.shapeClientHello ?? ((second: ClientHello) => second);
    const extensions = secondExtensions(
      this.#offer.hello.extensions,
      ext.keyShareOffer([shareOf(settings, nextExchange)]),
      cookie,
    );
    const second = shape({ ...this.#offer.hello, extensions });
    const offer = sendOffer(second, nextExchange, out);
    transcript.add(offer.message);
    return new ExpectServerHello(this.#start, offer, { suite, transcript });
  }

  #checkVersion({ extensions, random }: ServerHello): void {
    const data = extensions.get(ExtensionType.supportedVersions);
    if (data === undefined) throw oldVersion(LEGACY_VERSION, random);
    const version = ext.readChosenVersion(data);
    if (version !== TLS13)
      throw illegalParameter(`server chose version 0x${version.toString(16)}, never offered`);
  }

  #checkChoices(hello: ServerHello): Suite {
    const { hello: ours } = this.#offer;
    if (!equalBytes(hello.sessionIdEcho, ours.sessionId))
      throw illegalParameter('server does not echo our session id');
    const suite = this.#start.settings.suites.find((candidate) => candidate.id === hello.cipherSuite);
    if (suite === undefined || !ours.cipherSuites.includes(suite.id))
      throw illegalParameter(`server chose suite 0x${hello.cipherSuite.toString(16)}, never offered`);
    return suite;
  }

  #agree(hello: ServerHello): Secret {
    const data = hello.extensions.get(ExtensionType.keyShare);
    if (data === undefined) throw missingExtension('ServerHello without key_share');
    const { group, share } = ext.readChosenShare(data);
    const { keyExchange } = this.#offer;
    if (groupById(group)?.name !== keyExchange.group)
      throw illegalParameter(`server answers with a share of group 0x${group.toString(16)}, we sent none`);
    const secret = keyExchange.agree(share);
    keyExchange.destroy();
    if (secret === undefined) throw illegalParameter(`server's ${keyExchange.group} share is invalid`);
    return new Secret(secret);
  }

  #retryExchange(data: Uint8Array): KeyExchange {
    const { settings } = this.#start;
    const id = ext.readRetryGroup(data);
    const group = settings.groups.find((candidate) => candidate.id === id);
    if (group === undefined)
      throw illegalParameter(`retry asks for group 0x${id.toString(16)}, never offered`);
    if (group.name === this.#offer.keyExchange.group)
      throw illegalParameter(`retry asks for ${group.name}, whose share we sent`);
    this.#offer.keyExchange.destroy();
    return settings.provider.keyExchange(group.name);
  }
}

/** The first hello's extensions with the new share, and the cookie if there is one; nothing else may change. */
function secondExtensions(
  first: ExtensionBlock,
  share: Extension,
  cookie: Bytes | undefined,
): ExtensionBlock {
  const list = first.list.map((extension) => (extension.type === share.type ? share : extension));
  return new ExtensionBlock(cookie === undefined ? list : [...list, ext.cookie(cookie)]);
}
