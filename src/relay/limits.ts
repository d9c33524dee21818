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
  /** Questions of one identity to the domain (renewal, devices, revocation): at once, then per second; beyond is `busy`. */
  readonly askBurst: number;
  readonly askRate: number;
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
  /** Wrong passwords for one account in a row; then it is locked, to the right one, too. Kept on disk. */
  readonly passwordTries: number;
  /** Milliseconds that it is locked: 480 guesses a day. Devices that are enrolled do not notice. */
  readonly passwordLock: number;
  /** Logins from one address (IPv6: one /64): at once, then per second. Behind a reverse proxy all share one: raise it there. */
  readonly loginBurst: number;
  readonly loginRate: number;
  /** Addresses, and names that nobody has, whose logins are remembered: ~200 bytes each. */
  readonly loginsRemembered: number;
  /** A refused login leaves no earlier than this after it came: what it was refused for cannot be read off the time. */
  readonly loginHold: number;
  /** Passwords hashed at once: each takes 32 MiB (`PASSWORD_COST`) and most of a processor. */
  readonly hashesAtOnce: number;
  /** Logins that wait for that, some seconds at most; the next is told `busy`. */
  readonly hashesWaiting: number;
  /** Lines of the audit log that strangers may cause: at once, then per second. 20 MB a day. */
  readonly auditBurst: number;
  readonly auditRate: number;
  /** Devices of one account, those withdrawn lately among them. */
  readonly devicesPerAccount: number;
  /** User CAs of one account: one per device that signs others. */
  readonly userCasPerAccount: number;
  /** Withdrawn keys up to which users may withdraw their own; the rest of a bundle (~1,100) is the administrator's. */
  readonly keysWithdrawnByUsers: number;
  /** Withdrawn keys that are remembered after their last certificate has ended: ~150 bytes each. */
  readonly lapsedKeys: number;
  /**
   * Milliseconds that a session which lost its link waits for another, if its peer waits as long: a change of networks takes
   * 2 to 20 s; 0: sessions end with their links. Meanwhile the peer counts as present, and its link against `links` and `linksPerAddress`.
   */
  readonly resumeTtl: number;
  /** Bytes kept for a link until its peer acknowledges them: 160 Mbit/s at 100 ms. They pass through, so few links hold as much. */
  readonly resumeWindow: number;
  /** Sessions that wait for a link, and the bytes they hold together; over it the longest lost is given up. */
  readonly suspendedLinks: number;
  readonly suspendedBytes: number;
  /** Milliseconds between two records of when a device was seen. */
  readonly seenEvery: number;
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
  askBurst: 64,
  askRate: 0.5,
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
  passwordTries: 5,
  passwordLock: 900_000,
  loginBurst: 20,
  loginRate: 1 / 60,
  loginsRemembered: 4_096,
  loginHold: 1_000,
  hashesAtOnce: 2,
  hashesWaiting: 16,
  auditBurst: 100,
  auditRate: 1,
  devicesPerAccount: 64,
  userCasPerAccount: 4,
  keysWithdrawnByUsers: 500,
  lapsedKeys: 4_096,
  resumeTtl: 45_000,
  resumeWindow: 2_097_152,
  suspendedLinks: 1_024,
  suspendedBytes: 268_435_456,
  seenEvery: 3_600_000,
});

/** scrypt: 32 MiB and three passes, a quarter of a second; as strong as OWASP's 128 MiB and one. Stored with each hash. */
export const PASSWORD_COST: { readonly N: number; readonly r: number; readonly p: number } = {
  N: 32_768,
  r: 8,
  p: 3,
};
/** Characters of a password: below that no lock helps. */
export const MIN_PASSWORD = 8;
