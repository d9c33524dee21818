// What the contenders share. Each is `{ load(), make(loaded) }`, over loopback TCP with Nagle off; `load` fails where its
// packages are not installed (npm ci --prefix bench/peers), and `make` gives both ends:
//
//     listen(onChannel) -> port       dial(port) -> link       link.open() -> channel, or a promise of one
//     channel: start({ data, drain, end, closed }), write(bytes) -> boolean, end()
import net from 'node:net';

export const HOST = '127.0.0.1';
export const ignore = () => {};

/** A Node stream as a channel. */
export function ofDuplex(stream) {
  stream.on('error', ignore);
  return {
    write: (bytes) => stream.write(bytes),
    end: () => void stream.end(),
    start: ({ data, drain, end, closed }) =>
      void stream.on('data', data).on('drain', drain).on('end', end).on('close', closed),
  };
}

export function listening(server) {
  return new Promise((resolve) => server.listen(0, HOST, () => resolve(server.address().port)));
}

export function connected(port) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: HOST, port, noDelay: true });
    socket.once('connect', () => resolve(socket)).once('error', reject);
  });
}

/** Some packages want Node 22; this is what they miss on Node 20. */
export function standIn() {
  Promise.withResolvers ??= function withResolvers() {
    const made = {};
    made.promise = new this((resolve, reject) => Object.assign(made, { resolve, reject }));
    return made;
  };
}
