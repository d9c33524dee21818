/** Where this page came from is the relay: its domain and root as it tells them itself, and the address of its WebSocket. */
import { parseCertificate, parsePem, type RelayConfig, Trust } from '../../src/index.ts';

export interface PageRelay {
  readonly config: RelayConfig;
  readonly trust: Trust;
}

/**
 * The root is as trustworthy as the way this page itself came: whoever could change the one could change the other. It says
 * who the relay is; who a peer is, its key says alone.
 */
export async function pageRelay(): Promise<PageRelay> {
  const response = await fetch('/.well-known/q2q');
  if (!response.ok) throw new Error(`/.well-known/q2q: HTTP status ${response.status}`);
  const { domain, root } = wellKnown(await response.json());
  const roots = parsePem(root).map(({ der }) => parseCertificate(der));
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  return {
    config: { url: `${scheme}://${location.host}/`, domain },
    trust: Trust.of([{ domain, roots }]),
  };
}

function wellKnown(value: unknown): { domain: string; root: string } {
  const { version, domain, root } = (value ?? {}) as Record<string, unknown>;
  if (version !== 1 || typeof domain !== 'string' || typeof root !== 'string')
    throw new Error('/.well-known/q2q is not of version 1');
  return { domain, root };
}
