/** Turns the errors of Node's sockets, pipes and processes into ours, in one place. */
import { LinkError, type LinkErrorCode } from './errors.ts';

const CODES: Readonly<Record<string, readonly [LinkErrorCode, string]>> = {
  ECONNREFUSED: ['ERR_LINK_REFUSED', 'connection refused'],
  ENOENT: ['ERR_LINK_REFUSED', 'no such socket or program'],
  ECONNRESET: ['ERR_LINK_RESET', 'connection was reset'],
  ECONNABORTED: ['ERR_LINK_RESET', 'connection was aborted'],
  EPIPE: ['ERR_LINK_RESET', 'the other end takes no more data'],
  ERR_STREAM_DESTROYED: ['ERR_LINK_CLOSED', 'stream was destroyed'],
  ERR_STREAM_PREMATURE_CLOSE: ['ERR_LINK_CLOSED', 'stream was closed early'],
  ETIMEDOUT: ['ERR_LINK_TIMEOUT', 'connection timed out'],
  EHOSTUNREACH: ['ERR_LINK_UNREACHABLE', 'host is unreachable'],
  EHOSTDOWN: ['ERR_LINK_UNREACHABLE', 'host is down'],
  ENETUNREACH: ['ERR_LINK_UNREACHABLE', 'network is unreachable'],
  ENETDOWN: ['ERR_LINK_UNREACHABLE', 'network is down'],
  EADDRNOTAVAIL: ['ERR_LINK_UNREACHABLE', 'address is not available on this machine'],
  ENOTFOUND: ['ERR_LINK_NAME', 'host name is unknown'],
  EAI_AGAIN: ['ERR_LINK_NAME', 'host name could not be looked up'],
  EADDRINUSE: ['ERR_LINK_ADDRESS_IN_USE', 'address is in use'],
  EACCES: ['ERR_LINK_PERMISSION', 'permission denied'],
  EPERM: ['ERR_LINK_PERMISSION', 'operation not permitted'],
};

/** `what` is the address or name that the person knows the link by. */
export function fromNodeError(error: unknown, what: string): LinkError {
  if (error instanceof LinkError) return error;
  const row = CODES[codeOf(error)];
  if (row !== undefined) return new LinkError(row[0], `${what}: ${row[1]}`, { cause: error });
  const message = error instanceof Error ? error.message : String(error);
  return new LinkError('ERR_LINK_CLOSED', `${what}: ${message}`, { cause: error });
}

/** A dual-stack dial fails with one error per address; the first says best what happened. */
function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error instanceof AggregateError ? codeOf(error.errors[0]) : '';
}
