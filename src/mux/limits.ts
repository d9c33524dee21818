/**
 * Every limit of the multiplexer, with its reason and what a hostile peer can make us hold.
 *
 * Worst case of one session with the defaults, all by a peer that keeps every rule:
 * received and not yet taken by the application: `receiveBudget` = 128 MiB, however many channels the peer opens (only an
 * application that itself opens more than what is not set aside allows, 1,024 channels, adds `initialCredit` for each);
 * lengths of messages that wait: at most as much again;
 * names and meta data of channels waiting for `accept`: `backlogBytes` as they came; answers we owe: bounded by one bit set
 * per live channel, plus `maxOrphanResets × 16` bytes; frame being assembled: 4 KiB. Everything else is constant.
 *
 * Worst case in time: a byte from the peer makes us take at most 3 steps, and a session 200 besides, whatever the bytes are
 * and however they are cut. A step is a frame taken in, a frame sent or an event.
 */
export interface MuxLimits {
  /** Largest DATA payload we take in one frame. 16,384 = one TLS record's worth; bounds the wait behind a frame. */
  readonly maxFrame: number;
  /** Credit of a fresh channel, and its first window: TCP's first window times four. It follows what is read from there. */
  readonly initialCredit: number;
  /** Most that a window grows to: 1 Gbit/s at 500 ms. */
  readonly maxWindow: number;
  /** Bytes for what came and was not read; windows grow on loans from what `maxChannels × initialCredit` leave of it. */
  readonly receiveBudget: number;
  /** Channels that the peer may have open at once; one counts until its handler has ended. */
  readonly maxChannels: number;
  /** Of these, channels that wait for `accept` or `refuse`. */
  readonly acceptBacklog: number;
  /** Bytes of OPEN frames of those that wait: 1,024 of a usual 30 to 128 bytes. Decoded they are a few times as much. */
  readonly backlogBytes: number;
  /** Channels that we opened and that wait for the peer's SETTINGS or channel credit. */
  readonly maxPendingOpens: number;
  /** Bytes queued in one channel before `write` says stop: enough to refill the link once per turn. */
  readonly sendHighWater: number;
  /** Milliseconds of silence after which the link is dead. 0 = never. Below 40 s, stalls that ssh survives would kill. */
  readonly idleTimeout: number;
  /** Useless frames (no-op credit, empty data, pings, late control): burst, and per second. nghttp2's figures. */
  readonly glitchBurst: number;
  readonly glitchRate: number;
  /** Resets of channels the peer opened, received or provoked: burst, and per second (rapid reset, MadeYouReset). */
  readonly resetBurst: number;
  readonly resetRate: number;
  /** Largest message that we take on a channel of messages; at most `initialCredit`, so that credit never holds one back for ever. */
  readonly maxMessage: number;
  /** Largest datagram that we take, 0 for none. It is collected whole, so it has the bound of control frames. */
  readonly maxDatagram: number;
  /** Bytes of datagrams that wait for the link; the oldest are dropped. Each counts 64 more than it has. */
  readonly datagramQueue: number;
  /** Highest channel number that is used: then the session says goodbye and has to be replaced. */
  readonly maxChannelId: number;
  /** Refusals that wait to be sent while the peer reads nothing. */
  readonly maxOrphanResets: number;
  /**
   * Bytes kept until they are acknowledged, where a session may outlive its link; 0 for never. The rate is at most this in
   * one round trip: 4 MiB is 110 Mbit/s at 300 ms. The smaller of both ends' counts.
   */
  readonly resumeWindow: number;
  /** Milliseconds that such a session waits for a new link: a laptop changes networks in less. 0 = it does not; the smaller counts. */
  readonly resumeTtl: number;
}

export const DEFAULT_LIMITS: MuxLimits = Object.freeze({
  maxFrame: 16_384,
  initialCredit: 65_536,
  maxWindow: 67_108_864,
  receiveBudget: 134_217_728,
  maxChannels: 1024,
  acceptBacklog: 1024,
  backlogBytes: 131_072,
  maxPendingOpens: 16_384,
  sendHighWater: 131_072,
  idleTimeout: 60_000,
  glitchBurst: 10_000,
  glitchRate: 330,
  resetBurst: 2_000,
  resetRate: 200,
  maxChannelId: 2 ** 30 - 1,
  maxMessage: 65_536,
  maxDatagram: 4_096,
  datagramQueue: 65_536,
  maxOrphanResets: 1_000,
  resumeWindow: 4_194_304,
  resumeTtl: 60_000,
});

/** Control frames: checked before the body is collected, let alone decoded. */
export const MAX_CONTROL_BODY = 4_096;
/** Nesting inside a control body; deeper ones are refused before the decoder recurses. */
export const MAX_CONTROL_DEPTH = 4;
/** Bytes of a channel name in UTF-8. */
export const MAX_NAME = 255;
/** Characters of the reason in a GOAWAY. */
export const MAX_REASON = 256;
/** Characters of what an end says of its software. */
export const MAX_SOFTWARE = 64;
/** Extensions that an end may list in its SETTINGS. */
export const MAX_EXTENSIONS = 64;
/** Smallest payload a peer may limit us to, and smallest initial credit: below it headers would dominate. */
export const MIN_FRAME = 256;
/** A channel id must fit the 4-byte varint, so 2^29 channels per side; then the session must be replaced. */
export const MAX_CHANNEL_ID: number = 2 ** 30 - 1;
/** Parts up to this size are copied beside their header; larger ones travel as they are. A copy beats a second part. */
export const COPY_BELOW = 1_024;
/** One message of a message link is filled up to about one full DATA frame: a WebSocket sends it as one TLS record. */
export const MESSAGE_TARGET = 16_384;
/** Milliseconds that a goodbye waits for the round trip after which nothing can be under way any more. */
export const GOAWAY_WAIT = 1_000;
/** Largest message before the other end has said what it takes: what holds where it says nothing. */
export const EARLY_MESSAGE = 65_536;
/** A CREDIT that adds less is suspect: a peer that dribbles credit makes us send tiny frames (CVE-2019-9511). */
export const MIN_CREDIT_STEP = 256;
/** Bytes in flight on a link of which nothing is known: TCP's first flight (RFC 6928), and 1.4 s of a 115,200-baud line. */
export const FIRST_IN_FLIGHT = 16_384;
/** Most bytes in flight, whatever the link seems to hold: 3.5 Gbit/s at 300 ms. */
export const MAX_IN_FLIGHT = 134_217_728;
/** A level below the one served gets every 16th frame, so that bulk is slowed and never starved. */
export const FLOOR_SHARE = 16;

/** Bytes of control frames that may wait for their acknowledgement beside a full resume window. */
export const RESUME_SLACK = 262_144;
/** Bytes of ACK, PING and PONG frames, which owe no ACK, after which one is owed all the same: a peer that can resume keeps them until then. */
export const MAX_QUIET = 4_096;
/** Attempts to resume that may be lost on the way before the other end hears of one; each costs it one HMAC more. */
export const MAX_EPOCH_SKIP = 64;
/** Secrets that may name one session: as many as a relay admits identities on a link. ~200 bytes each. */
export const MAX_ARMED = 64;
/** Frames before RESUMED on a new link: SETTINGS, and some greasing. */
export const MAX_HEAD_FRAMES = 8;

export function resolveLimits(limits: Partial<MuxLimits> = {}): MuxLimits {
  const merged = { ...DEFAULT_LIMITS, ...limits };
  const integers = Object.entries(merged).filter(([, value]) => !Number.isSafeInteger(value) || value < 0);
  if (integers.length > 0) throw new RangeError(`limit ${integers[0]![0]} is not a whole number`);
  if (merged.maxFrame < MIN_FRAME || merged.maxFrame > 2 ** 24)
    throw new RangeError(`limit maxFrame is ${merged.maxFrame}, wanted ${MIN_FRAME} to 2^24`);
  if (merged.maxChannelId > MAX_CHANNEL_ID)
    throw new RangeError(`limit maxChannelId is ${merged.maxChannelId}, wanted at most 2^30-1`);
  const reserved = merged.maxChannels * merged.initialCredit;
  if (reserved > merged.receiveBudget && limits.receiveBudget !== undefined)
    throw new RangeError(
      `limit receiveBudget is ${merged.receiveBudget}, but ${merged.maxChannels} channels of ${merged.initialCredit} bytes need ${reserved}`,
    );
  const receiveBudget = Math.max(merged.receiveBudget, 2 * reserved);
  const maxMessage = Math.min(merged.maxMessage, merged.initialCredit);
  return Object.freeze({ ...merged, maxMessage, receiveBudget: limits.receiveBudget ?? receiveBudget });
}
