/**
 * Finds the next path for a session of two peers that lost its own. Every source is one way to the other end: a relay where
 * it may be present, an address where it may answer. Who answers at a path may be another process of the same identity
 * that does not know the session; such a place is not asked again. When every way leads there, or to nobody, the session is lost.
 */
import type { Clock } from '../base/clock.ts';
import { toError } from '../base/errors.ts';
import { WireCode } from '../mux/index.ts';
import { resetCodeOf } from './codes.ts';
import { PeerError } from './errors.ts';
import { PATH_STAGGER } from './limits.ts';
import { AllFailed, firstToSucceed } from './race.ts';
import type { PathRoute } from './route.ts';

export interface PathSource {
  /**
   * Makes a path to a place that is not in `refused`. Rejects with `PlacesRefused` when it knows of none but those,
   * with `ERR_PEER_NOT_FOUND` when the other end is not here, and with anything else when that cannot be told.
   */
  find(refused: ReadonlySet<string>, signal: AbortSignal): Promise<FoundPath>;
}

export type FoundPath = PathRoute & {
  /** Names whoever answers there. */
  readonly place: string;
};

/** Who answers there does not know the session. */
export class PlacesRefused extends Error {}

export class PathFinder {
  readonly #clock: Clock;
  /** In the order in which they are tried: those that failed come last. */
  #sources: readonly PathSource[];
  readonly #refused = new Set<string>();
  /** What was found last and has not served yet. */
  #tried: { readonly source: PathSource; readonly place: string } | undefined;

  constructor(sources: readonly PathSource[], clock: Clock) {
    this.#sources = sources;
    this.#clock = clock;
  }

  /** Rejects with `PlacesRefused` when there is nobody left who may know the session. */
  async find(signal: AbortSignal): Promise<PathRoute> {
    const attempts = this.#sources.map((source) => async (limit: AbortSignal) => ({
      source,
      found: await source.find(this.#refused, limit),
    }));
    try {
      const { source, found } = await firstToSucceed(attempts, {
        ...{ clock: this.#clock, stagger: PATH_STAGGER, signal },
        discard: (late) => late.found.link.reset(),
      });
      this.#tried = { source, place: found.place };
      return found;
    } catch (error) {
      throw error instanceof AllFailed ? meaningOf(error.failures) : error;
    }
  }

  /** The path found last is no good. */
  failed(error: Error): void {
    const tried = this.#tried;
    this.#tried = undefined;
    if (tried === undefined) return;
    if (resetCodeOf(error) === WireCode.unknownSession) this.#refused.add(tried.place);
    this.#sources = [...this.#sources.filter((source) => source !== tried.source), tried.source];
  }

  /** The session goes on over the path found last. */
  served(): void {
    this.#tried = undefined;
    this.#refused.clear();
  }
}

/** All ways failed: the one failure that stands for them. */
function meaningOf(failures: readonly unknown[]): Error {
  const refused = failures.find((failure) => failure instanceof PlacesRefused);
  const open = failures.find((failure) => !(failure instanceof PlacesRefused) && !isAbsence(failure));
  return toError(open ?? refused ?? failures[0]);
}

function isAbsence(error: unknown): boolean {
  return error instanceof PeerError && error.code === 'ERR_PEER_NOT_FOUND';
}
