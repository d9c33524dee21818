/** Carriers that run everywhere. TCP, `ws`, unix sockets and standard IO are in the `.node.ts` files beside. */
export { LinkError, type LinkErrorCode } from './errors.ts';
export type { Link, LinkHandler, LinkInfo } from './link.ts';
