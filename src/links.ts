/**
 * `q2q/links`: wrappers that stand between a link and who uses it: they count, slow down, bound, time out or log what passes.
 * Any link will do: a carrier, a session's channel, TLS over either. `q2q/node` has them too.
 */
export {
  type Accept,
  type AcceptLimit,
  limitByPeer,
  limitTotal,
  type PeerLimit,
} from './transport/limitAccepts.ts';
export { type LimitOptions, limitLink } from './transport/limitLink.ts';
export { type LogOptions, logLink } from './transport/logLink.ts';
export { type MeteredLink, meterLink, type Traffic } from './transport/meterLink.ts';
export { type ThrottleOptions, throttleLink } from './transport/throttleLink.ts';
export { type TimeoutOptions, timeoutLink } from './transport/timeoutLink.ts';
