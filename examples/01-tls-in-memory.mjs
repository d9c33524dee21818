// Two peers in one process: mutual TLS 1.3 over a link in memory. Each knows the other by the hash of its key.
//
//     node examples/01-tls-in-memory.mjs
import assert from 'node:assert/strict';
import { linkStreams, memoryPair, provider, secure } from 'q2q';
import { selfSignedIdentity, Trust, verifyPeer } from 'q2q/identity';
import { ClientContext, ServerContext } from 'q2q/tls';

// An identity is a key and a certificate for it. Nobody else has to sign it: its name is its key.
const alice = selfSignedIdentity(provider.generateKey('ed25519'), Date.now());
const bob = selfSignedIdentity(provider.generateKey('p256'), Date.now());

// A context says who we are and who may be at the other end. There is no way to leave the second part out.
const only = (id) => ({
  verify: ({ chain, role }) =>
    verifyPeer(chain, { kind: 'key', id }, Trust.of([]), role, Date.now(), provider),
});
const calling = new ClientContext({ credentials: [alice], verifier: only(bob.keyId) }, provider);
const answering = new ServerContext({ credentials: [bob], verifier: only(alice.keyId) }, provider);

// A link is anything that carries bytes in order; here it is memory. `secure` resolves when both ends are proved.
const [a, b] = memoryPair();
const [toBob, toAlice] = await Promise.all([secure(a, calling), secure(b, answering)]);
const { suite, group, peer } = toBob.negotiated;
console.log(`alice talks to key:${peer.identity.keyId}`);
console.log(`   bob talks to key:${toAlice.negotiated.peer.identity.keyId}`);
console.log(`with ${suite}, ${group}`);

// The secured link has Web Streams. Bob sends back what he gets, in capitals.
const bobSide = linkStreams(toAlice);
const shout = new TransformStream({
  transform: (chunk, out) =>
    out.enqueue(new TextEncoder().encode(new TextDecoder().decode(chunk).toUpperCase())),
});
const answered = bobSide.readable.pipeThrough(shout).pipeTo(bobSide.writable);

const aliceSide = linkStreams(toBob);
const writer = aliceSide.writable.getWriter();
await writer.write(new TextEncoder().encode('hello bob'));
await writer.close(); // our direction ends, the other goes on

let reply = '';
for await (const chunk of aliceSide.readable) reply += new TextDecoder().decode(chunk);
await answered;
console.log(`bob answered: ${reply}`);

const { plaintextOut, wireOut, recordsOut } = toBob.stats;
console.log(
  `alice sent ${plaintextOut} bytes of text in ${recordsOut} records, handshake included: ${wireOut} bytes`,
);

assert.equal(reply, 'HELLO BOB');
assert.equal(peer.identity.keyId, bob.keyId);
console.log('ok');
