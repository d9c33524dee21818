/** Showing and judging certificates: the same for both roles (RFC 9846 §4.5.1, §4.5.2). */
import type { Bytes } from '../base/bytes.ts';
import { parseSpki } from '../crypto/spki.ts';
import { outlineCertificate } from '../identity/outline.ts';
import type { CertificateCodec } from './compression.ts';
import type { CertificateType } from './config.ts';
import type { Choice } from './credentials.ts';
import { certificateType } from './credentials.ts';
import { decodeError, illegalParameter, TlsError } from './errors.ts';
import type { OpAnswer, PresentedPeer } from './events.ts';
import { MAX_HANDSHAKE_MESSAGE } from './limits.ts';
import type { CertificateList, Staples } from './messages/certificate.ts';
import {
  decodeCertificate,
  decodeCompressedCertificate,
  encodeCertificate,
  encodeCompressedCertificate,
} from './messages/certificate.ts';
import type { CertificateWishes } from './messages/certificateRequest.ts';
import {
  decodeCertificateVerify,
  encodeCertificateVerify,
  signedContent,
} from './messages/certificateVerify.ts';
import type { HandshakeName } from './messages/codePoints.ts';
import type { HandshakeMessage } from './messages/handshake.ts';
import type { PresentedKey } from './proofs.ts';
import { Authenticated, IdentityVerified, SignatureVerified } from './proofs.ts';
import { answerableInCertificate } from './questions.ts';
import type { Transcript } from './schedule/transcript.ts';
import type { Seam } from './seam.ts';
import type { Settings } from './settings.ts';
import type { Output, State } from './state.ts';
import { Suspended } from './state.ts';

/** Sends Certificate (empty without a choice), compressed if the peer can undo it, then CertificateVerify. */
export function show(
  role: 'client' | 'server',
  choice: Choice | undefined,
  wishes: CertificateWishes,
  settings: Settings,
  transcript: Transcript,
  out: Output,
  proceed: (out: Output) => State,
): State {
  const message = encodeCertificate(shownBy(choice, wishes));
  const signed = (last: Output): State =>
    choice === undefined ? proceed(last) : sign(role, choice, transcript, proceed);
  const codec = settings.config.compression.find(({ id }) => wishes.codecs.includes(id));
  if (codec === undefined || choice === undefined) {
    out.send('certificate', message, transcript);
    return signed(out);
  }
  const body = message.subarray(4);
  return compress(
    codec,
    body,
    settings,
    (compressed, last) => {
      const { length } = body;
      const shown = encodeCompressedCertificate({ algorithm: codec.id, length, compressed });
      last.send('compressed_certificate', shown, transcript);
      return signed(last);
    },
    out,
  );
}

function shownBy(choice: Choice | undefined, wishes: CertificateWishes): CertificateList {
  if (choice === undefined) return { entries: [] };
  const { chain, signer, ocsp, scts } = choice.credential;
  if (certificateType(choice.credential) === 'rawPublicKey') return { entries: [signer.spki] };
  return {
    entries: chain,
    ...(wishes.ocsp && ocsp && { ocsp }),
    ...(wishes.scts && scts && { scts }),
  };
}

/** A context shows the same certificates again and again: they are compressed once. */
function compress(
  codec: CertificateCodec,
  body: Bytes,
  { compressed }: Settings,
  proceed: (compressed: Bytes, out: Output) => State,
  out: Output,
): State {
  const known = compressed.get(codec, body);
  if (known !== undefined) return proceed(known, out);
  return new Suspended('AwaitCompression', { kind: 'compress', codec, message: body }, (answer, later) => {
    const bytes = checkBytes(answer, `${codec.name} compressor`);
    compressed.put(codec, body, bytes);
    return proceed(bytes, later);
  });
}

/** Waits for our signature over the transcript so far, sends CertificateVerify, then goes on. */
function sign(
  role: 'client' | 'server',
  { credential, scheme }: Choice,
  transcript: Transcript,
  proceed: (out: Output) => State,
): Suspended {
  const message = signedContent(role, transcript.current());
  const op = { kind: 'sign', signer: credential.signer, scheme: scheme.name, message } as const;
  return new Suspended('AwaitSignature', op, (answer, out) => {
    const signature = checkBytes(answer, 'signer');
    out.send('certificate_verify', encodeCertificateVerify(scheme.id, signature), transcript);
    return proceed(out);
  });
}

function checkBytes(answer: OpAnswer | Error, who: string): Bytes {
  if (answer instanceof Error)
    throw new TlsError('ERR_TLS_OP', `${who} failed: ${answer.message}`, { cause: answer });
  if (!(answer instanceof Uint8Array) || answer.length === 0 || answer.length > 0xffff)
    throw new TlsError('ERR_TLS_OP', `${who} answered with something that is not its result`);
  return answer as Bytes;
}

/** What the peer showed: a key that can be read, and what came with it. Nothing about it is believed yet. */
export interface Presented extends PresentedKey, Staples {
  /** Empty for a raw public key. */
  readonly chain: readonly Bytes[];
  readonly rawKey?: Bytes;
}

/** How a Certificate of the peer is to be read. */
export interface Expectation {
  readonly settings: Settings;
  readonly seam: Seam | undefined;
  /** What was agreed for its direction (RFC 7250). */
  readonly type: CertificateType;
}

/** The messages that may carry the peer's certificates: the compressed form only if we offered to undo it. */
export function certificateMessages({ config }: Settings): readonly HandshakeName[] {
  return config.compression.length > 0 ? ['certificate', 'compressed_certificate'] : ['certificate'];
}

/** Reads either form; `proceed` gets undefined when the peer shows nothing. */
export function receive(
  message: HandshakeMessage,
  expectation: Expectation,
  transcript: Transcript,
  proceed: (presented: Presented | undefined) => State,
): State {
  transcript.add(message.bytes);
  const offered = answerableInCertificate(expectation.settings);
  const read = (body: Uint8Array): State => proceed(present(decodeCertificate(body, offered), expectation));
  if (message.name === 'certificate') return read(message.body);
  const { algorithm, length, compressed } = decodeCompressedCertificate(message.body);
  const codec = expectation.settings.config.compression.find(({ id }) => id === algorithm);
  if (codec === undefined) throw illegalParameter(`certificate compressed by ${algorithm}, never offered`);
  // Judged by what it claims before anything is inflated; the codec stops at the claim (RFC 8879 §4, lesson 14).
  if (length > MAX_HANDSHAKE_MESSAGE)
    throw badCompression(`claims ${length} bytes, wanted at most ${MAX_HANDSHAKE_MESSAGE}`);
  return new Suspended('AwaitDecompression', { kind: 'decompress', codec, compressed, length }, (answer) => {
    if (answer instanceof Error) throw badCompression(`does not inflate: ${answer.message}`, answer);
    if (!(answer instanceof Uint8Array) || answer.length !== length)
      throw badCompression(`does not inflate to the ${length} bytes it claims`);
    return read(answer);
  });
}

function badCompression(problem: string, cause?: Error): TlsError {
  return new TlsError('ERR_TLS_CERTIFICATE', `compressed certificate ${problem}`, { cause });
}

function present({ entries, ...staples }: CertificateList, expectation: Expectation): Presented | undefined {
  const [first] = entries as readonly Bytes[];
  if (first === undefined) return undefined;
  if (expectation.type === 'x509')
    return { ...readChain(entries as readonly Bytes[], expectation.seam), ...staples };
  if (entries.length > 1) throw decodeError(`${entries.length} raw public keys, wanted one`);
  return { ...readRawKey(first), ...staples };
}

/** What a ticket remembers of the peer. */
interface ShownBefore {
  readonly chain: readonly Uint8Array[];
  readonly rawKey?: Uint8Array | undefined;
  readonly ocsp?: Uint8Array | undefined;
  readonly scts?: Uint8Array | undefined;
}

/** What was shown in the handshake that is resumed, if anything was. */
export function presentAgain(
  { chain, rawKey, ocsp, scts }: ShownBefore,
  seam: Seam | undefined,
): Presented | undefined {
  if (rawKey !== undefined) return readRawKey(rawKey as Bytes);
  if (chain.length === 0) return undefined;
  return { ...readChain(chain as readonly Bytes[], seam), ...(ocsp && { ocsp }), ...(scts && { scts }) };
}

function readRawKey(spki: Bytes): Presented {
  return { chain: [], rawKey: spki, spki, kind: parseSpki(spki)?.kind };
}

/** A chain with a leaf that can be read. */
function readChain(chain: readonly Bytes[], seam: Seam | undefined): Presented {
  // Not even the outermost SEQUENCE: the message is malformed, not the certificate bad.
  if (chain[0]![0] !== 0x30) throw decodeError('the peer presented a leaf certificate that is not DER');
  try {
    const leaf = (seam?.readLeaf ?? outlineCertificate)(chain[0]!);
    return { chain, leaf, spki: leaf.spki, kind: leaf.keyKind };
  } catch (cause) {
    throw new TlsError('ERR_TLS_CERTIFICATE', 'the peer presented a leaf certificate that cannot be read', {
      cause,
    });
  }
}

/** What else the verifier learns. */
export type Circumstances = Pick<PresentedPeer, 'role' | 'serverName' | 'alpn' | 'resumed'>;

export function circumstancesOf(
  role: Circumstances['role'],
  serverName: string | undefined,
  alpn: string | undefined,
  resumed: boolean,
): Circumstances {
  return {
    role,
    ...(serverName !== undefined && { serverName }),
    ...(alpn !== undefined && { alpn }),
    resumed,
  };
}

function describe({ chain, rawKey, ocsp, scts }: Presented, circumstances: Circumstances): PresentedPeer {
  return {
    ...circumstances,
    chain,
    ...(rawKey && { rawKey }),
    ...(ocsp && { ocsp }),
    ...(scts && { scts }),
  };
}

/** Asks who is at the other end. */
export function askVerifier(
  { config }: Settings,
  presented: Presented,
  circumstances: Circumstances,
  proceed: (answer: OpAnswer | Error, out: Output) => State,
): Suspended {
  const { verifier } = config;
  const op = { kind: 'verifyPeer', verifier, presented: describe(presented, circumstances) } as const;
  return new Suspended('AwaitIdentity', op, proceed);
}

/** What a CertificateVerify is judged by. */
export interface Judgement {
  readonly settings: Settings;
  readonly circumstances: Circumstances;
  readonly transcript: Transcript;
}

/**
 * Checks the peer's CertificateVerify and then asks the verifier: somebody without the private key never gets as far as
 * a look-up in a trust store, or a question to a person.
 */
export class ExpectCertificateVerify implements State {
  readonly name = 'ExpectCertificateVerify';
  readonly accepts: readonly HandshakeName[] = ['certificate_verify'];
  readonly #presented: Presented;
  readonly #judgement: Judgement;
  readonly #proceed: (peer: Authenticated) => State;

  constructor(presented: Presented, judgement: Judgement, proceed: (peer: Authenticated) => State) {
    this.#presented = presented;
    this.#judgement = judgement;
    this.#proceed = proceed;
  }

  handle(message: HandshakeMessage): State {
    const { settings, circumstances, transcript } = this.#judgement;
    const presented = this.#presented;
    const content = signedContent(circumstances.role, transcript.current());
    const signature = SignatureVerified.check(
      settings.provider,
      settings.schemes,
      presented,
      content,
      decodeCertificateVerify(message.body),
    );
    transcript.add(message.bytes);
    return askVerifier(settings, presented, circumstances, (answer) =>
      this.#proceed(new Authenticated(IdentityVerified.check(answer, presented), signature)),
    );
  }
}
