/**
 * The server's states in the order of RFC 9846 Appendix A.2; `serverPsk.ts` and `serverFlight.ts` go on.
 *
 *     ExpectClientHello ──a chooser is set──▶ AwaitContext (op: chooseContext)
 *      ├▶ ExpectRetriedClientHello, when the client guessed another group or has to show a cookie
 *      ├▶ AwaitTicket (op: redeemTicket) ──▶ AwaitIdentity (op: verifyPeer), when it offers to resume
 *      ├▶ AwaitCompression (op: compress) ──▶ AwaitSignature (op: sign), when it does not
 *      │   ├▶ ExpectFinished, when no certificate is asked for
 *      │   └▶ ExpectCertificate ──an empty one, if allowed──▶ ExpectFinished
 *      │       └▶ ExpectCertificateVerify
 *      │           └▶ AwaitIdentity (op: verifyPeer)
 *      │               └▶ ExpectFinished
 *      ├▶ ExpectEndOfEarlyData, when it resumes and its early data is taken
 *      └▶ ExpectFinished
 *          └▶ Traffic
 */
import type { Bytes } from '../base/bytes.ts';
import { equalBytes } from '../base/bytes.ts';
import type { TlsConfig } from './config.ts';
import { illegalParameter, TlsError } from './errors.ts';
import type { ContextChooser, OpAnswer } from './events.ts';
import { decodeClientHello } from './messages/clientHello.ts';
import type { HandshakeName } from './messages/codePoints.ts';
import { ExtensionType } from './messages/codePoints.ts';
import { ExtensionBlock } from './messages/extensionBlock.ts';
import * as ext from './messages/extensions.ts';
import type { HandshakeMessage } from './messages/handshake.ts';
import { encodeServerHello, RETRY_RANDOM } from './messages/serverHello.ts';
import type { Offered, Picked } from './negotiation.ts';
import { checkSecondHello, describeOffer, pick, readOffer } from './negotiation.ts';
import { RecordAligned } from './proofs.ts';
import { Transcript } from './schedule/transcript.ts';
import type { Seam } from './seam.ts';
import type { Greeting } from './serverFlight.ts';
import { sendFlight } from './serverFlight.ts';
import { selectPsk } from './serverPsk.ts';
import type { Settings } from './settings.ts';
import type { Output, State } from './state.ts';
import { Suspended } from './state.ts';

/** With what a server answers, and how it may come to answer with something else. */
export interface ServerStart {
  readonly settings: Settings;
  /** Asked after each ClientHello; gives the settings to go on with. */
  readonly choose:
    | {
        readonly context: ContextChooser;
        readonly settingsOf: (answer: OpAnswer) => Settings | undefined;
      }
    | undefined;
  readonly seam?: Seam;
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
      if (answer instanceof Error) throw refusedChoice(answer);
      const settings = choose.settingsOf(answer);
      if (settings === undefined)
        throw new TlsError('ERR_TLS_OP', 'context choice answered with something that is no ServerContext');
      keepFloor(this.#start.settings.config, settings.config);
      later.adopt(settings.config);
      return answerHello({ ...this.#start, settings }, offer, message, later);
    });
  }
}

/** A chooser may say what the client is told, unrecognized_name above all; every other failure is our own affair. */
function refusedChoice(answer: Error): TlsError {
  if (answer instanceof TlsError && answer.alertFrom === 'local') return answer;
  return new TlsError('ERR_TLS_OP', `context choice failed: ${answer.message}`, { cause: answer });
}

/** Another context may have another policy, or none, and is held to ours all the same. */
function keepFloor({ policy }: TlsConfig, chosen: TlsConfig): void {
  if (policy === chosen.policy) return;
  try {
    policy?.check(chosen);
  } catch (cause) {
    throw new TlsError('ERR_TLS_OP', 'the chosen context is against the policy', { cause });
  }
}

function answerHello(start: ServerStart, offer: Offered, message: HandshakeMessage, out: Output): State {
  const { settings, seam } = start;
  const picked = pick(settings, offer);
  const cookie =
    seam?.retryCookie ?? (settings.config.retryCookie ? settings.provider.random(32) : undefined);
  if (picked.share === undefined || settings.config.retryCookie)
    return requestRetry(start, offer, picked, cookie, message, out);
  const transcript = new Transcript(settings.provider, picked.suite.hash);
  const { share } = picked;
  const retry = { helloRetried: false, refusedEarlyData: false };
  return answer({ start, offer, picked, share, transcript, message, ...retry }, out);
}

/** Resumes if it can, which takes questions; then the flight. */
function answer(greeting: Greeting, out: Output): State {
  return selectPsk(greeting, (psk, later) => sendFlight(greeting, psk, later), out);
}

/** HelloRetryRequest (§4.2.4): the client guessed a group of ours that is not the best both can do, or it is to show that it reads. */
function requestRetry(
  start: ServerStart,
  offer: Offered,
  picked: Picked,
  cookie: Bytes | undefined,
  message: HandshakeMessage,
  out: Output,
): State {
  RecordAligned.check(message); // nothing can rightly follow: the client waits for us
  if (offer.earlyData) out.skipEarlyData(start.settings.config.earlyData);
  const transcript = Transcript.afterRetry(start.settings.provider, picked.suite.hash, message.bytes);
  const request = encodeServerHello({
    random: RETRY_RANDOM,
    sessionIdEcho: offer.hello.sessionId,
    cipherSuite: picked.suite.id,
    extensions: new ExtensionBlock([
      ...(picked.share === undefined ? [ext.keyShareRetry(picked.group.id)] : []),
      ...(cookie === undefined ? [] : [ext.cookie(cookie)]),
      ext.supportedVersionChosen,
    ]),
  });
  out.send('server_hello', request, transcript);
  if (offer.hello.sessionId.length > 0) out.changeCipherSpec('now');
  const first = { body: message.body, earlyData: offer.earlyData };
  return new ExpectRetriedClientHello(start, first, picked, cookie, transcript);
}

/** Kept as it came: read, it may take many times the memory, and the client may take its time. */
interface FirstHello {
  readonly body: Uint8Array;
  readonly earlyData: boolean;
}

class ExpectRetriedClientHello implements State {
  readonly name = 'ExpectRetriedClientHello';
  readonly accepts: readonly HandshakeName[] = ['client_hello'];
  readonly #start: ServerStart;
  readonly #first: FirstHello;
  readonly #picked: Picked;
  readonly #cookie: Bytes | undefined;
  readonly #transcript: Transcript;

  constructor(
    start: ServerStart,
    first: FirstHello,
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
    checkSecondHello(decodeClientHello(this.#first.body), offer.hello);
    this.#checkCookie(offer);
    const share = this.#share(offer);
    const [start, picked, transcript] = [this.#start, this.#picked, this.#transcript];
    const retry = { helloRetried: true, refusedEarlyData: this.#first.earlyData };
    return answer({ start, offer, picked, share, transcript, message, ...retry }, out);
  }

  /** Exactly the one that was asked for; the same as before if none was. */
  #share({ shares }: Offered): Uint8Array {
    const { group, share: first } = this.#picked;
    const entry = shares.find((candidate) => candidate.group === group.id);
    if (entry === undefined || (first === undefined && shares.length > 1))
      throw illegalParameter(`second ClientHello does not carry one share, of ${group.name}`);
    if (first !== undefined && !equalBytes(first, entry.share))
      throw illegalParameter('second ClientHello carries another share than the first, unasked');
    return entry.share;
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
