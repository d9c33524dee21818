/**
 * Memory for what comes and is not read, of all channels together. Every channel that the peer may open keeps its first
 * credit for ever (`maxChannels × initialCredit` is set aside), and windows grow on loans from the rest. So a channel that
 * is never read holds its own loan and nobody else's first credit: no credit for the whole link is needed, and none of the
 * standstills that such a credit brings.
 */

/** Most of what is free that one loan may take, so that the next channel can grow too. */
const SHARE = 0.75;

export class ReceiveBudget {
  /** Bytes that are neither set aside nor lent; below 0 when we opened more channels than it is meant for. */
  free: number;

  constructor(total: number, reserved: number) {
    this.free = Math.max(0, total - reserved);
  }

  /**
   * A channel that has `have` on loan wants `want` in all, and owes its sender `least` of them. Returns what it has now:
   * more, or less when others have come. `least` never exceeds `have`.
   */
  lend(have: number, least: number, want: number): number {
    const most = Math.floor((this.free + have) * SHARE);
    const loan = Math.max(least, Math.min(want, most));
    this.free += have - loan;
    return loan;
  }
}
