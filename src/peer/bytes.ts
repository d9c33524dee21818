/**
 * What bytes cost, as one report: a channel's own, and its session's link.
 *
 *     channel:  application ─ + tls ─▶ the multiplexer's payload ─ + mux ─▶ total
 *     session:  payload + channels + link = total ─ the link's own framing ─▶ wire
 */
import type { ChannelTraffic, MuxStats } from '../mux/index.ts';
import type { WireBytes } from '../transport/link.ts';
import type { SecureStats } from './secureTypes.ts';

/** One direction of a channel. */
export interface ChannelCost {
  /** What the application wrote or got. */
  readonly application: number;
  /** What TLS added: handshake, record headers, tags, padding, alerts. */
  readonly tls: number;
  /** What the multiplexer added for this channel: headers, frames such as OPEN and CREDIT, and its datagrams. */
  readonly mux: number;
  readonly total: number;
}

export interface ChannelBytes {
  readonly sent: ChannelCost;
  readonly received: ChannelCost;
}

/** One direction of a session. */
export interface SessionCost {
  /** Bytes of the channels, which may be ciphertext. */
  readonly payload: number;
  /** What the multiplexer added for channels. */
  readonly channels: number;
  /** Frames of the link itself: preface, SETTINGS, ACK, PING …, datagrams of no channel, and what came for channels that were gone. */
  readonly link: number;
  /** Bytes that the link was handed, or has brought: the sum of the three. */
  readonly total: number;
  /** All that went over the links, with their own framing and what opened each of them, where every link knows that. */
  readonly wire: number | undefined;
}

export interface SessionBytes {
  readonly sent: SessionCost;
  readonly received: SessionCost;
}

export function channelBytes(tls: SecureStats, mux: ChannelTraffic | undefined): ChannelBytes {
  return {
    sent: channelCost(tls.plaintextOut, tls.wireOut, mux?.overheadSent ?? 0),
    received: channelCost(tls.plaintextIn, tls.wireIn, mux?.overheadReceived ?? 0),
  };
}

function channelCost(application: number, protectedBytes: number, mux: number): ChannelCost {
  return { application, tls: protectedBytes - application, mux, total: protectedBytes + mux };
}

export function sessionBytes(stats: MuxStats, wire: WireBytes | undefined): SessionBytes {
  return {
    sent: sessionCost(stats.payloadSent, stats.overheadSent, stats.bytesSent, wire?.sent),
    received: sessionCost(stats.payloadReceived, stats.overheadReceived, stats.bytesReceived, wire?.received),
  };
}

function sessionCost(
  payload: number,
  channels: number,
  total: number,
  wire: number | undefined,
): SessionCost {
  return { payload, channels, link: total - payload - channels, total, wire };
}
