/** From options to a connection. */
import { withMlKem } from '../../../src/crypto/mlkem.ts';
import { provider as node } from '../../../src/crypto/node.node.ts';
import type { CryptoProvider } from '../../../src/crypto/provider.ts';
import type { SchemeName } from '../../../src/crypto/suites.ts';
import { SCHEMES, schemeByName } from '../../../src/crypto/suites.ts';
import type {
  CertificateRequestInfo,
  Credential,
  PeerVerifier,
  TlsConfigInit,
  TlsConnection,
} from '../../../src/tls/index.ts';
import { ClientContext, ServerContext, TlsError } from '../../../src/tls/index.ts';
import { codecsOf } from './codecs.ts';
import { ofTypes, readCredentials, readPsks } from './credentials.ts';
import { checkCertificateRequest, checkHello } from './expectations.ts';
import type { Options } from './options.ts';
import type { Sessions } from './sessions.ts';
import { MAX_EARLY_DATA } from './sessions.ts';
import type { Watch } from './watch.ts';

/** What the runner takes for the default: Ed25519 and P-521 only where they are asked for. */
const DEFAULT_SCHEMES: readonly SchemeName[] = SCHEMES.map(({ name }) => name).filter(
  (name) => name !== 'ed25519' && name !== 'ecdsa_secp521r1_sha512',
);

export interface Setting {
  readonly options: Options;
  readonly watch: Watch;
  readonly sessions: Sessions;
  readonly verifier: PeerVerifier;
}

export function connect(setting: Setting): TlsConnection {
  return setting.options.server ? accept(setting) : dial(setting);
}

function dial(setting: Setting): TlsConnection {
  const { options, watch, sessions } = setting;
  const { hostName, expect } = options;
  const credentials = ofTypes(readCredentials(options, watch), options);
  const [credential] = credentials;
  const chooseCredential = (request: CertificateRequestInfo): Credential | undefined => {
    watch.request = request;
    checkCertificateRequest(expect, request);
    if (options.certCallbackFails) throw new Error('the runner asks for a failing choice');
    if (credential !== undefined && !canSign(credential, request))
      throw new TlsError(
        'ERR_TLS_HANDSHAKE_FAILURE',
        'server accepts no signature scheme of our certificate',
      );
    return credential;
  };
  const context = new ClientContext(
    {
      ...common(setting),
      alpn: options.advertiseAlpn,
      grease: options.grease,
      requestStatus: options.requestStatus,
      ...(options.enableEarlyData && { earlyData: MAX_EARLY_DATA }),
      tickets: {
        put: (key, ticket) => sessions.tickets.put(key, ticket),
        take: (key) => (watch.held = sessions.tickets.take(key)),
      },
      // Who names credentials one by one leaves the choice to the engine.
      ...(options.credentials.length > 0 ? { credentials } : { chooseCredential }),
    },
    providerFor(options),
  );
  return context.connectThrough(hostName === undefined ? {} : { serverName: hostName }, observer(watch));
}

function accept(setting: Setting): TlsConnection {
  const { options, watch } = setting;
  const config = common(setting);
  const credentials = readCredentials(options, watch);
  const provider = providerFor(options);
  const front = new ServerContext(config, provider, {
    choose(hello) {
      watch.hello = hello;
      checkHello(options.expect, hello);
      if (options.certCallbackFails) throw new Error('the runner asks for a failing choice');
      if (options.earlyCallbackFails)
        throw new TlsError('ERR_TLS_OP', 'the runner asks for a refusal', { alert: 'handshake_failure' });
      if (options.ocspCallback && options.ocspCallbackFails)
        throw new Error('the runner asks for no OCSP staple');
      const [only] = options.credentials.length === 0 ? credentials : [];
      if (only !== undefined && !canSign(only, hello))
        throw new TlsError(
          'ERR_TLS_HANDSHAKE_FAILURE',
          'client accepts no signature scheme of our certificate',
        );
      return new ServerContext({ ...config, ...answering(setting, credentials) }, provider);
    },
  });
  return front.acceptThrough(observer(watch));
}

/** What a server learns to want when the hello is there. */
function answering(
  { options, watch, sessions }: Setting,
  credentials: readonly Credential[],
): Partial<TlsConfigInit> {
  const { verifyPeer, requireClientCertificate, noTicket, enableEarlyData } = options;
  const { issuer } = sessions;
  return {
    credentials,
    alpn: acceptedProtocols(options),
    clientCertificate: requireClientCertificate ? 'require' : verifyPeer ? 'request' : 'none',
    certificateAuthorities: options.authorities,
    ...(!noTicket && {
      resumption: {
        onceOnly: issuer.onceOnly,
        issue: (state) => issuer.issue(state),
        redeem(ticket) {
          watch.ticketsShown++;
          return issuer.redeem(ticket);
        },
      },
    }),
    ...(enableEarlyData && !noTicket && { earlyData: MAX_EARLY_DATA }),
  };
}

function acceptedProtocols({ selectAlpn, selectEmptyAlpn, rejectAlpn }: Options): string[] {
  if (rejectAlpn) return ['none-that-a-client-offers'];
  if (selectEmptyAlpn) return [''];
  return selectAlpn ? [selectAlpn] : [];
}

/** The hybrid only where it is asked for: Debian's runner does not know it. */
function providerFor({ curves }: Options): CryptoProvider {
  return curves?.includes('X25519MLKEM768') ? withMlKem(node) : node;
}

function common({ options, watch, verifier }: Setting): TlsConfigInit {
  const { acceptedTypes, curves, verifyPrefs, maxSendFragment } = options;
  return {
    verifier,
    requireAlpn: false,
    externalPsks: readPsks(options),
    ...(acceptedTypes && { certificateTypes: acceptedTypes }),
    schemes: verifyPrefs?.length ? verifyPrefs : DEFAULT_SCHEMES, // SHA-1 alone cannot be had
    compression: codecsOf(options.codecs),
    keyLog: (line: string) => watch.keyLog.push(line),
    ...(curves && { groups: curves }),
    ...(maxSendFragment !== undefined && { maxPlaintext: maxSendFragment }),
  };
}

/** A certificate whose key may sign nothing here is refused by the configuration already. */
function canSign({ signer }: Credential, { schemes }: Pick<CertificateRequestInfo, 'schemes'>): boolean {
  return signer.schemes.some((name) => schemes.includes(name) && !schemeByName(name).certificateOnly);
}

function observer({ messages }: Watch): Parameters<ClientContext['connectThrough']>[1] {
  return {
    observe(_from, by) {
      if (by !== undefined && 'name' in by) messages.push(by.name);
    },
  };
}
