// The TLS engine, both ends in one thread and in memory, against node:tls over an in-memory Duplex.
import { createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto';
import { duplexPair } from 'node:stream';
import tls from 'node:tls';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { formatPem, verifyPeer, writePrivateKey } from 'q2q/identity';
import { nobleProvider, nodeProvider } from 'q2q/node';
import { ClientContext, performOp, ServerContext } from 'q2q/tls';
import { TicketCache, TicketKeys } from 'q2q/tls/resumption';
import { makeDomain } from './domain.mjs';
import { compare, perSecond } from './lib.mjs';

const MIB = 2 ** 20;
const CHACHA = ['TLS_CHACHA20_POLY1305_SHA256'];

export async function benchEngine(effort) {
  // Many short turns: what the neighbours do then falls on all contenders alike.
  const rounds = 5 * effort.rounds;
  const seconds = effort.seconds / 5;
  const provider = nodeProvider();
  const pki = makeDomain(provider, 'p256');
  return [
    await handshakes(provider, pki, { rounds, seconds }),
    await resumptions(provider, pki, { rounds, seconds }),
    await bulk(provider, pki, 16_384, { rounds, bytes: seconds * 64 * MIB }),
    await bulk(provider, pki, 1024, { rounds, bytes: seconds * 16 * MIB }),
    await portableBulk(pki, 16_384, { rounds, bytes: seconds * 4 * MIB }),
  ];
}

async function handshakes(provider, pki, { rounds, seconds }) {
  const ours = engine(provider, pki);
  const native = nodeTls(pki);
  const portable = engine(nobleProvider(), pki);
  await warmUp(
    () => ours.pair(),
    async () => (await native.pair()).close(),
  );
  return compare(
    'mutual handshakes, P-256 certificates, X25519, both ends in one thread',
    'per second',
    {
      'q2q, node provider': () => perSecond(seconds, async () => ours.pair()),
      'node:tls over a Duplex': () => perSecond(seconds, async () => (await native.pair()).close()),
      'q2q, portable provider': () => perSecond(seconds, async () => portable.pair()),
    },
    { rounds, cpu: true },
  );
}

/**
 * Our client spends the ticket of the handshake before and gets a new one. OpenSSL's server gives none when it resumes, so
 * its client shows the same one again and again, which costs less and which RFC 9846 §C.4 advises against.
 */
async function resumptions(provider, pki, { rounds, seconds }) {
  const ours = engine(provider, pki, {
    client: { tickets: new TicketCache(), ticketCount: 1 },
    server: { resumption: new TicketKeys(provider) },
  });
  ours.pair();
  const native = nodeTls(pki);
  const session = await native.session();
  await warmUp(
    () => ours.pair(),
    async () => (await native.pair(session)).close(),
  );
  return compare(
    'the same, resumed',
    'per second',
    {
      'q2q, node provider': () =>
        perSecond(seconds, async () => {
          if (!ours.pair().a.negotiated.resumed) throw new Error('q2q did not resume');
        }),
      'node:tls over a Duplex': () =>
        perSecond(seconds, async () => {
          const pair = await native.pair(session);
          if (!pair.resumed) throw new Error('node:tls did not resume');
          pair.close();
        }),
    },
    { rounds, cpu: true },
  );
}

/** A server's state after its first seconds: V8 compiles in full what it has run some thousand times. */
async function warmUp(...contenders) {
  for (const one of contenders) for (let i = 0; i < 2000; i++) await one();
}

async function bulk(provider, pki, size, { rounds, bytes }) {
  const count = Math.ceil(bytes / size);
  const total = count * size;
  const ours = engine(provider, pki).pair();
  const native = await nodeTls(pki).pair();
  const block = new Uint8Array(size).fill(0x5a);
  const row = await compare(
    `bulk, AES-128-GCM, writes of ${size} bytes`,
    'MiB/s',
    {
      'q2q, node provider': () => rate(total, () => ours.send(block, total)),
      'node:tls over a Duplex': () => rate(total, () => native.send(block, total)),
      'node:crypto, seal and open only': () => rate(total, () => rawNode(block, count)),
    },
    { rounds, cpu: true },
  );
  native.close();
  return row;
}

async function portableBulk(pki, size, { rounds, bytes }) {
  const count = Math.ceil(bytes / size);
  const ours = engine(nobleProvider(), pki, {
    client: { suites: CHACHA },
    server: { suites: CHACHA },
  }).pair();
  const block = new Uint8Array(size).fill(0x5a);
  return compare(
    `bulk, ChaCha20-Poly1305, portable provider, writes of ${size} bytes`,
    'MiB/s',
    {
      'q2q, portable provider': () => rate(count * size, () => ours.send(block, count * size)),
      'noble, seal and open only': () => rate(count * size, () => rawNoble(block, count)),
    },
    { rounds, cpu: true },
  );
}

async function rate(bytes, run) {
  const started = performance.now();
  await run();
  return bytes / MIB / ((performance.now() - started) / 1000);
}

/**
 * Our engine: two connections, each peer's whole policy on every handshake, and a loop that carries bytes between them.
 * `client` and `server` add to the configurations; `carried` is what becomes of a piece of output on its way.
 */
export function engine(
  provider,
  { name, trust, alice, bob },
  { client = {}, server = {}, carried = (piece) => piece } = {},
) {
  const suites = ['TLS_AES_128_GCM_SHA256']; // unless told
  const expecting = (expected) => ({
    verify: ({ chain, role }) => verifyPeer(chain, expected, trust, role, Date.now(), provider),
  });
  const clients = new ClientContext(
    { suites, credentials: [alice], verifier: expecting({ kind: 'name', name: `bob@${name}` }), ...client },
    provider,
  );
  const servers = new ServerContext(
    { suites, credentials: [bob], verifier: expecting({ kind: 'anyPeer' }), ...server },
    provider,
  );
  return {
    pair() {
      const a = clients.connect({});
      const b = servers.accept();
      let received = 0;
      const sink = (bytes) => {
        received += bytes.length;
      };
      while (carry(a, b, sink, carried) || carry(b, a, sink, carried));
      if (a.phase !== 'open' || b.phase !== 'open') throw a.error ?? b.error ?? new Error('no handshake');
      return {
        a,
        b,
        send(block, bytes) {
          received = 0;
          for (let left = bytes; left > 0; left -= block.length) {
            a.write(block);
            carry(a, b, sink, carried);
          }
          if (received !== bytes) throw new Error(`${received} of ${bytes} bytes arrived`);
        },
      };
    },
  };
}

function carry(from, to, sink, carried) {
  pull(from, sink);
  const chunks = from.takeOutput();
  for (const chunk of chunks) {
    to.feed(carried(chunk));
    pull(to, sink);
  }
  return chunks.length > 0;
}

function pull(connection, sink) {
  for (let event = connection.next(); event !== undefined; event = connection.next()) {
    if (event.type === 'data') sink(event.bytes);
    else if (event.type === 'op') connection.settle(event.id, performOp(event.op));
    else if (event.type === 'ticket') event.store.put(event.key, event.ticket);
    else if (event.type === 'error') throw event.error;
  }
}

function nodeTls({ authority, alice, bob }) {
  const ca = formatPem('CERTIFICATE', authority.root.der);
  const side = ({ signer, chain }) => ({
    ca,
    key: writePrivateKey(signer),
    cert: chain.map((der) => formatPem('CERTIFICATE', der)).join(''),
    minVersion: 'TLSv1.3',
    ecdhCurve: 'X25519',
    ciphers: 'TLS_AES_128_GCM_SHA256',
  });
  const serverContext = tls.createSecureContext({ ...side(bob), sessionIdContext: 'bench' });
  const clientContext = tls.createSecureContext(side(alice));
  return {
    async session() {
      const { client } = await this.pair();
      return new Promise((resolve) => client.once('session', resolve));
    },
    pair: (session) =>
      new Promise((resolve, reject) => {
        const [left, right] = duplexPair();
        const b = new tls.TLSSocket(right, {
          isServer: true,
          secureContext: serverContext,
          requestCert: true,
          rejectUnauthorized: true,
        });
        const a = tls.connect({
          socket: left,
          secureContext: clientContext,
          session,
          checkServerIdentity: () => undefined, // the certificate names a person; node:tls cannot check that
        });
        let open = 0;
        const done = () => {
          if (++open === 2) resolve({ send, close, client: a, resumed: a.isSessionReused() });
        };
        a.on('error', reject).once('secureConnect', done);
        b.on('error', reject).once('secure', done);
        const close = () => {
          for (const end of [a, b, left, right]) end.destroy();
        };
        const send = (block, bytes) =>
          new Promise((finished) => {
            let received = 0;
            const onData = (chunk) => {
              received += chunk.length;
              if (received < bytes) return;
              b.off('data', onData);
              finished();
            };
            b.on('data', onData);
            let left = bytes;
            const push = () => {
              while (left > 0) {
                left -= block.length;
                if (!a.write(block)) return void a.once('drain', push);
              }
            };
            push();
          });
      }),
  };
}

/** The floor under any engine on node:crypto: a seal and an open per record, with nothing copied and nothing framed. */
function rawNode(block, count) {
  const [nonce, header] = [12, 5].map((length) => new Uint8Array(length));
  const key = createSecretKey(new Uint8Array(16));
  const options = { authTagLength: 16 };
  for (let i = 0; i < count; i++) {
    const seal = createCipheriv('aes-128-gcm', key, nonce, options).setAAD(header);
    const ciphertext = seal.update(block);
    seal.final();
    const open = createDecipheriv('aes-128-gcm', key, nonce, options).setAAD(header);
    open.setAuthTag(seal.getAuthTag());
    open.update(ciphertext);
    open.final();
  }
}

/** The same on noble. */
function rawNoble(block, count) {
  const [key, nonce, header] = [32, 12, 5].map((length) => new Uint8Array(length));
  for (let i = 0; i < count; i++)
    chacha20poly1305(key, nonce, header).decrypt(chacha20poly1305(key, nonce, header).encrypt(block));
}
