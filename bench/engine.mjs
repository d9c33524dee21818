// The TLS engine, both ends in one thread and in memory, against node:tls over an in-memory Duplex.
import { duplexPair } from 'node:stream';
import tls from 'node:tls';
import { formatPem, verifyPeer, writePrivateKey } from 'q2q/identity';
import { nobleProvider, nodeProvider } from 'q2q/node';
import { ClientContext, performOp, ServerContext } from 'q2q/tls';
import { makeDomain } from './domain.mjs';
import { compare, perSecond } from './lib.mjs';

const MIB = 2 ** 20;

export async function benchEngine({ rounds, seconds }) {
  const provider = nodeProvider();
  const pki = makeDomain(provider, 'p256');
  const native = nodeTls(pki);
  const ours = engine(provider, pki);
  const portable = engine(nobleProvider(), pki);
  const rows = [];
  rows.push(
    await compare(
      'mutual handshakes, P-256 certificates, X25519, both ends in one thread',
      'per second',
      {
        'q2q, node provider': () => perSecond(seconds, async () => ours.pair()),
        'node:tls over a Duplex': () => perSecond(seconds, async () => (await native.pair()).close()),
        'q2q, portable provider': () => perSecond(seconds, async () => portable.pair()),
      },
      { rounds },
    ),
  );
  for (const size of [16_384, 1024]) {
    const [a, b, c] = [ours.pair(), await native.pair(), portable.pair()];
    const block = Buffer.alloc(size, 0x5a);
    const bytes = Math.round(seconds * (size === 1024 ? 16 : 64)) * MIB;
    rows.push(
      await compare(
        `bulk, AES-128-GCM, writes of ${size} bytes`,
        'MiB/s',
        {
          'q2q, node provider': async () => rate(bytes, () => a.send(block, bytes)),
          'node:tls over a Duplex': async () => rate(bytes, () => b.send(block, bytes)),
          'q2q, portable provider': async () => rate(4 * MIB, () => c.send(block, 4 * MIB)),
          'node:crypto, seal and open only': async () => rate(bytes, () => raw(provider, size, bytes)),
        },
        { rounds },
      ),
    );
    b.close();
  }
  return rows;
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
  const suites = ['TLS_AES_128_GCM_SHA256'];
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
    pair: () =>
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
          checkServerIdentity: () => undefined, // the certificate names a person; node:tls cannot check that
        });
        let open = 0;
        const done = () => {
          if (++open === 2) resolve({ send, close });
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

/** The floor under any engine on this provider: one AEAD seal and open per record, nothing else. */
function raw(provider, size, bytes) {
  const seal = provider.aead('aes-128-gcm', new Uint8Array(16));
  const open = provider.aead('aes-128-gcm', new Uint8Array(16));
  const nonce = new Uint8Array(12);
  const header = new Uint8Array(5);
  const block = new Uint8Array(size).fill(0x5a);
  const out = new Uint8Array(size + 16);
  for (let left = bytes; left > 0; left -= size) {
    seal.seal(nonce, header, [block], out, 0);
    if (open.open(nonce, header, out, 0, out.length) !== size) throw new Error('tag does not match');
  }
}
