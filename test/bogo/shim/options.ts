/**
 * What the runner's command line asks of one connection. A flag that is not in the table of `flags.ts`, or one whose
 * value asks for something the engine does not have, is `Unimplemented`: the shim then exits with 89.
 */
import type { GroupName, SchemeName } from '../../../src/crypto/suites.ts';
import type { CertificateType } from '../../../src/tls/index.ts';
import type { CredentialOptions } from './credentialOptions.ts';
import { newCredential } from './credentialOptions.ts';
import { FLAGS } from './flags.ts';
import { needs, Unimplemented } from './unimplemented.ts';

export interface Options {
  port: number;
  /** Connections that should resume the one before. */
  resumeCount: number;
  ipv6: boolean;
  shimId: bigint | undefined;
  server: boolean;
  async: boolean;

  /** Of `-new-…-credential`, preferred first; what the flags in front of the first of them say comes last. */
  credentials: CredentialOptions[];
  defaultCredential: CredentialOptions;
  /** A server's OCSP callback, which decides when the client's hello is there. */
  ocspCallback: boolean;
  ocspCallbackFails: boolean;
  ocspCallbackDeclines: boolean;
  hostName: string | undefined;
  verifyPeer: boolean;
  requireClientCertificate: boolean;
  verifyFail: boolean;
  /** Bytes of certificates that are believed at most. */
  maxCertList: number;
  customVerify: boolean;
  reverifyOnResume: boolean;
  requestStatus: boolean;
  authorities: Uint8Array[];
  acceptedTypes: CertificateType[] | undefined;
  /** Types of our certificates that a client offers. */
  availableTypes: CertificateType[] | undefined;
  verifyPrefs: SchemeName[] | undefined;
  curves: GroupName[] | undefined;
  /** Of the runner's toy algorithms for certificate compression. */
  codecs: number[];
  grease: boolean;
  maxSendFragment: number | undefined;
  advertiseAlpn: string[];
  selectAlpn: string | undefined;
  selectEmptyAlpn: boolean;
  rejectAlpn: boolean;
  certCallbackFails: boolean;
  earlyCallbackFails: boolean;
  noTicket: boolean;
  enableEarlyData: boolean;
  /** Seconds that pass behind this connection. */
  resumptionDelay: number;

  shimWritesFirst: boolean;
  /** The first write waits until this handshake message has come. */
  earlyWriteAfterMessage: number | undefined;
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

/** What must hold once the handshake is complete, or when the connection ends. */
export interface Expectations {
  version?: number;
  serverName?: string;
  alpn?: string;
  advertisedAlpn?: string[];
  /** A number in place of a name that we do not know. */
  peerScheme?: SchemeName | number;
  peerVerifyPrefs?: SchemeName[];
  authorities?: Uint8Array[];
  group?: GroupName;
  suites: number[];
  helloRetried?: boolean;
  peerCertFile?: string;
  peerType?: CertificateType;
  /** SHA-256 of the peer's raw public key. */
  peerRawKeyHash?: Uint8Array;
  noPeerCertificate?: boolean;
  /** Its place in `credentials`; -1: the default or none. */
  selectedCredential?: number;
  ocspResponse?: Uint8Array;
  scts?: Uint8Array;
  sessionMiss?: boolean;
  noSession?: boolean;
  ticketAgeSkew?: number;
  ticketSupportsEarlyData?: boolean;
  earlyData?: 'accepted' | 'rejected';
  noOfferOfEarlyData?: boolean;
  earlyDataReason?: string;
}

/** The first connection, those that resume, and what a connection turns into when its early data was rejected. */
export interface Plan {
  readonly initial: Options;
  readonly resume: Options;
  readonly retry: Options;
}

export function parseOptions(args: readonly string[]): Plan {
  const plan: Plan = { initial: defaults(), resume: defaults(), retry: defaults() };
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    const [, which, name] = /^-(?:on-shim-)?(?:on-(initial|resume|retry)-)?(.*)$/.exec(arg) ?? [];
    const flag = FLAGS[name ?? ''];
    if (flag === undefined) throw new Unimplemented(`flag ${arg}`);
    const value = typeof flag === 'function' ? '' : (rest.shift() ?? '');
    const meant = which === undefined ? Object.values(plan) : [plan[which as keyof Plan]];
    for (const options of meant) {
      if (typeof flag === 'function') flag(options);
      else flag.value(options, value);
    }
  }
  const { resumeCount, credentials } = plan.initial;
  needs(
    resumeCount === 0 || credentials.every(({ kind }) => kind !== 'psk'),
    'tickets behind an external key',
  );
  for (const { curves } of Object.values(plan)) needs(curves?.length !== 0, 'none of the groups');
  return plan;
}

function defaults(): Options {
  return {
    port: 0,
    resumeCount: 0,
    ipv6: false,
    shimId: undefined,
    server: false,
    async: false,
    credentials: [],
    defaultCredential: newCredential('x509'),
    ocspCallback: false,
    ocspCallbackFails: false,
    ocspCallbackDeclines: false,
    hostName: undefined,
    verifyPeer: false,
    requireClientCertificate: false,
    verifyFail: false,
    maxCertList: Number.POSITIVE_INFINITY,
    customVerify: false,
    reverifyOnResume: false,
    requestStatus: false,
    authorities: [],
    acceptedTypes: undefined,
    availableTypes: undefined,
    verifyPrefs: undefined,
    curves: undefined,
    codecs: [],
    grease: false,
    maxSendFragment: undefined,
    advertiseAlpn: [],
    selectAlpn: undefined,
    selectEmptyAlpn: false,
    rejectAlpn: false,
    certCallbackFails: false,
    earlyCallbackFails: false,
    noTicket: false,
    enableEarlyData: false,
    resumptionDelay: 0,
    shimWritesFirst: false,
    earlyWriteAfterMessage: undefined,
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
}
