/**
 * The multiplexer: many channels over one ordered carrier of bytes or messages. Semantics are those of QUIC's streams
 * (RFC 9000 §2–4): half-close, reset with code, stop, absolute credit given only for what the application took.
 *
 *     frame.ts      the frame layout as data           table.ts      channels and their numbers
 *     codec.ts      bytes → frames, incrementally      inbox.ts      what the peer sends: channelFrames, linkFrames
 *     frameWriter.ts frames → parts, without copies    outbox.ts     what is owed to the peer, picked late
 *     bodies.ts     control bodies, checked            scheduler.ts  whose turn it is
 *     halves.ts     states as tables                   keepalive.ts  is the other end alive
 *     window.ts     credit                             limits.ts     every number, with its reason
 *     acks.ts       positions, and when ACKs go        linkMeter.ts  what the line holds: returnPath, pace
 *     resume.ts     a session's life beyond its link   sendRecords.ts what left and is not confirmed
 *     replay.ts     what may have to be sent again     resumeProof.ts who may go on with it
 *
 * `MuxSession` has no IO; `Session` (package entry) drives it over a `Link`.
 */
export { type ChannelMode, DEFAULT_URGENCY, LOWEST_URGENCY, type Priority } from './bodies.ts';
export type { OpenOptions } from './channels.ts';
export type { ControlValue } from './control.ts';
export { MUX_ERRORS } from './errorMeanings.ts';
export {
  describeCode,
  MuxError,
  type MuxErrorCode,
  WireCode,
  type WireCodeName,
} from './errors.ts';
export type { MuxEvent } from './events.ts';
export { NONCE_LENGTH } from './frame.ts';
export { DEFAULT_LIMITS, type MuxLimits } from './limits.ts';
export { type Hmac, RESUME_LABEL, RESUME_SECRET_LENGTH, type ResumeRequest } from './resumeProof.ts';
export { MuxSession, type MuxSessionInit } from './session.ts';
export type { PeerSettings } from './settings.ts';
export type { MuxStats } from './stats.ts';
export type { ChannelTraffic, ChannelView } from './stream.ts';
