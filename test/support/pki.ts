/** Certificates for tests: one domain with servers, users and key peers, all made by the library itself. */
import { provider as node } from '../../src/crypto/node.node.ts';
import type { CryptoProvider, PrivateKey } from '../../src/crypto/provider.ts';
import {
  type Certificate,
  DomainAuthority,
  selfSignedIdentity,
  Trust,
  verifyClient,
  verifyPeer,
  verifyServer,
} from '../../src/identity/index.ts';
import type { Credential, PeerVerifier } from '../../src/tls/index.ts';

/** Wall-clock time of every test that needs one. */
export const NOW: number = Date.UTC(2026, 10, 21, 12);

export const DOMAIN = 'example.test';

export type Kind = 'ed25519' | 'p256' | 'p384';
export const KINDS: readonly Kind[] = ['ed25519', 'p256', 'p384'];

export class Pki {
  readonly authority: DomainAuthority;
  readonly roots: readonly Certificate[];
  readonly #provider: CryptoProvider;
  readonly #now: number;

  constructor(
    rootKind: 'ed25519' | 'p256' = 'ed25519',
    provider: CryptoProvider = node,
    now: number = NOW,
    domain: string = DOMAIN,
  ) {
    this.#provider = provider;
    this.#now = now;
    this.authority = DomainAuthority.create(provider, domain, now, rootKind);
    this.roots = [this.authority.root];
  }

  /**
   * Another domain, made when this one was: verifiers here stand still in time. A stranger made when a test comes to it is a minute
   * later not valid yet for them, which is found before that nobody knows it.
   */
  elsewhere(domain: string = 'elsewhere.test'): Pki {
    return new Pki('p256', this.#provider, this.#now, domain);
  }

  server(kind: Kind = 'ed25519', key: PrivateKey = this.#provider.generateKey(kind)): Credential {
    return { chain: this.authority.issueServer({ spki: key.spki, now: this.#now }), signer: key };
  }

  user(user: string, kind: Kind = 'ed25519', key: PrivateKey = this.#provider.generateKey(kind)): Credential {
    return { chain: this.authority.issueUser({ spki: key.spki, user, now: this.#now }), signer: key };
  }

  /** A client's verifier: the server must hold a certificate of the domain for the name that was dialled. */
  serverVerifier(provider: CryptoProvider = this.#provider): PeerVerifier {
    return {
      verify: ({ chain, serverName }) =>
        verifyServer(chain, { dns: serverName ?? '' }, this.roots, this.#now, provider),
    };
  }

  /** A server's verifier: any client the domain certified. */
  clientVerifier(provider: CryptoProvider = this.#provider): PeerVerifier {
    return { verify: ({ chain }) => verifyClient(chain, this.roots, this.#now, provider) };
  }
}

/** A self-signed key peer. */
export function keyPeer(kind: Kind = 'ed25519', provider: CryptoProvider = node): Credential {
  const { chain, signer } = selfSignedIdentity(provider.generateKey(kind), NOW);
  return { chain, signer };
}

/** Accepts whoever proves a key or an enrolled name. */
export function anyPeer(provider: CryptoProvider = node): PeerVerifier {
  return {
    verify: ({ chain, role }) => verifyPeer(chain, { kind: 'anyPeer' }, Trust.of([]), role, NOW, provider),
  };
}
