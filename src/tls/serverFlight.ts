/**
 * The server from its ServerHello on: the flight, the client's answer, the tickets (RFC 9846 §4.2.3 to §4.7.1). The second
 * half of the picture in `server.ts`.
 */
import { Secret } from '../base/secret.ts';
import type { Presented } from './authentication.ts';
import {
  certificateMessages,
  circumstancesOf,
  ExpectCertificateVerify,
  receive,
  show,
} from './authentication.ts';
import type { CertificateType } from './config.ts';
import { CERTIFICATE_TYPES } from './credentials.ts';
import { illegalParameter } from './errors.ts';
import { greaseValue } from './grease.ts';
import { MAX_RECORD_PLAINTEXT } from './limits.ts';
import { encodeCertificateRequest } from './messages/certificateRequest.ts';
import type { HandshakeName } from './messages/codePoints.ts';
import { ExtensionType } from './messages/codePoints.ts';
import { encodeEncryptedExtensions } from './messages/encryptedExtensions.ts';
import { decodeEndOfEarlyData } from './messages/endOfEarlyData.ts';
import type { Extension } from './messages/extensionBlock.ts';
import { ExtensionBlock } from './messages/extensionBlock.ts';
import * as ext from './messages/extensions.ts';
import { encodeFinished } from './messages/finished.ts';
import type { HandshakeMessage } from './messages/handshake.ts';
import { encodeNewSessionTicket } from './messages/newSessionTicket.ts';
import { encodeServerHello } from './messages/serverHello.ts';
import type { Offered, Picked } from './negotiation.ts';
import { pickClientType, pickCredential, pickServerType } from './negotiation.ts';
import type { PeerProof } from './proofs.ts';
import { Anonymous, FinishedVerified, factsOf, PskPeer, RecordAligned } from './proofs.ts';
import { certificateQuestions } from './questions.ts';
import type {
  ApplicationSchedule,
  HandshakeSchedule,
  ResumptionMaster,
  TrafficSecret,
} from './schedule/schedule.ts';
import { EarlySchedule } from './schedule/schedule.ts';
import type { Transcript } from './schedule/transcript.ts';
import { applicationSecrets, handshakeSecrets } from './secrets.ts';
import type { ServerStart } from './server.ts';
import type { SelectedPsk } from './serverPsk.ts';
import { earlyDataTaken } from './serverPsk.ts';
import type { Settings } from './settings.ts';
import type { Output, State } from './state.ts';
import type { Session } from './tickets/session.ts';
import { encodeSession } from './tickets/session.ts';
import type { Agreement, TrafficSecrets } from './traffic.ts';
import { Traffic } from './traffic.ts';

/** The ClientHello that is answered, the first or the second, and what was picked from it. */
export interface Greeting {
  readonly start: ServerStart;
  readonly offer: Offered;
  readonly picked: Picked;
  readonly share: Uint8Array;
  /** Everything before this hello. */
  readonly transcript: Transcript;
  readonly message: HandshakeMessage;
  readonly helloRetried: boolean;
  /** Went with the first hello, and was refused by asking for a second. */
  readonly refusedEarlyData: boolean;
}

/** What every state behind the server's flight knows. */
interface Shared {
  readonly start: ServerStart;
  readonly picked: Pick<Picked, 'suite'>;
  readonly transcript: Transcript;
  /** Not the hello: read, it may take many times its 64 KiB, and the client may take its time. */
  readonly offer: Pick<Offered, 'recordSizeLimit' | 'allowsPsks' | 'ticketRequest'>;
  readonly clientSecret: TrafficSecret;
  readonly application: ApplicationSchedule;
  readonly secrets: TrafficSecrets;
  readonly agreement: Agreement;
  /** Seconds since the handshake with signatures that this one goes back to; 0: it is one. */
  readonly since: number;
  readonly clientType: CertificateType | undefined;
}

/** ServerHello to Finished: certificates in between, unless a pre-shared key stands for them. */
export function sendFlight(greeting: Greeting, psk: SelectedPsk | undefined, out: Output): State {
  const { start, offer, picked, share, transcript, message } = greeting;
  const { settings } = start;
  const { provider } = settings;
  const { suite, group } = picked;
  const aligned = RecordAligned.check(message);
  const credential = psk === undefined ? pickCredential(settings, offer) : undefined;
  const clientType = psk === undefined ? pickClientType(settings, offer) : undefined;
  const answer = provider.encapsulate(group.name, share);
  if (answer === undefined) throw illegalParameter(`client's ${group.name} share is invalid`);
  const sharedSecret = new Secret(answer.secret);
  transcript.add(message.bytes);
  const earlyLimit = psk === undefined ? 0 : earlyDataTaken(greeting, psk);
  const takesEarly = earlyLimit > 0;
  const early = takesEarly ? psk?.schedule.clientEarlyTraffic(transcript.current()) : undefined;

  const serverHello = encodeServerHello({
    random: provider.random(32),
    sessionIdEcho: offer.hello.sessionId,
    cipherSuite: suite.id,
    extensions: new ExtensionBlock([
      ...(psk === undefined ? [] : [ext.preSharedKeyChosen(psk.index)]),
      ext.keyShareAnswer({ group: group.id, share: answer.share }),
      ext.supportedVersionChosen,
    ]),
  });
  out.send('server_hello', serverHello, transcript);
  if (offer.hello.sessionId.length > 0) out.changeCipherSpec('now');

  const { random } = offer.hello;
  const schedule = (psk?.schedule ?? new EarlySchedule(provider, suite)).handshake(sharedSecret);
  const { clientSecret, serverSecret } = handshakeSecrets(schedule, transcript, random, out);
  out.writeKeys(serverSecret.keys());
  if (early === undefined) {
    if (offer.earlyData) out.skipEarlyData(settings.config.earlyData);
    out.readKeys(clientSecret.keys(), aligned);
  } else {
    out.keyLog('CLIENT_EARLY_TRAFFIC_SECRET', random, early.dangerousExpose());
    out.readKeys(early.keys(), aligned);
    early.destroy();
    out.expectEarlyData(earlyLimit);
  }
  limitRecords(greeting, takesEarly, out);

  const extensions = answers(greeting, psk, takesEarly, clientType);
  out.send('encrypted_extensions', encodeEncryptedExtensions(new ExtensionBlock(extensions)), transcript);
  const localScheme = credential?.scheme.name ?? psk?.resumed?.session.localScheme;
  const agreement: Agreement = {
    role: 'server',
    suite: suite.name,
    group: group.name,
    ...(picked.alpn !== undefined && { alpn: picked.alpn }),
    ...(offer.serverName !== undefined && { serverName: offer.serverName }),
    ...(localScheme && { localScheme }),
    ...(credential && { localChain: credential.credential.chain }),
    helloRetried: greeting.helloRetried,
    resumed: psk?.resumed !== undefined,
    earlyData: takesEarly ? 'accepted' : offer.earlyData || greeting.refusedEarlyData ? 'rejected' : 'none',
    ...(psk?.resumed && { ticketAgeSkew: psk.resumed.ageSkew }),
  };
  const finish = (last: Output): Shared => ({
    start,
    picked: { suite },
    transcript,
    offer: {
      recordSizeLimit: offer.recordSizeLimit,
      allowsPsks: offer.allowsPsks,
      ticketRequest: offer.ticketRequest,
    },
    clientSecret,
    agreement,
    since: psk?.resumed?.since ?? 0,
    clientType,
    ...sendFinished(schedule, serverSecret, transcript, random, last),
  });
  if (psk !== undefined) {
    const shared = finish(out);
    if (!takesEarly) return new ExpectFinished(shared, psk.peer, psk.resumed?.presented);
    out.allowEarlyWrites(Number.POSITIVE_INFINITY); // the peer is known already (§4.5.3)
    return new ExpectEndOfEarlyData(shared, psk);
  }
  if (clientType !== undefined)
    out.send('certificate_request', encodeCertificateRequest(questions(settings)), transcript);
  return show('server', credential, offer.wishes, settings, transcript, out, (last) => {
    const shared = finish(last);
    return clientType === undefined
      ? new ExpectFinished(shared, Anonymous.allowedBy(settings.config.clientCertificate), undefined)
      : new ExpectCertificate(shared, clientType);
  });
}

/** Both limits hold from the server's first protected record on (RFC 8449 §4); early data left before ours was known. */
function limitRecords(
  { start, offer }: Pick<Shared, 'start' | 'offer'>,
  readsEarly: boolean,
  out: Output,
): void {
  const { recordSizeLimit: peers } = offer;
  if (peers === undefined) return;
  const ours = ownLimit(start.settings.config.recordSizeLimit);
  out.limitRecords(readsEarly ? { peers } : { ours, peers });
}

/** record_size_limit counts the type byte, `recordSizeLimit` does not. */
function ownLimit(limit: number | undefined): number {
  return (limit ?? MAX_RECORD_PLAINTEXT) + 1;
}

/** EncryptedExtensions: answers to what the client said, and to nothing else. */
function answers(
  { start, offer, picked }: Greeting,
  psk: SelectedPsk | undefined,
  takesEarly: boolean,
  clientType: CertificateType | undefined,
): Extension[] {
  const { config } = start.settings;
  const asked = (type: number): boolean => offer.hello.extensions.has(type);
  const { clientCertificateType, serverCertificateType } = ExtensionType;
  const isExternal = psk !== undefined && psk.resumed === undefined;
  const serverType =
    asked(serverCertificateType) && !isExternal ? pickServerType(start.settings, offer) : undefined;
  const count = isExternal ? 0 : ticketCount(start.settings, offer, psk !== undefined);
  return [
    ...(offer.serverName === undefined || psk?.resumed ? [] : [ext.serverNameAccepted]), // RFC 6066 §3: not when resuming
    ...(picked.alpn === undefined ? [] : [ext.alpn([picked.alpn])]),
    ...(takesEarly ? [ext.earlyData] : []),
    ...(serverType !== undefined
      ? [ext.certificateTypeChosen(serverCertificateType, CERTIFICATE_TYPES[serverType])]
      : []),
    ...(clientType !== undefined && asked(clientCertificateType)
      ? [ext.certificateTypeChosen(clientCertificateType, CERTIFICATE_TYPES[clientType])]
      : []),
    ...(offer.recordSizeLimit === undefined ? [] : [ext.recordSizeLimit(ownLimit(config.recordSizeLimit))]),
    ...(offer.ticketRequest === undefined || count === 0 ? [] : [ext.ticketCount(count)]),
  ];
}

function questions(settings: Settings): ExtensionBlock {
  return new ExtensionBlock(certificateQuestions(settings, 'certificate_request'));
}

/** As many as the client asked for and we give; a resumed session only replaces the ticket it spent. */
function ticketCount(
  { config }: Settings,
  { allowsPsks, ticketRequest }: Shared['offer'],
  isResumed: boolean,
): number {
  if (config.resumption === undefined || !allowsPsks) return 0;
  const asked = ticketRequest ?? { fresh: config.ticketCount, resumed: 1 };
  return Math.min(config.ticketCount, isResumed ? asked.resumed : asked.fresh);
}

/** Our Finished; from here on we write under the application keys, and the client's Finished is still to come. */
function sendFinished(
  schedule: HandshakeSchedule,
  serverSecret: TrafficSecret,
  transcript: Transcript,
  random: Uint8Array,
  out: Output,
): Pick<Shared, 'application' | 'secrets'> {
  out.send('finished', encodeFinished(serverSecret.finished(transcript.current())), transcript);
  serverSecret.destroy();
  const made = applicationSecrets('server', schedule, transcript, random, out);
  out.writeKeys(made.secrets.write.keys());
  return made;
}

/** Early data under its own keys; its end is a message of the handshake (§4.6). */
class ExpectEndOfEarlyData implements State {
  readonly name = 'ExpectEndOfEarlyData';
  readonly accepts: readonly HandshakeName[] = ['end_of_early_data'];
  readonly #shared: Shared;
  readonly #psk: SelectedPsk;

  constructor(shared: Shared, psk: SelectedPsk) {
    this.#shared = shared;
    this.#psk = psk;
  }

  handle(message: HandshakeMessage, out: Output): State {
    decodeEndOfEarlyData(message.body);
    const aligned = RecordAligned.check(message);
    this.#shared.transcript.add(message.bytes);
    out.expectEarlyData(0);
    out.readKeys(this.#shared.clientSecret.keys(), aligned);
    limitRecords(this.#shared, false, out);
    return new ExpectFinished(this.#shared, this.#psk.peer, this.#psk.resumed?.presented);
  }
}

class ExpectCertificate implements State {
  readonly name = 'ExpectCertificate';
  readonly accepts: readonly HandshakeName[];
  readonly #shared: Shared;
  readonly #type: CertificateType;

  constructor(shared: Shared, type: CertificateType) {
    this.#shared = shared;
    this.#type = type;
    this.accepts = certificateMessages(shared.start.settings);
  }

  handle(message: HandshakeMessage): State {
    const { start, transcript, agreement } = this.#shared;
    const { settings, seam } = start;
    return receive(message, { settings, seam, type: this.#type }, transcript, (presented) => {
      if (presented === undefined)
        return new ExpectFinished(
          this.#shared,
          Anonymous.allowedBy(settings.config.clientCertificate),
          undefined,
        );
      const circumstances = circumstancesOf('client', agreement.serverName, agreement.alpn, false);
      return new ExpectCertificateVerify(
        presented,
        { settings, circumstances, transcript },
        (peer) => new ExpectFinished(this.#shared, peer, presented),
      );
    });
  }
}

class ExpectFinished implements State {
  readonly name = 'ExpectFinished';
  readonly accepts: readonly HandshakeName[] = ['finished'];
  readonly #shared: Shared;
  readonly #peer: PeerProof;
  /** What the tickets of this session remember of the client. */
  readonly #presented: Presented | undefined;

  constructor(shared: Shared, peer: PeerProof, presented: Presented | undefined) {
    this.#shared = shared;
    this.#peer = peer;
    this.#presented = presented;
  }

  handle(message: HandshakeMessage, out: Output): State {
    const { start, transcript, clientSecret, application, secrets, agreement } = this.#shared;
    const finished = FinishedVerified.check(clientSecret, transcript.current(), message.body);
    const aligned = RecordAligned.check(message);
    transcript.add(message.bytes);
    clientSecret.destroy();
    out.allowEarlyWrites(0);
    out.tolerateChangeCipherSpec(false);
    out.readKeys(secrets.read.keys(), aligned);
    const master = application.resumption(transcript.current());
    application.destroy();
    this.#issueTickets(master, out);
    master.destroy();
    for (const extra of start.seam?.afterHandshake ?? []) out.send('new_session_ticket', extra);
    return new Traffic(agreement, this.#peer, finished, secrets);
  }

  /** Each with a secret of its own, so that none says anything about another (§4.7.1). */
  #issueTickets(master: ResumptionMaster, out: Output): void {
    const { start, offer, agreement } = this.#shared;
    const { settings } = start;
    const { config, provider } = settings;
    const issuer = config.resumption;
    const isExternal = this.#peer instanceof PskPeer && !agreement.resumed;
    if (issuer === undefined || isExternal) return;
    const count = ticketCount(settings, offer, agreement.resumed);
    for (let i = 0; i < count; i++) {
      const nonce = Uint8Array.of(i);
      const psk = master.ticketPsk(nonce);
      const [a, b, c, d] = provider.random(4) as unknown as [number, number, number, number];
      const ageAdd = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
      const maxEarlyData = issuer.onceOnly ? config.earlyData : 0;
      const state = encodeSession({ ...this.#session(), psk, ageAdd, maxEarlyData });
      psk.destroy();
      const grease = config.grease && { grease: greaseValue(a) }; // whoever reads it reads ageAdd beside it
      out.issueTicket(issuer, state, ({ ticket, lifetime }) =>
        encodeNewSessionTicket({ ticket, lifetime, ageAdd, nonce, maxEarlyData, ...grease }),
      );
    }
  }

  #session(): Omit<Session, 'psk' | 'ageAdd' | 'maxEarlyData'> {
    const { start, picked, agreement, since } = this.#shared;
    return {
      since,
      contextId: start.settings.contextId,
      suite: picked.suite,
      serverName: agreement.serverName,
      alpn: agreement.alpn,
      localScheme: agreement.localScheme,
      chain: this.#presented?.chain ?? [],
      rawKey: this.#presented?.rawKey,
      peerScheme: factsOf(this.#peer).peerScheme,
    };
  }
}
