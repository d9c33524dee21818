/** A link that a session can run over, and how its bytes travel. */
import type { Link } from '../transport/link.ts';

/** How the bytes travel now. It can change while the channel lives. */
export interface ChannelPath {
  readonly kind: 'direct' | 'relayed';
  /** The relay's address, when there is one. */
  readonly via?: string;
  /** Why not direct. */
  readonly reason?: string;
}

export interface Route {
  readonly link: Link;
  /** Absent where nobody asks: between a peer and its relay. */
  readonly path?: ChannelPath | undefined;
}

/** A path between two peers. */
export type PathRoute = Route & { readonly path: ChannelPath };

export function samePath(a: ChannelPath | undefined, b: ChannelPath | undefined): boolean {
  return a?.kind === b?.kind && a?.via === b?.via && a?.reason === b?.reason;
}
