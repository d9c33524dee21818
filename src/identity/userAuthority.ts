/**
 * A user's own CA in use: one person signs further devices without the domain's help. Contacts pin its key, so the domain
 * cannot add a device unseen: a leaf that this CA did not sign is a change they are told of (`pins.ts`).
 */
import { type Bytes, equalBytes } from '../base/bytes.ts';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.ts';
import { parseName } from './address.ts';
import type { Certificate } from './certificate.ts';
import { IdentityError } from './errors.ts';
import { grantable, issueUserLeaf, MAX_DEVICE_LIFETIME } from './issue.ts';
import { peerId } from './peerId.ts';
import { userCaFault } from './profile.ts';
import { parseCertificate } from './x509.ts';

export interface DeviceRequest {
  /** From a request whose proof of possession was checked (`parseCsr`). */
  readonly spki: Uint8Array;
  readonly device: string;
  readonly now: number;
  /** Milliseconds; at most 90 days, which is also the default. Never past the CA's own end. */
  readonly lifetime?: number;
}

export class UserAuthority {
  /** `alice@example.org` */
  readonly name: string;
  readonly user: string;
  readonly domain: string;
  /** Of the CA's key: what `PeerIdentity.userCa` of every device says. */
  readonly keyId: string;
  readonly certificate: Certificate;
  /** The CA first, what leads from it to older roots after it. */
  readonly chain: readonly Bytes[];
  readonly key: PrivateKey;
  readonly #provider: CryptoProvider;

  private constructor(
    provider: CryptoProvider,
    name: string,
    certificates: readonly [Certificate, ...Certificate[]],
    key: PrivateKey,
  ) {
    const [certificate] = certificates;
    const { user, domain } = parseName(name);
    this.#provider = provider;
    this.name = name;
    this.user = user;
    this.domain = domain;
    this.certificate = certificate;
    this.keyId = peerId(certificate.spki);
    this.chain = Object.freeze(certificates.map(({ der }) => der));
    this.key = key;
    Object.freeze(this);
  }

  /** From the chain that `DomainAuthority.issueUserCa` gave. Throws `ERR_IDENTITY_MISMATCH` when it is not such a chain. */
  static load(
    provider: CryptoProvider,
    stored: { readonly chain: readonly Uint8Array[]; readonly key: PrivateKey },
  ): UserAuthority {
    const certificates = stored.chain.map(parseCertificate);
    const [certificate, ...rest] = certificates;
    if (certificate === undefined) throw mismatch('the chain is empty, wanted the user CA first');
    if (!equalBytes(certificate.spki, stored.key.spki))
      throw mismatch('certificate and private key of the user CA do not belong together');
    const name = certificate.nameConstraints?.permitted.email[0];
    if (!certificate.isCa || name === undefined || !name.includes('@') || certificate.ski === undefined)
      throw mismatch('certificate is not the CA of a user');
    const fault = userCaFault(certificate, name);
    if (fault !== undefined) throw mismatch(fault);
    return new UserAuthority(provider, name, [certificate, ...rest], stored.key);
  }

  /**
   * This authority in the place of an older one of the same person, whose key signs for ours: contacts who pinned the old
   * one take the change. The old one's word lasts as long as a device would (90 days, or until its own end).
   */
  succeeding(old: UserAuthority, now: number): UserAuthority {
    if (old.name !== this.name)
      throw mismatch(`user CA of ${old.name} cannot answer for one of ${this.name}`);
    const [word] = old.issueDevice({ spki: this.certificate.spki, device: 'user-ca', now });
    const certificates = [...this.chain, word!, old.certificate.der].map(parseCertificate);
    return new UserAuthority(
      this.#provider,
      this.name,
      [this.certificate, ...certificates.slice(1)],
      this.key,
    );
  }

  get notAfter(): number {
    return this.certificate.notAfter;
  }

  /** A leaf for one more device: the chain it presents, leaf first, the domain's root left out. */
  issueDevice(request: DeviceRequest): readonly Bytes[] {
    const { certificate, key, user, domain } = this;
    const leaf = issueUserLeaf(
      { certificate, key, provider: this.#provider },
      { ...grantable(certificate, request, MAX_DEVICE_LIFETIME), user, domain, device: request.device },
    );
    return Object.freeze([leaf, ...this.chain]);
  }
}

function mismatch(message: string): IdentityError {
  return new IdentityError('ERR_IDENTITY_MISMATCH', message);
}
