/** What a `MuxSession` tells its driver, pulled by `next()`. */
import type { Fifo } from '../base/fifo.ts';
import type { ChannelMode } from './bodies.ts';
import type { ControlValue } from './control.ts';
import type { MuxError } from './errors.ts';
import type { ResumeRequest } from './resumeProof.ts';
import type { PeerSettings } from './settings.ts';

export type MuxEvent =
  /** The peer's SETTINGS came: channels opened before leave now. */
  | { readonly type: 'ready'; readonly settings: PeerSettings }
  /** The peer opened a channel. Answer with `accept` or `refuse`; data may follow before. */
  | {
      readonly type: 'incoming';
      readonly id: number;
      readonly name: string;
      readonly meta: ControlValue;
      readonly mode: ChannelMode;
      readonly urgency: number;
    }
  /** The peer accepted our channel. */
  | { readonly type: 'accepted'; readonly id: number; readonly meta: ControlValue }
  /** The peer refused our channel, before or instead of accepting it. The channel is gone. */
  | { readonly type: 'refused'; readonly id: number; readonly error: MuxError }
  /** Bytes (or a whole message) wait in a channel where none did: `read` takes them. Reading is what gives the sender new credit. */
  | { readonly type: 'readable'; readonly id: number }
  /** The peer finished its direction: what waits is the last. */
  | { readonly type: 'end'; readonly id: number }
  /** The peer gave up its direction; what waited is dropped. */
  | { readonly type: 'reset'; readonly id: number; readonly error: MuxError }
  /** The peer reads no more. `lost` tells whether bytes that we queued never left. */
  | { readonly type: 'stopped'; readonly id: number; readonly error: MuxError; readonly lost: boolean }
  /** `write` returned false before; now there is room. */
  | { readonly type: 'writable'; readonly id: number }
  /** Both directions are over and what came was read. Nothing follows for this id; an incoming one still counts until `release`. */
  | { readonly type: 'gone'; readonly id: number }
  /** A datagram for a channel, or for the session (0). Nobody keeps it: who does not look now never sees it. */
  | { readonly type: 'datagram'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly type: 'pong'; readonly seq: number; readonly rtt: number }
  /** The peer takes no new channels. Those it never saw are reported as `refused` (ERR_MUX_GOAWAY). */
  | { readonly type: 'goaway'; readonly code: number; readonly reason: string }
  /** The link is lost, and the session waits for another. Nothing leaves meanwhile; channels may be written to. */
  | { readonly type: 'suspended'; readonly error: MuxError }
  /** It goes on over another link. So many bytes are sent again. */
  | { readonly type: 'resumed'; readonly replayed: number }
  /** The link is meant for another session: `handOver` or `refuseResume`. */
  | { readonly type: 'resume'; readonly request: ResumeRequest }
  /** The session is over; every channel with it. Sent once, last. */
  | { readonly type: 'closed'; readonly error: MuxError | undefined };

/** At most a few per parsed frame or taken output: parsing is on demand. */
export type EventQueue = Fifo<MuxEvent>;
