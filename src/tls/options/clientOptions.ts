/**
 * A client by the name it dials, as Twisted's `optionsForClientTLS`: the name is given once and is at the same time what is
 * asked for and what must be proved, and there is no way to leave trust out.
 *
 * @example
 *
 *     const context = clientOptions('example.org', { trust: platformTrust(), alpn: [ALPN.http11], provider });
 *     const link = await secure(await connectTcp({ host: 'example.org', port: 443 }), context);
 */
import { type Clock, systemClock } from '../../base/clock.ts';
import type { CryptoProvider } from '../../crypto/provider.ts';
import {
  type Expected,
  Refusal,
  Trust,
  type VerifiedPeer,
  verifyPeer,
  verifyRawKey,
  verifyServer,
} from '../../identity/index.ts';
import { TlsConfig, type TlsConfigInit } from '../config.ts';
import type { TlsConnection } from '../connection.ts';
import { ClientContext, type ConnectOptions } from '../context.ts';
import { misuse } from '../errors.ts';
import type { PeerVerifier, PresentedPeer } from '../events.ts';
import { invalid } from './invalid.ts';
import { type PeerName, readPeerName } from './name.ts';
import type { ProtocolName } from './protocolNames.ts';
import { TrustRoots } from './trustRoots.ts';

/** What only servers are asked, and what would let somebody in without the name being proved. */
type Excluded = 'verifier' | 'clientCertificate' | 'resumption' | 'retryCookie' | 'externalPsks';

export interface ClientOptions extends Omit<TlsConfigInit, 'alpn' | Excluded> {
  /** For hosts and addresses: roots (`trustRoots`, `platformTrust`). For people, and servers of domains: a `Trust`. */
  readonly trust: TrustRoots | Trust;
  readonly provider: CryptoProvider;
  readonly alpn?: readonly ProtocolName[];
  /** Tells whether certificates are in date. */
  readonly clock?: Pick<Clock, 'now'>;
  /**
   * A further condition on a peer that is already proven: `undefined` lets it pass, a `Refusal` does not, and everything
   * else, exceptions included, fails the handshake. It cannot make anybody acceptable.
   */
  readonly check?: (peer: VerifiedPeer) => Refusal | undefined | Promise<Refusal | undefined>;
}

/** A context for one peer: `secure(link, context)` needs no name any more. */
export class NamedClientContext extends ClientContext {
  readonly peer: PeerName;

  constructor(peer: PeerName, config: TlsConfig, provider: CryptoProvider) {
    super(config, provider);
    this.peer = peer;
  }

  /** The engine sends the name as SNI if it is a host's, and files tickets under it whatever it is. */
  override connect({ serverName = this.peer.text }: ConnectOptions = {}): TlsConnection {
    if (serverName !== this.peer.text)
      throw misuse(`this context is for ${this.peer.text}, and was asked to connect to ${serverName}`);
    return super.connect({ serverName });
  }
}

/**
 * `hostname` is a host (`example.org`, in any script), an address, `alice@example.org`, or `key:<key id>`; text, nothing else.
 * Throws `ERR_TLS_CONFIG` naming the field that is wrong.
 */
export function clientOptions(hostname: string, options: ClientOptions): NamedClientContext {
  const peer = readPeerName(hostname);
  const { trust, provider, clock = systemClock, check, ...init } = options ?? {};
  if (typeof provider?.keyExchange !== 'function') throw invalid('provider', 'is missing');
  if (typeof clock?.now !== 'function') throw invalid('clock', 'has no method now');
  if (check !== undefined && typeof check !== 'function') throw invalid('check', 'is not a function');
  const verify = verification(peer, trust, { clock, provider });
  const verifier: PeerVerifier = {
    verify: (presented) => {
      const proof = verify(presented);
      return proof instanceof Refusal || check === undefined ? proof : checked(proof, check);
    },
  };
  const config = new TlsConfig({ ...init, verifier });
  noStrangers(init, config);
  return new NamedClientContext(peer, config, provider);
}

interface Means {
  readonly clock: Pick<Clock, 'now'>;
  readonly provider: CryptoProvider;
}

type Verify = (presented: PresentedPeer) => VerifiedPeer | Refusal;

function verification(peer: PeerName, trust: unknown, means: Means): Verify {
  if (trust instanceof Trust) {
    if (peer.kind === 'ip')
      throw invalid('trust', `is in domains, and ${peer.text} is in none: wanted trustRoots([…])`);
    return byIdentity(expectedOf(peer), trust, means);
  }
  if (!TrustRoots.is(trust))
    throw invalid(
      'trust',
      'is missing: wanted trustRoots([…]), platformTrust() or a Trust: there is no connection without',
    );
  if (peer.kind === 'name')
    throw invalid('trust', `is in roots, and only its domain vouches for ${peer.text}: wanted a Trust`);
  if (peer.kind === 'key') return byIdentity(expectedOf(peer), Trust.of([]), means);
  return byRoots(peer, trust, means);
}

function byRoots({ kind, text }: PeerName, { certificates }: TrustRoots, { clock, provider }: Means): Verify {
  const expected = kind === 'ip' ? { ip: text } : { dns: text };
  return ({ chain, rawKey }) =>
    rawKey === undefined
      ? verifyServer(chain, expected, certificates, clock.now(), provider)
      : verifyRawKey(rawKey, { kind: 'anyPeer' }); // refuses: a raw key proves no host
}

function byIdentity(expected: Expected, trust: Trust, { clock, provider }: Means): Verify {
  return ({ chain, rawKey, role }) =>
    rawKey === undefined
      ? verifyPeer(chain, expected, trust, role, clock.now(), provider)
      : verifyRawKey(rawKey, expected);
}

function expectedOf(peer: PeerName): Expected {
  switch (peer.kind) {
    case 'key':
      return { kind: 'key', id: peer.id };
    case 'name':
      return { kind: 'name', name: peer.text };
    default:
      return { kind: 'domain', domain: peer.text };
  }
}

function checked(
  peer: VerifiedPeer,
  check: NonNullable<ClientOptions['check']>,
): VerifiedPeer | Refusal | Promise<VerifiedPeer | Refusal> {
  const judge = (verdict: Refusal | undefined): VerifiedPeer | Refusal => {
    if (verdict === undefined) return peer;
    if (verdict instanceof Refusal) return verdict;
    throw new TypeError('the check answered with neither undefined nor a Refusal');
  };
  const verdict = check(peer);
  return verdict instanceof Promise ? verdict.then(judge) : judge(verdict);
}

const EXCLUDED: Readonly<Record<Excluded, string>> = {
  verifier: 'follows from hostname and trust; a further condition is a check',
  clientCertificate: 'is for servers',
  resumption: 'is for servers; a client keeps tickets',
  retryCookie: 'is for servers',
  externalPsks: 'prove no name: make a ClientContext of a TlsConfig for them',
};

/** A misspelt field would be one that nobody reads. */
function noStrangers(init: object, config: TlsConfig): void {
  for (const field of Object.keys(init)) {
    if (Object.hasOwn(EXCLUDED, field)) throw invalid(field, EXCLUDED[field as Excluded]);
    if (!Object.hasOwn(config, field)) throw invalid(field, 'is not known');
  }
}
