/**
 * The relay's numbers, each with its reason. What a control channel may hold is bounded, and what all control channels of one
 * identity may hold together. Worst case for one identity, small objects all: 64 control channels of 256 protocols each,
 * 4,096 offers, 1,024 paths: about 15 MiB; bytes are held by the mux's windows only.
 */
export interface RelayLimits {
  /**
   * Links of the whole relay. Each is a descriptor and ~35 KiB, ~100 KiB with a peer that listens: 0.8 GiB if all do.
   */
  readonly links: number;
  /**
   * Links from one address (IPv6: one /64): a quarter of all, an office of a thousand behind one NAT, two processes each.
   * Behind a reverse proxy all links come from the proxy's address: raise it to `links` there.
   */
  readonly linksPerAddress: number;
  /** HTTP connections beside the links, of the whole server and of one address: a page or a probe takes one for a moment. */
  readonly httpSpare: number;
  /** Milliseconds that a link may last on which nobody is admitted and no path runs: six times a handshake. */
  readonly admissionTimeout: number;
  /** Control channels on one link: identities of one process. */
  readonly controlsPerLink: number;
  /** Control channels of one identity, on all links: its devices and processes. */
  readonly controlsPerIdentity: number;
  /**
   * Messages on one control channel: at once, then per second; over it the channel is closed. An endpoint sends one per
   * listener and two per dial. Answers to the relay's own questions are free: others decide how many there are.
   */
  readonly messageBurst: number;
  readonly messageRate: number;
  /** Protocols one control channel may listen on. */
  readonly listensPerControl: number;
  /** Listeners (devices) asked by one dial; the oldest registrations first. */
  readonly listenersPerDial: number;
  /** Dials of one control channel that wait for answers. */
  readonly dialsPerControl: number;
  /** Dials of one identity: at once, then per second. A person opens a few; a forwarder reuses sessions. */
  readonly dialBurst: number;
  readonly dialRate: number;
  /** Offers of one control channel that may still be connected. */
  readonly offersPerControl: number;
  /** Offers of one identity that may still be connected: four devices that ask for all they may. */
  readonly offersPerIdentity: number;
  /** Paths of one control channel, called and calling, waiting and spliced. */
  readonly pathsPerControl: number;
  /** Paths of one identity, as above: each counts at both its ends, so it takes 64 identities at their limit to use up the tokens. */
  readonly pathsPerIdentity: number;
  /** Tokens alive in the whole relay: two per path that waits. */
  readonly tokens: number;
  /** Wrong tokens after which a link is closed: it guesses. */
  readonly badTokensPerLink: number;
  /** Milliseconds a listener has to say yes. */
  readonly answerDeadline: number;
  /** A "not found" leaves no earlier than this: absence and refusal then look the same. */
  readonly refusalHold: number;
  /** Milliseconds between an offer and its `connect`: a person may be choosing. */
  readonly offerLifetime: number;
  readonly tokenLifetime: number;
  /** Milliseconds for the handshake and `hello` of a control or enrolment channel. */
  readonly helloTimeout: number;
  /** Handshakes unfinished on one link: each holds ~40 KiB at most. */
  readonly handshakesPerLink: number;
  /** Wrong secrets for one invite, then it is refused until the relay restarts. */
  readonly secretsPerInvite: number;
  /** Certificates for one key: at once, then per lifetime of one. Each is a line on disk; a peer needs two per lifetime. */
  readonly issueBurst: number;
  readonly issuesPerLife: number;
  /** Enrolment channels of one link: at once, then per second. */
  readonly enrolBurst: number;
  readonly enrolRate: number;
}

export const RELAY_LIMITS: RelayLimits = Object.freeze({
  links: 8_192,
  linksPerAddress: 2_048,
  httpSpare: 1_024,
  admissionTimeout: 60_000,
  controlsPerLink: 64,
  controlsPerIdentity: 64,
  messageBurst: 1_000,
  messageRate: 200,
  listensPerControl: 256,
  listenersPerDial: 32,
  dialsPerControl: 256,
  dialBurst: 200,
  dialRate: 4,
  offersPerControl: 1_024,
  offersPerIdentity: 4_096,
  pathsPerControl: 256,
  pathsPerIdentity: 1_024,
  tokens: 65_536,
  badTokensPerLink: 16,
  answerDeadline: 3_000,
  refusalHold: 500,
  offerLifetime: 60_000,
  tokenLifetime: 10_000,
  helloTimeout: 10_000,
  handshakesPerLink: 64,
  secretsPerInvite: 10,
  issueBurst: 10,
  issuesPerLife: 20,
  enrolBurst: 10,
  enrolRate: 0.2,
});
