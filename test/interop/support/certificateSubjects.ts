/**
 * What else certificates come with, and without: raw keys, staples; and the size of records. `ours` is our role. Compressed
 * certificates are for browsers alone (`tls-browsers.test.ts`): here no other stack is built with a codec.
 */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { peerId, verifyRawKey } from '../../../src/identity/index.ts';
import type { PeerVerifier, TlsConfigInit } from '../../../src/tls/index.ts';
import { type Bench, type Conversation, credentialOf } from './bench.ts';
import { converse, isOpen, subjectsOf } from './converse.ts';
import type { Role, Wish } from './meeting.ts';
import { ocspResponse } from './pki.ts';

export function certificateSubjects(role: Role, bench: Bench, ours: 'client' | 'server'): void {
  const subject = subjectsOf(role);
  const open = (config: Partial<TlsConfigInit>, wish: Partial<Wish>): Promise<Conversation> =>
    ours === 'client' ? bench.asClient(role, { config, wish }) : bench.asServer(role, { config, wish });

  subject('raw keys', 'authenticate each other with raw public keys', async () => {
    const { server, client } = bench.pki();
    const [us, them] = ours === 'client' ? [client, server] : [server, client];
    const signer = credentialOf(us).signer;
    const conversation = await open(
      {
        certificateTypes: ['rawPublicKey'],
        credentials: [{ chain: [], signer }],
        verifier: rawVerifier(peerId(credentialOf(them).signer.spki)),
        clientCertificate: 'require',
      },
      { rawKeys: true, credential: them, clientCertificate: 'require' },
    );
    await converse(role, conversation);
    const { peer } = conversation.us.connection.negotiated!;
    expect(peer?.chain).toEqual([]);
    expect(peer?.identity.keyId).toBe(peerId(credentialOf(them).signer.spki));
  });

  subject('record size', 'keep the record size that each asks for', async () => {
    const conversation = await open({ recordSizeLimit: OUR_LIMIT }, { recordSize: THEIR_LIMIT });
    const { us, far } = conversation;
    await us.until(isOpen);
    const sent = recordSizes(conversation);
    us.write(Buffer.from(`${LONG}\n`));
    if (role.speaks === 'talk') {
      await far.until(/the end of it/);
      far.say(`${LONG}\n`); // some lose what does not go into one record
    }
    await us.until(({ received }) => received.length >= OUR_LIMIT);
    const received = us.events.flatMap((event) => (event.type === 'data' ? [event.bytes.length] : []));
    expect(Math.max(...received)).toBe(OUR_LIMIT);
    expect(Math.max(...sent())).toBe((role.recordSize ?? THEIR_LIMIT) + OVERHEAD);
  });

  subject('staple', 'pass an OCSP response', async () => {
    const file = ocspResponse(bench.pki());
    if (ours === 'client') {
      const staples: (Uint8Array | undefined)[] = [];
      const context = bench.client();
      const { verifier } = context.config;
      const asking: PeerVerifier = {
        verify(presented) {
          staples.push(presented.ocsp);
          return verifier.verify(presented);
        },
      };
      await converse(role, await open({ requestStatus: true, verifier: asking }, { staple: file }));
      expect(staples.map((staple) => staple && Buffer.from(staple))).toEqual([readFileSync(file)]);
    } else {
      const credential = { ...credentialOf(bench.pki().server), ocsp: new Uint8Array(readFileSync(file)) };
      const conversation = await open({ credentials: [credential] }, { staple: file });
      await converse(role, conversation);
      await conversation.far.until(role.stapled!);
    }
  });
}

/** Believes one key. */
function rawVerifier(id: string): PeerVerifier {
  return { verify: ({ rawKey = new Uint8Array() }) => verifyRawKey(rawKey, { kind: 'key', id }) };
}

const OUR_LIMIT = 700;
const THEIR_LIMIT = 1024;
const OVERHEAD = 1 + 16; // content type and tag
const LONG = `${'of many records '.repeat(1_500)}the end of it`;

/** Lengths of the protected records that we send from now on. */
function recordSizes({ meeting }: Conversation): () => number[] {
  const { carrier } = meeting;
  const chunks: Uint8Array[] = [];
  const write = carrier.write.bind(carrier) as (chunk: Uint8Array) => boolean;
  carrier.write = ((chunk: Uint8Array) => {
    chunks.push(new Uint8Array(chunk));
    return write(chunk);
  }) as typeof carrier.write;
  return () => {
    const sizes: number[] = [];
    const bytes = Buffer.concat(chunks);
    for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes.readUInt16BE(at + 3))
      if (bytes[at] === APPLICATION_DATA) sizes.push(bytes.readUInt16BE(at + 3));
    return sizes;
  };
}

const APPLICATION_DATA = 23;
