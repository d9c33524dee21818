// A tunnel where nothing but standard input and output is to be had, as in `ssh host program`: this program starts
// itself as a child, multiplexes over the child's pipes, and runs mutual TLS inside each channel.
//
//     node examples/05-stdio-tunnel.mjs
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { linkChunks, linkStreams, provider, Session, secure } from 'q2q';
import { selfSignedIdentity, Trust, verifyPeer } from 'q2q/identity';
import { processLink, processStdioLink } from 'q2q/node';
import { ClientContext, ServerContext } from 'q2q/tls';

const random = (length) => provider.random(length);
const me = selfSignedIdentity(provider.generateKey('ed25519'), Date.now());
const anybody = {
  verify: ({ chain, role }) =>
    verifyPeer(chain, { kind: 'anyPeer' }, Trust.of([]), role, Date.now(), provider),
};

// At the far end standard output belongs to the tunnel: talk goes to standard error.
async function farEnd() {
  const context = new ServerContext({ credentials: [me], verifier: anybody }, provider);
  const session = new Session(processStdioLink(), { random });
  session.onIncoming(async (channel) => {
    const tls = await secure(channel.accept(), context);
    console.error(`far end: '${channel.name}' for key:${tls.negotiated.peer.identity.keyId.slice(0, 8)}…`);
    const hash = createHash('sha256');
    for await (const chunk of linkChunks(tls)) hash.update(chunk);
    tls.send(new TextEncoder().encode(hash.digest('hex')));
    tls.closeWrite();
  });
  await session.closed;
}

async function nearEnd() {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), 'far'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const session = new Session(processLink(child), { random });
  const context = new ClientContext({ credentials: [me], verifier: anybody }, provider);

  async function hashThere(name, bytes) {
    const { readable, writable } = linkStreams(await secure(session.open(name), context));
    const sent = new Blob([bytes]).stream().pipeTo(writable);
    const answer = await new Response(readable).text();
    await sent;
    return answer;
  }

  const inputs = [randomBytes(10), randomBytes(100_000), randomBytes(4_000_000)];
  const answers = await Promise.all(inputs.map((bytes, i) => hashThere(`hash ${i + 1}`, bytes)));
  for (const [i, bytes] of inputs.entries()) {
    console.log(`${bytes.length} bytes through the pipe: ${answers[i]}`);
    assert.equal(answers[i], createHash('sha256').update(bytes).digest('hex'));
  }
  await session.close();
  console.log('ok');
}

await (process.argv[2] === 'far' ? farEnd() : nearEnd());
