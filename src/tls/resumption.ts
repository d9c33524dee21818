/**
 * What a configuration needs to go on with what both sides know already (RFC 9846 §2.2): a client's store of tickets, a
 * server's issuers of them, and keys shared beforehand. The engine knows these by their interfaces, `TicketStore` and
 * `TicketIssuer` of q2q/tls, so that stores and issuers of your own do as well, and whoever uses none loads none.
 */
export type { ExternalPskInit, PskHash, PskParties, PskRole } from './psk.ts';
export { ExternalPsk } from './psk.ts';
export type { IssuedTicket, RedeemedTicket, TicketIssuer } from './tickets/issuer.ts';
export type { SessionCacheOptions } from './tickets/sessionCache.ts';
export { SessionCache } from './tickets/sessionCache.ts';
export type { HeldTicket, TicketStore } from './tickets/store.ts';
export type { TicketCacheOptions } from './tickets/ticketCache.ts';
export { TicketCache } from './tickets/ticketCache.ts';
export type { SharedTicketKeys, TicketKeysOptions } from './tickets/ticketKeys.ts';
export { TicketKeys } from './tickets/ticketKeys.ts';
