/**
 * q2q: dial a person and a purpose, get one authenticated byte stream. This entry runs everywhere; `q2q/node` adds TCP,
 * files and the relay's server. Single layers: `q2q/tls`, `q2q/mux`, `q2q/identity`, `q2q/relay`.
 */
import { provider } from '#provider';
import { Peer as PeerOver } from './peer/endpoint.ts';
import { type Enrolled, type EnrolOptions, enrolOver, loginOver, type PasswordLogin } from './peer/enrol.ts';
import type { PeerOptions } from './peer/types.ts';
import { connectLink } from './transport/websocket.ts';

/** See `PeerOptions`. Relays are reached by `ws://` and `wss://` unless `connect` is given. */
export class Peer extends PeerOver {
  static override async create(options: PeerOptions): Promise<Peer> {
    return new Peer({ provider, connect: connectLink, ...options });
  }
}

/** Turns an invite and a fresh key into an identity and the root to trust. */
export function enroll(invite: string, options: EnrolOptions): Promise<Enrolled> {
  return enrolOver(invite, { provider, connect: connectLink, ...options });
}

/** The same by an account's password, at a domain whose root is known. */
export function enrollWithPassword(login: PasswordLogin, options: EnrolOptions): Promise<Enrolled> {
  return loginOver(login, { provider, connect: connectLink, ...options });
}

export { type Clock, systemClock } from './base/clock.ts';
export { type Fault, isQ2qError, Q2qError } from './base/errors.ts';
export type { Logger, LogLevel } from './base/log.ts';
export type { CryptoProvider, PrivateKey, Signer } from './crypto/provider.ts';
export * from './identity/page.ts';
export { MuxError, type MuxErrorCode, type MuxLimits } from './mux/index.ts';
export type { ChannelBytes, ChannelCost, SessionBytes, SessionCost } from './peer/bytes.ts';
export { Channel } from './peer/channel.ts';
export { CLOSE_CODES, type CloseCodeName, closeCodeName, resetCodeOf } from './peer/codes.ts';
export type { Enrolled, EnrolOptions, PasswordLogin } from './peer/enrol.ts';
export { PeerError, type PeerErrorCode } from './peer/errors.ts';
export type { IncomingChannel } from './peer/incoming.ts';
export { type Invite, parseInvite } from './peer/invite.ts';
export type { ChannelPath, Route } from './peer/route.ts';
export { type SecureOptions, secure } from './peer/secure.ts';
export { SecureError, type SecureErrorCode } from './peer/secureErrors.ts';
export type { SecureLink, SecureStats } from './peer/secureLink.ts';
export type { SecuredLink } from './peer/secureTypes.ts';
export { Session } from './peer/session.ts';
export type { OpenChannelOptions, SessionOptions, SessionStats } from './peer/sessionOptions.ts';
export { Plaintext, type StartTlsOptions, startTls } from './peer/startTls.ts';
export {
  type LinkStreams,
  linkBatches,
  linkChunks,
  linkReadable,
  linkStreams,
  linkWritable,
  type ReadOptions,
  type WritableOptions,
} from './peer/streams.ts';
export { streamZlibCodec } from './peer/streamZlib.ts';
export type {
  AccessRequest,
  Authorize,
  ChannelHandler,
  Choose,
  Connect,
  DeviceInfo,
  DialOptions,
  Listener,
  ListenOptions,
  Offer,
  OwnAccountOptions,
  PeerEvents,
  PeerOptions,
  RelayConfig,
} from './peer/types.ts';
export {
  ClientContext,
  type Negotiated,
  ServerContext,
  TlsConfig,
  type TlsConfigInit,
  TlsError,
} from './tls/index.ts';
export {
  type Link,
  LinkError,
  type LinkErrorCode,
  type LinkHandler,
  type LinkInfo,
} from './transport/index.ts';
export { memoryPair } from './transport/memory.ts';
export { connectWebSocket, webSocketLink } from './transport/websocket.ts';
export { provider };
