// A domain and its relay, two people who enrol by invite, a dial by name. All in one process here; the same calls work
// between machines.
//
//     node examples/03-two-peers-one-relay.mjs
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { enroll, Peer, provider, Trust } from 'q2q/node';
import { startRelay } from 'q2q/relay';

// The relay keeps everything the domain must remember in one folder, made on first use.
const dataDir = await mkdtemp(join(tmpdir(), 'q2q-example-'));
const relay = await startRelay({ dataDir, domain: 'example.org', provider });
console.log(`example.org is served at ${relay.urls[0]}`);

// An invite is one line. Whoever has it makes a key, proves it, and gets a certificate for that name, once.
async function enrolled(user) {
  const invite = await relay.invite(user);
  const { identity, anchors, relay: home } = await enroll(invite, { key: provider.generateKey('ed25519') });
  return Peer.create({ identity, trust: Trust.of([anchors]), relays: [home] });
}
const alice = await enrolled('alice');
const bob = await enrolled('bob');

// Bob answers "upper/1", for alice only. Without `authorize` nobody could come in; whom it refuses sees "not found".
await bob.listen(
  'upper/1',
  { description: "bob's laptop", authorize: ({ from }) => from.name === 'alice@example.org' },
  async (channel) => {
    console.log(`bob is called by ${channel.peer.name} for ${channel.protocol}`);
    for await (const chunk of channel)
      channel.send(new TextEncoder().encode(new TextDecoder().decode(chunk).toUpperCase()));
    await channel.close();
  },
);

// Alice dials a person and a purpose. When this resolves, TLS has proved bob to alice and alice to bob.
const channel = await alice.dial('bob@example.org/upper/1');
const { suite, group, alpn } = channel.negotiated;
console.log(`alice talks to ${channel.peer.name} (${channel.path.kind}): ${suite}, ${group}, alpn ${alpn}`);

channel.send(new TextEncoder().encode('nobody in between can read this'));
channel.closeWrite(); // our direction ends, the other goes on
let answer = '';
for await (const chunk of channel) answer += new TextDecoder().decode(chunk);
console.log(`bob answered: ${answer}`);
await channel.closed;

// Absent, not listening, not allowed: the caller cannot tell which.
for (const address of ['carol@example.org/upper/1', 'bob@example.org/other/1'])
  await assert.rejects(alice.dial(address), { code: 'ERR_PEER_NOT_FOUND' });
console.log('carol does not exist and bob does not speak "other/1": the same "not found"');

await alice.close();
await bob.close();
await relay.close();
await rm(dataDir, { recursive: true });

assert.equal(answer, 'NOBODY IN BETWEEN CAN READ THIS');
assert.equal(channel.peer.name, 'bob@example.org');
console.log('ok');
