/**
 * `q2q/trust`: how a domain comes to be believed that brought no invite. The ladder goes into `PeerOptions.resolveTrust`;
 * witnesses give second opinions over channels of ours.
 */
export {
  type AnchorStore,
  type BundleSource,
  type LadderOptions,
  trustLadder,
} from './peer/ladder.ts';
export type { ResolveTrust } from './peer/resolveTrust.ts';
export { type FetchOptions, fetchWellKnown, type WellKnown } from './peer/wellKnown.ts';
export { peerWitness, type ServeWitnessOptions, serveWitness, WITNESS_PROTOCOL } from './peer/witness.ts';
