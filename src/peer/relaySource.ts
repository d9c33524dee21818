/** A relay as a way back to a listener: it is looked up as for a dial, and its device is told from others by its key. */
import { PeerError } from './errors.ts';
import { notFound } from './failures.ts';
import { MAX_RETURN_PROTOCOLS } from './limits.ts';
import { type FoundPath, type PathSource, PlacesRefused } from './pathFinder.ts';
import type { RelayLink } from './relayLink.ts';

/** Whom the session is with. */
export interface Counterpart {
  /** Label of the identity that calls. */
  readonly from: string;
  /** `bob@example.org` or `key:…`. */
  readonly to: string;
  /** Of the key that was proven. */
  readonly keyId: () => string | undefined;
  /** Of its open channels: what the other end let us in for. */
  readonly protocols: () => readonly string[];
}

export function relaySource(relay: RelayLink, counterpart: Counterpart): PathSource {
  return {
    async find(refused, signal) {
      let failure: unknown = notFound(counterpart.to);
      for (const protocol of counterpart.protocols().slice(0, MAX_RETURN_PROTOCOLS)) {
        try {
          return await pathBy(relay, counterpart, protocol, refused, signal);
        } catch (error) {
          if (!(error instanceof PeerError) || error.code !== 'ERR_PEER_NOT_FOUND') throw error;
          failure = error;
        }
      }
      throw failure;
    },
  };
}

async function pathBy(
  relay: RelayLink,
  { from, to, keyId }: Counterpart,
  protocol: string,
  refused: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<FoundPath> {
  const about = `${to}/${protocol}`;
  const control = await relay.control(from, signal);
  const offers = await control.dial(to, protocol, { first: false, signal });
  const device = offers.filter((offer) => offer.keyId === keyId());
  if (device.length === 0) throw notFound(about);
  const placeOf = (node: number): string => `${relay.url} ${node}`;
  const chosen = device.find(({ node }) => !refused.has(placeOf(node)));
  if (chosen === undefined) throw new PlacesRefused(`${about} does not know the session any more`);
  const token = await control.connect(chosen.offer, about, signal);
  return {
    link: control.openPath(token),
    path: { kind: 'relayed', via: relay.url },
    place: placeOf(chosen.node),
  };
}
