/** The runner's flags (BoringSSL's `ssl/test/PORTING.md`, `test_config.cc`) and what each sets. */
import type { GroupName, SchemeName } from '../../../src/crypto/suites.ts';
import { groupById, schemeById } from '../../../src/crypto/suites.ts';
import type { CertificateType } from '../../../src/tls/index.ts';
import { ALL_CODECS } from './codecs.ts';
import type { CredentialOptions } from './credentialOptions.ts';
import { newCredential } from './credentialOptions.ts';
import type { Options } from './options.ts';
import { needs, Unimplemented } from './unimplemented.ts';

type Flag = ((options: Options) => void) | { readonly value: (options: Options, value: string) => void };

const TLS13 = 0x0304;

const nothing: Flag = () => {};
const number = (set: (options: Options, value: number) => void): Flag => ({
  value: (options, text) => set(options, Number(text)),
});
const text = (set: (options: Options, value: string) => void): Flag => ({ value: set });
const base64 = (set: (options: Options, value: Uint8Array) => void): Flag => ({
  value: (options, encoded) => set(options, new Uint8Array(Buffer.from(encoded, 'base64'))),
});

function scheme(id: number): SchemeName {
  const found = schemeById(id);
  if (found === undefined) throw new Unimplemented(`signature scheme ${id}`);
  return found.name;
}

function group(id: number): GroupName {
  const found = groupById(id);
  if (found === undefined) throw new Unimplemented(`group ${id}`);
  return found.name;
}

function certificateType(id: number): CertificateType {
  if (id !== 0 && id !== 2) throw new Unimplemented(`certificate type ${id}`);
  return id === 0 ? 'x509' : 'rawPublicKey';
}

/** What the flags of credentials are about. */
function newest({ credentials, defaultCredential }: Options): CredentialOptions {
  return credentials.at(-1) ?? defaultCredential;
}

/** Preferences may name what we do not have. */
function known<T>(read: (id: number) => T, id: number): T[] {
  try {
    return [read(id)];
  } catch {
    return [];
  }
}

function protocols(list: string): string[] {
  const names: string[] = [];
  for (let at = 0; at < list.length; at += 1 + list.charCodeAt(at))
    names.push(list.slice(at + 1, at + 1 + list.charCodeAt(at)));
  return names;
}

/** DER in hexadecimal, separated by commas; two words of BoringSSL's for none. */
function authorities(list: string): Uint8Array[] {
  if (list === '<NULL>' || list === '<EMPTY>') return [];
  return list.split(',').map((name) => new Uint8Array(Buffer.from(name, 'hex')));
}

export const FLAGS: Readonly<Record<string, Flag>> = {
  port: number((o, n) => (o.port = n)),
  ipv6: (o) => (o.ipv6 = true),
  'shim-id': text((o, s) => (o.shimId = BigInt(s))),
  'resume-count': number((o, n) => (o.resumeCount = n)),
  server: (o) => (o.server = true),
  async: (o) => (o.async = true),

  'new-x509-credential': (o) => o.credentials.push(newCredential('x509')),
  'new-rpk-credential': (o) => o.credentials.push(newCredential('rawPublicKey')),
  'new-psk-credential': (o) => o.credentials.push(newCredential('psk')),
  'key-file': text((o, s) => (newest(o).keyFile = s)),
  'cert-file': text((o, s) => (newest(o).certFile = s)),
  'ocsp-response': base64((o, b) => (newest(o).ocspResponse = b)),
  'signed-cert-timestamps': base64((o, b) => (newest(o).scts = b)),
  'must-match-issuer': nothing, // whoever is of a wished authority goes first in any case
  'psk-importer-key': base64((o, b) => (newest(o).psk.key = b)),
  'psk-importer-identity': base64((o, b) => (newest(o).psk.identity = b)),
  'psk-importer-context': base64((o, b) => (newest(o).psk.context = b)),
  'psk-importer-sha256': (o) => (newest(o).psk.hash = 'sha256'),
  'psk-importer-sha384': (o) => (newest(o).psk.hash = 'sha384'),
  'accepted-peer-cert-types': number((o, n) => (o.acceptedTypes ??= []).push(certificateType(n))),
  'available-client-cert-types': number((o, n) => (o.availableTypes ??= []).push(certificateType(n))),
  'use-ocsp-callback': (o) => (o.ocspCallback = true),
  'set-ocsp-in-callback': nothing, // our credential is chosen there, and the response is part of it
  'fail-ocsp-callback': (o) => (o.ocspCallbackFails = true),
  'decline-ocsp-callback': (o) => (o.ocspCallbackDeclines = true),
  'host-name': text((o, s) => (o.hostName = s)),
  'verify-peer': (o) => (o.verifyPeer = true),
  'require-any-client-certificate': (o) => (o.requireClientCertificate = true),
  'use-custom-verify-callback': (o) => (o.customVerify = true),
  'trust-cert': text(() => {}), // the verifier believes any chain
  'verify-fail': (o) => (o.verifyFail = true),
  'max-cert-list': number((o, n) => (o.maxCertList = n)),
  'reverify-on-resume': (o) => (o.reverifyOnResume = true),
  'enable-ocsp-stapling': (o) => (o.requestStatus = true),
  'enable-signed-cert-timestamps': (o) => (o.requestStatus = true),
  'use-client-ca-list': text((o, s) => (o.authorities = authorities(s))),
  'signing-prefs': number((o, n) => (newest(o).signingPrefs ??= []).push(...known(scheme, n))),
  'verify-prefs': number((o, n) => (o.verifyPrefs ??= []).push(...known(scheme, n))),
  curves: number((o, n) => (o.curves ??= []).push(...known(group, n))),
  'install-cert-compression-algs': (o) => o.codecs.push(...ALL_CODECS),
  'install-one-cert-compression-alg': number((o, n) => o.codecs.push(n)),
  'enable-grease': (o) => (o.grease = true),
  'max-send-fragment': number((o, n) => (o.maxSendFragment = n)),
  'advertise-alpn': text((o, s) => (o.advertiseAlpn = protocols(s))),
  'select-alpn': text((o, s) => (o.selectAlpn = s)),
  'select-empty-alpn': (o) => (o.selectEmptyAlpn = true),
  'decline-alpn': nothing,
  'reject-alpn': (o) => (o.rejectAlpn = true),
  'fail-cert-callback': (o) => (o.certCallbackFails = true),
  'fail-ddos-callback': (o) => (o.certCallbackFails = true),
  'fail-early-callback': (o) => (o.earlyCallbackFails = true),
  'no-ticket': (o) => (o.noTicket = true),
  'enable-early-data': (o) => (o.enableEarlyData = true),
  'resumption-delay': number((o, n) => (o.resumptionDelay = n)),

  'shim-writes-first': (o) => (o.shimWritesFirst = true),
  'early-write-after-message': number((o, n) => (o.earlyWriteAfterMessage = n)),
  'shim-shuts-down': (o) => (o.shimShutsDown = true),
  'check-close-notify': (o) => (o.checkCloseNotify = true),
  'read-with-unfinished-write': (o) => (o.unfinishedWrite = true),
  'write-different-record-sizes': (o) => (o.writeDifferentSizes = true),
  'key-update': (o) => (o.keyUpdate = true),
  'read-size': number((o, n) => (o.readSize = n)),
  'send-alert': (o) => (o.sendAlert = true),
  'use-exporter-between-reads': (o) => (o.exporterBetweenReads = true),
  'export-keying-material': number((o, n) => (o.exportLength = n)),
  'export-label': text((o, s) => (o.exportLabel = s)),
  'export-context': text((o, s) => (o.exportContext = s)),
  'export-traffic-secrets': (o) => (o.exportTrafficSecrets = true),
  'min-version': number((_o, n) => needs(n <= TLS13, 'versions above TLS 1.3')),
  'max-version': number((_o, n) => needs(n >= TLS13, 'versions below TLS 1.3')),

  'expect-version': number((o, n) => (o.expect.version = n)),
  'expect-server-name': text((o, s) => (o.expect.serverName = s)),
  'expect-alpn': text((o, s) => (o.expect.alpn = s)),
  'expect-advertised-alpn': text((o, s) => (o.expect.advertisedAlpn = protocols(s))),
  'expect-peer-signature-algorithm': number((o, n) => (o.expect.peerScheme = schemeById(n)?.name ?? n)),
  'expect-peer-verify-pref': number((o, n) => (o.expect.peerVerifyPrefs ??= []).push(scheme(n))),
  'expect-client-ca-list': text((o, s) => (o.expect.authorities = authorities(s))),
  'expect-curve-id': number((o, n) => (o.expect.group = group(n))),
  'expect-cipher-aes': number((o, n) => o.expect.suites.push(n)),
  'expect-cipher': number((o, n) => o.expect.suites.push(n)),
  'expect-hrr': (o) => (o.expect.helloRetried = true),
  'expect-no-hrr': (o) => (o.expect.helloRetried = false),
  'expect-peer-cert-file': text((o, s) => (o.expect.peerCertFile = s)),
  'expect-peer-certificate-type': number((o, n) => (o.expect.peerType = certificateType(n))),
  'expect-peer-rpk-sha256': base64((o, b) => (o.expect.peerRawKeyHash = b)),
  'expect-no-peer-cert': (o) => (o.expect.noPeerCertificate = true),
  'expect-selected-credential': number((o, n) => (o.expect.selectedCredential = n)),
  'expect-ocsp-response': base64((o, b) => (o.expect.ocspResponse = b)),
  'expect-signed-cert-timestamps': base64((o, b) => (o.expect.scts = b)),
  'expect-session-miss': (o) => (o.expect.sessionMiss = true),
  'expect-no-session': (o) => (o.expect.noSession = true),
  'expect-ticket-age-skew': number((o, n) => (o.expect.ticketAgeSkew = n)),
  'expect-ticket-supports-early-data': (o) => (o.expect.ticketSupportsEarlyData = true),
  'expect-accept-early-data': (o) => (o.expect.earlyData = 'accepted'),
  'expect-reject-early-data': (o) => (o.expect.earlyData = 'rejected'),
  'expect-no-offer-early-data': (o) => (o.expect.noOfferOfEarlyData = true),
  'expect-early-data-reason': text((o, s) => (o.expect.earlyDataReason = s)),
  'expect-total-renegotiations': number((_o, n) => needs(n === 0, 'renegotiation')),

  // True of every connection the engine makes, or about versions it does not speak.
  'no-tls1': nothing,
  'no-tls11': nothing,
  'no-tls12': nothing,
  cipher: text(() => {}),
  psk: text(() => {}),
  'psk-identity': text(() => {}),
  'expect-cipher-no-aes': text(() => {}),
  'server-preference': nothing,
  'expect-no-session-id': nothing,
  'expect-ticket-renewal': nothing,
  'expect-extended-master-secret': nothing,
  'expect-secure-renegotiation': nothing,
  'false-start': nothing,
  'cbc-record-splitting': nothing,
  'renegotiate-once': nothing,
  'renegotiate-freely': nothing,
  'renegotiate-ignore': nothing,
  'renegotiate-explicit': nothing,
  'forbid-renegotiation-after-handshake': nothing,
  'no-op-extra-handshake': nothing,
  'handshake-twice': nothing,
  'implicit-handshake': nothing,
  'partial-write': nothing,
  'enforce-rsa-key-usage': nothing,
  'ignore-rsa-key-usage': nothing,
  'use-export-context': nothing,

  // Hooks of BoringSSL's that ours always have: choosers, an issuer of the shim's own, events looked at before they are taken.
  'use-early-callback': nothing,
  'install-ddos-callback': nothing,
  'use-old-client-cert-callback': nothing,
  'use-ticket-callback': nothing,
  'renew-ticket': nothing,
  'peek-then-read': nothing,
  'expect-verify-result': nothing,
};
