// A plaintext protocol that goes over to TLS in the middle of a conversation, and what happens to somebody on the
// wire who puts a command of his own behind the signal.
//
//     node examples/04-starttls.mjs
import assert from 'node:assert/strict';
import { linkChunks, memoryPair, Plaintext, provider, startTls } from 'q2q';
import { DomainAuthority, verifyClient, verifyServer } from 'q2q/identity';
import { connectTcp, listenTcp } from 'q2q/node';
import { ClientContext, ServerContext } from 'q2q/tls';

const line = (text) => new TextEncoder().encode(`${text}\r\n`);

// A domain is a certificate authority; here it certifies a mail server and one user.
const now = Date.now();
const domain = DomainAuthority.create(provider, 'example.org', now);
const credential = (issue) => {
  const signer = provider.generateKey('p256');
  return { chain: issue(signer.spki), signer };
};
const serverContext = new ServerContext(
  {
    credentials: [credential((spki) => domain.issueServer({ spki, now }))],
    verifier: { verify: ({ chain }) => verifyClient(chain, [domain.root], now, provider) },
  },
  provider,
);
const clientContext = new ClientContext(
  {
    credentials: [credential((spki) => domain.issueUser({ spki, user: 'alice', now }))],
    verifier: {
      verify: ({ chain, serverName }) =>
        verifyServer(chain, { dns: serverName }, [domain.root], now, provider),
    },
  },
  provider,
);

async function serve(link) {
  const text = new Plaintext(link);
  text.send(line('220 example.org'));
  assert.equal(await text.readLine(), 'STARTTLS');
  // The signal goes through `announce`: nothing the client sent before it may count as said under TLS.
  const tls = await startTls(text, { role: 'server', context: serverContext, announce: line('220 ready') });
  for await (const chunk of linkChunks(tls))
    tls.send(line(`250 got ${new TextDecoder().decode(chunk).trim()}`));
  tls.close();
}

const server = await listenTcp({ host: '127.0.0.1', port: 0 }, (link) => void serve(link));
const text = new Plaintext(await connectTcp({ host: '127.0.0.1', port: server.port }));
console.log(`S: ${await text.readLine()}`);
text.send(line('STARTTLS'));
console.log('C: STARTTLS');
console.log(`S: ${await text.readLine()}`);

const tls = await startTls(text, { role: 'client', context: clientContext, serverName: 'example.org' });
console.log(`-- now ${tls.negotiated.suite} with ${tls.negotiated.peer.leaf.names.dns[0]}`);
tls.send(line('MAIL FROM:<alice@example.org>'));
tls.closeWrite();
let reply = '';
for await (const chunk of linkChunks(tls)) reply += new TextDecoder().decode(chunk);
console.log(`S: ${reply.trim()}`);
await server.close();

// The attack: one packet with the signal and a command behind it, which a careless server would obey after TLS began.
const [mallory, victim] = memoryPair();
mallory.start({ data() {}, drain() {}, end() {}, closed() {} });
mallory.send(line('STARTTLS\r\nRCPT TO:<mallory@example.net>'));
const attacked = new Plaintext(victim);
await attacked.readLine();
const refusal = await startTls(attacked, { role: 'server', context: serverContext }).catch((error) => error);
console.log(`injected: ${refusal.code}: ${refusal.message}`);

assert.match(reply, /250 got MAIL FROM/);
assert.equal(refusal.code, 'ERR_SECURE_INJECTION');
console.log('ok');
