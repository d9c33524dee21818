/** The numbers of the peer layer, each with its reason and the memory it can cost. docs/limits.md repeats them. */

/** One control message, length prefix excluded: eight certificates and a description fit twice over. */
export const MAX_MESSAGE = 16_384;
/** The same from the relay: a domain's bundle, which may list a thousand withdrawn keys, comes in one. */
export const MAX_MESSAGE_TO_PEER = 61_440;
/** Rows of a device list: devices and user CAs of one account, those withdrawn lately among them. */
export const MAX_DEVICES = 128;
/** Nesting of a message's values: an array of rows in an array of fields is 3. */
export const MAX_DEPTH = 4;
/** Values in one message: a 16 KiB message of one-byte values would otherwise make 16,384 objects. */
export const MAX_VALUES = 1_024;
/** Control bytes queued towards an end that does not read; above it the control channel is closed as `busy`. */
export const MAX_CONTROL_BACKLOG = 262_144;

/** Characters a listener may say of itself: one line for a person who chooses. */
export const MAX_DESCRIPTION = 200;
/** Protocols in one `listen` message. */
export const MAX_PROTOCOLS_PER_LISTEN = 32;
/** Listeners in one answer to a dial; as many as the relay asks (`listenersPerDial`). */
export const MAX_OFFERS = 32;
/** Characters of a password: a long sentence. */
export const MAX_PASSWORD = 256;
/** Certificates of a chain in a control message: as many as `verifyPeer` reads. */
export const MAX_CHAIN_CERTIFICATES = 8;
/** A user's leaf is ~600 bytes, a P-384 one with an intermediate ~1,600. */
export const MAX_CHAIN_BYTES = 8_192;

/** TLS over a link: the whole handshake, a person's or a security module's answer included. */
export const HANDSHAKE_TIMEOUT = 10_000;
/** `close` of a secure link waits this long for the other end, anew with every step forward. */
export const CLOSE_TIMEOUT = 2_000;
/**
 * Plaintext gathered before it is encrypted without waiting for the end of the microtask (Twisted's number, 64,000): ten
 * thousand one-byte sends make one record, and bulk is not held up. Before the handshake is complete it is the mark at which
 * a writer is told to stop.
 */
export const AGGREGATE: number = 64 * 1024;
/** Taken from a link in one turn for a reader who asked: a batch. A chunk more may come, and little ones are counted. */
export const READ_AHEAD: number = 64 * 1024;
export const READ_AHEAD_CHUNKS = 256;
/** Plaintext held before TLS that nobody asked for yet: then the link is paused, as a line may be far shorter than a packet. */
export const MAX_UNREAD: number = 64 * 1024;
/** Longest line of the plaintext part before TLS; SMTP's limit is 512, others allow more. */
export const MAX_LINE = 4_096;
/** Handshakes that one secure listener runs at a time, each at most some 50 KiB; a link more is reset. */
export const MAX_LISTENER_HANDSHAKES = 1_000;

/** A dial that meets silence everywhere ends here; `dial({timeout})` changes it. */
export const DIAL_TIMEOUT = 15_000;
/** Link, mutual handshake and welcome: three round trips and two signatures on a slow phone. */
export const CONTROL_TIMEOUT = 10_000;
/** TLS inside an A⇄B channel, greeting included. Must exceed the relay's and `authorize`'s deadlines. */
export const CHANNEL_TIMEOUT = 10_000;
/** Link, handshake, the domain's writes to disk, and its answer. */
export const ENROL_TIMEOUT = 15_000;
/** `authorize` answers within this or the answer is no. Below the relay's listener deadline, so that ours is heard. */
export const AUTHORIZE_TIMEOUT = 2_500;
/** Handshakes running at once on one incoming path, `authorize` included; each may hold ~40 KiB. The others wait. */
export const HANDSHAKES_AT_ONCE = 64;
/** Grants remembered between `authorize` and the caller's path (one small object each). */
export const MAX_GRANTS = 4_096;
/** As long as an offer lives at the relay: the caller may be a person choosing. */
export const GRANT_LIFETIME = 60_000;
/** An A⇄B session without channels is kept this long for the next dial. */
export const SESSION_IDLE = 30_000;

/** Reconnecting: exponential from the first to the last, each ± half, so that a relay's restart is not a stampede. */
export const BACKOFF_FIRST = 250;
export const BACKOFF_LAST = 30_000;

/** A new link for a session that lost its own: made, and answered on, within this; else another is tried. */
export const RESUME_TIMEOUT = 10_000;
/** Pauses between tries, each ± half: the first is made at once. The session waits 30 to 60 s in all. */
export const RESUME_BACKOFF_FIRST = 250;
export const RESUME_BACKOFF_LAST = 5_000;
/** The next way to a peer is tried beside those that run after this: a relay that answers has done so by then. */
export const PATH_STAGGER = 300;
/** Protocols of open channels by which a listener is looked for again; a relay takes half a second to say that there is none. */
export const MAX_RETURN_PROTOCOLS = 4;
/** Channels whose TLS names a session of two peers: the caller uses the first that it kept. ~300 bytes each. */
export const MAX_SESSION_NAMES = 8;
/** Sessions with callers that wait for another path, and the bytes they hold together; over it the longest lost is given up. */
export const MAX_WAITING_SESSIONS = 256;
export const MAX_WAITING_BYTES = 67_108_864;
/** A session that ran this long tries at once again; one that keeps losing its links slows down. */
export const RESUME_SETTLED = 1_000;

/** Renewal at this part of a certificate's life, minus up to a twentieth (step-ca does the same). */
export const RENEW_AT: number = 2 / 3;
export const RENEW_JITTER: number = 1 / 20;
/** A renewal that failed is tried again after this. */
export const RENEW_RETRY = 60_000;

/** A domain's document on the web: a bundle of 60,000 bytes as base64, a root or two as PEM, its addresses. */
export const MAX_WELL_KNOWN = 131_072;
/** `resolveTrust` answers within this: a document from the web and witnesses after it. */
export const RESOLVE_TIMEOUT = 20_000;
/** All witnesses together answer within this; a dial to one of them takes as long at most. */
export const WITNESS_TIMEOUT = 10_000;
/** A question to a witness: a domain has at most 253 characters. */
export const MAX_WITNESS_QUESTION = 512;
/** A witness's answer: four roots of the largest keys. */
export const MAX_WITNESS_ANSWER = 32_768;

/**
 * Milliseconds of handling events after which what is owed leaves, before the rest is handled: two ends that answer each other
 * in batches would else take turns, each asleep while the other works. Far below it, system calls cost more than is won.
 */
export const HANDLING_TIME: number = 0.08;
/** Events between two looks at the clock. */
export const EVENTS_PER_LOOK = 8;
