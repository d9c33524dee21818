/**
 * Being a witness, and asking one, over a channel like any other: the asker sends a domain, the witness the roots it holds
 * for it. Both are DER, and each side ends its direction after it:
 *
 *     Question ::= SEQUENCE { version INTEGER (1), domain UTF8String }
 *     Answer   ::= SEQUENCE { version INTEGER (1), roots SEQUENCE OF Certificate }
 *
 * Who asks is proven by the channel, and whom a witness answers its `authorize` says: the question tells whom one talks to.
 */
import { type Bytes, concat, fromUtf8 } from '../base/bytes.ts';
import { checkDer, DerReader, integer, malformed, sequence, TAG, utf8String } from '../identity/der.ts';
import { type Certificate, parseCertificate, parseDomain, type Trust } from '../identity/index.ts';
import { MAX_BUNDLE_ROOTS } from '../identity/limits.ts';
import type { Witness } from '../identity/witness.ts';
import type { Channel } from './channel.ts';
import type { Peer } from './endpoint.ts';
import { PeerError } from './errors.ts';
import { MAX_WITNESS_ANSWER, MAX_WITNESS_QUESTION } from './limits.ts';
import type { Authorize, Listener } from './types.ts';

/** What witnesses listen to. */
export const WITNESS_PROTOCOL = 'q2q.witness/1';
const VERSION = 1;

export interface ServeWitnessOptions {
  /** Who may ask: there is no default that answers anybody. */
  readonly authorize: Authorize;
  /** What we tell of; by default what the peer believes at that time. */
  readonly trust?: () => Trust;
  readonly as?: string;
  readonly signal?: AbortSignal;
}

/** Answers others' questions with what this peer holds. */
export function serveWitness(peer: Peer, options: ServeWitnessOptions): Promise<Listener> {
  const { trust, ...rest } = options;
  return peer.listen(WITNESS_PROTOCOL, rest, async (channel) => {
    const domain = readQuestion(await readAll(channel, MAX_WITNESS_QUESTION));
    const roots = (trust === undefined ? peer.trust : trust()).anchorsFor(domain)?.roots ?? [];
    channel.send(sequence(integer(VERSION), sequence(...roots.map(({ der }) => der))));
    await channel.close();
  });
}

/** A witness that is reached at `bob@example.org` or `key:…`, through a domain that is believed already. */
export function peerWitness(peer: Peer, address: string): Witness {
  return {
    name: address,
    async roots(domain, { signal }): Promise<readonly Certificate[]> {
      const channel = await peer.dial(`${address}/${WITNESS_PROTOCOL}`, { signal });
      const giveUp = (): void => channel.reset();
      signal.addEventListener('abort', giveUp, { once: true });
      try {
        channel.send(sequence(integer(VERSION), utf8String(parseDomain(domain))));
        channel.closeWrite();
        return readAnswer(await readAll(channel, MAX_WITNESS_ANSWER));
      } finally {
        signal.removeEventListener('abort', giveUp);
        giveUp(); // all was said, or nothing more is wanted
      }
    },
  };
}

async function readAll(channel: Channel, most: number): Promise<Bytes> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of channel) {
    length += chunk.length;
    if (length > most) throw new PeerError('ERR_PEER_PROTOCOL', `more than ${most} bytes came`);
    parts.push(chunk.slice());
  }
  return concat(parts);
}

function readQuestion(bytes: Bytes): string {
  const reader = open(bytes);
  const domain = parseDomain(fromUtf8(reader.expect(TAG.utf8String, 'domain').value));
  reader.end('question');
  return domain;
}

function readAnswer(bytes: Bytes): readonly Certificate[] {
  const reader = open(bytes);
  const list = reader.sequence('roots');
  reader.end('answer');
  const roots: Certificate[] = [];
  while (!list.done) {
    if (roots.length === MAX_BUNDLE_ROOTS) throw malformed(`more than ${MAX_BUNDLE_ROOTS} roots`);
    roots.push(parseCertificate(list.expect(TAG.sequence, 'root').der));
  }
  return roots;
}

function open(bytes: Bytes): DerReader {
  checkDer(bytes);
  const outer = new DerReader(bytes);
  const reader = outer.sequence('message');
  outer.end('message');
  if (reader.smallInteger('version') !== VERSION) throw malformed('message is not of version 1');
  return reader;
}
