// Our contender of the mux benchmark (peers/shared.mjs has the interface).
import { connectTcp, listenTcp, nodeProvider, Session } from 'q2q/node';

const HOST = '127.0.0.1';

export const q2q = { load: async () => nodeProvider(), make };

function make({ random }) {
  const channelOf = (link) => ({
    write: (bytes) => link.send(bytes),
    end: () => link.closeWrite(),
    start: (handler) => link.start(handler),
  });
  return {
    async listen(onChannel) {
      const { port } = await listenTcp({ host: HOST, port: 0 }, (link) =>
        new Session(link, { random }).onIncoming(({ accept }) => onChannel(channelOf(accept()))),
      );
      return port;
    },
    async dial(port) {
      const session = new Session(await connectTcp({ host: HOST, port }), { random });
      return { open: () => channelOf(session.open('bench')) };
    },
  };
}
