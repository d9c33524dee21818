import type { MuxSession } from '../../src/mux/index.ts';

/** The bytes of one channel, as counted by both ends: a copy, to compare with a later one. */
export interface ChannelAccount {
  readonly sent: number;
  readonly sendLimit: number;
  readonly blockedAt: number;
  readonly queued: number;
  readonly received: number;
  readonly granted: number;
  readonly consumed: number;
  readonly window: number;
}

export function accountOf(mux: MuxSession, id: number): ChannelAccount | undefined {
  const channel = mux.channel(id);
  if (channel === undefined) return undefined;
  const { credit, grant, queue } = channel;
  return {
    sent: credit.sent,
    sendLimit: credit.limit,
    blockedAt: credit.blockedAt,
    queued: queue.length,
    received: grant.received,
    granted: grant.limit,
    consumed: grant.consumed,
    window: grant.window,
  };
}

/** Bytes that came and were not read. */
export function unreadOf(mux: MuxSession, id: number): number {
  return mux.channel(id)?.unread.length ?? 0;
}
