/** What the readers of frames share. */

import type { Acks } from './acks.ts';
import type { GoawayBody } from './bodies.ts';
import type { ControlValue } from './control.ts';
import { MuxError } from './errors.ts';
import type { EventQueue } from './events.ts';
import type { MuxLimits } from './limits.ts';
import type { Outbox } from './outbox.ts';
import type { Patience } from './patience.ts';
import type { ResumeRequest } from './resumeProof.ts';
import type { PeerSettings } from './settings.ts';
import type { Counters } from './stats.ts';
import type { MuxStream } from './stream.ts';
import type { ChannelTable } from './table.ts';

/** What only the session can decide. */
export interface InboxOwner {
  onSettings(settings: PeerSettings): void;
  onPong(seq: number): boolean;
  onGoaway(goaway: GoawayBody): void;
  /** The link is meant for another session. */
  onResume(request: ResumeRequest): void;
  readonly draining: boolean;
}

export interface InboxInit {
  readonly messages: boolean;
  readonly nonce: Uint8Array;
  readonly limits: MuxLimits;
  readonly table: ChannelTable;
  readonly outbox: Outbox;
  readonly events: EventQueue;
  readonly counters: Counters;
  readonly acks: Acks;
  readonly now: number;
  readonly owner: InboxOwner;
}

export interface InboxParts extends InboxInit {
  readonly patience: Patience;
}

/** The channel, or undefined when it is closed. Throws MuxError for one that was never opened. */
export function find({ table }: InboxParts, channel: number): MuxStream | undefined {
  const id = table.fromWire(channel);
  const stream = table.get(id);
  if (stream === undefined && table.isUnknown(id))
    throw protocol(`frame on channel ${channel}, which was never opened`);
  return stream;
}

/** The same, counting a frame that came too late. */
export function findOrLate(parts: InboxParts, channel: number): MuxStream | undefined {
  const stream = find(parts, channel);
  if (stream === undefined) parts.patience.late();
  return stream;
}

export function acceptedBy(parts: InboxParts, stream: MuxStream, meta: ControlValue): void {
  stream.accepted = true;
  parts.events.push({ type: 'accepted', id: stream.id, meta });
}

export function protocol(message: string): MuxError {
  return new MuxError('ERR_MUX_PROTOCOL', message);
}
