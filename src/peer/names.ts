/** Names on the wire that are ours: channels of a relay session, and the ALPN of those that carry TLS to the relay. */
export const CONTROL_CHANNEL = 'control';
export const ENROL_CHANNEL = 'enroll';
export const PATH_CHANNEL = 'path';

export const CONTROL_ALPN = 'q2q-control/1';
export const ENROL_ALPN = 'q2q-enroll/1';

/** Inside A⇄B the protocol is in TLS; a name would show it to the relay. */
export const PEER_CHANNEL = '';

/** A listener's first byte of application data: you are verified and allowed (docs/protocol.md §5.3). */
export const GREETING = 0;

export const SOFTWARE = 'q2q/0.1';
