/**
 * OpenSSL, through node:tls, behind this library's contexts: for whoever wants its speed or its certification. The same
 * verifier decides who may be at the other end, asked after the handshake and before a byte is delivered either way.
 *
 * What it cannot do, compared with `secure`:
 * - The key must be in memory and exportable: no keys of WebCrypto, agents or security modules.
 * - The verifier is asked when OpenSSL is done. A client has shown its own certificate by then, and a refused peer sees
 *   the connection cut without an alert that says why.
 * - Nothing resumes: no tickets, no early data. No KeyUpdate on our own account (OpenSSL answers the peer's).
 * - No context chosen by SNI, no raw public keys, external keys, staples, padding or record size limit: a context that
 *   asks for one of them is refused with ERR_TLS_CONFIG. Compression, GREASE, `compatibility`, `certificateAuthorities`
 *   and `certificateSchemes` are left out, and so are a credential's staple and timestamps.
 * - `schemes` bounds what OpenSSL signs with, too. One certificate for each kind of key, chosen by that only.
 * - The peer's scheme is known only where its key has one. Nothing is known of single records.
 * - The link below ends with TLS: no `detach`.
 */
import { connect, TLSSocket } from 'node:tls';
import { toError } from '../base/errors.ts';
import { ClientContext, type ServerContext, TlsError } from '../tls/index.ts';
import { isDnsName } from '../tls/serverName.ts';
import { SEND_HIGH_WATER } from '../transport/limits.ts';
import type { Link } from '../transport/link.ts';
import { toDuplex } from './duplex.node.ts';
import { OpenSslCarrier } from './opensslCarrier.node.ts';
import { opensslContext } from './opensslConfig.node.ts';
import { OpenSslHandshake } from './opensslHandshake.node.ts';
import type { OpenSslLink } from './opensslLink.node.ts';
import type { SecureOptions } from './secure.ts';

/** As `secure`, with OpenSSL for an engine. */
export async function secureWithOpenSsl(
  link: Link,
  context: ClientContext | ServerContext,
  options: SecureOptions = {},
): Promise<OpenSslLink> {
  try {
    options.signal?.throwIfAborted();
    if (options.detachable) throw new TypeError('detachable: OpenSSL does not give the link back');
    opensslContext(context);
  } catch (error) {
    link.reset();
    throw error;
  }
  const carrier = new OpenSslCarrier(link, context instanceof ClientContext ? 'client' : 'server');
  const socket = socketOf(carrier, context, options.serverName);
  return new OpenSslHandshake(link, carrier, socket, context, options).opened;
}

function socketOf(
  carrier: OpenSslCarrier,
  context: ClientContext | ServerContext,
  serverName: string | undefined,
): TLSSocket {
  const { alpn, clientCertificate, maxPlaintext, keyLog } = context.config;
  const common = {
    secureContext: opensslContext(context),
    rejectUnauthorized: false, // the verifier decides, and before anything is delivered
    highWaterMark: SEND_HIGH_WATER,
    ...(alpn.length > 0 && { ALPNProtocols: [...alpn] }),
  };
  const below = toDuplex(carrier);
  carrier.duplex = below;
  const socket =
    context instanceof ClientContext
      ? connect({
          ...common,
          socket: below,
          checkServerIdentity: () => undefined,
          ...(isDnsName(serverName) && { servername: serverName }),
        })
      : new TLSSocket(below as never, {
          ...common,
          isServer: true,
          requestCert: clientCertificate !== 'none',
        });
  socket.setMaxSendFragment(maxPlaintext);
  if (keyLog !== undefined) socket.on('keylog', (line) => logKey(keyLog, line, socket));
  return socket;
}

/** A log that throws ends the handshake, as it does with our engine. */
function logKey(keyLog: (line: string) => void, line: Buffer, socket: TLSSocket): void {
  try {
    keyLog(line.toString('latin1').trimEnd());
  } catch (cause) {
    const text = `key log failed: ${toError(cause).message}`;
    socket.destroy(new TlsError('ERR_TLS_INTERNAL', text, { alert: null, cause }));
  }
}
