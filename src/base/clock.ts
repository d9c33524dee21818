/** Time as an argument: engines take numbers, drivers take a `Clock`, tests give a virtual one. */
export interface Clock {
  /** Wall-clock milliseconds since the epoch: certificates, invites. */
  now(): number;
  /** Milliseconds that never go backwards: deadlines, round-trip times. */
  monotonic(): number;
  /** Calls `run` once after `delay` ms; the returned function cancels it. Must not keep a Node process alive. */
  after(delay: number, run: () => void): () => void;
}

interface MaybeNodeTimer {
  unref?: () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delay, run) {
    const timer = setTimeout(run, delay);
    (timer as unknown as MaybeNodeTimer).unref?.();
    return () => clearTimeout(timer);
  },
};
