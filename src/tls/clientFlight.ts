/**
 * The client behind the ServerHello: it reads the server's encrypted flight, judges it, and answers with its own
 * (RFC 9846 §4.4, §4.5). The second half of the picture in `client.ts`.
 */
import { schemeById } from '../crypto/suites.ts';
import type { Circumstances, Presented } from './authentication.ts';
import {
  askVerifier,
  certificateMessages,
  circumstancesOf,
  ExpectCertificateVerify,
  presentAgain,
  receive,
  show,
} from './authentication.ts';
import type { ClientStart, OfferedPsk } from './clientOffer.ts';
import type { CertificateType, Credential } from './config.ts';
import * as check from './configChecks.ts';
import type { Choice } from './credentials.ts';
import { CERTIFICATE_TYPES, certificateType, choiceOf, chooseCredential } from './credentials.ts';
import { decodeError, illegalParameter, TlsError } from './errors.ts';
import type { OpAnswer } from './events.ts';
import { MAX_RECORD_PLAINTEXT, MAX_SESSION_AGE, MAX_TICKET_LIFETIME } from './limits.ts';
import type { CertificateWishes } from './messages/certificateRequest.ts';
import { decodeCertificateRequest } from './messages/certificateRequest.ts';
import type { HandshakeName } from './messages/codePoints.ts';
import { ExtensionType } from './messages/codePoints.ts';
import { decodeEncryptedExtensions } from './messages/encryptedExtensions.ts';
import { encodeEndOfEarlyData } from './messages/endOfEarlyData.ts';
import type { ExtensionBlock } from './messages/extensionBlock.ts';
import { checkSolicited } from './messages/extensionBlock.ts';
import * as ext from './messages/extensions.ts';
import { encodeFinished } from './messages/finished.ts';
import type { HandshakeMessage } from './messages/handshake.ts';
import type { PeerProof } from './proofs.ts';
import { FinishedVerified, factsOf, IdentityVerified, PskHeld, PskPeer, RecordAligned } from './proofs.ts';
import type { ApplicationSchedule, HandshakeSchedule, TrafficSecret } from './schedule/schedule.ts';
import type { Transcript } from './schedule/transcript.ts';
import { applicationSecrets } from './secrets.ts';
import type { Output, State } from './state.ts';
import { Suspended } from './state.ts';
import { SessionTicket } from './tickets/sessionTicket.ts';
import type { HeldTicket } from './tickets/store.ts';
import type { Agreement, Resumable } from './traffic.ts';
import { Traffic } from './traffic.ts';

/** What every state behind the ServerHello knows. */
export interface Shared {
  readonly start: ClientStart;
  readonly random: Uint8Array;
  readonly offered: ReadonlySet<number>;
  readonly transcript: Transcript;
  readonly schedule: HandshakeSchedule;
  readonly clientSecret: TrafficSecret;
  readonly serverSecret: TrafficSecret;
  readonly agreement: Agreement;
  /** The key that the server goes on with; a full handshake without. */
  readonly psk: OfferedPsk | undefined;
  readonly isFirstPsk: boolean;
  /** We write under the early keys until the server has said what it makes of that. */
  readonly sendsEarly: boolean;
}

/** What the client learned of the server, from certificates or from the session it resumes. */
interface Server {
  readonly proof: PeerProof;
  /** What tickets remember of it. */
  readonly presented: Presented | undefined;
}

export class ExpectEncryptedExtensions implements State {
  readonly name = 'ExpectEncryptedExtensions';
  readonly accepts: readonly HandshakeName[] = ['encrypted_extensions'];
  readonly #shared: Shared;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  handle(message: HandshakeMessage, out: Output): State {
    const extensions = decodeEncryptedExtensions(message.body);
    checkSolicited(extensions, 'encrypted_extensions', this.#shared.offered);
    const name = extensions.get(ExtensionType.serverName);
    if (name !== undefined && name.length > 0) throw decodeError('server answers server_name with a name');
    const count = extensions.get(ExtensionType.ticketRequest);
    if (count !== undefined) ext.readTicketCount(count);
    const alpn = this.#alpn(extensions.get(ExtensionType.alpn));
    const earlyData = this.#earlyData(extensions.get(ExtensionType.earlyData), alpn, out);
    this.#limitRecords(extensions.get(ExtensionType.recordSizeLimit), out);
    this.#shared.transcript.add(message.bytes);
    const agreement = { ...this.#shared.agreement, ...(alpn !== undefined && { alpn }), earlyData };
    const shared = { ...this.#shared, agreement, sendsEarly: earlyData === 'accepted' };
    if (shared.psk !== undefined) {
      // RFC 7250 §4.2 and RFC 9846 §4.5.1 leave nothing for types to be about.
      return acceptPsk(shared, shared.psk);
    }
    return new ExpectCertificateOrRequest(shared, certificateTypes(shared, extensions));
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

  /** Accepted only under the first key, for the parameters that went with it (§4.3.10). */
  #earlyData(data: Uint8Array | undefined, alpn: string | undefined, out: Output): Agreement['earlyData'] {
    const { sendsEarly, isFirstPsk, psk, agreement, clientSecret, start } = this.#shared;
    if (data !== undefined) {
      ext.readEmpty(data);
      const { held } = start;
      if (!sendsEarly || !isFirstPsk || psk?.suite.name !== agreement.suite || held?.ticket.alpn !== alpn)
        throw illegalParameter('early_data extension of a server that cannot have read any');
      return 'accepted';
    }
    if (!sendsEarly) return agreement.earlyData;
    out.allowEarlyWrites(0);
    out.writeKeys(clientSecret.keys());
    return 'rejected';
  }

  #limitRecords(data: Uint8Array | undefined, out: Output): void {
    if (data === undefined) return;
    const peers = ext.readRecordSizeLimit(data);
    if (peers > MAX_RECORD_PLAINTEXT + 1)
      throw illegalParameter(`record_size_limit of ${peers}, wanted at most ${MAX_RECORD_PLAINTEXT + 1}`);
    out.limitRecords({ peers, ours: this.#shared.start.settings.config.recordSizeLimit! + 1 });
  }
}

/** Which kind of certificate each side shows (RFC 7250 §4.2). */
interface Types {
  readonly server: CertificateType;
  readonly client: CertificateType;
}

function certificateTypes({ start }: Shared, extensions: ExtensionBlock): Types {
  const { config } = start.settings;
  const read = (type: number): CertificateType => {
    const data = extensions.get(type);
    const chosen = data === undefined ? CERTIFICATE_TYPES.x509 : ext.readCertificateType(data);
    const name = chosen === CERTIFICATE_TYPES.rawPublicKey ? 'rawPublicKey' : 'x509';
    if (CERTIFICATE_TYPES[name] !== chosen) throw illegalParameter(`server chose certificate type ${chosen}`);
    return name;
  };
  const server = read(ExtensionType.serverCertificateType);
  const client = read(ExtensionType.clientCertificateType);
  if (!config.certificateTypes.includes(server))
    throw new TlsError('ERR_TLS_CERTIFICATE', `server shows ${server}, wanted ${config.certificateTypes}`, {
      alert: 'unsupported_certificate',
    });
  const isChosen = extensions.has(ExtensionType.clientCertificateType);
  if (isChosen && !config.credentials.some((credential) => certificateType(credential) === client))
    throw new TlsError('ERR_TLS_CERTIFICATE', `server wants ${client} of us, never offered`, {
      alert: 'unsupported_certificate',
    });
  return { server, client };
}

/** Goes on with the key: an external one stands for itself; for a session's server the verifier is asked again. */
function acceptPsk(shared: Shared, psk: OfferedPsk): State {
  const held = PskHeld.bySchedule(shared.schedule, psk.kind);
  if (psk.kind === 'imported')
    return new ExpectFinished(shared, undefined, {
      proof: new PskPeer(held, psk.from),
      presented: undefined,
    });
  const { from } = psk;
  const presented = presentAgain(from, shared.start.seam);
  if (presented === undefined) throw new TypeError('a session ticket without a server');
  return askVerifier(shared.start.settings, presented, circumstances(shared), (answer) => {
    const proof = new PskPeer(held, IdentityVerified.check(answer, presented), from.peerScheme);
    return new ExpectFinished(shared, undefined, { proof, presented });
  });
}

function circumstances({ start, agreement }: Shared): Circumstances {
  return circumstancesOf('server', start.serverName, agreement.alpn, agreement.resumed);
}

class ExpectCertificateOrRequest implements State {
  readonly name = 'ExpectCertificateOrRequest';
  readonly accepts: readonly HandshakeName[];
  readonly #shared: Shared;
  readonly #types: Types;

  constructor(shared: Shared, types: Types) {
    this.#shared = shared;
    this.#types = types;
    this.accepts = ['certificate_request', ...certificateMessages(shared.start.settings)];
  }

  handle(message: HandshakeMessage): State {
    if (message.name !== 'certificate_request')
      return takeCertificate(message, this.#shared, this.#types, undefined);
    const wishes = decodeCertificateRequest(message.body);
    this.#shared.transcript.add(message.bytes);
    return new ExpectCertificate(this.#shared, this.#types, wishes);
  }
}

class ExpectCertificate implements State {
  readonly name = 'ExpectCertificate';
  readonly accepts: readonly HandshakeName[];
  readonly #shared: Shared;
  readonly #types: Types;
  readonly #wishes: CertificateWishes;

  constructor(shared: Shared, types: Types, wishes: CertificateWishes) {
    this.#shared = shared;
    this.#types = types;
    this.#wishes = wishes;
    this.accepts = certificateMessages(shared.start.settings);
  }

  handle(message: HandshakeMessage): State {
    return takeCertificate(message, this.#shared, this.#types, this.#wishes);
  }
}

function takeCertificate(
  message: HandshakeMessage,
  shared: Shared,
  types: Types,
  wishes: CertificateWishes | undefined,
): State {
  const { settings, seam } = shared.start;
  const { transcript } = shared;
  const asked = wishes && { wishes, type: types.client };
  return receive(message, { settings, seam, type: types.server }, transcript, (presented) => {
    if (presented === undefined) throw decodeError('server shows no certificate');
    return new ExpectCertificateVerify(
      presented,
      { settings, circumstances: circumstances(shared), transcript },
      (proof) => new ExpectFinished(shared, asked, { proof, presented }),
    );
  });
}

/** What the server wants to see of us. */
interface Asked {
  readonly wishes: CertificateWishes;
  readonly type: CertificateType;
}

class ExpectFinished implements State {
  readonly name = 'ExpectFinished';
  readonly accepts: readonly HandshakeName[] = ['finished'];
  readonly #shared: Shared;
  readonly #asked: Asked | undefined;
  readonly #server: Server;

  constructor(shared: Shared, asked: Asked | undefined, server: Server) {
    this.#shared = shared;
    this.#asked = asked;
    this.#server = server;
  }

  handle(message: HandshakeMessage, out: Output): State {
    const { transcript, schedule, clientSecret, serverSecret, random } = this.#shared;
    const finished = FinishedVerified.check(serverSecret, transcript.current(), message.body);
    const aligned = RecordAligned.check(message);
    transcript.add(message.bytes);
    const { application, secrets } = applicationSecrets('client', schedule, transcript, random, out);
    serverSecret.destroy();
    out.tolerateChangeCipherSpec(false);
    out.readKeys(secrets.read.keys(), aligned);
    if (this.#shared.sendsEarly) {
      out.allowEarlyWrites(0);
      out.send('end_of_early_data', encodeEndOfEarlyData(), transcript);
      out.writeKeys(clientSecret.keys());
    }
    return this.#showCertificate(out, (choice, last) => {
      this.#finish(last);
      last.writeKeys(secrets.write.keys());
      const shown = choice && { localScheme: choice.scheme.name, localChain: choice.credential.chain };
      const resumable = this.#resumable(application);
      application.destroy();
      return new Traffic(
        { ...this.#shared.agreement, ...shown },
        this.#server.proof,
        finished,
        secrets,
        resumable,
      );
    });
  }

  /** Only when asked; an empty Certificate when none of ours suits (§4.5.1, lesson 39). */
  #showCertificate(out: Output, proceed: (choice: Choice | undefined, out: Output) => State): State {
    if (this.#asked === undefined) return proceed(undefined, out);
    const { start, transcript } = this.#shared;
    const { settings } = start;
    const { credentials, chooseCredential: chooser } = settings.config;
    const asked = this.#asked;
    const { wishes, type } = asked;
    const showing = (choice: Choice | undefined, last: Output): State =>
      show('client', choice, wishes, settings, transcript, last, (later) => proceed(choice, later));
    if (chooser === undefined) return showing(chooseCredential(credentials, wishes, type), out);
    const request = Object.freeze({
      schemes: Object.freeze(wishes.schemes.flatMap((id) => schemeById(id)?.name ?? [])),
      authorities: Object.freeze(wishes.authorities),
    });
    const op = { kind: 'chooseCredential', choose: chooser, request } as const;
    return new Suspended('AwaitCredential', op, (answer, later) => showing(chosen(answer, asked), later));
  }

  #finish(out: Output): void {
    const { transcript, clientSecret } = this.#shared;
    out.send('finished', encodeFinished(clientSecret.finished(transcript.current())), transcript);
    clientSecret.destroy();
  }

  /** Tickets are of use only with a store, and for a server that showed who it is. */
  #resumable(application: ApplicationSchedule): Resumable | undefined {
    const { start, transcript, agreement } = this.#shared;
    const { proof, presented } = this.#server;
    const store = start.settings.config.tickets;
    const { peer, peerScheme } = factsOf(proof);
    if (store === undefined || presented === undefined || peer === undefined) return undefined;
    const since = agreement.resumed ? sinceSigned(start.held!) : 0;
    if (since >= MAX_SESSION_AGE) return undefined;
    const { suite, alpn } = agreement;
    const { expiresAt } = peer.identity;
    return {
      master: application.resumption(transcript.current()),
      ticketOf: ({ ticket, lifetime, ageAdd, maxEarlyData }, psk) => ({
        ...{ type: 'ticket', store, key: start.ticketKey },
        ticket: new SessionTicket({
          ...{ suite, psk, ageAdd, maxEarlyData, alpn, peerScheme, expiresAt },
          ticket: new Uint8Array(ticket),
          lifetime: Math.min(lifetime, MAX_TICKET_LIFETIME, MAX_SESSION_AGE - since),
          since,
          serverName: start.serverName,
          chain: presented.chain,
          rawKey: presented.rawKey,
          ocsp: presented.ocsp,
          scts: presented.scts,
        }),
      }),
    };
  }
}

/** Seconds since the handshake with signatures that a held session goes back to. */
function sinceSigned({ ticket, age }: HeldTicket): number {
  return ticket.since + Math.ceil(age / 1000);
}

/** A chooser's credential is checked like a configured one, and must be one the server can read. */
function chosen(answer: OpAnswer | Error, { wishes, type }: Asked): Choice | undefined {
  if (answer === undefined) return undefined;
  if (answer instanceof Error)
    throw answer instanceof TlsError
      ? answer
      : new TlsError('ERR_TLS_OP', `credential choice failed: ${answer.message}`, { cause: answer });
  const credential = readCredential(answer);
  if (certificateType(credential) !== type)
    throw new TlsError('ERR_TLS_OP', `the chosen credential is no ${type}, which is what was agreed`);
  const choice = choiceOf(credential, wishes.schemes);
  if (choice === undefined)
    throw new TlsError('ERR_TLS_OP', 'the chosen credential has no signature scheme that the server accepts');
  return choice;
}

function readCredential(answer: unknown): Credential {
  try {
    return check.credential(Object(answer), 0);
  } catch (cause) {
    throw new TlsError('ERR_TLS_OP', 'credential choice answered with something that is no credential', {
      cause,
    });
  }
}
