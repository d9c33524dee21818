/** From options to a connection. */
import { provider } from '../../../src/crypto/node.node.ts';
import type { SchemeName } from '../../../src/crypto/suites.ts';
import { SCHEMES } from '../../../src/crypto/suites.ts';
import type { PeerVerifier, TlsConfigInit, TlsConnection } from '../../../src/tls/index.ts';
import { ClientContext, ServerContext } from '../../../src/tls/index.ts';
import { codecsOf } from './codecs.ts';
import { readCredential } from './credentials.ts';
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
  const credential = readCredential(options);
  const context = new ClientContext(
    {
      ...common(setting),
      alpn: options.advertiseAlpn,
      grease: options.grease,
      ...(options.enableEarlyData && { earlyData: MAX_EARLY_DATA }),
      tickets: {
        put: (key, ticket) => sessions.tickets.put(key, ticket),
        take: (key) => (watch.held = sessions.tickets.take(key)),
      },
      chooseCredential(request) {
        watch.request = request;
        checkCertificateRequest(expect, request);
        if (options.certCallbackFails) throw new Error('the runner asks for a failing choice');
        return credential;
      },
    },
    provider,
  );
  return context.connectThrough(hostName === undefined ? {} : { serverName: hostName }, observer(watch));
}

function accept(setting: Setting): TlsConnection {
  const { options, watch } = setting;
  const config = common(setting);
  const front = new ServerContext(config, provider, {
    choose(hello) {
      watch.hello = hello;
      checkHello(options.expect, hello);
      if (options.certCallbackFails) throw new Error('the runner asks for a failing choice');
      if (options.ocspCallback && options.ocspCallbackFails)
        throw new Error('the runner asks for a failing OCSP staple');
      return new ServerContext({ ...config, ...answering(setting) }, provider);
    },
  });
  return front.acceptThrough(observer(watch));
}

/** What a server learns to want when the hello is there. */
function answering({ options, watch, sessions }: Setting): Partial<TlsConfigInit> {
  const { verifyPeer, requireClientCertificate, noTicket, enableEarlyData } = options;
  const { issuer } = sessions;
  const credential = readCredential(options);
  return {
    credentials: credential === undefined ? [] : [credential],
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

function acceptedProtocols({ selectAlpn, rejectAlpn }: Options): string[] {
  if (rejectAlpn) return ['none-that-a-client-offers'];
  return selectAlpn ? [selectAlpn] : [];
}

function common({ options, watch, verifier }: Setting): TlsConfigInit {
  const { curves, verifyPrefs, maxSendFragment } = options;
  return {
    verifier,
    requireAlpn: false,
    schemes: verifyPrefs ?? DEFAULT_SCHEMES,
    requestStatus: options.requestStatus,
    compression: codecsOf(options.codecs),
    keyLog: (line: string) => watch.keyLog.push(line),
    ...(curves && { groups: curves }),
    ...(maxSendFragment !== undefined && { maxPlaintext: maxSendFragment }),
  };
}

function observer({ messages }: Watch): Parameters<ClientContext['connectThrough']>[1] {
  return {
    observe(_from, by) {
      if (by !== undefined && 'name' in by) messages.push(by.name);
    },
  };
}
