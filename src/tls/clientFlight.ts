/**
 * The client behind the ServerHello: it reads the server's encrypted flight, judges it, and answers with its own
 * (RFC 9846 §4.4, §4.5). The second half of the picture in `client.ts`.
 */
import type { Choice, PresentedChain } from './authentication.ts';
import { chooseCredential, judge, readChain, sign } from './authentication.ts';
import { decodeError, illegalParameter, TlsError } from './errors.ts';
import { decodeCertificate, encodeCertificate } from './messages/certificate.ts';
import type { CertificateRequest } from './messages/certificateRequest.ts';
import { decodeCertificateRequest } from './messages/certificateRequest.ts';
import type { HandshakeName } from './messages/codePoints.ts';
import { ExtensionType } from './messages/codePoints.ts';
import { decodeEncryptedExtensions } from './messages/encryptedExtensions.ts';
import { checkSolicited } from './messages/extensionBlock.ts';
import * as ext from './messages/extensions.ts';
import { encodeFinished } from './messages/finished.ts';
import type { HandshakeMessage } from './messages/handshake.ts';
import type { Authenticated } from './proofs.ts';
import { FinishedVerified, RecordAligned } from './proofs.ts';
import type { HandshakeSchedule, TrafficSecret } from './schedule/schedule.ts';
import type { Transcript } from './schedule/transcript.ts';
import type { Seam } from './seam.ts';
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
}

export class ExpectEncryptedExtensions implements State {
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
