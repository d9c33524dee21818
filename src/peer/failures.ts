/** What a failure below means to whoever dialled, listened or enrolled. One place, so that one cause has one code. */
import { isQ2qError, toError } from '../base/errors.ts';
import { Refusal } from '../identity/index.ts';
import { type AlertName, TlsError } from '../tls/index.ts';
import { CLOSE_CODES, closeCodeName, FIRST_APPLICATION_CODE, resetCodeOf } from './codes.ts';
import { PeerError, type PeerErrorCode } from './errors.ts';
import type { FailureCode } from './messages.ts';
import { SecureError } from './secureErrors.ts';

/** The refusal of a certificate chain somewhere among the causes. */
export function refusalIn(error: unknown): Refusal | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++)
    if (at instanceof Refusal) return at;
  return undefined;
}

/** A control channel that did not come up, or ended. */
export function controlFailure(error: unknown, domain: string, url: string): Error {
  if (error instanceof PeerError) return error;
  const { failed, said } = causedBy(error);
  const refusal = refusalIn(error);
  if (refusal?.code === 'ERR_IDENTITY_NO_ANCHOR')
    return failed('ERR_PEER_NO_TRUST', `no root is held for the domain ${domain}`);
  if (refusal !== undefined)
    return failed('ERR_PEER_WRONG_IDENTITY', `${url} did not prove to be ${domain}: ${refusal.message}`);
  if (isForgery(error))
    return failed('ERR_PEER_WRONG_IDENTITY', `${url} did not prove to be ${domain}: ${said}`);
  if (saysRevoked(error)) return failed('ERR_PEER_REVOKED', `${domain} has withdrawn this identity`);
  if (refusesCertificate(error))
    return failed('ERR_PEER_NOT_ENROLLED', `${domain} refused our certificate: ${said}`);
  if (isAlert(error)) return failed('ERR_PEER_PROTOCOL', `no secure channel to ${domain}: ${said}`);
  const code = resetCodeOf(error);
  if (code === CLOSE_CODES.notAdmitted || code === CLOSE_CODES.expired)
    return failed('ERR_PEER_NOT_ENROLLED', `${domain} does not admit this identity`);
  if (code === CLOSE_CODES.busy) return failed('ERR_PEER_BUSY', `${domain} takes no more of us now`);
  if (isTimeout(error)) return failed('ERR_PEER_TIMEOUT', `${url} did not answer the handshake`);
  return failed('ERR_PEER_UNREACHABLE', `${url} cannot be reached: ${said}`);
}

/** A channel to a peer that did not come up. */
export function channelFailure(error: unknown, dialled: string): Error {
  if (error instanceof PeerError) return error;
  const { failed, said } = causedBy(error);
  const refusal = refusalIn(error);
  if (refusal?.code === 'ERR_IDENTITY_NO_ANCHOR')
    return failed('ERR_PEER_NO_TRUST', `${dialled}: ${refusal.message}`);
  if (refusal?.code === 'ERR_IDENTITY_DENIED')
    return failed('ERR_PEER_REVOKED', `${dialled}: ${refusal.message}`);
  if (refusal !== undefined)
    return failed('ERR_PEER_WRONG_IDENTITY', `who answered is not ${dialled}: ${refusal.message}`);
  if (isForgery(error)) return failed('ERR_PEER_WRONG_IDENTITY', `who answered is not ${dialled}: ${said}`);
  if (saysRevoked(error))
    return failed('ERR_PEER_REVOKED', `the domain has withdrawn the certificate of ${dialled}, or ours`);
  if (refusesCertificate(error))
    return failed('ERR_PEER_REFUSED', `${dialled} refused our certificate: ${said}`);
  if (isTimeout(error)) return failed('ERR_PEER_TIMEOUT', `${dialled} did not answer the handshake`);
  const code = resetCodeOf(error);
  if (code === CLOSE_CODES.notFound) return notFound(dialled);
  if (code === CLOSE_CODES.wrongIdentity)
    return failed('ERR_PEER_REFUSED', `${dialled} was told of somebody else than us`);
  if (code === CLOSE_CODES.busy) return failed('ERR_PEER_BUSY', `${dialled} takes no more channels now`);
  if (code === CLOSE_CODES.timeout || code === CLOSE_CODES.token)
    return failed('ERR_PEER_TIMEOUT', `${dialled} did not come to the meeting (${closeCodeName(code)})`);
  if (code === CLOSE_CODES.handlerFailed || (code !== undefined && code >= FIRST_APPLICATION_CODE))
    return failed('ERR_PEER_RESET', `${dialled} reset the channel with code ${code}`);
  if (isQ2qError(error) && error.code.startsWith('ERR_TLS'))
    return failed('ERR_PEER_PROTOCOL', `no secure channel to ${dialled}: ${said}`);
  return failed('ERR_PEER_UNREACHABLE', `the path to ${dialled} was lost: ${said}`);
}

/** Makes errors that carry this one as their cause; `said` is its text. */
function causedBy(error: unknown): {
  readonly failed: (code: PeerErrorCode, message: string) => PeerError;
  readonly said: string;
} {
  const cause = toError(error);
  return { failed: (code, message) => new PeerError(code, message, { cause }), said: cause.message };
}

/** A chain without the key to it: certificates are public, so anybody can show one. */
function isForgery(error: unknown): boolean {
  return error instanceof TlsError && error.code === 'ERR_TLS_SIGNATURE';
}

function isAlert(error: unknown): error is TlsError {
  return error instanceof TlsError && error.code === 'ERR_TLS_ALERT';
}

/** The alerts of RFC 9846 §6.2 that are about the certificate we showed; the others are about anything else. */
const CERTIFICATE_ALERTS: ReadonlySet<AlertName> = new Set<AlertName>([
  ...(['bad_certificate', 'unsupported_certificate', 'certificate_revoked', 'certificate_expired'] as const),
  ...(['certificate_unknown', 'certificate_required', 'unknown_ca', 'access_denied'] as const),
]);

function refusesCertificate(error: unknown): boolean {
  return isAlert(error) && error.alert !== undefined && CERTIFICATE_ALERTS.has(error.alert);
}

/** The other end refused our certificate as withdrawn, or somebody on the way cut it for that. */
function saysRevoked(error: unknown): boolean {
  const alert = isAlert(error) && error.alert === 'certificate_revoked';
  return alert || resetCodeOf(error) === CLOSE_CODES.revoked;
}

function isTimeout(error: unknown): boolean {
  return error instanceof SecureError && error.code === 'ERR_SECURE_TIMEOUT';
}

export function notFound(dialled: string): PeerError {
  return new PeerError('ERR_PEER_NOT_FOUND', `${dialled} does not answer`);
}

/** The relay's or the domain's answer `failed`, other than `not_found`. */
const ANSWERS: Readonly<Record<Exclude<FailureCode, 'not_found'>, readonly [PeerErrorCode, string]>> = {
  busy: ['ERR_PEER_BUSY', 'the relay takes no more of this now'],
  refused: ['ERR_PEER_NOT_ENROLLED', 'the domain has blocked this account'],
  revoked: ['ERR_PEER_REVOKED', 'the domain has withdrawn this key'],
  user_ca: ['ERR_PEER_USER_CA', 'a user CA has signed this device, and the domain does not sign over it'],
  invalid: ['ERR_PEER_PROTOCOL', 'the relay found the request invalid'],
  invite_expired: ['ERR_PEER_INVITE_EXPIRED', 'the invite has expired'],
  invite_used: ['ERR_PEER_INVITE_USED', 'the invite was used, with another key'],
  login_refused: ['ERR_PEER_LOGIN_REFUSED', 'the domain does not take this name with this password'],
  too_many_devices: ['ERR_PEER_TOO_MANY_DEVICES', 'the account has all the devices it may have'],
  invite_refused: ['ERR_PEER_INVITE_REFUSED', 'the domain does not know this invite'],
};

export function requestFailure(answer: FailureCode, about: string): PeerError {
  if (answer === 'not_found') return notFound(about);
  const [code, text] = ANSWERS[answer];
  return new PeerError(code, `${about}: ${text}`);
}
