/** What a failure below means to whoever dialled, listened or enrolled. One place, so that one cause has one code. */
import { isQ2qError, toError } from '../base/errors.ts';
import { Refusal } from '../identity/index.ts';
import { TlsError } from '../tls/index.ts';
import { CLOSE_CODES, closeCodeName, FIRST_APPLICATION_CODE, resetCodeOf } from './codes.ts';
import { PeerError } from './errors.ts';
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
  const cause = toError(error);
  const refusal = refusalIn(error);
  if (refusal !== undefined)
    return refusal.code === 'ERR_IDENTITY_NO_ANCHOR'
      ? new PeerError('ERR_PEER_NO_TRUST', `no root is held for the domain ${domain}`, { cause })
      : new PeerError('ERR_PEER_WRONG_IDENTITY', `${url} did not prove to be ${domain}: ${refusal.message}`, {
          cause,
        });
  if (error instanceof TlsError && error.code === 'ERR_TLS_ALERT')
    return new PeerError('ERR_PEER_NOT_ENROLLED', `${domain} refused our certificate: ${cause.message}`, {
      cause,
    });
  const code = resetCodeOf(error);
  if (code === CLOSE_CODES.notAdmitted || code === CLOSE_CODES.expired)
    return new PeerError('ERR_PEER_NOT_ENROLLED', `${domain} does not admit this identity`, { cause });
  if (code === CLOSE_CODES.busy)
    return new PeerError('ERR_PEER_BUSY', `${domain} takes no more of us now`, { cause });
  if (error instanceof SecureError && error.code === 'ERR_SECURE_TIMEOUT')
    return new PeerError('ERR_PEER_TIMEOUT', `${url} did not answer the handshake`, { cause });
  return new PeerError('ERR_PEER_UNREACHABLE', `${url} cannot be reached: ${cause.message}`, { cause });
}

/** A channel to a peer that did not come up. */
export function channelFailure(error: unknown, dialled: string): Error {
  if (error instanceof PeerError) return error;
  const cause = toError(error);
  const refusal = refusalIn(error);
  if (refusal !== undefined)
    return refusal.code === 'ERR_IDENTITY_NO_ANCHOR'
      ? new PeerError('ERR_PEER_NO_TRUST', `${dialled}: ${refusal.message}`, { cause })
      : new PeerError('ERR_PEER_WRONG_IDENTITY', `who answered is not ${dialled}: ${refusal.message}`, {
          cause,
        });
  if (error instanceof TlsError && error.code === 'ERR_TLS_ALERT')
    return new PeerError('ERR_PEER_REFUSED', `${dialled} refused our certificate: ${cause.message}`, {
      cause,
    });
  if (error instanceof SecureError && error.code === 'ERR_SECURE_TIMEOUT')
    return new PeerError('ERR_PEER_TIMEOUT', `${dialled} did not answer the handshake`, { cause });
  const code = resetCodeOf(error);
  if (code === CLOSE_CODES.notFound) return notFound(dialled);
  if (code === CLOSE_CODES.wrongIdentity)
    return new PeerError('ERR_PEER_REFUSED', `${dialled} was told of somebody else than us`, { cause });
  if (code === CLOSE_CODES.busy)
    return new PeerError('ERR_PEER_BUSY', `${dialled} takes no more channels now`, { cause });
  if (code === CLOSE_CODES.timeout || code === CLOSE_CODES.token)
    return new PeerError(
      'ERR_PEER_TIMEOUT',
      `${dialled} did not come to the meeting (${closeCodeName(code)})`,
      {
        cause,
      },
    );
  if (code === CLOSE_CODES.handlerFailed || (code !== undefined && code >= FIRST_APPLICATION_CODE))
    return new PeerError('ERR_PEER_RESET', `${dialled} reset the channel with code ${code}`, { cause });
  if (isQ2qError(error) && error.code.startsWith('ERR_TLS'))
    return new PeerError('ERR_PEER_PROTOCOL', `no secure channel to ${dialled}: ${cause.message}`, { cause });
  return new PeerError('ERR_PEER_UNREACHABLE', `the path to ${dialled} was lost: ${cause.message}`, {
    cause,
  });
}

export function notFound(dialled: string): PeerError {
  return new PeerError('ERR_PEER_NOT_FOUND', `${dialled} does not answer`);
}

/** The relay's or the domain's answer `failed`. */
export function requestFailure(code: FailureCode, about: string): PeerError {
  switch (code) {
    case 'not_found':
      return notFound(about);
    case 'busy':
      return new PeerError('ERR_PEER_BUSY', `${about}: the relay takes no more of this now`);
    case 'refused':
      return new PeerError('ERR_PEER_NOT_ENROLLED', `${about}: the domain has blocked this account`);
    case 'invalid':
      return new PeerError('ERR_PEER_PROTOCOL', `${about}: the relay found the request invalid`);
    case 'invite_expired':
      return new PeerError('ERR_PEER_INVITE_EXPIRED', `${about}: the invite has expired`);
    case 'invite_used':
      return new PeerError('ERR_PEER_INVITE_USED', `${about}: the invite was used, with another key`);
    case 'invite_refused':
      return new PeerError('ERR_PEER_INVITE_REFUSED', `${about}: the domain does not know this invite`);
  }
}
