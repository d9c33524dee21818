/** `q2q/tls/options` on Node: the same, and the machine's roots can be read. */
export * from './index.ts';
export { platformTrust } from './platformTrust.node.ts';
