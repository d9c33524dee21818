/** Two ends of TLS over a pair of links, both authenticated by one test domain. */
import { provider } from '../../src/crypto/node.node.ts';
import { type SecureOptions, secure } from '../../src/peer/secure.ts';
import type { SecureLink } from '../../src/peer/secureLink.ts';
import { ClientContext, ServerContext, type TlsConfigInit } from '../../src/tls/index.ts';
import type { Link } from '../../src/transport/index.ts';
import { DOMAIN, Pki } from '../support/pki.ts';

const pki = new Pki();

export const clientConfig: TlsConfigInit = {
  verifier: pki.serverVerifier(),
  credentials: [pki.user('alice')],
};

export const serverConfig: TlsConfigInit = {
  verifier: pki.clientVerifier(),
  credentials: [pki.server()],
};

export const clientContext = (change: Partial<TlsConfigInit> = {}): ClientContext =>
  new ClientContext({ ...clientConfig, ...change }, provider);

export const serverContext = (change: Partial<TlsConfigInit> = {}): ServerContext =>
  new ServerContext({ ...serverConfig, ...change }, provider);

export const asClient = (
  link: Link,
  options: SecureOptions = {},
  context: ClientContext = clientContext(),
): Promise<SecureLink> => secure(link, context, { serverName: DOMAIN, ...options });

export const asServer = (
  link: Link,
  options: SecureOptions = {},
  context: ServerContext = serverContext(),
): Promise<SecureLink> => secure(link, context, options);

export async function securePair(
  [a, b]: readonly [Link, Link],
  options: SecureOptions = {},
): Promise<[SecureLink, SecureLink]> {
  return Promise.all([asClient(a, options), asServer(b, options)]);
}
