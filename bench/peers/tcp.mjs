// No multiplexer: a TCP connection for each channel.
import net from 'node:net';
import { HOST, listening, ofDuplex } from './shared.mjs';

export const tcp = { load: async () => net, make };

function make() {
  return {
    listen: (onChannel) =>
      listening(
        net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => onChannel(ofDuplex(socket))),
      ),
    dial: async (port) => ({
      open: () => ofDuplex(net.connect({ host: HOST, port, noDelay: true, allowHalfOpen: true })),
    }),
  };
}
