/** TLS over any link: `secure` runs the handshake and hands over the protected link only when it is proved. */
import { type Clock, systemClock } from '../base/clock.ts';
import { toError } from '../base/errors.ts';
import { ClientContext, type ServerContext, type TlsConnection } from '../tls/index.ts';
import type { Link } from '../transport/link.ts';
import { SecureError } from './secureErrors.ts';
import { SecureLink } from './secureLink.ts';

/** Milliseconds for the whole handshake, a person's or a security module's answer included. */
export const HANDSHAKE_TIMEOUT = 10_000;

export interface SecureOptions {
  /** Clients: the name asked for (SNI), which the verifier sees too. */
  readonly serverName?: string;
  /** Ends the handshake; afterwards it has no effect. */
  readonly signal?: AbortSignal;
  /** Milliseconds for the handshake; 10,000 unless told. */
  readonly timeout?: number;
  /** Milliseconds that `close` waits for the other end; 2,000 unless told. */
  readonly closeTimeout?: number;
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
  if (options.signal?.aborted) {
    link.reset();
    throw options.signal.reason;
  }
  return handshake(link, connectionOf(context, options.serverName), options);
}

function connectionOf(context: ClientContext | ServerContext, serverName: string | undefined): TlsConnection {
  if (!(context instanceof ClientContext)) return context.accept();
  return context.connect(serverName === undefined ? {} : { serverName });
}

function handshake(link: Link, connection: TlsConnection, options: SecureOptions): Promise<SecureLink> {
  const { signal, timeout = HANDSHAKE_TIMEOUT, clock = systemClock } = options;
  return new Promise((resolve, reject) => {
    const settled = (): void => {
      cancelTimer();
      signal?.removeEventListener('abort', onAbort);
    };
    const secureLink = new SecureLink(link, connection, {
      clock,
      ...(options.closeTimeout !== undefined && { closeTimeout: options.closeTimeout }),
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
    secureLink.run();
  });
}
