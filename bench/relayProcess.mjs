// The process in the middle, forked by relay.mjs: q2q's relay, or the least that forwards bytes (`ws`, `tcp`), which
// joins every second connection to the one before it and knows nothing of names, channels or limits.
import net from 'node:net';
import { WebSocketServer } from 'ws';
import { relay } from './adapter.mjs';

const HOST = '127.0.0.1';
const HIGH = 2 ** 20;
const [kind, link] = process.argv.slice(2);

const address = kind === 'q2q' ? (await relay({ link, key: 'p256' })).address : { port: await bare() };
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send({ cpu: (user + system) / 1e6 });
});
process.on('disconnect', () => process.exit());
process.send({ address });

function bare() {
  const pairs = pairing(link === 'ws' ? joinWebSockets : (a, b) => a.pipe(b));
  if (link === 'tcp') {
    const server = net.createServer({ noDelay: true }, (socket) => pairs(socket));
    return new Promise((resolve) => server.listen(0, HOST, () => resolve(server.address().port)));
  }
  const server = new WebSocketServer({ port: 0, host: HOST, perMessageDeflate: false });
  server.on('connection', (socket) => pairs(socket));
  return new Promise((resolve) => server.on('listening', () => resolve(server.address().port)));
}

function pairing(join) {
  let first;
  return (socket) => {
    socket.on('error', () => {});
    if (first === undefined) {
      first = socket;
      return;
    }
    join(first, socket);
    join(socket, first);
    first = undefined;
  };
}

function joinWebSockets(from, to) {
  from.on('message', (data) => {
    to.send(data);
    if (to.bufferedAmount < HIGH || from.isPaused) return;
    from.pause();
    to._socket.once('drain', () => from.resume());
  });
  from.on('close', () => to.terminate());
}
