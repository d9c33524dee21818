/** What the runner wants to hold after the handshake: a difference is an error of ours. */
import { equalBytes } from '../../../src/base/bytes.ts';
import { suiteById } from '../../../src/crypto/suites.ts';
import type { Negotiated } from '../../../src/tls/index.ts';
import type { Watch } from './contexts.ts';
import { readChain } from './contexts.ts';
import type { Options } from './options.ts';

export class Unexpected extends Error {}

export function checkExpectations(
  { expect, server, selectAlpn }: Options,
  got: Negotiated,
  watch: Watch,
): void {
  same('version', 0x0304, expect.version);
  if (server) same('server name', got.serverName, expect.serverName);
  same('alpn', got.alpn ?? '', server ? selectAlpn : (expect.alpn ?? ''));
  same('advertised alpn', watch.hello?.alpn.join(), expect.advertisedAlpn?.join());
  same('peer scheme', got.peerScheme, expect.peerScheme);
  same('group', got.group, expect.group);
  same('retry', got.helloRetried, expect.helloRetried);
  for (const id of expect.suites) same('suite', got.suite, suiteById(id)?.name);
  if (expect.peerCertFile !== undefined) {
    const leaf = got.peer?.leaf?.der;
    const wanted = readChain(expect.peerCertFile)[0]!;
    if (leaf === undefined || !equalBytes(leaf, wanted))
      throw new Unexpected('peer shows another certificate');
  }
}

function same<T>(what: string, got: T, wanted: T | undefined): void {
  if (wanted !== undefined && got !== wanted)
    throw new Unexpected(`${what}: got ${String(got)}, wanted ${String(wanted)}`);
}
