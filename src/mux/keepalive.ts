/**
 * Is the other end alive? Any byte that arrives says so; our own sends say nothing (qmux#303). After a third of the
 * idle time in silence a PING asks; the link is dead when the idle time has passed and a question has stood for a third
 * of it. A timer that fires far too late (a laptop that slept) is excused once per silence: what the peer answered may
 * still wait below us.
 */
export type KeepaliveAction = 'ping' | 'dead' | undefined;

export class Keepalive {
  readonly #idle: number;
  #heardAt: number;
  #askedAt: number | undefined;
  #excused = false;

  constructor(idleTimeout: number, now: number) {
    this.#idle = idleTimeout;
    this.#heardAt = now;
  }

  /** When the last byte came. */
  get heardAt(): number {
    return this.#heardAt;
  }

  heard(now: number): void {
    this.#heardAt = now;
    this.#askedAt = undefined;
    this.#excused = false;
  }

  deadline(): number | undefined {
    if (this.#idle === 0) return undefined;
    if (this.#askedAt === undefined) return this.#heardAt + this.#step;
    return Math.max(this.#heardAt + this.#idle, this.#askedAt + this.#step);
  }

  tick(now: number): KeepaliveAction {
    const deadline = this.deadline();
    if (deadline === undefined || now < deadline) return undefined;
    if (this.#askedAt !== undefined) {
      const overslept = now - deadline >= this.#idle / 2;
      if (!overslept || this.#excused) return 'dead';
      this.#excused = true;
    }
    this.#askedAt = now;
    return 'ping';
  }

  get #step(): number {
    return this.#idle / 3;
  }
}
