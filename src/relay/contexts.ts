/** The TLS contexts of a domain's server: one for control channels, one for enrolment. */
import type { Clock } from '../base/clock.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { Trust, verifyPeer } from '../identity/index.ts';
import { CONTROL_ALPN, ENROL_ALPN } from '../peer/names.ts';
import { type Credential, ServerContext } from '../tls/index.ts';
import type { DomainService } from './domain.ts';

export class RelayContexts {
  readonly #domain: DomainService;
  readonly #provider: CryptoProvider;
  readonly #clock: Clock;
  #made: { credential: Credential; control: ServerContext; enrol: ServerContext } | undefined;

  constructor(domain: DomainService, provider: CryptoProvider, clock: Clock) {
    this.#domain = domain;
    this.#provider = provider;
    this.#clock = clock;
  }

  /** Users of this domain and key peers prove themselves here; whether they are admitted is decided afterwards. */
  get control(): ServerContext {
    return this.#current().control;
  }

  /** The roots ride along, so that a device that knows only the hash of one can find it. Clients are key peers. */
  get enrol(): ServerContext {
    return this.#current().enrol;
  }

  #current(): { control: ServerContext; enrol: ServerContext } {
    const credential = this.#domain.serverCredential();
    if (this.#made?.credential === credential) return this.#made;
    const [leaf] = credential.chain;
    const { handovers, roots } = this.#domain.wayBack;
    const led = { ...credential, chain: [leaf!, ...handovers] };
    const withRoots = { ...credential, chain: [...led.chain, ...roots] };
    const nobody = Trust.of([]);
    this.#made = {
      credential,
      control: this.#context(led, CONTROL_ALPN, () => this.#domain.trust),
      enrol: this.#context(withRoots, ENROL_ALPN, () => nobody),
    };
    return this.#made;
  }

  #context(credential: Credential, alpn: string, trust: () => Trust): ServerContext {
    const verify = ({ chain, role }: { chain: readonly Uint8Array[]; role: 'client' | 'server' }) =>
      verifyPeer(chain, { kind: 'anyPeer' }, trust(), role, this.#clock.now(), this.#provider);
    return new ServerContext(
      { credentials: [credential], alpn: [alpn], clientCertificate: 'require', verifier: { verify } },
      this.#provider,
    );
  }
}
