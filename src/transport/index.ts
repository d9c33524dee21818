/** Carriers that run everywhere. TCP, `ws`, unix sockets and standard IO are in `node.node.ts`. */
export { LinkError, type LinkErrorCode } from './errors.ts';
export type { Link, LinkHandler, LinkInfo } from './link.ts';
export { type MemoryPairOptions, memoryPair } from './memory.ts';
export {
  type ConnectWebSocketOptions,
  connectLink,
  connectWebSocket,
  SUBPROTOCOL,
  type WebSocketLike,
  webSocketLink,
} from './websocket.ts';
