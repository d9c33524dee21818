/**
 * The client's states in the order of RFC 9846 Appendix A.1:
 *
 *     startClient ─▶ ExpectServerHello ─▶ ExpectEncryptedExtensions ─▶ ExpectCertificateOrRequest ─▶ ExpectCertificate
 *                       │  ▲ (retry, once)                                   └────────▶ ExpectCertificateVerify ◀─┘
 *                       └──┘                                    Traffic ◀─ ExpectFinished ◀─ (op: verifyPeer) ◀─┘
 *                                                                  └─ (op: sign, when the server asked for a certificate)
 */

import type { Bytes } from '../base/bytes.ts';
import { EMPTY, equalBytes } from '../base/bytes.ts';
import { Secret } from '../base/secret.ts';
import type { KeyExchange } from '../crypto/provider.ts';
import type { Suite } from '../crypto/suites.ts';
import { groupById } from '../crypto/suites.ts';
import type { Choice, PresentedChain } from './authentication.ts';
import { chooseCredential, judge, readChain, sign } from './authentication.ts';
import { decodeError, illegalParameter, missingExtension, TlsError, unexpectedMessage } from './errors.ts';
import { decodeCertificate, encodeCertificate } from './messages/certificate.ts';
import type { CertificateRequest } from './messages/certificateRequest.ts';
import { decodeCertificateRequest } from './messages/certificateRequest.ts';
import type { ClientHello } from './messages/clientHello.ts';
import { encodeClientHello } from './messages/clientHello.ts';
import type { HandshakeName } from './messages/codePoints.ts';
import { ExtensionType, LEGACY_VERSION, TLS13 } from './messages/codePoints.ts';
import { decodeEncryptedExtensions } from './messages/encryptedExtensions.ts';
import type { Extension } from './messages/extensionBlock.ts';
import { checkSolicited, ExtensionBlock } from './messages/extensionBlock.ts';
import * as ext from './messages/extensions.ts';
import { encodeFinished } from './messages/finished.ts';
import type { HandshakeMessage } from './messages/handshake.ts';
import type { ServerHello } from './messages/serverHello.ts';
import { decodeServerHello, isRetryRequest, oldVersion } from './messages/serverHello.ts';
import type { Authenticated } from './proofs.ts';
import { FinishedVerified, RecordAligned } from './proofs.ts';
import type { HandshakeSchedule, TrafficSecret } from './schedule/schedule.ts';
import { EarlySchedule } from './schedule/schedule.ts';
import { Transcript } from './schedule/transcript.ts';
import type { Seam } from './seam.ts';
import { isDnsName } from './serverName.ts';
import type { Settings } from './settings.ts';
import type { Output, State } from './state.ts';
import type { Agreement } from './traffic.ts';
import { Traffic } from './traffic.ts';

/** Whom we dial and with what. */
export interface ClientStart {
  readonly settings: Settings;
  readonly serverName?: string;
  readonly seam?: Seam;
}

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

/** What every state behind the ServerHello knows. */
interface Shared {
  readonly start: ClientStart;
  readonly random: Uint8Array;
  readonly offered: ReadonlySet<number>;
  readonly transcript: Transcript;
  readonly schedule: HandshakeSchedule;
  readonly clientSecret: TrafficSecret;
  readonly serverSecret: TrafficSecret;
  readonly agreement: Agreement;
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

class ExpectEncryptedExtensions implements State {
  readonly name = 'ExpectEncryptedExtensions';
  readonly accepts: readonly HandshakeName[] = ['encrypted_extensions'];
  readonly #shared: Shared;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  handle(message: HandshakeMessage): State {
    const extensions = decodeEncryptedExtensions(message.body);
    checkSolicited(extensions, 'encrypted_extensions', this.#shared.offered);
    const name = extensions.get(ExtensionType.serverName);
    if (name !== undefined && name.length > 0) throw decodeError('server answers server_name with a name');
    const alpn = this.#alpn(extensions.get(ExtensionType.alpn));
    this.#shared.transcript.add(message.bytes);
    const agreement = { ...this.#shared.agreement, ...(alpn !== undefined && { alpn }) };
    return new ExpectCertificateOrRequest({ ...this.#shared, agreement });
  }

  /** Strict on both sides, against cross-protocol confusion (lesson 28). */
  #alpn(data: Uint8Array | undefined): string | undefined {
    const { config } = this.#shared.start.settings;
    if (data === undefined) {
      if (config.alpn.length === 0 || !config.requireAlpn) return undefined;
      throw new TlsError('ERR_TLS_ALPN', `server agreed to none of ${config.alpn.join(', ')}`);
    }
    const chosen = ext.readChosenAlpn(data);
    if (!config.alpn.includes(chosen)) throw illegalParameter('server chose a protocol we did not offer');
    return chosen;
  }
}

class ExpectCertificateOrRequest implements State {
  readonly name = 'ExpectCertificateOrRequest';
  readonly accepts: readonly HandshakeName[] = ['certificate_request', 'certificate'];
  readonly #shared: Shared;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  handle(message: HandshakeMessage): State {
    if (message.name === 'certificate') return takeCertificate(message, this.#shared, undefined);
    const request = decodeCertificateRequest(message.body);
    this.#shared.transcript.add(message.bytes);
    return new ExpectCertificate(this.#shared, request);
  }
}

class ExpectCertificate implements State {
  readonly name = 'ExpectCertificate';
  readonly accepts: readonly HandshakeName[] = ['certificate'];
  readonly #shared: Shared;
  readonly #request: CertificateRequest;

  constructor(shared: Shared, request: CertificateRequest) {
    this.#shared = shared;
    this.#request = request;
  }

  handle(message: HandshakeMessage): State {
    return takeCertificate(message, this.#shared, this.#request);
  }
}

function takeCertificate(
  message: HandshakeMessage,
  shared: Shared,
  request: CertificateRequest | undefined,
): State {
  const chain = decodeCertificate(message.body);
  if (chain.length === 0) throw decodeError('server shows no certificate');
  shared.transcript.add(message.bytes);
  return new ExpectCertificateVerify(shared, request, readChain(chain, shared.start.seam));
}

class ExpectCertificateVerify implements State {
  readonly name = 'ExpectCertificateVerify';
  readonly accepts: readonly HandshakeName[] = ['certificate_verify'];
  readonly #shared: Shared;
  readonly #request: CertificateRequest | undefined;
  readonly #chain: PresentedChain;

  constructor(shared: Shared, request: CertificateRequest | undefined, chain: PresentedChain) {
    this.#shared = shared;
    this.#request = request;
    this.#chain = chain;
  }

  handle(message: HandshakeMessage): State {
    const { start, transcript, agreement } = this.#shared;
    const { settings, serverName } = start;
    const presented = {
      role: 'server',
      ...(serverName !== undefined && { serverName }),
      ...(agreement.alpn !== undefined && { alpn: agreement.alpn }),
    } as const;
    return judge(
      message,
      this.#chain,
      { settings, provider: settings.provider, presented, transcript },
      (peer) => new ExpectFinished(this.#shared, this.#request, peer),
    );
  }
}

class ExpectFinished implements State {
  readonly name = 'ExpectFinished';
  readonly accepts: readonly HandshakeName[] = ['finished'];
  readonly #shared: Shared;
  readonly #request: CertificateRequest | undefined;
  readonly #peer: Authenticated;

  constructor(shared: Shared, request: CertificateRequest | undefined, peer: Authenticated) {
    this.#shared = shared;
    this.#request = request;
    this.#peer = peer;
  }

  handle(message: HandshakeMessage, out: Output): State {
    const { transcript, schedule, serverSecret, random } = this.#shared;
    const finished = FinishedVerified.check(serverSecret, transcript.current(), message.body);
    const aligned = RecordAligned.check(message);
    transcript.add(message.bytes);
    const application = schedule.application();
    const hash = transcript.current();
    const secrets = {
      read: application.serverTraffic(hash),
      write: application.clientTraffic(hash),
      exporter: application.exporter(hash),
    };
    application.destroy();
    serverSecret.destroy();
    out.own(secrets.read, secrets.write, secrets.exporter);
    out.keyLog('CLIENT_TRAFFIC_SECRET_0', random, secrets.write.dangerousExpose());
    out.keyLog('SERVER_TRAFFIC_SECRET_0', random, secrets.read.dangerousExpose());
    out.keyLog('EXPORTER_SECRET', random, secrets.exporter.dangerousExpose());
    out.tolerateChangeCipherSpec(false);
    out.readKeys(secrets.read.keys(), aligned);
    return this.#showCertificate(out, (localScheme, last) => {
      const { agreement } = this.#shared;
      this.#finish(last);
      last.writeKeys(secrets.write.keys());
      return new Traffic({ ...agreement, ...localScheme }, this.#peer, finished, secrets);
    });
  }

  /** Only when asked; an empty Certificate when none of ours suits (§4.5.1, lesson 39). */
  #showCertificate(
    out: Output,
    proceed: (localScheme: Pick<Agreement, 'localScheme'>, out: Output) => State,
  ): State {
    if (this.#request === undefined) return proceed({}, out);
    const { start, transcript } = this.#shared;
    const choice: Choice | undefined = chooseCredential(
      start.settings.config.credentials,
      this.#request.schemes,
    );
    out.send('certificate', encodeCertificate(choice?.credential.chain ?? []), transcript);
    if (choice === undefined) return proceed({}, out);
    return sign('client', choice, transcript, (last) => proceed({ localScheme: choice.scheme.name }, last));
  }

  #finish(out: Output): void {
    const { transcript, clientSecret } = this.#shared;
    out.send('finished', encodeFinished(clientSecret.finished(transcript.current())), transcript);
    clientSecret.destroy();
  }
}
