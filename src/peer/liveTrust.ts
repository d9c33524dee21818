/**
 * What this peer believes, as it is now, and the channels that stand on it. A bundle of a domain changes the one, and the
 * other is asked again at once: a channel whose proof the domain has taken back ends, at whichever side it was opened.
 */
import type { Clock } from '../base/clock.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import {
  acceptBundle,
  type DomainAnchors,
  Refusal,
  type Trust,
  type VerifiedPeer,
  withdrawal,
} from '../identity/index.ts';
import { PeerError } from './errors.ts';

/** A channel and who was proven at its other end. */
interface Standing {
  readonly peer: VerifiedPeer;
  readonly cut: (error: PeerError) => void;
}

export class LiveTrust {
  readonly #channels = new Set<Standing>();
  readonly #provider: CryptoProvider;
  readonly #clock: Clock;
  #trust: Trust;

  constructor(trust: Trust, provider: CryptoProvider, clock: Clock) {
    this.#trust = trust;
    this.#provider = provider;
    this.#clock = clock;
  }

  get trust(): Trust {
    return this.#trust;
  }

  /**
   * What a bundle of a domain that we know makes us believe, channels cut accordingly; undefined when it says nothing new,
   * or is of a domain of which nothing is held.
   */
  accept(domain: string, bundle: Uint8Array): DomainAnchors | Refusal | undefined {
    const held = this.#trust.anchorsFor(domain);
    if (held === undefined) return undefined;
    const anchors = acceptBundle(bundle, held, this.#clock.now(), this.#provider);
    if (anchors === held || anchors instanceof Refusal) return anchors === held ? undefined : anchors;
    this.replace(anchors);
    return anchors;
  }

  /** Believes this of its domain from now on, and judges every channel by it. */
  replace(anchors: DomainAnchors): void {
    this.#trust = this.#trust.with(anchors);
    for (const standing of [...this.#channels]) this.#judge(standing);
  }

  /** Cuts the channel when its peer's proof is taken back, which may be now. Returns the function that forgets it. */
  watch(peer: VerifiedPeer, cut: (error: PeerError) => void): () => void {
    const standing = { peer, cut };
    this.#channels.add(standing);
    this.#judge(standing);
    return () => this.#channels.delete(standing);
  }

  /** Why that proof, good when it was made, is good no longer. */
  refusal({ identity, chain }: VerifiedPeer): Refusal | undefined {
    const anchors = identity.domain === undefined ? undefined : this.#trust.anchorsFor(identity.domain);
    return anchors && withdrawal(chain, anchors);
  }

  #judge(standing: Standing): void {
    const refusal = this.refusal(standing.peer);
    if (refusal === undefined) return;
    this.#channels.delete(standing);
    const { name, domain } = standing.peer.identity;
    const text = `${name ?? domain} was cut off: ${refusal.message}`;
    standing.cut(new PeerError('ERR_PEER_REVOKED', text, { cause: refusal }));
  }
}
