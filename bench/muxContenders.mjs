import { q2q } from './muxQ2q.mjs';
import { peers } from './peers/index.mjs';

/** Ours first: the ratios are against it. */
export const contenders = { 'q2q mux': q2q, ...peers };
