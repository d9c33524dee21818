/** Counters of one session. Payload is the channels' bytes; link bytes include preface, headers and control frames. */
export interface MuxStats {
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly payloadReceived: number;
  readonly payloadSent: number;
  /** Bytes of channels' frames that are not payload: headers, and frames other than DATA. The rest is the link's own. */
  readonly overheadReceived: number;
  readonly overheadSent: number;
  readonly framesReceived: number;
  readonly framesSent: number;
  /** Channels at this moment, both directions. */
  readonly channels: number;
  readonly opened: number;
  readonly accepted: number;
  /** The peer's channels that still count against its limit. */
  readonly incoming: number;
  /** Frames for channels that were closed already, and the payload in them: ignored. */
  readonly lateFrames: number;
  readonly lateBytes: number;
  /** Frames that did nothing useful. */
  readonly glitches: number;
  readonly resetsReceived: number;
  /** CREDIT frames sent. */
  readonly grants: number;
  /** How often a channel here had bytes and no credit, and how often the peer said so of one of its own. */
  readonly blockedSent: number;
  readonly blockedReceived: number;
  readonly datagramsReceived: number;
  readonly datagramsSent: number;
  /** Datagrams that waited too long for the link: the oldest go first. */
  readonly datagramsDropped: number;
  /** Links that the session has run on. */
  readonly links: number;
  /** Bytes that a later link had to carry again. */
  readonly bytesReplayed: number;
  /** Milliseconds of the link's round trip, smoothed and least; undefined before the first ACK. */
  readonly rtt: number | undefined;
  readonly minRtt: number | undefined;
  /** Bytes per second that the link delivered at its best lately; 0 before the first ACK. */
  readonly deliveryRate: number;
  /** Bytes that left and were not acknowledged, and at how many DATA waits. */
  readonly inFlight: number;
  readonly sendCap: number;
  /** Most payload that a DATA frame has now. */
  readonly frameSize: number;
}

export type LinkStats = Pick<
  MuxStats,
  'rtt' | 'minRtt' | 'deliveryRate' | 'inFlight' | 'sendCap' | 'frameSize'
>;

export type Counters = {
  -readonly [K in Exclude<keyof MuxStats, keyof LinkStats | 'channels' | 'incoming'>]: MuxStats[K];
};

export function newCounters(): Counters {
  return {
    bytesReceived: 0,
    bytesSent: 0,
    payloadReceived: 0,
    payloadSent: 0,
    overheadReceived: 0,
    overheadSent: 0,
    framesReceived: 0,
    framesSent: 0,
    opened: 0,
    accepted: 0,
    lateFrames: 0,
    lateBytes: 0,
    glitches: 0,
    resetsReceived: 0,
    grants: 0,
    blockedSent: 0,
    blockedReceived: 0,
    datagramsReceived: 0,
    datagramsSent: 0,
    datagramsDropped: 0,
    links: 1,
    bytesReplayed: 0,
  };
}
