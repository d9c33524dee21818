import { invalid } from './invalid.ts';
import type { TrustRoots } from './trustRoots.ts';

/** The roots of the machine. Where there is no file system there are none to be had: browsers show theirs to no page. */
export function platformTrust(): TrustRoots {
  throw invalid('trust', 'this platform does not show its roots', {
    hint: 'pass the roots you believe to trustRoots([…])',
  });
}
