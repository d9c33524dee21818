/**
 * `q2q/relay`: a relay and the domain it serves, to run inside a Node program. `startRelay` is the whole server; `Relay` and
 * `DomainService` are its portable parts, over any link and any store.
 */
export type { AuditEntry, AuditEvent } from './audit.ts';
export { DomainService } from './domain.ts';
export type { DomainOptions } from './domainState.ts';
export { RelayError, type RelayErrorCode } from './errors.ts';
export { createInvite } from './invites.ts';
export { RELAY_LIMITS, type RelayLimits } from './limits.ts';
export { type HashPassword, hashPortably, type ScryptCost } from './passwords.ts';
export type { RecordPath } from './paths.ts';
export { Relay, type RelayOptions, type RelayStats } from './relay.ts';
export { hashByOpenSsl } from './scrypt.node.ts';
export { type RelayServer, type RelayServerOptions, startRelay } from './server.node.ts';
export type { SpliceObserver } from './splice.ts';
export { DirectoryDomainStore } from './store.node.ts';
export { type Account, type DomainStore, MemoryDomainStore, type StoredInvite } from './store.ts';
