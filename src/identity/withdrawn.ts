/**
 * Whether a proof still stands when its domain has said something new: of all that `verifyPeer` asked, only what the domain
 * can take back is asked again. For channels that live, whose certificates were good when they began.
 */
import { equalBytes } from '../base/bytes.ts';
import type { Certificate } from './certificate.ts';
import { Refusal } from './errors.ts';
import type { DomainAnchors } from './trust.ts';
import { deniedFault } from './verify.ts';

/**
 * `chain` is a path that was verified, leaf first, its anchor last. A key that is a root now is one, wherever it stands on
 * the path: what a handover led to survives the old root.
 */
export function withdrawal(chain: readonly Certificate[], anchors: DomainAnchors): Refusal | undefined {
  const isRoot = ({ spki }: Certificate): boolean =>
    anchors.roots.some((root) => equalBytes(root.spki, spki));
  for (const [index, certificate] of chain.entries()) {
    const fault = deniedFault(certificate, chain[index + 1], anchors);
    if (fault !== undefined) return new Refusal(fault.code, fault.message, index);
    if (index > 0 && isRoot(certificate)) return undefined;
  }
  return new Refusal(
    'ERR_IDENTITY_DENIED',
    `the domain "${anchors.domain}" has withdrawn the root that this peer's certificate stands on`,
    chain.length - 1,
  );
}
