/** What the runner wants to hold: a difference is an error of ours. */
import { equalBytes } from '../../../src/base/bytes.ts';
import { provider } from '../../../src/crypto/node.node.ts';
import { suiteById } from '../../../src/crypto/suites.ts';
import type { CertificateRequestInfo, ClientHelloInfo, Negotiated } from '../../../src/tls/index.ts';
import { readChain } from './credentials.ts';
import { earlyDataReason } from './earlyData.ts';
import type { Expectations, Options } from './options.ts';
import type { Before } from './sessions.ts';
import type { Watch } from './watch.ts';

export class Unexpected extends Error {}

/** When the handshake is complete. `before`: the connection that this one should go on with. */
export function checkHandshake(
  options: Options,
  got: Negotiated,
  watch: Watch,
  before: Before | undefined,
): void {
  const { expect, server, selectAlpn } = options;
  same('version', 0x0304, expect.version);
  same('alpn', got.alpn ?? '', server ? selectAlpn : (expect.alpn ?? ''));
  same('peer scheme', got.peerScheme, expect.peerScheme);
  same('group', got.group, expect.group);
  same('retry', got.helloRetried, expect.helloRetried);
  for (const id of expect.suites) same('suite', got.suite, suiteById(id)?.name);
  sameBytes('ocsp response', watch.presented?.ocsp, expect.ocspResponse);
  sameBytes('timestamps', watch.presented?.scts, expect.scts);
  checkPeer(expect, got, watch);
  same('credential', placeOfKey(options, got) ?? watch.selected, expect.selectedCredential);
  same('resumption', got.resumed, before !== undefined && !expect.sessionMiss);
  if (got.resumed) same('ticket age skew', Math.round((got.ticketAgeSkew ?? 0) / 1000), expect.ticketAgeSkew);
  same('reason', earlyDataReason(options, got, watch, before), expect.earlyDataReason);
  if (before === undefined) return;
  if (expect.noOfferOfEarlyData) same('early data', got.earlyData, 'none');
  else if (expect.earlyData === 'accepted') same('early data', got.earlyData, 'accepted');
  else if (expect.earlyData === 'rejected') same('early data', got.earlyData === 'accepted', false);
}

/** When a client's connection has ended well. */
export function checkTickets(
  { server, shimShutsDown, expect }: Options,
  { got }: Watch,
  negotiated: Negotiated | undefined,
): void {
  if (server || shimShutsDown) return; // BoringSSL's shim reads nothing then
  if (negotiated?.psk !== undefined) return; // nothing resumes a session behind an external key
  same('tickets that came', got.length > 0, !expect.noSession);
  const ticket = got.at(-1);
  if (ticket !== undefined)
    same('early data by ticket', ticket.maxEarlyData > 0, expect.ticketSupportsEarlyData ?? false);
}

export function checkHello(expect: Expectations, hello: ClientHelloInfo): void {
  same('server name', hello.serverName, expect.serverName);
  same('advertised alpn', hello.alpn.join(), expect.advertisedAlpn?.join());
  same('schemes of the peer', hello.schemes.join(), expect.peerVerifyPrefs?.join());
}

export function checkCertificateRequest(expect: Expectations, request: CertificateRequestInfo): void {
  same('schemes of the peer', request.schemes.join(), expect.peerVerifyPrefs?.join());
  if (expect.authorities === undefined) return;
  same('number of authorities', request.authorities.length, expect.authorities.length);
  expect.authorities.forEach((name, i) => {
    sameBytes('authority', request.authorities[i], name);
  });
}

function placeOfKey({ credentials }: Options, { psk: used }: Negotiated): number | undefined {
  return used && credentials.findIndex(({ psk }) => equalBytes(psk.identity, used.identity));
}

function checkPeer(
  { peerCertFile, peerType, peerRawKeyHash, noPeerCertificate }: Expectations,
  got: Negotiated,
  { presented }: Watch,
): void {
  const rawKey = presented?.rawKey;
  if (noPeerCertificate) same('certificate of the peer', presented !== undefined, false);
  same('type of the peer', rawKey ? 'rawPublicKey' : 'x509', peerType);
  sameBytes('raw key of the peer', rawKey && provider.hash('sha256').update(rawKey).digest(), peerRawKeyHash);
  if (peerCertFile === undefined) return;
  sameBytes('certificate of the peer', got.peer?.leaf?.der, readChain(peerCertFile)[0]);
}

function same<T>(what: string, got: T, wanted: T | undefined): void {
  if (wanted !== undefined && got !== wanted)
    throw new Unexpected(`${what}: got ${String(got)}, wanted ${String(wanted)}`);
}

function sameBytes(what: string, got: Uint8Array | undefined, wanted: Uint8Array | undefined): void {
  if (wanted !== undefined && (got === undefined || !equalBytes(got, wanted)))
    throw new Unexpected(`${what}: got ${got?.length ?? 'no'} other bytes, wanted ${wanted.length}`);
}
