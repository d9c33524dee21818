/** Showing and judging certificates: the same for both roles (RFC 9846 §4.5.1, §4.5.2). */
import type { Bytes } from '../base/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { Scheme, SchemeName } from '../crypto/suites.ts';
import { schemeByName } from '../crypto/suites.ts';
import type { Certificate } from '../identity/index.ts';
import { parseCertificate } from '../identity/index.ts';
import type { Credential } from './config.ts';
import { decodeError, TlsError } from './errors.ts';
import type { PresentedPeer } from './events.ts';
import {
  decodeCertificateVerify,
  encodeCertificateVerify,
  signedContent,
} from './messages/certificateVerify.ts';
import type { HandshakeMessage } from './messages/handshake.ts';
import { Authenticated, IdentityVerified, SignatureVerified } from './proofs.ts';
import type { Transcript } from './schedule/transcript.ts';
import type { Seam } from './seam.ts';
import type { Settings } from './settings.ts';
import type { Output, State } from './state.ts';
import { Suspended } from './state.ts';

/** A credential and the scheme it will sign with. */
export interface Choice {
  readonly credential: Credential;
  readonly scheme: Scheme;
}

/** The first credential with a scheme the peer accepts; our signer's preference decides among those. */
export function chooseCredential(
  credentials: readonly Credential[],
  peerSchemes: readonly number[],
): Choice | undefined {
  for (const credential of credentials) {
    const name = credential.signer.schemes.find((candidate) => isUsable(candidate, peerSchemes));
    if (name !== undefined) return { credential, scheme: schemeByName(name) };
  }
  return undefined;
}

/** A signer may name schemes that this version does not know. */
function isUsable(name: SchemeName, peerSchemes: readonly number[]): boolean {
  const scheme: Scheme | undefined = schemeByName(name);
  return scheme !== undefined && !scheme.certificateOnly && peerSchemes.includes(scheme.id);
}

/** Waits for our signature over the transcript so far, sends CertificateVerify, then goes on. */
export function sign(
  role: 'client' | 'server',
  { credential, scheme }: Choice,
  transcript: Transcript,
  proceed: (out: Output) => State,
): Suspended {
  const message = signedContent(role, transcript.current());
  const op = { kind: 'sign', signer: credential.signer, scheme: scheme.name, message } as const;
  return new Suspended('AwaitSignature', op, (answer, out) => {
    out.send('certificate_verify', encodeCertificateVerify(scheme.id, checkSignature(answer)), transcript);
    return proceed(out);
  });
}

function checkSignature(answer: unknown): Uint8Array {
  if (answer instanceof Error)
    throw new TlsError('ERR_TLS_OP', `signer failed: ${answer.message}`, { cause: answer });
  if (!(answer instanceof Uint8Array) || answer.length === 0 || answer.length > 0xffff)
    throw new TlsError('ERR_TLS_OP', 'signer answered with something that is not a signature');
  return answer;
}

/** A chain whose leaf can be read; nothing about it is believed yet. */
export interface PresentedChain {
  readonly chain: readonly Bytes[];
  readonly leaf: Certificate;
}

export function readChain(chain: readonly Bytes[], seam: Seam | undefined): PresentedChain {
  // Not even the outermost SEQUENCE: the message is malformed, not the certificate bad.
  if (chain[0]![0] !== 0x30) throw decodeError('the peer presented a leaf certificate that is not DER');
  try {
    return { chain, leaf: (seam?.readLeaf ?? parseCertificate)(chain[0]!) };
  } catch (cause) {
    throw new TlsError('ERR_TLS_CERTIFICATE', 'the peer presented a leaf certificate that cannot be read', {
      cause,
    });
  }
}

/** What a CertificateVerify is judged by. */
export interface Judgement {
  readonly settings: Settings;
  readonly provider: CryptoProvider;
  readonly presented: Omit<PresentedPeer, 'chain'>;
  readonly transcript: Transcript;
}

/**
 * Checks the peer's CertificateVerify and then asks the verifier: somebody without the private key never gets as far as
 * a look-up in a trust store, or a question to a person.
 */
export function judge(
  message: HandshakeMessage,
  { chain, leaf }: PresentedChain,
  { settings, provider, presented, transcript }: Judgement,
  proceed: (peer: Authenticated) => State,
): Suspended {
  const content = signedContent(presented.role, transcript.current());
  const signature = SignatureVerified.check(
    provider,
    settings.schemes,
    leaf,
    content,
    decodeCertificateVerify(message.body),
  );
  transcript.add(message.bytes);
  const op = {
    kind: 'verifyPeer',
    verifier: settings.config.verifier,
    presented: { ...presented, chain },
  } as const;
  return new Suspended('AwaitIdentity', op, (answer) =>
    proceed(new Authenticated(IdentityVerified.check(answer, signature), signature)),
  );
}
