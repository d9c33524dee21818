/** A signal that counts who listens to it. */
export class CountedSignal extends EventTarget implements AbortSignal {
  readonly #controller = new AbortController();
  /** Each listener, and whether the target itself lets it go when it was called. */
  readonly #listening = new Map<unknown, boolean>();
  /** Most at once. */
  most = 0;
  onabort: AbortSignal['onabort'] = null;

  get listeners(): number {
    return this.#listening.size;
  }

  get aborted(): boolean {
    return this.#controller.signal.aborted;
  }

  get reason(): unknown {
    return this.#controller.signal.reason;
  }

  throwIfAborted(): void {
    this.#controller.signal.throwIfAborted();
  }

  abort(reason?: unknown): void {
    this.#controller.abort(reason);
    this.dispatchEvent(new Event('abort'));
    for (const [listener, once] of this.#listening) if (once) this.#listening.delete(listener);
  }

  override addEventListener(...args: Parameters<EventTarget['addEventListener']>): void {
    this.#listening.set(args[1], typeof args[2] === 'object' && args[2].once === true);
    this.most = Math.max(this.most, this.listeners);
    super.addEventListener(...args);
  }

  override removeEventListener(...args: Parameters<EventTarget['removeEventListener']>): void {
    this.#listening.delete(args[1]);
    super.removeEventListener(...args);
  }
}
