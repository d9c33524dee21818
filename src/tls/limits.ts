/**
 * Every bound of the TLS engine, with its reason and the memory it allows. Nothing here is a knob: peers that need more
 * are not peers of ours, and a limit somebody can raise is one an attacker can ask for.
 */

/** Largest plaintext of a record (RFC 9846 §5.1): accepted from peers. */
export const MAX_RECORD_PLAINTEXT: number = 2 ** 14;

/** Largest protected payload (§5.2): plaintext, type byte, padding and tag never exceed 2^14 + 256. */
export const MAX_RECORD_CIPHERTEXT: number = 2 ** 14 + 256;

/** Largest plaintext we put into a record unless told otherwise: the standard's own, as every record has its price. */
export const MAX_PLAINTEXT: number = 2 ** 14;

/**
 * The same over a mux channel: with 5 bytes of header, the type byte and the tag it is one frame of 16,383 bytes, the most
 * whose length takes 2 bytes and not 4.
 */
export const FRAMED_PLAINTEXT: number = 16_361;

/** Handshake message, header excluded; refused when its header is read, before memory is taken. As rustls and Go. */
export const MAX_HANDSHAKE_MESSAGE: number = 64 * 1024;

/** Certificates in a chain: bounds the objects, as the message's length the bytes. Verifiers take 8 or 48, ours are 3. */
export const MAX_CHAIN_LENGTH: number = 64;

/** Consecutive records without content before the peer is called a flooder (BoringSSL's and rustls's number). */
export const MAX_EMPTY_RECORDS: number = 32;

/** KeyUpdates between two records with data: each costs two key derivations. Per gap, not per connection (lesson 7). */
export const MAX_KEY_UPDATES: number = 32;

/** Compatibility ChangeCipherSpecs: middlebox mode needs one, an HRR handshake of some stacks sends two. */
export const MAX_CHANGE_CIPHER_SPECS: number = 2;

/** `user_canceled` alerts are ignored (§6.1), this often. */
export const MAX_WARNING_ALERTS: number = 4;

/** NewSessionTickets between two records with data: each is parsed and dropped. */
export const MAX_TICKETS: number = 32;

/** Tickets a server gives and a client asks for unless told: connections to one server are often made in pairs. */
export const DEFAULT_TICKET_COUNT: number = 2;

/** Tickets of one ClientHello that a server looks at; each costs a look-up or a decryption. */
export const MAX_TICKETS_TRIED: number = 4;

/** Milliseconds by which a client's idea of a ticket's age may differ from ours for its early data to count as fresh (§8.3). */
export const MAX_TICKET_AGE_SKEW: number = 60_000;

/** Most early data (§4.3.10) a side may be told to send or accept: it waits in memory until the server is known. */
export const MAX_EARLY_DATA: number = 64 * 1024;

/** Seconds that a ticket may be good for at most (RFC 9846 §4.7.1): a week, whatever the server says. */
export const MAX_TICKET_LIFETIME: number = 604_800;

/**
 * Seconds that sessions may go on from ticket to ticket before somebody signs again (§4.7.1): whoever stole one secret
 * could otherwise go on for as long as the certificate it was made with.
 */
export const MAX_SESSION_AGE: number = 604_800;

/** Seconds unless told. A stolen ticket key or session cache opens sessions no older than this. */
export const DEFAULT_TICKET_LIFETIME: number = 12 * 3600;

/** Bytes of session state that become a ticket: a ClientHello that shows it must stay far below 64 KiB. */
export const MAX_TICKET_STATE: number = 16 * 1024;

/** Bytes of a ticket that a client keeps and a server gives: such a session, sealed. A larger one would not fit a hello. */
export const MAX_TICKET_LENGTH: number = 17 * 1024;

/** Milliseconds by which the clocks of servers that share ticket keys may differ. */
export const MAX_CLOCK_SKEW: number = 60_000;

/** Sessions that a server's `SessionCache` holds unless told, and their bytes: 8 MiB with what the map itself takes. */
export const SESSION_CACHE_ENTRIES: number = 4096;
export const SESSION_CACHE_BYTES: number = 8 * 1024 * 1024;

/** Tickets that a client's `TicketCache` holds unless told: of one server, in all, and their bytes, chains included. */
export const TICKETS_PER_SERVER: number = 4;
export const TICKET_CACHE_ENTRIES: number = 256;
export const TICKET_CACHE_BYTES: number = 2 * 1024 * 1024;

/** Bytes of an external key: 128 bits at least (RFC 9257 §6), and nobody needs a longer one than 1 KiB. */
export const MIN_PSK_KEY: number = 16;
export const MAX_PSK_KEY: number = 1024;

/** Bytes of an external key's name and context: every ClientHello carries them, once per hash. */
export const MAX_PSK_IDENTITY: number = 1024;
export const MAX_PSK_CONTEXT: number = 1024;

/** Early data of a client that hopes to resume is skipped, unread, at least this far (§4.3.10; BoringSSL's number), … */
export const MAX_SKIPPED_EARLY_DATA: number = 16 * 1024;

/** … and as far as our own tickets allow, with this for what its records add: 22 bytes each, without padding. */
export const SKIPPED_OVERHEAD: number = 2 * 1024;

/** Input kept while an op is pending. A driver that heeds `wantsInput` overruns by what was already under way. */
export const MAX_PENDING_INPUT: number = 1024 * 1024;

/** `write` takes nothing more while this much output waits: 16 records in flight to the carrier. */
export const OUTPUT_HIGH_WATER: number = 256 * 1024;

/** Sequence numbers stay below 2^48 (§5.3). */
export const MAX_SEQUENCE: number = 2 ** 48;

/** Bytes of one exported value (§7.5): 255 hash lengths is HKDF's own limit; nobody needs more than this. */
export const MAX_EXPORT: number = 255 * 32;
