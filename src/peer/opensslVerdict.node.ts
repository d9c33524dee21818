/** Who is at the other end of a handshake that OpenSSL did: the rules of our engine, with the same verifier. */
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { equalBytes } from '../base/bytes.ts';
import { Q2qError, toError } from '../base/errors.ts';
import { SCHEMES, type SuiteName } from '../crypto/suites.ts';
import { type Certificate, Refusal, VerifiedPeer } from '../identity/index.ts';
import { alertName } from '../tls/alert.ts';
import {
  ClientContext,
  type Negotiated,
  type ServerContext,
  type TlsConfig,
  TlsError,
  type TlsErrorCode,
} from '../tls/index.ts';
import { fromNodeError } from '../transport/nodeErrors.node.ts';
import type { OpenSslCarrier } from './opensslCarrier.node.ts';

/** What was agreed, once the verifier has spoken. Rejects with the reason to cut the connection. */
export async function judge(
  socket: TLSSocket,
  { hello }: OpenSslCarrier,
  context: ClientContext | ServerContext,
  dialled: string | undefined,
): Promise<Negotiated> {
  const role = context instanceof ClientContext ? 'client' : 'server';
  const { config } = context;
  const alpn = agreedProtocol(socket, config);
  const serverName =
    role === 'client' ? dialled : (socket as { servername?: string | false }).servername || undefined;
  const names = { ...(serverName !== undefined && { serverName }), ...(alpn !== undefined && { alpn }) };
  const chain = presentedChain(socket);
  const peer = chain.length === 0 ? anonymous(role, config) : await verified(chain, role, names, config);
  const { group, helloRetried } = hello;
  if (group === undefined)
    throw unagreed('ERR_TLS_ILLEGAL_PARAMETER', 'server chose a group that nobody offered');
  const peerScheme = onlyScheme(peer?.leaf);
  return Object.freeze({
    version: 'TLSv1.3',
    role,
    suite: socket.getCipher().standardName as SuiteName,
    group,
    ...names,
    ...(peer !== undefined && { peer }),
    ...(peerScheme !== undefined && { peerScheme }),
    helloRetried,
    resumed: false,
    earlyData: 'none',
  });
}

/** No alert is told: OpenSSL has finished, and node:tls sends none for us. */
function unagreed(code: TlsErrorCode, message: string, cause?: unknown): TlsError {
  return new TlsError(code, message, { alert: null, cause });
}

function agreedProtocol(socket: TLSSocket, { alpn, requireAlpn }: TlsConfig): string | undefined {
  const chosen = socket.alpnProtocol || undefined;
  if (alpn.length === 0) return undefined;
  if (chosen !== undefined && !alpn.includes(chosen))
    throw unagreed('ERR_TLS_ALPN', `got application protocol '${chosen}', wanted ${alpn.join(' or ')}`);
  if (chosen === undefined && requireAlpn)
    throw unagreed('ERR_TLS_ALPN', `peer says nothing of application protocols, wanted ${alpn.join(' or ')}`);
  return chosen;
}

/** As the peer sent it, leaf first. */
function presentedChain(socket: TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = [];
  let certificate: X509Certificate | undefined = socket.getPeerX509Certificate();
  for (; certificate !== undefined; certificate = certificate.issuerCertificate)
    chain.push(new Uint8Array(certificate.raw));
  return chain;
}

function anonymous(role: 'client' | 'server', { clientCertificate }: TlsConfig): undefined {
  if (role === 'client')
    throw unagreed('ERR_TLS_CERTIFICATE_REQUIRED', 'server shows no certificate, wanted one');
  if (clientCertificate === 'require')
    throw unagreed('ERR_TLS_CERTIFICATE_REQUIRED', 'client shows no certificate, wanted one');
}

async function verified(
  chain: readonly Uint8Array[],
  role: 'client' | 'server',
  names: { readonly serverName?: string; readonly alpn?: string },
  { verifier }: TlsConfig,
): Promise<VerifiedPeer> {
  let answer: VerifiedPeer | Refusal;
  try {
    const peerRole = role === 'client' ? 'server' : 'client';
    answer = await verifier.verify({ role: peerRole, chain, ...names, resumed: false });
  } catch (cause) {
    throw unagreed('ERR_TLS_OP', `verifier failed: ${toError(cause).message}`, cause);
  }
  if (answer instanceof Refusal)
    throw unagreed('ERR_TLS_PEER_REFUSED', `peer refused: ${answer.message}`, answer);
  if (!VerifiedPeer.isProof(answer))
    throw unagreed('ERR_TLS_OP', 'verifier answered with neither a VerifiedPeer nor a Refusal');
  const { leaf } = answer;
  if (leaf === undefined || !equalBytes(leaf.der, chain[0]!))
    throw unagreed('ERR_TLS_OP', 'verifier answered about another certificate than the one presented');
  if (leaf.keyUsage !== undefined && !leaf.keyUsage.has('digitalSignature'))
    throw unagreed('ERR_TLS_CERTIFICATE', 'the key usage of the leaf certificate forbids signing');
  return answer;
}

/** The scheme of a key that has one only. */
function onlyScheme(leaf: Certificate | undefined): Negotiated['peerScheme'] {
  const schemes = SCHEMES.filter(({ key, certificateOnly }) => key === leaf?.keyKind && !certificateOnly);
  return schemes.length === 1 ? schemes[0]!.name : undefined;
}

export function truncated(): TlsError {
  return new TlsError('ERR_TLS_TRUNCATED', 'the carrier ended without close_notify: data may be missing');
}

/** OpenSSL's reasons by our names; whatever else there is keeps its text. */
const REASONS: Readonly<Record<string, TlsErrorCode>> = {
  WRONG_VERSION_NUMBER: 'ERR_TLS_PROTOCOL_VERSION',
  UNSUPPORTED_PROTOCOL: 'ERR_TLS_PROTOCOL_VERSION',
  HTTP_REQUEST: 'ERR_TLS_UNEXPECTED_MESSAGE',
  UNEXPECTED_MESSAGE: 'ERR_TLS_UNEXPECTED_MESSAGE',
  NO_APPLICATION_PROTOCOL: 'ERR_TLS_ALPN',
  DECRYPTION_FAILED_OR_BAD_RECORD_MAC: 'ERR_TLS_RECORD_MAC',
  BAD_RECORD_TYPE: 'ERR_TLS_UNEXPECTED_MESSAGE',
  BAD_SIGNATURE: 'ERR_TLS_SIGNATURE',
  DIGEST_CHECK_FAILED: 'ERR_TLS_FINISHED',
  ENCRYPTED_LENGTH_TOO_LONG: 'ERR_TLS_RECORD_OVERFLOW',
  PACKET_LENGTH_TOO_LONG: 'ERR_TLS_RECORD_OVERFLOW',
};

/** An error of node:tls, of the stream below it, or one of ours that passed through it. */
export function fromOpenSsl(error: unknown, wasOpen: boolean): Q2qError {
  if (error instanceof Q2qError) return error;
  const { code = '', message = String(error) } = error as { code?: string; message?: string };
  const alert = /SSL alert number (\d+)/.exec(message)?.[1];
  if (alert !== undefined) {
    const name = alertName(Number(alert));
    const text = `peer sent alert ${name ?? 'unknown'} (${alert})`;
    return new TlsError('ERR_TLS_ALERT', text, { alert: name ?? null, alertFrom: 'peer', cause: error });
  }
  if (!code.startsWith('ERR_SSL_') && code !== 'EPROTO') return fromNodeError(error, 'TLS over OpenSSL');
  const reason = code.slice('ERR_SSL_'.length);
  const ours = REASONS[reason] ?? (wasOpen ? 'ERR_TLS_DECODE' : 'ERR_TLS_HANDSHAKE_FAILURE');
  return new TlsError(ours, `OpenSSL: ${reason.toLowerCase().replaceAll('_', ' ')}`, { cause: error });
}
