// q2q as a contender of the research benchmark (`Q2Q_BENCH` names this file): listen, dial and relay, over the public
// entries only. Direct: one Session over TCP or WebSocket, and in each of its channels mutual TLS 1.3 by `secure`, with
// certificates of a domain made for the run. With `ctx.relay`: two Peers and the real relay server between them.
//
// ctx: { link: 'tcp' | 'ws', key: 'p256' | 'ed25519', crypto?: 'noble', relay?: address of relay() }
import { mkdir, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  identityFromChain,
  parseCertificate,
  readPrivateKey,
  Trust,
  verifyPeer,
  writePrivateKey,
} from 'q2q/identity';
import {
  ClientContext,
  connectTcp,
  connectWs,
  enroll,
  listenTcp,
  listenWebSocket,
  nobleProvider,
  nodeProvider,
  Peer,
  ServerContext,
  Session,
  secure,
} from 'q2q/node';
import { startRelay } from 'q2q/relay';
import { makeDomain } from './domain.mjs';

const HOST = '127.0.0.1';
const PROTOCOL = 'bench/1';
/** The benchmark keeps 1,051 idle channels on one session; 1,024 are the default. */
const LIMITS = { maxChannels: 4096 };

const ignore = () => {};

export async function listen(ctx, onChannel) {
  if (ctx.relay !== undefined) return listenAtRelay(ctx, onChannel);
  const provider = providerOf(ctx);
  const { trust, alice, bob, name } = makeDomain(provider, ctx.key);
  const server = new ServerContext(
    { credentials: [bob], alpn: [PROTOCOL], verifier: expecting({ kind: 'anyPeer' }, trust, provider) },
    provider,
  );
  const onLink = (link) => {
    const session = new Session(link, { random: provider.random, limits: LIMITS });
    session.onIncoming(({ accept }) =>
      secure(accept(), server).then((end) => onChannel(channelOf(end)), ignore),
    );
  };
  const where = { host: HOST, port: 0 };
  const listener = await (ctx.link === 'ws' ? listenWebSocket(where, onLink) : listenTcp(where, onLink));
  const address = {
    port: listener.port,
    domain: name,
    trust: packAnchors(trust.anchorsFor(name)),
    alice: pack(alice),
  };
  return { address, close: () => listener.close() };
}

/** One link; each `open` is a channel of its own with a full handshake. */
export async function dial(ctx, address) {
  if (address.relay !== undefined) return dialAtRelay(ctx, address);
  const provider = providerOf(ctx);
  const trust = unpackTrust(address.trust);
  const verifier = expecting({ kind: 'name', name: `bob@${address.domain}` }, trust, provider);
  // As the node:tls contenders make one secure context per process and not one per connection.
  const client = (ctx.client ??= new ClientContext(
    { credentials: [unpack(provider, address.alice)], alpn: [PROTOCOL], verifier },
    provider,
  ));
  const link = await (ctx.link === 'ws'
    ? connectWs(`ws://${HOST}:${address.port}/`)
    : connectTcp({ host: HOST, port: address.port }));
  const session = new Session(link, { random: provider.random });
  return {
    async open(wishes) {
      refuseResume(wishes);
      return channelOf(await secure(session.open(''), client));
    },
    close: () => session.destroy(),
  };
}

/** The real relay server with two people enrolled; what they hold travels in the address, as this is a benchmark. */
export async function relay(ctx) {
  const provider = providerOf(ctx);
  const server = await startRelay({
    dataDir: await freshFolder(),
    domain: 'bench.example',
    provider,
    host: HOST,
    tcp: { host: HOST, port: 0 },
  });
  const enrolled = async (user) => {
    const options = { key: provider.generateKey(ctx.key), provider };
    return (await enroll(await server.invite(user), options)).identity;
  };
  const [alice, bob] = [await enrolled('alice'), await enrolled('bob')];
  const url = ctx.link === 'ws' ? `ws://${HOST}:${server.port}/` : `tcp://${HOST}:${server.tcpPort}`;
  const { domain, anchors } = server;
  return {
    address: { url, domain, trust: packAnchors(anchors), alice: pack(alice), bob: pack(bob) },
    close: () => server.close(),
  };
}

/** The benchmark ends its processes by SIGKILL, so each relay sweeps what dead ones left. */
async function freshFolder() {
  const prefix = 'q2q-bench-relay-';
  for (const name of await readdir(tmpdir()))
    if (name.startsWith(prefix) && !isAlive(Number(name.slice(prefix.length))))
      await rm(join(tmpdir(), name), { recursive: true, force: true });
  const folder = join(tmpdir(), prefix + process.pid);
  await mkdir(folder);
  return folder;
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function listenAtRelay(ctx, onChannel) {
  const { domain, bob } = ctx.relay;
  const peer = await peerAt(ctx, ctx.relay, bob);
  const authorize = ({ from }) => from.name === `alice@${domain}`;
  await peer.listen(PROTOCOL, { authorize }, (channel) => onChannel(channelOf(channel)));
  return { address: { relay: ctx.relay }, close: () => peer.close() };
}

async function dialAtRelay(ctx, address) {
  const { domain, alice } = address.relay;
  const peer = await peerAt(ctx, address.relay, alice);
  return {
    async open(wishes) {
      refuseResume(wishes);
      return channelOf(await peer.dial(`bob@${domain}/${PROTOCOL}`));
    },
    close: () => peer.close(),
  };
}

function peerAt(ctx, { url, trust }, identity) {
  const provider = providerOf(ctx);
  const options = { identity: unpack(provider, identity), trust: unpackTrust(trust), relays: [url] };
  return Peer.create({ ...options, provider });
}

function providerOf({ crypto }) {
  return crypto === 'noble' ? nobleProvider() : nodeProvider();
}

/** The policy that a Peer applies, on every handshake. */
function expecting(expected, trust, provider) {
  return {
    verify: ({ chain, role }) => verifyPeer(chain, expected, trust, role, Date.now(), provider),
  };
}

function refuseResume(wishes) {
  if (wishes?.resume)
    throw new Error('channels resume no sessions here; the engine does (engineAdapter.mjs)');
}

/** The benchmark's channel over our link or Channel. */
function channelOf(link) {
  let release = ignore;
  return {
    write: (bytes) => link.send(bytes),
    drained: () =>
      new Promise((resolve) => {
        release = resolve;
      }),
    start: (onData) => {
      const free = () => release();
      link.start({ data: onData, drain: free, end: () => link.close(), closed: free });
    },
    close: () => link.close(),
  };
}

// Across processes, as JSON.

function pack({ chain, signer }) {
  return { chain: chain.map(toText), key: writePrivateKey(signer) };
}

function unpack(provider, { chain, key }) {
  return identityFromChain(chain.map(toBytes), readPrivateKey(provider, key));
}

function packAnchors({ domain, roots }) {
  return { domain, roots: roots.map(({ der }) => toText(der)) };
}

function unpackTrust({ domain, roots }) {
  return Trust.of([{ domain, roots: roots.map((text) => parseCertificate(toBytes(text))) }]);
}

function toText(bytes) {
  return Buffer.from(bytes).toString('base64');
}

function toBytes(text) {
  return new Uint8Array(Buffer.from(text, 'base64'));
}
