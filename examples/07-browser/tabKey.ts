/**
 * The tab's own key. It lives as long as the tab does, reloads included, in sessionStorage: other tabs have other keys,
 * other origins cannot read it, and scripts of this page can, of which the policy lets in one file only.
 */
import { type PrivateKey, provider, readPlainPrivateKey, writePrivateKey } from '../../src/index.ts';

const SLOT = 'q2q.key';

export type TabKeyKind = 'p256' | 'ed25519';

export function tabKey(): PrivateKey {
  const stored = sessionStorage.getItem(SLOT);
  if (stored === null) return newTabKey('p256');
  try {
    return readPlainPrivateKey(provider, stored);
  } catch {
    return newTabKey('p256'); // written by something else
  }
}

/** Takes effect when the page is loaded again. */
export function newTabKey(kind: TabKeyKind): PrivateKey {
  const key = provider.generateKey(kind);
  sessionStorage.setItem(SLOT, writePrivateKey(key));
  return key;
}
