/** How long ago something was, when neither clock can be trusted alone. */
import type { Clock } from '../../base/clock.ts';

/** A point in time on both clocks. */
export interface Moment {
  readonly wall: number;
  readonly monotonic: number;
}

export function momentOf(clock: Clock): Moment {
  return { wall: clock.now(), monotonic: clock.monotonic() };
}

/**
 * Milliseconds, by the clock that says more: the wall clock can be set back, the monotonic one stands still while a
 * machine sleeps. What expires must not live longer for either.
 */
export function ageOf(moment: Moment, clock: Clock): number {
  return Math.max(0, clock.now() - moment.wall, clock.monotonic() - moment.monotonic);
}
