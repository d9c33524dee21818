// An echo over node:tls, as its one argument (JSON, echoProgram.ts) asks for it. Reports go to standard error. Runs on every Node.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { connect, createServer } from 'node:tls';

const GROUPS = { x25519: 'X25519', secp256r1: 'P-256', secp384r1: 'P-384' };

const wish = JSON.parse(process.argv[2]);
const options = {
  minVersion: 'TLSv1.3',
  allowHalfOpen: true,
  ca: readFileSync(wish.ca),
  ...(wish.cert && { cert: readFileSync(wish.cert), key: readFileSync(wish.key) }),
  ...(wish.alpn && { ALPNProtocols: wish.alpn }),
  ...(wish.groups && { ecdhCurve: wish.groups.map((name) => GROUPS[name]).join(':') }),
};
let session;

if (wish.role === 'server') serve();
else {
  visit();
  createInterface({ input: process.stdin }).on('line', visit); // "again": with the session of the last time
}

function serve() {
  const asked = wish.clientCertificate ?? 'none';
  const server = createServer(
    { ...options, requestCert: asked !== 'none', rejectUnauthorized: asked === 'require' },
    talk,
  );
  if (wish.staple) server.on('OCSPRequest', (_cert, _issuer, done) => done(null, readFileSync(wish.staple)));
  server.on('tlsClientError', (error) => report('error', { message: error.message }));
  server.listen(0, '127.0.0.1', () => report('listening', { port: server.address().port }));
}

function visit() {
  const where = { host: '127.0.0.1', port: wish.port, servername: wish.name };
  const socket = connect({ ...options, ...where, session, requestOCSP: wish.staple !== undefined });
  socket.on('OCSPResponse', (response) => report('staple', { stapled: response !== null }));
  socket.on('session', (next) => {
    session = next;
    report('session', {});
  });
  socket.on('secureConnect', () => talk(socket));
  socket.on('error', (error) => report('error', { message: error.message }));
}

function talk(socket) {
  report('handshake', {
    suite: socket.getCipher().standardName,
    alpn: socket.alpnProtocol,
    resumed: socket.isSessionReused(),
    ...(wish.exporter && { exported: socket.exportKeyingMaterial(32, wish.exporter).toString('hex') }),
  });
  let closed = false;
  socket.on('error', (error) => report('error', { message: error.message }));
  socket.on('data', (chunk) => {
    const text = chunk.toString('latin1');
    if (closed) report('heard', { text });
    else if (text === 'close your half\n') {
      closed = true;
      socket.end();
    } else socket.write(chunk);
  });
  socket.on('end', () => {
    if (!closed) socket.end('farewell\n');
  });
}

function report(event, facts) {
  process.stderr.write(`${JSON.stringify({ event, ...facts })}\n`);
}
