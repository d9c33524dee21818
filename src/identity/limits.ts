/** How much an unknown peer may make us read and compute before we know who it is. */

export interface ChainLimits {
  /** Certificates presented, leaf included. */
  readonly certificates: number;
  /** Bytes presented, all certificates together. */
  readonly bytes: number;
}

/**
 * Our own chains have two or three certificates of about 450 bytes, a root appended at enrolment included.
 * Eight leaves room for a user CA and two roots cross-signing each other; 64 KiB bounds what parsing keeps.
 */
export const PEER_CHAIN: ChainLimits = { certificates: 8, bytes: 65_536 };

/** Servers of the wild send every cross-signed intermediate they know; the budget below bounds the work. */
export const WEB_CHAIN: ChainLimits = { certificates: 48, bytes: 131_072 };

/** What building one path may cost; the figures of Go and webpki. */
export interface PathLimits {
  /** Certificates of a path, leaf and anchor included. */
  readonly depth: number;
  /**
   * CAs between leaf and anchor that are not self-issued, counted as a path length is (RFC 5280 §4.2.1.9).
   */
  readonly intermediates: number;
  /** 50 P-384 checks by noble take a quarter of a second: the worst a stranger can cost us. No good chain of any suite needs 20. */
  readonly signatures: number;
  /**
   * Candidates looked at, so that a web of cross-signed CAs cannot keep the search busy without signatures.
   */
  readonly steps: number;
  /** One name against one base; 250,000 take some tens of milliseconds. */
  readonly comparisons: number;
}

export const PATH_LIMITS: PathLimits = {
  depth: 8,
  intermediates: 6,
  signatures: 50,
  steps: 10_000,
  comparisons: 250_000,
};

/** Parsed certificates kept for the next time the same bytes come; with their objects about 10 KiB each at most. */
export const MEMO_CERTIFICATES = 32;
/** Certificate signatures found good, per provider: chains of two for twice as many peers. */
export const MEMO_SIGNATURES = 64;
/** Larger certificates are not remembered, so that strangers cannot make us hold more than half a megabyte. */
export const MEMO_BYTES = 4096;

/** An encrypted private key: the largest key in the clear, and what says how it is encrypted. */
export const MAX_ENCRYPTED_KEY = 9216;
/** OpenSSL reads at most so many bytes of a passphrase. */
export const MAX_PASSPHRASE = 1024;
/** Salts have 8 to 32 bytes. */
export const MAX_SALT = 128;
/**
 * Steps that deriving the keys of one file may take, one step an iteration of PBKDF2: OWASP asks for 1,300,000 of SHA-1.
 * With SHA-512 in JavaScript that is some ten seconds, the most a hostile file can cost.
 */
export const MAX_KEY_DERIVATION = 1_400_000;
/** Blocks of 128 bytes that scrypt mixes while PBKDF2 does one iteration with SHA-256, measured. */
export const SCRYPT_STEPS = 4;
/** N = 2^17 and r = 8, the most that OWASP asks for, take 128 MiB and a little. */
export const MAX_SCRYPT_MEMORY: number = 129 * 2 ** 20;
/** Largest file of a directory store that is read: a key and a chain take 10 KB, a thousand withdrawn keys 60 KB. */
export const MAX_STORE_FILE = 1_048_576;
/** Bytes written in one step when the passphrase of a store changes: all its keys and chains, some 2 KB each. */
export const MAX_STORE_JOURNAL: number = 16 * 2 ** 20;
/** Milliseconds that a change waits for other processes that change the same store; one takes some ten. */
export const LOCK_WAIT = 10_000;
/** A lock of a process that we cannot see, for it runs in another container, counts for dead at this age. */
export const FOREIGN_LOCK_AGE = 60_000;
/** A domain's bundle, whole: it fits one control message, and its deny list holds about a thousand keys. */
export const MAX_BUNDLE = 60_000;
/** Roots of a bundle. Two while a domain rolls; four leaves room for a second algorithm. */
export const MAX_BUNDLE_ROOTS = 4;
/** Handovers of a bundle: who slept through more rolls than this enrols anew. */
export const MAX_BUNDLE_HANDOVERS = 8;

/**
 * A revocation list: some 25,000 certificates as CAs write them. Read, it takes about 16 MiB at most.
 */
export const MAX_CRL: number = 2 ** 20;
/** Characters of a device's request: a label and a request of the largest key. */
export const MAX_DEVICE_REQUEST = 4096;
/** Characters of a grant: a chain and two roots of our own take 4 KB as text. */
export const MAX_DEVICE_GRANT = 32_768;
/** Keys remembered of one address; the oldest go first. */
export const MAX_PINNED_KEYS = 32;
/** Characters of an allow list: ten thousand lines. */
export const MAX_ALLOW_FILE = 1_048_576;

/** Witnesses asked about one domain. */
export const MAX_WITNESSES = 16;

/** A PKCS#12 file: a key and a chain of 48 certificates take about 100 KB. */
export const MAX_PKCS12: number = 2 ** 18;
/** Bags of a PKCS#12 file, those in bags counted too: a key, its chain, and what others left in there. */
export const MAX_BAGS = 64;

/** A message of an ssh agent; OpenSSH's own bound. */
export const MAX_AGENT_MESSAGE = 262_144;
/** Keys that an agent may list; OpenSSH's own bound. */
export const MAX_AGENT_KEYS = 2048;
/** Milliseconds for an agent to list its keys. */
export const AGENT_LIST_TIMEOUT = 5000;
/** Milliseconds for an agent to sign: a person may have to confirm, or to touch a token. */
export const AGENT_SIGN_TIMEOUT = 60_000;
