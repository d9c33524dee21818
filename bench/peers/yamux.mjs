// js-libp2p's multiplexer alone: no noise, no protocol negotiation.
import net from 'node:net';
import { connected, ignore, listening, standIn } from './shared.mjs';

export const yamux = { load, make };

async function load() {
  standIn();
  const [{ yamux }, { AbstractMultiaddrConnection }, { defaultLogger }] = await Promise.all([
    import('@chainsafe/libp2p-yamux'),
    import('@libp2p/utils'),
    import('@libp2p/logger'),
  ]);
  return { yamux, AbstractMultiaddrConnection, defaultLogger };
}

function make({ yamux, AbstractMultiaddrConnection, defaultLogger }) {
  const log = defaultLogger().forComponent('bench');
  /** What @libp2p/tcp does between a socket and the muxer, less addresses and metrics. */
  class Connection extends AbstractMultiaddrConnection {
    constructor(socket, direction) {
      super({ log, direction, remoteAddr: undefined });
      this.socket = socket;
      socket.on('data', (chunk) => this.onData(chunk)).on('error', ignore);
      socket.on('close', () => this.onTransportClosed());
      socket.on('drain', () => this.safeDispatchEvent('drain'));
    }
    sendData(list) {
      let sentBytes = 0;
      let canSendMore = true;
      for (const part of list) {
        sentBytes += part.byteLength;
        canSendMore = this.socket.write(part);
        if (!canSendMore) break;
      }
      return { sentBytes, canSendMore };
    }
    async sendClose() {
      this.socket.destroySoon();
    }
    sendReset() {
      this.socket.destroy();
    }
    sendPause() {
      this.socket.pause();
    }
    sendResume() {
      this.socket.resume();
    }
  }
  const muxer = (socket, direction) =>
    yamux({ maxInboundStreams: 1e6, maxOutboundStreams: 1e6, maxEarlyStreams: 1e6 })().createStreamMuxer(
      new Connection(socket, direction),
    );
  const channelOf = (stream) => ({
    write: (bytes) => stream.send(bytes),
    end: () => void stream.close().catch(ignore),
    start({ data, drain, end, closed }) {
      stream.addEventListener('message', ({ data: list }) => {
        if (list instanceof Uint8Array) data(list);
        else for (const part of list) data(part);
      });
      // Not `onDrain`: its promise stays resolved after the first time.
      stream.addEventListener('drain', drain);
      stream.addEventListener('remoteCloseWrite', end);
      stream.addEventListener('close', closed);
    },
  });
  return {
    listen: (onChannel) =>
      listening(
        net.createServer({ noDelay: true }, (socket) =>
          muxer(socket, 'inbound').addEventListener('stream', ({ detail }) => onChannel(channelOf(detail))),
        ),
      ),
    async dial(port) {
      const made = muxer(await connected(port), 'outbound');
      return { open: () => made.createStream().then(channelOf) };
    },
  };
}
