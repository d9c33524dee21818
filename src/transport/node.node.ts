/** Carriers that need Node, and everything that does not. */
export { type ConnectAnyOptions, connectAny, parseSocketAddress } from './connectAny.node.ts';
export * from './index.ts';
export { listenAny } from './listenAny.node.ts';
export { processLink, processStdioLink, type StdioOptions, stdioLink } from './stdio.node.ts';
export {
  type ConnectTcpOptions,
  type ConnectUnixOptions,
  connectTcp,
  connectUnix,
  type Listener,
  listenTcp,
  listenUnix,
  type SocketAddress,
  type SocketLinkOptions,
  socketLink,
} from './tcp.node.ts';
export {
  type ConnectWsOptions,
  connectWs,
  type ListenWebSocketOptions,
  listenWebSocket,
} from './ws.node.ts';
