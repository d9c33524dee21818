/** TLS over any link: `secure` runs the handshake and hands over the protected link only when it is proved. */
import { type Clock, systemClock } from '../base/clock.ts';
import { deferred } from '../base/deferred.ts';
import { toError } from '../base/errors.ts';
import { ClientContext, type ServerContext, type TlsConnection } from '../tls/index.ts';
import type { Link } from '../transport/link.ts';
import { HANDSHAKE_TIMEOUT } from './limits.ts';
import { SecureError } from './secureErrors.ts';
import { SecureLink } from './secureLink.ts';
import type { PendingWriter } from './secureTypes.ts';

export interface SecureOptions {
  /** Clients: the name asked for (SNI), which the verifier sees too. */
  readonly serverName?: string;
  /**
   * Clients: bytes for the server's eyes before the handshake is complete (0-RTT), if a ticket allows it and the
   * configuration has `earlyData`. They can be replayed by whoever records them (RFC 9846 §8). `earlyDataSent` of the link
   * says how many left; unless `negotiated.earlyData` is `accepted`, those have to be sent again, too.
   */
  readonly earlyData?: Uint8Array;
  /** Ends the handshake; afterwards it has no effect. */
  readonly signal?: AbortSignal;
  /** Milliseconds for the handshake; 10,000 unless told. */
  readonly timeout?: number;
  /** Milliseconds that `close` waits for the other end; 2,000 unless told. */
  readonly closeTimeout?: number;
  /** The link below is wanted back when TLS has ended: see `SecureLink.detach`. Until then it stays open. */
  readonly detachable?: boolean;
  readonly clock?: Clock;
}

/**
 * Takes the link over and resolves when the engine says that the handshake is complete. Otherwise rejects, with the
 * TlsError, the link's error, a SecureError (timeout) or the signal's reason, and closes the link after the alert.
 */
export async function secure(
  link: Link,
  context: ClientContext | ServerContext,
  options: SecureOptions = {},
): Promise<SecureLink> {
  return beginHandshake(link, context, options).opened;
}

/** A secure link while its handshake runs: what is sent on it leaves when that is complete. */
export interface Handshake {
  readonly link: SecureLink;
  readonly opened: Promise<SecureLink>;
}

export function beginHandshake(
  link: Link,
  context: ClientContext | ServerContext,
  options: SecureOptions,
  writer?: PendingWriter,
): Handshake {
  const { signal, timeout = HANDSHAKE_TIMEOUT, clock = systemClock, closeTimeout, detachable } = options;
  if (signal?.aborted) {
    link.reset();
    throw signal.reason;
  }
  const { promise, resolve, reject } = deferred<SecureLink>();
  const settled = (): void => {
    cancelTimer();
    signal?.removeEventListener('abort', onAbort);
  };
  const secureLink = new SecureLink(link, connectionOn(link, context, options.serverName), {
    clock,
    closeTimeout,
    detachable,
    writer,
    opened: () => {
      settled();
      resolve(secureLink);
    },
    failed: (error) => {
      settled();
      reject(error);
    },
  });
  const onAbort = (): void => secureLink.abandon(toError(signal!.reason));
  signal?.addEventListener('abort', onAbort, { once: true });
  const cancelTimer = clock.after(timeout, () =>
    secureLink.abandon(new SecureError('ERR_SECURE_TIMEOUT', `no TLS handshake within ${timeout} ms`)),
  );
  secureLink.run(options.earlyData);
  return { link: secureLink, opened: promise };
}

/** What stops it before it begins, a store of tickets that throws say, does not leave the link open. */
function connectionOn(
  link: Link,
  context: ClientContext | ServerContext,
  serverName: string | undefined,
): TlsConnection {
  try {
    if (!(context instanceof ClientContext)) return context.accept();
    return context.connect(serverName === undefined ? {} : { serverName });
  } catch (error) {
    link.reset();
    throw error;
  }
}
