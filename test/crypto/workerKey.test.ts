/** A key that lives in another thread and never leaves it: an agent, a token, a module behind a wire (E11). */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bytes } from '../../src/base/bytes.ts';
import { provider } from '../../src/crypto/node.node.ts';
import type { Signer } from '../../src/crypto/provider.ts';
import { secure } from '../../src/peer/secure.ts';
import { ClientContext, ServerContext } from '../../src/tls/index.ts';
import { memoryPair } from '../../src/transport/memory.ts';
import { DOMAIN, NOW, Pki } from '../support/pki.ts';

/** All that it tells of its key is the public half, and signatures. */
const AGENT = `
  const { generateKeyPairSync, sign } = require('node:crypto');
  const { parentPort } = require('node:worker_threads');
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  parentPort.postMessage(publicKey.export({ type: 'spki', format: 'der' }));
  parentPort.on('message', ({ id, message }) => parentPort.postMessage({ id, signature: sign(null, message, privateKey) }));
`;

let agent: Worker;
let signer: Signer;
let signatures = 0;

beforeAll(async () => {
  agent = new Worker(AGENT, { eval: true });
  const [spki] = (await once(agent, 'message')) as [Uint8Array];
  signer = {
    kind: 'ed25519',
    spki: new Uint8Array(spki),
    schemes: ['ed25519'],
    sign: (_scheme, message) => {
      const id = ++signatures;
      return new Promise<Bytes>((resolve) => {
        const listen = (answer: { id: number; signature: Uint8Array }): void => {
          if (answer.id !== id) return;
          agent.off('message', listen);
          resolve(new Uint8Array(answer.signature));
        };
        agent.on('message', listen);
        agent.postMessage({ id, message });
      });
    },
  };
});
afterAll(() => agent.terminate());

test('signs at both ends of a handshake', async () => {
  const pki = new Pki();
  const { authority } = pki;
  const client = new ClientContext(
    {
      credentials: [{ chain: authority.issueUser({ spki: signer.spki, user: 'alice', now: NOW }), signer }],
      verifier: pki.serverVerifier(),
    },
    provider,
  );
  const server = new ServerContext(
    {
      credentials: [{ chain: authority.issueServer({ spki: signer.spki, now: NOW }), signer }],
      verifier: pki.clientVerifier(),
    },
    provider,
  );
  const [a, b] = memoryPair();
  const [ours, theirs] = await Promise.all([secure(a, client, { serverName: DOMAIN }), secure(b, server)]);
  expect(signatures).toBe(2);
  expect(theirs.negotiated.peer?.leaf?.names.email).toEqual([`alice@${DOMAIN}`]);
  ours.reset();
});
