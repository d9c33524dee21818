/** Keeps an enrolled identity's certificate fresh: asks for the next one at two thirds of the life of this one. */
import { equalBytes } from '../base/bytes.ts';
import { isQ2qError, toError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import {
  type Identity,
  identityFromChain,
  identityLabel,
  parseCertificate,
  Refusal,
  verifyPeer,
} from '../identity/index.ts';
import type { ContextParts } from './contexts.ts';
import type { ControlClient } from './controlClient.ts';
import { PeerError } from './errors.ts';
import { RENEW_AT, RENEW_JITTER, RENEW_RETRY } from './limits.ts';

/** A platform's timer holds 31 bits; a week fits, a wrong clock may not. */
const MAX_DELAY = 86_400_000;

export interface RenewalOptions {
  readonly parts: ContextParts;
  readonly logger: Logger;
  readonly onRenewed: (identity: Identity) => void;
  readonly onFailed: (identity: Identity, error: Error) => void;
}

/** The domain will not say otherwise in a minute. */
const FINAL: ReadonlySet<string> = new Set(['ERR_PEER_USER_CA', 'ERR_PEER_REVOKED']);

export class Renewal {
  readonly #options: RenewalOptions;
  #cancel: () => void = () => {};

  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  /** A control channel of that identity is up: renews over it when the time comes, as long as it lives. */
  watch(identity: Identity, control: ControlClient): void {
    this.stop();
    let alive = true;
    void control.closed.then(() => {
      alive = false;
    });
    const at = this.#renewAt(identity);
    const wait = (): void => {
      const left = at - this.#options.parts.clock.now();
      this.#cancel = this.#options.parts.clock.after(Math.min(MAX_DELAY, Math.max(0, left)), () => {
        if (!alive) return;
        if (left > MAX_DELAY) wait();
        else void this.#renew(identity, control);
      });
    };
    wait();
  }

  stop(): void {
    this.#cancel();
  }

  /** Does not wait for the time to come. Rejects when the domain does not renew, and tries no more by itself than before. */
  async now(identity: Identity, control: ControlClient): Promise<Identity> {
    const renewed = this.#checked(identity, await control.renew());
    this.#options.onRenewed(renewed);
    this.watch(renewed, control);
    return renewed;
  }

  /** A little early and never at the same moment as everybody who enrolled together. */
  #renewAt(identity: Identity): number {
    const { notBefore, notAfter } = parseCertificate(identity.chain[0]!);
    const life = notAfter - notBefore;
    const jitter = (this.#options.parts.provider.random(1)[0]! / 256) * RENEW_JITTER;
    return notBefore + life * (RENEW_AT - jitter);
  }

  async #renew(identity: Identity, control: ControlClient): Promise<void> {
    const { logger, onFailed, parts } = this.#options;
    try {
      await this.now(identity, control);
    } catch (thrown) {
      const error = toError(thrown);
      logger.log('warn', 'renewal failed', { identity: identityLabel(identity), error });
      onFailed(identity, error);
      if (isQ2qError(error) && FINAL.has(error.code)) return;
      this.#cancel = parts.clock.after(RENEW_RETRY, () => void this.#renew(identity, control));
    }
  }

  /** What the domain sent must be our name on our key, under the root we know, and end later. */
  #checked(identity: Identity, chain: readonly Uint8Array[]): Identity {
    const { trust, clock, provider } = this.#options.parts;
    const proof = verifyPeer(
      chain,
      { kind: 'name', name: identity.name! },
      trust,
      'client',
      clock.now(),
      provider,
    );
    if (proof instanceof Refusal) throw proof;
    const { leaf, spki } = proof;
    if (leaf === undefined || !equalBytes(spki, identity.signer.spki) || leaf.notAfter < identity.notAfter)
      throw new PeerError('ERR_PEER_PROTOCOL', 'the domain sent a certificate that is not the next of ours');
    return identityFromChain(chain, identity.signer);
  }
}
