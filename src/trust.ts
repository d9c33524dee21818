/**
 * `q2q/trust`: how a domain comes to be believed that brought no invite. The ladder goes into `PeerOptions.resolveTrust`;
 * witnesses give second opinions over channels of ours; a book of pins holds peers to what they were.
 */
export {
  type AnchorStore,
  type BundleSource,
  type LadderOptions,
  trustLadder,
} from './peer/ladder.ts';
export { PinBook, type PinStore } from './peer/pinBook.ts';
export type { ResolveTrust } from './peer/resolveTrust.ts';
export { type FetchOptions, fetchWellKnown, type WellKnown } from './peer/wellKnown.ts';
export { peerWitness, type ServeWitnessOptions, serveWitness, WITNESS_PROTOCOL } from './peer/witness.ts';
