/** Why early data was taken or not, in BoringSSL's words: all a side can tell of it by itself. */
import type { Negotiated } from '../../../src/tls/index.ts';
import type { Options } from './options.ts';
import type { Before } from './sessions.ts';
import type { Watch } from './watch.ts';

/** Milliseconds by which the clocks may differ: BoringSSL's number and ours. */
const MAX_SKEW = 60_000;

export function earlyDataReason(
  options: Options,
  got: Negotiated,
  watch: Watch,
  before: Before | undefined,
): string {
  if (!options.enableEarlyData) return 'disabled';
  if (got.earlyData === 'accepted') return 'accept';
  return options.server ? serverReason(got, watch, before) : clientReason(options, got, watch);
}

function clientReason({ advertiseAlpn }: Options, got: Negotiated, { held }: Watch): string {
  if (held === undefined) return 'no_session_offered';
  const { maxEarlyData, alpn } = held.ticket;
  if (maxEarlyData === 0) return 'unsupported_for_session';
  if (alpn !== undefined && !advertiseAlpn.includes(alpn)) return 'alpn_mismatch';
  if (got.helloRetried) return 'hello_retry_request';
  return got.resumed ? 'peer_declined' : 'session_not_resumed';
}

function serverReason(got: Negotiated, { ticketsShown }: Watch, before: Before | undefined): string {
  if (!got.resumed) return ticketsShown > 0 ? 'session_not_resumed' : 'no_session_offered';
  if (!before?.options.enableEarlyData) return 'unsupported_for_session';
  if (got.earlyData === 'none') return 'peer_declined';
  if (got.helloRetried) return 'hello_retry_request';
  if (got.alpn !== before.negotiated.alpn) return 'alpn_mismatch';
  return Math.abs(got.ticketAgeSkew ?? 0) > MAX_SKEW ? 'ticket_age_skew' : 'unknown';
}
