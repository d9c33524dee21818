/**
 * The server's states in the order of RFC 9846 Appendix A.2.
 *
 *     ExpectClientHello ──a chooser is set──▶ AwaitContext (op: chooseContext)
 *      ├▶ ExpectRetriedClientHello, when the client guessed another group
 *      └▶ AwaitSignature (op: sign)
 *          ├▶ ExpectFinished, when no certificate is asked for
 *          └▶ ExpectCertificate ──an empty one, if allowed──▶ ExpectFinished
 *              └▶ ExpectCertificateVerify
 *                  └▶ AwaitIdentity (op: verifyPeer)
 *                      └▶ ExpectFinished
 *                          └▶ Traffic
 */
import type { Bytes } from '../base/bytes.ts';
import { equalBytes } from '../base/bytes.ts';
import { Secret } from '../base/secret.ts';
import type { PresentedChain } from './authentication.ts';
import { judge, readChain, sign } from './authentication.ts';
import { illegalParameter, TlsError } from './errors.ts';
import type { ContextChooser, OpAnswer } from './events.ts';
import { decodeCertificate, encodeCertificate } from './messages/certificate.ts';
import { encodeCertificateRequest } from './messages/certificateRequest.ts';
import { decodeClientHello } from './messages/clientHello.ts';
import type { HandshakeName } from './messages/codePoints.ts';
import { ExtensionType } from './messages/codePoints.ts';
import { encodeEncryptedExtensions } from './messages/encryptedExtensions.ts';
import { ExtensionBlock } from './messages/extensionBlock.ts';
import * as ext from './messages/extensions.ts';
import { encodeFinished } from './messages/finished.ts';
import type { HandshakeMessage } from './messages/handshake.ts';
import { encodeServerHello, RETRY_RANDOM } from './messages/serverHello.ts';
import type { Offered, Picked } from './negotiation.ts';
import { checkSecondHello, describeOffer, pick, readOffer } from './negotiation.ts';
import type { PeerProof } from './proofs.ts';
import { Anonymous, FinishedVerified, RecordAligned } from './proofs.ts';
import type { HandshakeSchedule, TrafficSecret } from './schedule/schedule.ts';
import { EarlySchedule } from './schedule/schedule.ts';
import { Transcript } from './schedule/transcript.ts';
import type { Seam } from './seam.ts';
import type { Settings } from './settings.ts';
import type { Output, State } from './state.ts';
import { Suspended } from './state.ts';
import type { Agreement, TrafficSecrets } from './traffic.ts';
import { Traffic } from './traffic.ts';

/** With what a server answers, and how it may come to answer with something else. */
export interface ServerStart {
  readonly settings: Settings;
  /** Asked after each ClientHello; gives the settings to go on with. */
  readonly choose?: {
    readonly context: ContextChooser;
    readonly settingsOf: (answer: OpAnswer) => Settings | undefined;
  };
  readonly seam?: Seam;
}

/** What every state behind the server's flight knows. */
interface Shared {
  readonly start: ServerStart;
  readonly random: Uint8Array;
  readonly transcript: Transcript;
  readonly clientSecret: TrafficSecret;
  readonly secrets: TrafficSecrets;
  readonly agreement: Agreement;
}

export function startServer(start: ServerStart): State {
  return new ExpectClientHello(start);
}

class ExpectClientHello implements State {
  readonly name = 'ExpectClientHello';
  readonly accepts: readonly HandshakeName[] = ['client_hello'];
  readonly #start: ServerStart;

  constructor(start: ServerStart) {
    this.#start = start;
  }

  handle(message: HandshakeMessage, out: Output): State {
    const offer = readOffer(decodeClientHello(message.body));
    out.tolerateChangeCipherSpec(true);
    const { choose } = this.#start;
    if (choose === undefined) return answerHello(this.#start, offer, message, out);
    const op = { kind: 'chooseContext', choose: choose.context, hello: describeOffer(offer) } as const;
    return new Suspended('AwaitContext', op, (answer, later) => {
      if (answer instanceof Error)
        throw new TlsError('ERR_TLS_OP', `context choice failed: ${answer.message}`, { cause: answer });
      const settings = choose.settingsOf(answer);
      if (settings === undefined)
        throw new TlsError('ERR_TLS_OP', 'context choice answered with something that is no ServerContext');
      later.adopt(settings.config);
      return answerHello({ ...this.#start, settings }, offer, message, later);
    });
  }
}

function answerHello(start: ServerStart, offer: Offered, message: HandshakeMessage, out: Output): State {
  const { settings } = start;
  const picked = pick(settings, offer);
  if (offer.hello.extensions.has(ExtensionType.earlyData)) out.skipEarlyData();
  const cookie = start.seam?.retryCookie;
  if (picked.share === undefined) return requestRetry(start, offer, picked, cookie, message, out);
  const transcript = new Transcript(settings.provider, picked.suite.hash);
  return sendFlight(start, offer, picked, picked.share, transcript, message, false, out);
}

/** HelloRetryRequest (§4.2.4): the client can do a group of ours but guessed another. */
function requestRetry(
  start: ServerStart,
  offer: Offered,
  picked: Picked,
  cookie: Bytes | undefined,
  message: HandshakeMessage,
  out: Output,
): State {
  RecordAligned.check(message); // nothing can rightly follow: the client waits for us
  const transcript = Transcript.afterRetry(start.settings.provider, picked.suite.hash, message.bytes);
  const request = encodeServerHello({
    random: RETRY_RANDOM,
    sessionIdEcho: offer.hello.sessionId,
    cipherSuite: picked.suite.id,
    extensions: new ExtensionBlock([
      ext.keyShareRetry(picked.group.id),
      ...(cookie === undefined ? [] : [ext.cookie(cookie)]),
      ext.supportedVersionChosen,
    ]),
  });
  out.send('server_hello', request, transcript);
  if (offer.hello.sessionId.length > 0) out.changeCipherSpec('now');
  return new ExpectRetriedClientHello(start, offer, picked, cookie, transcript);
}

class ExpectRetriedClientHello implements State {
  readonly name = 'ExpectRetriedClientHello';
  readonly accepts: readonly HandshakeName[] = ['client_hello'];
  readonly #start: ServerStart;
  readonly #first: Offered;
  readonly #picked: Picked;
  readonly #cookie: Bytes | undefined;
  readonly #transcript: Transcript;

  constructor(
    start: ServerStart,
    first: Offered,
    picked: Picked,
    cookie: Bytes | undefined,
    transcript: Transcript,
  ) {
    this.#start = start;
    this.#first = first;
    this.#picked = picked;
    this.#cookie = cookie;
    this.#transcript = transcript;
  }

  handle(message: HandshakeMessage, out: Output): State {
    const offer = readOffer(decodeClientHello(message.body));
    checkSecondHello(this.#first.hello, offer.hello);
    this.#checkCookie(offer);
    const { group } = this.#picked;
    const [entry, ...more] = offer.shares;
    if (entry === undefined || more.length > 0 || entry.group !== group.id)
      throw illegalParameter(`second ClientHello does not carry one share, of ${group.name}`);
    return sendFlight(this.#start, offer, this.#picked, entry.share, this.#transcript, message, true, out);
  }

  #checkCookie({ hello }: Offered): void {
    const data = hello.extensions.get(ExtensionType.cookie);
    const echoed = data === undefined ? undefined : ext.readCookie(data);
    const same =
      echoed === undefined || this.#cookie === undefined
        ? echoed === this.#cookie
        : equalBytes(echoed, this.#cookie);
    if (!same) throw illegalParameter('second ClientHello does not carry the cookie it was given');
  }
}

/** ServerHello to CertificateVerify; Finished follows when the signature is there. */
function sendFlight(
  start: ServerStart,
  offer: Offered,
  picked: Picked,
  share: Uint8Array,
  transcript: Transcript,
  message: HandshakeMessage,
  helloRetried: boolean,
  out: Output,
): State {
  const { settings } = start;
  const { provider, config } = settings;
  const { hello } = offer;
  const { suite, group, alpn, credential } = picked;
  const aligned = RecordAligned.check(message);
  const answer = provider.encapsulate(group.name, share);
  if (answer === undefined) throw illegalParameter(`client's ${group.name} share is invalid`);
  const sharedSecret = new Secret(answer.secret);
  transcript.add(message.bytes);

  const serverHello = encodeServerHello({
    random: provider.random(32),
    sessionIdEcho: hello.sessionId,
    cipherSuite: suite.id,
    extensions: new ExtensionBlock([
      ext.keyShareAnswer({ group: group.id, share: answer.share }),
      ext.supportedVersionChosen,
    ]),
  });
  out.send('server_hello', serverHello, transcript);
  if (hello.sessionId.length > 0) out.changeCipherSpec('now');

  const schedule = new EarlySchedule(provider, suite).handshake(sharedSecret);
  const hash = transcript.current();
  const clientSecret = schedule.clientTraffic(hash);
  const serverSecret = schedule.serverTraffic(hash);
  out.own(schedule, clientSecret, serverSecret);
  out.keyLog('CLIENT_HANDSHAKE_TRAFFIC_SECRET', hello.random, clientSecret.dangerousExpose());
  out.keyLog('SERVER_HANDSHAKE_TRAFFIC_SECRET', hello.random, serverSecret.dangerousExpose());
  out.writeKeys(serverSecret.keys());
  out.readKeys(clientSecret.keys(), aligned);

  const extensions = new ExtensionBlock([
    ...(offer.serverName === undefined ? [] : [ext.serverNameAccepted]),
    ...(alpn === undefined ? [] : [ext.alpn([alpn])]),
  ]);
  out.send('encrypted_extensions', encodeEncryptedExtensions(extensions), transcript);
  if (config.clientCertificate !== 'none') {
    const accepted = ext.signatureAlgorithms(settings.schemes.map((scheme) => scheme.id));
    out.send('certificate_request', encodeCertificateRequest(new ExtensionBlock([accepted])), transcript);
  }
  out.send('certificate', encodeCertificate(credential.credential.chain), transcript);

  const agreement: Agreement = {
    role: 'server',
    suite: suite.name,
    group: group.name,
    ...(alpn !== undefined && { alpn }),
    ...(offer.serverName !== undefined && { serverName: offer.serverName }),
    localScheme: credential.scheme.name,
    helloRetried,
  };
  return sign('server', credential, transcript, (last) => {
    const flight = { schedule, serverSecret, transcript, random: hello.random };
    const secrets = sendFinished(flight, last);
    const shared = { start, random: hello.random, transcript, clientSecret, secrets, agreement };
    if (config.clientCertificate !== 'none') return new ExpectCertificate(shared);
    return new ExpectFinished(shared, Anonymous.allowedBy('none'));
  });
}

interface Flight {
  readonly schedule: HandshakeSchedule;
  readonly serverSecret: TrafficSecret;
  readonly transcript: Transcript;
  readonly random: Uint8Array;
}

/** Our Finished; from here on we write under the application keys, and the client's Finished is still to come. */
function sendFinished({ schedule, serverSecret, transcript, random }: Flight, out: Output): TrafficSecrets {
  out.send('finished', encodeFinished(serverSecret.finished(transcript.current())), transcript);
  serverSecret.destroy();
  const application = schedule.application();
  const hash = transcript.current();
  const secrets = {
    read: application.clientTraffic(hash),
    write: application.serverTraffic(hash),
    exporter: application.exporter(hash),
  };
  application.destroy();
  out.own(secrets.read, secrets.write, secrets.exporter);
  out.keyLog('CLIENT_TRAFFIC_SECRET_0', random, secrets.read.dangerousExpose());
  out.keyLog('SERVER_TRAFFIC_SECRET_0', random, secrets.write.dangerousExpose());
  out.keyLog('EXPORTER_SECRET', random, secrets.exporter.dangerousExpose());
  out.writeKeys(secrets.write.keys());
  return secrets;
}

class ExpectCertificate implements State {
  readonly name = 'ExpectCertificate';
  readonly accepts: readonly HandshakeName[] = ['certificate'];
  readonly #shared: Shared;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  handle(message: HandshakeMessage): State {
    const { start, transcript } = this.#shared;
    const chain = decodeCertificate(message.body);
    transcript.add(message.bytes);
    if (chain.length > 0) return new ExpectCertificateVerify(this.#shared, readChain(chain, start.seam));
    return new ExpectFinished(this.#shared, Anonymous.allowedBy(start.settings.config.clientCertificate));
  }
}

class ExpectCertificateVerify implements State {
  readonly name = 'ExpectCertificateVerify';
  readonly accepts: readonly HandshakeName[] = ['certificate_verify'];
  readonly #shared: Shared;
  readonly #chain: PresentedChain;

  constructor(shared: Shared, chain: PresentedChain) {
    this.#shared = shared;
    this.#chain = chain;
  }

  handle(message: HandshakeMessage): State {
    const { start, transcript, agreement } = this.#shared;
    const { settings } = start;
    const { serverName, alpn } = agreement;
    const presented = {
      role: 'client',
      ...(serverName !== undefined && { serverName }),
      ...(alpn !== undefined && { alpn }),
    } as const;
    return judge(
      message,
      this.#chain,
      { settings, provider: settings.provider, presented, transcript },
      (peer) => new ExpectFinished(this.#shared, peer),
    );
  }
}

class ExpectFinished implements State {
  readonly name = 'ExpectFinished';
  readonly accepts: readonly HandshakeName[] = ['finished'];
  readonly #shared: Shared;
  readonly #peer: PeerProof;

  constructor(shared: Shared, peer: PeerProof) {
    this.#shared = shared;
    this.#peer = peer;
  }

  handle(message: HandshakeMessage, out: Output): State {
    const { start, transcript, clientSecret, secrets, agreement } = this.#shared;
    const finished = FinishedVerified.check(clientSecret, transcript.current(), message.body);
    const aligned = RecordAligned.check(message);
    clientSecret.destroy();
    out.tolerateChangeCipherSpec(false);
    out.readKeys(secrets.read.keys(), aligned);
    for (const extra of start.seam?.afterHandshake ?? []) out.send('new_session_ticket', extra);
    return new Traffic(agreement, this.#peer, finished, secrets);
  }
}
