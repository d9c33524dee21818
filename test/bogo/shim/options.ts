/**
 * The runner's command line (BoringSSL's `ssl/test/PORTING.md`, `test_config.cc`). A flag that is not in the table, or
 * one whose value asks for something the engine does not have, is `Unimplemented`: the shim then exits with 89.
 */
import type { GroupName, SchemeName } from '../../../src/crypto/suites.ts';
import { groupById, schemeById } from '../../../src/crypto/suites.ts';

/** The exit code by which a shim says so. */
export const UNIMPLEMENTED = 89;

export class Unimplemented extends Error {}

export interface Options {
  port: number;
  /** Connections that should resume the first one. */
  resumeCount: number;
  ipv6: boolean;
  shimId: bigint | undefined;
  server: boolean;
  async: boolean;
  keyFile: string | undefined;
  certFile: string | undefined;
  hostName: string | undefined;
  verifyPeer: boolean;
  requireClientCertificate: boolean;
  verifyFail: boolean;
  customVerify: boolean;
  signingPrefs: SchemeName[] | undefined;
  verifyPrefs: SchemeName[] | undefined;
  curves: GroupName[] | undefined;
  maxSendFragment: number | undefined;
  advertiseAlpn: string[];
  selectAlpn: string | undefined;
  rejectAlpn: boolean;
  chooser: 'answers' | 'fails' | undefined;
  shimWritesFirst: boolean;
  shimShutsDown: boolean;
  checkCloseNotify: boolean;
  unfinishedWrite: boolean;
  writeDifferentSizes: boolean;
  keyUpdate: boolean;
  readSize: number;
  sendAlert: boolean;
  exporterBetweenReads: boolean;
  exportLength: number;
  exportLabel: string;
  exportContext: string;
  exportTrafficSecrets: boolean;
  expect: Expectations;
}

/** What must hold once the handshake is complete. */
export interface Expectations {
  version?: number;
  serverName?: string;
  alpn?: string;
  advertisedAlpn?: string[];
  peerScheme?: SchemeName;
  group?: GroupName;
  suites: number[];
  helloRetried?: boolean;
  peerCertFile?: string;
}

const TLS13 = 0x0304;

type Flag = ((options: Options) => void) | { readonly value: (options: Options, value: string) => void };

const nothing: Flag = () => {};
const number = (set: (options: Options, value: number) => void): Flag => ({
  value: (options, text) => set(options, Number(text)),
});
const text = (set: (options: Options, value: string) => void): Flag => ({ value: set });

function scheme(id: number): SchemeName {
  const found = schemeById(id);
  if (found === undefined || found.certificateOnly) throw new Unimplemented(`signature scheme ${id}`);
  return found.name;
}

function group(id: number): GroupName {
  const found = groupById(id);
  if (found === undefined) throw new Unimplemented(`group ${id}`);
  return found.name;
}

/** Preferences may name what we do not have; what is left must not be empty (checked at the end). */
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

function needs(condition: boolean, what: string): void {
  if (!condition) throw new Unimplemented(what);
}

const FLAGS: Readonly<Record<string, Flag>> = {
  port: number((o, n) => (o.port = n)),
  ipv6: (o) => (o.ipv6 = true),
  'shim-id': text((o, s) => (o.shimId = BigInt(s))),
  server: (o) => (o.server = true),
  async: (o) => (o.async = true),
  'key-file': text((o, s) => (o.keyFile = s)),
  'cert-file': text((o, s) => (o.certFile = s)),
  'host-name': text((o, s) => (o.hostName = s)),
  'verify-peer': (o) => (o.verifyPeer = true),
  'require-any-client-certificate': (o) => (o.requireClientCertificate = true),
  'use-custom-verify-callback': (o) => (o.customVerify = true),
  'verify-fail': (o) => (o.verifyFail = true),
  'signing-prefs': number((o, n) => (o.signingPrefs ??= []).push(...known(scheme, n))),
  'verify-prefs': number((o, n) => (o.verifyPrefs ??= []).push(...known(scheme, n))),
  curves: number((o, n) => (o.curves ??= []).push(...known(group, n))),
  'max-send-fragment': number((o, n) => (o.maxSendFragment = n)),
  'advertise-alpn': text((o, s) => o.advertiseAlpn.push(...protocols(s))),
  'select-alpn': text((o, s) => (o.selectAlpn = s)),
  'decline-alpn': nothing,
  'reject-alpn': (o) => (o.rejectAlpn = true),
  'use-early-callback': (o) => (o.chooser = 'answers'),
  'install-ddos-callback': (o) => (o.chooser ??= 'answers'),
  'fail-cert-callback': (o) => (o.chooser = 'fails'),
  'fail-ddos-callback': (o) => (o.chooser = 'fails'),
  'shim-writes-first': (o) => (o.shimWritesFirst = true),
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
  'expect-peer-signature-algorithm': number((o, n) => (o.expect.peerScheme = scheme(n))),
  'expect-curve-id': number((o, n) => (o.expect.group = group(n))),
  'expect-cipher-aes': number((o, n) => o.expect.suites.push(n)),
  'expect-cipher': number((o, n) => o.expect.suites.push(n)),
  'expect-hrr': (o) => (o.expect.helloRetried = true),
  'expect-no-hrr': (o) => (o.expect.helloRetried = false),
  'expect-peer-cert-file': text((o, s) => (o.expect.peerCertFile = s)),
  'expect-total-renegotiations': number((_o, n) => needs(n === 0, 'renegotiation')),
  'resume-count': number((o, n) => (o.resumeCount = n)),
  'expect-early-data-reason': text((_o, s) => needs(s === 'disabled', 'early data')),

  // True of every connection the engine makes, or about versions it does not speak.
  'no-tls1': nothing,
  'no-tls11': nothing,
  'no-tls12': nothing,
  cipher: text(() => {}),
  'expect-cipher-no-aes': text(() => {}),
  'server-preference': nothing,
  'no-ticket': nothing,
  'expect-no-session': nothing,
  'expect-no-session-id': nothing,
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
  'use-old-client-cert-callback': nothing,
  'expect-verify-result': nothing,
  'reverify-on-resume': nothing,
  'enforce-rsa-key-usage': nothing,
  'use-export-context': nothing,
};

export function parseOptions(args: readonly string[]): Options {
  const options: Options = {
    port: 0,
    ipv6: false,
    shimId: undefined,
    server: false,
    async: false,
    keyFile: undefined,
    certFile: undefined,
    hostName: undefined,
    verifyPeer: false,
    requireClientCertificate: false,
    verifyFail: false,
    customVerify: false,
    resumeCount: 0,
    signingPrefs: undefined,
    verifyPrefs: undefined,
    curves: undefined,
    maxSendFragment: undefined,
    advertiseAlpn: [],
    selectAlpn: undefined,
    rejectAlpn: false,
    chooser: undefined,
    shimWritesFirst: false,
    shimShutsDown: false,
    checkCloseNotify: false,
    unfinishedWrite: false,
    writeDifferentSizes: false,
    keyUpdate: false,
    readSize: 512,
    sendAlert: false,
    exporterBetweenReads: false,
    exportLength: 0,
    exportLabel: '',
    exportContext: '',
    exportTrafficSecrets: false,
    expect: { suites: [] },
  };
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    const flag = FLAGS[arg.replace(/^-(on-shim-)?(on-(initial|resume|retry)-)?/, '')];
    if (flag === undefined) throw new Unimplemented(`flag ${arg}`);
    const value = typeof flag === 'function' ? '' : rest.shift();
    if (/^-on-(resume|retry)-/.test(arg)) continue; // of a connection that is not made yet
    if (typeof flag === 'function') flag(options);
    else flag.value(options, value ?? '');
  }
  needs(options.server || options.chooser !== 'fails', 'clients choose their certificate beforehand');
  needs(options.signingPrefs?.length !== 0, 'none of the signature schemes');
  needs(options.verifyPrefs?.length !== 0, 'none of the signature schemes');
  needs(options.curves?.length !== 0, 'none of the groups');
  return options;
}
