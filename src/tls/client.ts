/**
 * The client's states in the order of RFC 9846 Appendix A.1; those behind the ServerHello are in `clientFlight.ts`.
 *
 *     startClient
 *      └▶ ExpectServerHello ──HelloRetryRequest, once──▶ ExpectServerHello
 *          └▶ ExpectEncryptedExtensions
 *              ├▶ ExpectCertificateOrRequest ──CertificateRequest──▶ ExpectCertificate
 *              │   └▶ AwaitDecompression (op: decompress), if it is compressed ◀───┘
 *              │       └▶ ExpectCertificateVerify
 *              │           └▶ AwaitIdentity (op: verifyPeer)
 *              ├▶ AwaitIdentity (op: verifyPeer), when a session is resumed
 *              └▶ ExpectFinished, behind those or when an external key stands for them
 *                  ├▶ AwaitCredential (op: chooseCredential), AwaitCompression, AwaitSignature (op: sign), if asked
 *                  └▶ Traffic
 */
import { equalBytes } from '../base/bytes.ts';
import { Secret } from '../base/secret.ts';
import type { KeyExchange } from '../crypto/provider.ts';
import type { Suite } from '../crypto/suites.ts';
import { groupById } from '../crypto/suites.ts';
import { ExpectEncryptedExtensions } from './clientFlight.ts';
import type { ClientStart, Offer, OfferedPsk } from './clientOffer.ts';
import { firstOffer, mayOfferEarlyData, secondOffer, startKeyExchange } from './clientOffer.ts';
import { illegalParameter, missingExtension, unexpectedMessage } from './errors.ts';
import type { HandshakeName } from './messages/codePoints.ts';
import { ExtensionType, LEGACY_VERSION, TLS13 } from './messages/codePoints.ts';
import { checkSolicited } from './messages/extensionBlock.ts';
import * as ext from './messages/extensions.ts';
import type { HandshakeMessage } from './messages/handshake.ts';
import type { ServerHello } from './messages/serverHello.ts';
import { decodeServerHello, isRetryRequest, oldVersion } from './messages/serverHello.ts';
import { RecordAligned } from './proofs.ts';
import { EarlySchedule } from './schedule/schedule.ts';
import { Transcript } from './schedule/transcript.ts';
import { handshakeSecrets } from './secrets.ts';
import { isDnsName } from './serverName.ts';
import type { Output, State } from './state.ts';
import type { Agreement } from './traffic.ts';

/** What a HelloRetryRequest settled. */
interface Retry {
  readonly suite: Suite;
  readonly transcript: Transcript;
}

export function startClient(start: ClientStart, out: Output): State {
  if (start.held !== undefined) out.own(start.held.ticket);
  const offer = firstOffer(start, out);
  out.tolerateChangeCipherSpec(true);
  const early = offer.hello.extensions.has(ExtensionType.earlyData) ? mayOfferEarlyData(start) : 0;
  if (early > 0) openEarlyData(start, offer, early, out);
  return new ExpectServerHello(start, offer, undefined);
}

/** 0-RTT (§2.3): the keys come from the ticket alone, so that bytes can follow the hello at once. */
function openEarlyData({ settings }: ClientStart, offer: Offer, limit: number, out: Output): void {
  const { provider } = settings;
  const { suite, expose } = offer.psks[0]!;
  const schedule = new EarlySchedule(provider, suite, expose());
  const secret = schedule.clientEarlyTraffic(provider.hash(suite.hash).update(offer.message).digest());
  schedule.destroy();
  out.keyLog('CLIENT_EARLY_TRAFFIC_SECRET', offer.hello.random, secret.dangerousExpose());
  if (offer.hello.sessionId.length > 0) out.changeCipherSpec('now');
  out.writeKeys(secret.keys());
  secret.destroy();
  out.allowEarlyWrites(limit);
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
    const { settings, serverName } = this.#start;
    const { offered, psks } = this.#offer;
    const { random, sessionId, extensions } = this.#offer.hello;
    this.#checkVersion(hello);
    checkSolicited(hello.extensions, 'server_hello', offered);
    const suite = this.#checkChoices(hello);
    if (this.#retry !== undefined && this.#retry.suite !== suite)
      throw illegalParameter('ServerHello changes the suite of its HelloRetryRequest');
    const psk = this.#chosenPsk(hello, suite);
    const { group, secret } = this.#agree(hello);
    const aligned = RecordAligned.check(message);

    const transcript = this.#retry?.transcript ?? new Transcript(settings.provider, suite.hash);
    if (this.#retry === undefined) transcript.add(this.#offer.message);
    transcript.add(message.bytes);
    const early = new EarlySchedule(settings.provider, suite, psk?.expose());
    const schedule = early.handshake(secret);
    this.#start.held?.ticket.destroy();
    const { clientSecret, serverSecret } = handshakeSecrets(schedule, transcript, random, out);
    out.readKeys(serverSecret.keys(), aligned);
    // Ours from here on too: an alert about what follows must not be readable on the way. Early data goes on under its
    // own keys until the server has said what it makes of it.
    const sendsEarly = extensions.has(ExtensionType.earlyData) && this.#retry === undefined;
    if (!sendsEarly) {
      if (sessionId.length > 0) out.changeCipherSpec('beforeNext');
      out.writeKeys(clientSecret.keys());
    }
    const agreement: Agreement = {
      role: 'client',
      suite: suite.name,
      group,
      ...(isDnsName(serverName) && { serverName }),
      helloRetried: this.#retry !== undefined,
      resumed: psk?.kind === 'resumption',
      earlyData: extensions.has(ExtensionType.earlyData) || this.#wasEarly() ? 'rejected' : 'none',
    };
    return new ExpectEncryptedExtensions({
      ...{ start: this.#start, random, offered, transcript, schedule, clientSecret, serverSecret },
      ...{ agreement, psk, sendsEarly, isFirstPsk: psk !== undefined && psk === psks[0] },
    });
  }

  /** HelloRetryRequest (§4.2.4): once, and only if it changes something. */
  #retried(hello: ServerHello, message: HandshakeMessage, out: Output): State {
    if (this.#retry !== undefined) throw unexpectedMessage('got a second HelloRetryRequest');
    RecordAligned.check(message); // nothing can rightly follow: the server waits for us
    const { settings } = this.#start;
    const { offered, keyExchanges } = this.#offer;
    this.#checkVersion(hello);
    checkSolicited(hello.extensions, 'hello_retry_request', new Set([...offered, ExtensionType.cookie]));
    const suite = this.#checkChoices(hello);
    const shareData = hello.extensions.get(ExtensionType.keyShare);
    const cookieData = hello.extensions.get(ExtensionType.cookie);
    if (shareData === undefined && cookieData === undefined)
      throw illegalParameter('HelloRetryRequest asks for no change');
    const change = {
      suite,
      keyExchanges: shareData === undefined ? keyExchanges : this.#retryExchange(shareData),
      cookie: cookieData && ext.readCookie(cookieData),
      transcript: Transcript.afterRetry(settings.provider, suite.hash, this.#offer.message),
    };
    change.transcript.add(message.bytes);
    out.allowEarlyWrites(0);
    if (offered.has(ExtensionType.earlyData)) out.dropWriteKeys();
    if (this.#offer.hello.sessionId.length > 0) out.changeCipherSpec('now');
    const offer = secondOffer(this.#offer, change, this.#start, out);
    change.transcript.add(offer.message);
    return new ExpectServerHello(this.#start, offer, change);
  }

  #checkVersion({ extensions, random }: ServerHello): void {
    const data = extensions.get(ExtensionType.supportedVersions);
    if (data === undefined) throw oldVersion(LEGACY_VERSION, random);
    const version = ext.readU16(data);
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

  #chosenPsk({ extensions }: ServerHello, suite: Suite): OfferedPsk | undefined {
    const data = extensions.get(ExtensionType.preSharedKey);
    if (data === undefined) return undefined;
    const index = ext.readU16(data);
    const psk = this.#offer.psks[index];
    if (psk === undefined) throw illegalParameter(`server chose pre-shared key ${index}, never offered`);
    if (psk.suite.hash !== suite.hash)
      throw illegalParameter(`server chose ${suite.name} for a pre-shared key of ${psk.suite.hash}`);
    return psk;
  }

  #agree(hello: ServerHello): { group: KeyExchange['group']; secret: Secret } {
    const data = hello.extensions.get(ExtensionType.keyShare);
    if (data === undefined) throw missingExtension('ServerHello without key_share');
    const { group, share } = ext.readChosenShare(data);
    const { keyExchanges } = this.#offer;
    const keyExchange = keyExchanges.find((candidate) => candidate.group === groupById(group)?.name);
    if (keyExchange === undefined)
      throw illegalParameter(`server answers with a share of group 0x${group.toString(16)}, we sent none`);
    const secret = keyExchange.agree(share);
    for (const each of keyExchanges) each.destroy();
    if (secret === undefined) throw illegalParameter(`server's ${keyExchange.group} share is invalid`);
    return { group: keyExchange.group, secret: new Secret(secret) };
  }

  #retryExchange(data: Uint8Array): readonly KeyExchange[] {
    const { settings } = this.#start;
    const { keyExchanges } = this.#offer;
    const id = ext.readU16(data);
    const group = settings.groups.find((candidate) => candidate.id === id);
    if (group === undefined)
      throw illegalParameter(`retry asks for group 0x${id.toString(16)}, never offered`);
    if (keyExchanges.some((keyExchange) => keyExchange.group === group.name))
      throw illegalParameter(`retry asks for ${group.name}, whose share we sent`);
    for (const each of keyExchanges) each.destroy();
    return startKeyExchange(settings, group.name).slice(0, 1);
  }

  /** Early data went with the first hello, and the retry refused it. */
  #wasEarly(): boolean {
    return this.#retry !== undefined && mayOfferEarlyData(this.#start) > 0;
  }
}
