/** Carriers that need Node, and everything that does not. */
export { type ConnectAnyOptions, connectAny, parseSocketAddress } from './connectAny.node.ts';
export * from './index.ts';
export { processLink, processStdioLink, type StdioOptions, stdioLink } from './stdio.node.ts';
export {
  type ConnectTcpOptions,
  connectTcp,
  type Listener,
  listenTcp,
  type SocketAddress,
  socketLink,
} from './tcp.node.ts';
export {
  type ConnectWsOptions,
  connectWs,
  type ListenWebSocketOptions,
  listenWebSocket,
} from './ws.node.ts';
