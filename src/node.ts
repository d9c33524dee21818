/** `q2q/node`: everything of `q2q` and `q2q/identity`, and what Node adds: TCP and unix sockets, processes, files. */
import { provider } from '#provider';
import { Peer as PeerOver } from './peer/endpoint.ts';
import { type Enrolled, type EnrolOptions, enrolOver, loginOver, type PasswordLogin } from './peer/enrol.ts';
import type { PeerOptions } from './peer/types.ts';
import { connectAny } from './transport/connectAny.node.ts';

/** As the portable one; relays are reached by `tcp://` and `unix:` too, and a listening peer keeps the process alive. */
export class Peer extends PeerOver {
  static override async create(options: PeerOptions): Promise<Peer> {
    return new Peer({ provider, connect: connectAny, hold: holdProcess, ...options });
  }
}

export function enroll(invite: string, options: EnrolOptions): Promise<Enrolled> {
  return enrolOver(invite, { provider, connect: connectAny, ...options });
}

export function enrollWithPassword(login: PasswordLogin, options: EnrolOptions): Promise<Enrolled> {
  return loginOver(login, { provider, connect: connectAny, ...options });
}

/** The library's own timers do not keep a process alive; a listener that waits for its relay to come back must. */
function holdProcess(): () => void {
  const timer = setInterval(() => {}, 2 ** 30);
  return () => clearInterval(timer);
}

export { nobleProvider } from './crypto/noble.ts';
export { nodeProvider } from './crypto/node.node.ts';
export {
  type AgentKey,
  type AgentOptions,
  agentKeys,
  agentSigner,
  agentSigners,
} from './identity/agent.node.ts';
export * from './identity/index.ts';
export { DirectoryIdentityStore } from './identity/store.node.ts';
export type { PassphraseUse, StoredKeyOptions } from './identity/storeKeys.ts';
export * from './index.ts';
export * from './links.ts';
export { toDuplex } from './peer/duplex.node.ts';
export { secureWithOpenSsl } from './peer/opensslBackend.node.ts';
export type { OpenSslLink } from './peer/opensslLink.node.ts';
export {
  type Acceptor,
  type Connector,
  processConnector,
  type SecureClientOptions,
  type SecureServerOptions,
  type Securing,
  secureClient,
  secureServer,
} from './peer/secureEndpoints.node.ts';
export { brotliCodec, zlibCodec } from './tls/compression.node.ts';
export { connectAny } from './transport/connectAny.node.ts';
export { listenAny } from './transport/listenAny.node.ts';
export { processLink, processStdioLink, type StdioOptions, stdioLink } from './transport/stdio.node.ts';
export { connectTcp, connectUnix, listenTcp, listenUnix, socketLink } from './transport/tcp.node.ts';
export { connectWs, listenWebSocket } from './transport/ws.node.ts';
