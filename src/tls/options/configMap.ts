import type { TlsConfig } from '../config.ts';

/**
 * A map whose keys are configurations by content: two that are equal are one key, so that what is expensive to make of a
 * configuration, a context above all, is made once. For the handful of configurations that a program has: it looks at one
 * after the other.
 */
export class ConfigMap<Value> {
  readonly #entries: [TlsConfig, Value][] = [];

  get size(): number {
    return this.#entries.length;
  }

  get(config: TlsConfig): Value | undefined {
    return this.#entryOf(config)?.[1];
  }

  set(config: TlsConfig, value: Value): this {
    const entry = this.#entryOf(config);
    if (entry === undefined) this.#entries.push([config, value]);
    else entry[1] = value;
    return this;
  }

  /** The value kept for `config`; made of it the first time. */
  getOrMake(config: TlsConfig, make: (config: TlsConfig) => Value): Value {
    const entry = this.#entryOf(config);
    if (entry !== undefined) return entry[1];
    const value = make(config);
    this.set(config, value);
    return value;
  }

  delete(config: TlsConfig): boolean {
    const index = this.#entries.findIndex(([key]) => key.equals(config));
    if (index >= 0) this.#entries.splice(index, 1);
    return index >= 0;
  }

  #entryOf(config: TlsConfig): [TlsConfig, Value] | undefined {
    return this.#entries.find(([key]) => key.equals(config));
  }
}
