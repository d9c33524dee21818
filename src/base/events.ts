/** A small typed event source. Listeners that throw do not stop the others; their error goes to `onListenerError`. */
export type Listener<T> = (payload: T) => void;

export class Events<Map extends object> {
  readonly #listeners = new globalThis.Map<keyof Map, Set<Listener<never>>>();
  readonly #onListenerError: (error: unknown) => void;

  constructor(onListenerError: (error: unknown) => void = reportLater) {
    this.#onListenerError = onListenerError;
  }

  /** Adds a listener and returns the function that removes it. */
  on<K extends keyof Map>(name: K, listener: Listener<Map[K]>): () => void {
    let set = this.#listeners.get(name);
    if (set === undefined) this.#listeners.set(name, (set = new Set()));
    set.add(listener as Listener<never>);
    return () => set.delete(listener as Listener<never>);
  }

  once<K extends keyof Map>(name: K, listener: Listener<Map[K]>): () => void {
    const off = this.on(name, (payload) => {
      off();
      listener(payload);
    });
    return off;
  }

  emit<K extends keyof Map>(name: K, payload: Map[K]): void {
    const set = this.#listeners.get(name);
    if (set === undefined) return;
    for (const listener of [...set]) {
      try {
        (listener as Listener<Map[K]>)(payload);
      } catch (error) {
        this.#onListenerError(error);
      }
    }
  }
}

/** An error in a listener is the application's: it surfaces as an uncaught error, outside our call stack. */
function reportLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
