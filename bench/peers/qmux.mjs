// QMux over WebSocket, the only carrier it has: frames are masked on the way up.
import { HOST, ignore, standIn } from './shared.mjs';

export const qmux = { load, make };

async function load() {
  standIn();
  const { WebSocket, WebSocketServer } = await import('ws');
  globalThis.WebSocket ??= WebSocket;
  const { default: Session, selectSubprotocol } = await import('@moq/qmux');
  return { Session, selectSubprotocol, WebSocketServer };
}

/** WebSocket only, so its frames are masked on the way up; web streams only, so a read and a write are a promise each. */
function make({ Session, selectSubprotocol, WebSocketServer }) {
  const channelOf = ({ readable, writable }) => {
    const writer = writable.getWriter();
    let handler;
    let waiting = false;
    const read = async () => {
      try {
        for await (const chunk of readable) handler.data(chunk);
        handler.end();
        await writer.closed;
      } catch {}
      handler.closed();
    };
    return {
      write(bytes) {
        writer.write(bytes).catch(ignore);
        if (writer.desiredSize > 0) return true;
        if (!waiting) {
          waiting = true;
          const room = () => {
            waiting = false;
            handler.drain();
          };
          writer.ready.then(room, ignore);
        }
        return false;
      },
      end: () => void writer.close().catch(ignore),
      start(theirs) {
        handler = theirs;
        read();
      },
    };
  };
  const versions = { bench: null };
  return {
    async listen(onChannel) {
      const server = new WebSocketServer({
        host: HOST,
        port: 0,
        handleProtocols: (offered) => selectSubprotocol([...offered], { protocols: ['bench'], versions }),
      });
      server.on('connection', async (socket) => {
        const session = Session.accept(socket);
        for await (const stream of session.incomingBidirectionalStreams) onChannel(channelOf(stream));
      });
      await new Promise((resolve) => server.once('listening', resolve));
      return server.address().port;
    },
    async dial(port) {
      const session = new Session(`http://${HOST}:${port}`, { protocols: ['bench'], versions });
      await session.ready;
      return { open: () => session.createBidirectionalStream().then(channelOf) };
    },
  };
}
