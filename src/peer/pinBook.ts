/**
 * Pins in use: peers are held to what was remembered of them before a channel is theirs (`PeerOptions.judge`), and remembered
 * when the application says so. Being called is no reason to remember anybody, or strangers would fill the store.
 */
import type { Clock } from '../base/clock.ts';
import { identityLabel, type Pin, type Refusal, type VerifiedPeer } from '../identity/index.ts';
import { heldToPin, judgePin, type PinVerdict } from '../identity/pins.ts';

/** What keeps pins: an `IdentityStore`. */
export interface PinStore {
  pins(): Promise<readonly Pin[]>;
  updatePin(address: string, change: (held: Pin | undefined) => Pin | undefined): Promise<Pin | undefined>;
}

export class PinBook {
  readonly #store: PinStore;
  readonly #clock: Clock;
  #pins: ReadonlyMap<string, Pin> = new Map();

  private constructor(store: PinStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  static async open(store: PinStore, clock: Clock): Promise<PinBook> {
    const book = new PinBook(store, clock);
    await book.reload();
    return book;
  }

  /** Reads what others wrote into the store: a person who compared or replaced a pin with another program. */
  async reload(): Promise<void> {
    this.#pins = new Map((await this.#store.pins()).map((pin) => [pin.address, pin]));
  }

  /** For `PeerOptions.judge`: `verified` where people compared the pin, a refusal with both fingerprints where it changed. */
  readonly judge = (peer: VerifiedPeer): VerifiedPeer | Refusal => {
    const { identity } = peer;
    const pin = identity.assurance === 'anonymous' ? undefined : this.#pins.get(identityLabel(identity));
    return pin === undefined ? peer : heldToPin(judgePin(pin, peer, this.#clock.now()), peer);
  };

  /** After a channel: `channel.negotiated.peer`. A pin that changed stays as it was. */
  async remember(peer: VerifiedPeer): Promise<PinVerdict> {
    const address = identityLabel(peer.identity);
    let verdict: PinVerdict = 'changed';
    const stored = await this.#store.updatePin(address, (held) => {
      const judged = judgePin(held, peer, this.#clock.now());
      ({ verdict } = judged);
      return verdict === 'changed' ? undefined : judged.pin;
    });
    if (stored !== undefined) this.#pins = new Map([...this.#pins, [address, stored]]);
    return verdict;
  }
}
