/** The TLS contexts of a peer, and whom each of them takes for the other end. */
import type { Clock } from '../base/clock.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import {
  type Expected,
  type Identity,
  Refusal,
  type Trust,
  type VerifiedPeer,
  verifyPeer,
} from '../identity/index.ts';
import { ClientContext, type PeerVerifier, ServerContext } from '../tls/index.ts';
import type { LiveTrust } from './liveTrust.ts';
import { CONTROL_ALPN } from './names.ts';

export interface ContextParts {
  /** As it is now: ask anew for each verification. */
  readonly trust: Trust;
  readonly provider: CryptoProvider;
  readonly clock: Clock;
  readonly keyLog?: (line: string) => void;
  /** Ends channels whose proof is withdrawn while they live. */
  readonly live?: LiveTrust;
  /** Has the last word about peers that proved who they are; not about the servers of domains. */
  readonly judge?: (peer: VerifiedPeer) => VerifiedPeer | Refusal;
}

export function expecting(expected: Expected, parts: ContextParts): PeerVerifier {
  return { verify: ({ chain, role }) => proven(chain, expected, role, parts) };
}

/** Who showed this chain, as far as we take it. */
export function proven(
  chain: readonly Uint8Array[],
  expected: Expected,
  role: 'client' | 'server',
  { trust, provider, clock, judge }: ContextParts,
): VerifiedPeer | Refusal {
  const peer = verifyPeer(chain, expected, trust, role, clock.now(), provider);
  if (peer instanceof Refusal || judge === undefined || expected.kind === 'domain') return peer;
  try {
    return judge(peer);
  } catch (cause) {
    return new Refusal('ERR_IDENTITY_POLICY', 'the application failed to judge the peer', undefined, {
      cause,
    });
  }
}

/** Towards a domain's server. */
export function controlContext(identity: Identity, domain: string, parts: ContextParts): ClientContext {
  return new ClientContext(
    {
      credentials: [identity],
      alpn: [CONTROL_ALPN],
      verifier: expecting({ kind: 'domain', domain }, parts),
    },
    parts.provider,
  );
}

/** Towards whom we dial. */
export function callerContext(
  identity: Identity,
  expected: Expected,
  protocol: string,
  parts: ContextParts,
): ClientContext {
  return new ClientContext(
    {
      credentials: [identity],
      alpn: [protocol],
      verifier: expecting(expected, parts),
      ...(parts.keyLog && { keyLog: parts.keyLog }),
    },
    parts.provider,
  );
}

/** An ALPN name that no client may offer: a hello without exactly one protocol ends in no_application_protocol. */
const NO_PROTOCOL = 'q2q-none';

/**
 * For channels that others open. Whatever one protocol is asked for is agreed on: whether somebody listens on it, and for
 * whom, is said after the handshake, to a caller that is proven, and in one way (docs/protocol.md §5.3).
 */
export function listenerContext(identity: Identity, parts: ContextParts): ServerContext {
  const init = {
    credentials: [identity],
    clientCertificate: 'require',
    verifier: expecting({ kind: 'anyPeer' }, parts),
    ...(parts.keyLog && { keyLog: parts.keyLog }),
  } as const;
  const speaking = (protocol: string): ServerContext =>
    new ServerContext({ ...init, alpn: [protocol] }, parts.provider);
  return new ServerContext({ ...init, alpn: [NO_PROTOCOL] }, parts.provider, {
    choose: ({ alpn }) => speaking(alpn.length === 1 && isPrintable(alpn[0]!) ? alpn[0]! : NO_PROTOCOL),
  });
}

function isPrintable(name: string): boolean {
  return /^[\x21-\x7e]{1,255}$/.test(name);
}
