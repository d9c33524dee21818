/** What an open connection that does nothing keeps in memory: at most 13 KiB (rustls's figure), whoever the peer is. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { provider as noble } from '../../src/crypto/noble.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { verifyClient, verifyServer } from '../../src/identity/index.ts';
import {
  ClientContext,
  type Credential,
  type OpAnswer,
  performOp,
  ServerContext,
  type TlsConnection,
} from '../../src/tls/index.ts';
import { DOMAIN, NOW, Pki } from '../support/pki.ts';

setFlagsFromString('--expose_gc');
const gc = runInNewContext('gc') as () => void;

const MOST = 13 * 1024;

/** As a socket does: a chunk is the beginning of a read buffer, which lives as long as anybody holds a view of it. */
function carried(piece: Uint8Array): Uint8Array {
  const buffer = new Uint8Array(65_536);
  buffer.set(piece);
  return buffer.subarray(0, piece.length);
}

function move(from: TlsConnection, to: TlsConnection): boolean {
  const pieces = from.takeOutput();
  for (const piece of pieces) {
    to.feed(carried(piece));
    for (let event = to.next(); event !== undefined; event = to.next())
      if (event.type === 'op') to.settle(event.id, performOp(event.op) as OpAnswer);
  }
  return pieces.length > 0;
}

/** Both ends of a connection over which something was said, each way. */
function connect(provider: CryptoProvider, pki: Pki, server: Credential, user: string): TlsConnection[] {
  const client = new ClientContext(
    {
      verifier: {
        verify: ({ chain }) => verifyServer(chain, { dns: DOMAIN }, pki.roots, NOW, provider),
      },
      credentials: [pki.user(user, 'p256')],
    },
    provider,
  ).connect({ serverName: DOMAIN });
  const accepted = new ServerContext(
    {
      verifier: { verify: ({ chain }) => verifyClient(chain, pki.roots, NOW, provider) },
      credentials: [server],
    },
    provider,
  ).accept();
  while (move(client, accepted) || move(accepted, client));
  for (const [from, to] of [
    [client, accepted],
    [accepted, client],
  ] as const) {
    from.write(new Uint8Array(20_000));
    move(from, to);
  }
  expect([client.phase, accepted.phase]).toEqual(['open', 'open']);
  return [client, accepted];
}

function used(): number {
  for (let i = 0; i < 4; i++) gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

it.each([
  [node, 400],
  [noble, 60],
] as const)('an idle connection holds at most 13 KiB, peers all different ($name)', (provider, pairs) => {
  const pki = new Pki('p256');
  const server = pki.server('p256');
  for (let i = 0; i < 10; i++) connect(provider, pki, server, `early${i}`);
  const before = used();
  const held = Array.from({ length: pairs }, (_, i) => connect(provider, pki, server, `user${i}`));
  const each = Math.round((used() - before) / (2 * pairs));
  console.log(`${provider.name}: ${each} bytes per idle connection, ${held.flat().length} connections`);
  expect(each).toBeLessThan(MOST);
});
