// Node's own HTTP/2 in clear: C++ in the same runtime.
import { HOST, listening, ofDuplex } from './shared.mjs';

const MIB = 2 ** 20;

export const http2 = contender(false);
export const http2Tuned = contender(true);

function contender(tuned) {
  return { load: () => import('node:http2'), make: (loaded) => make(loaded, tuned) };
}

function make({ connect, createServer }, tuned) {
  const settings = tuned ? { initialWindowSize: 16 * MIB } : {};
  return {
    async listen(onChannel) {
      const server = createServer({ settings });
      server.on('session', (session) => tuned && session.setLocalWindowSize(64 * MIB));
      server.on('stream', (stream) => {
        stream.respond({ ':status': 200 });
        onChannel(ofDuplex(stream));
      });
      return listening(server);
    },
    async dial(port) {
      const session = connect(`http://${HOST}:${port}`, { settings });
      await new Promise((resolve) => session.once('connect', resolve));
      if (tuned) session.setLocalWindowSize(64 * MIB);
      return { open: () => ofDuplex(session.request({ ':method': 'POST', ':path': '/' })) };
    },
  };
}
