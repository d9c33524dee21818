/** TLS in the channels of one session, as either end: the same code in a tab and in Node, each with its own provider. */
import { hex } from '../../../src/base/bytes.ts';
import type { CryptoProvider } from '../../../src/crypto/index.ts';
import { type Identity, Trust, verifyPeer } from '../../../src/identity/index.ts';
import { secure } from '../../../src/peer/secure.ts';
import type { SecureLink } from '../../../src/peer/secureLink.ts';
import type { Session } from '../../../src/peer/session.ts';
import { linkReadable, linkWritable } from '../../../src/peer/streams.ts';
import { ClientContext, type PeerVerifier, ServerContext } from '../../../src/tls/index.ts';

export const ALPN = 'exchange/1';
const LENGTH = 1_048_576;

/** What one end saw of one channel; both ends' accounts must mirror each other. */
export interface Account {
  readonly role: 'client' | 'server';
  readonly own: string;
  readonly peer: string;
  readonly suite: string;
  readonly group: string;
  readonly sent: string;
  readonly received: string;
}

export interface End {
  readonly identity: Identity;
  readonly provider: CryptoProvider;
}

export async function dial(session: Session, end: End, keyId: string): Promise<Account> {
  const context = new ClientContext(config(end, keyId), end.provider);
  return exchange(await secure(session.open(''), context), end);
}

/** Takes one channel. */
export function answer(session: Session, end: End): Promise<Account> {
  const context = new ServerContext(config(end), end.provider);
  return new Promise((resolve, reject) => {
    session.onIncoming(async (incoming) => {
      await secure(incoming.accept(), context)
        .then((link) => exchange(link, end))
        .then(resolve, reject);
    });
  });
}

function config({ identity, provider }: End, keyId?: string) {
  const verifier: PeerVerifier = {
    verify: ({ chain, role }) =>
      verifyPeer(
        chain,
        keyId === undefined ? { kind: 'anyPeer' } : { kind: 'key', id: keyId },
        Trust.of([]),
        role,
        Date.now(),
        provider,
      ),
  };
  return { verifier, credentials: [identity], alpn: [ALPN] };
}

/** 1 MiB of random bytes each way at once. */
async function exchange(link: SecureLink, { identity, provider }: End): Promise<Account> {
  const bytes = provider.random(LENGTH);
  const sent = hex(provider.hash('sha256').update(bytes).digest());
  const writing = write(linkWritable(link), bytes);
  const hash = provider.hash('sha256');
  const reader = linkReadable(link).getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) hash.update(next.value);
  await writing;
  const { role, peer, suite, group } = link.negotiated;
  const received = hex(hash.digest());
  return { role, own: identity.keyId, peer: peer!.identity.keyId, suite, group, sent, received };
}

async function write(writable: WritableStream<Uint8Array>, bytes: Uint8Array): Promise<void> {
  const writer = writable.getWriter();
  for (let at = 0; at < bytes.length; at += 65_536) await writer.write(bytes.subarray(at, at + 65_536));
  await writer.close();
}
