/** The domain's signed word on its roots and on what it has withdrawn: the newest bundle, and who is told of it. */
import type { Bytes } from '../base/bytes.ts';
import { Events, type Listener } from '../base/events.ts';
import type { DomainState } from './domainState.ts';
import type { Lists } from './revocations.ts';

export interface DomainEvents {
  /** A new bundle is in force. `blocked`: whoever has that name is out, whatever key it shows. */
  bundle: { readonly bundle: Bytes; readonly blocked?: string };
}

export class Bundles {
  readonly #state: DomainState;
  readonly #events = new Events<DomainEvents>();

  constructor(state: DomainState) {
    this.#state = state;
  }

  on<K extends keyof DomainEvents>(name: K, listener: Listener<DomainEvents[K]>): () => void {
    return this.#events.on(name, listener);
  }

  /** The newest bundle: signed anew when the last one is a week old. */
  async newest(): Promise<Bytes> {
    const state = this.#state;
    const current = (): Bytes | undefined => state.revocations.current(state.clock.now());
    return (
      current() ??
      state.alone(async () => {
        if (current() === undefined) await this.publish();
        return this.last!;
      })
    );
  }

  /** The last bundle as it is, undefined before the first. */
  get last(): Bytes | undefined {
    return this.#state.revocations.stored?.bundle;
  }

  /** Signs and stores the next bundle, then tells everybody. For whoever has the turn. */
  async publish(lists?: Lists, blocked?: string): Promise<void> {
    const { store, clock, audit, authority, revocations } = this.#state;
    const next = revocations.next(authority, clock.now(), lists);
    await store.putRevocations(next);
    this.#state.changeRevocations(next);
    this.#events.emit('bundle', { bundle: next.bundle, ...(blocked !== undefined && { blocked }) });
    await audit.write({ what: 'bundle', sequence: next.sequence });
  }
}
