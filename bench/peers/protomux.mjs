// Holepunch's multiplexer alone: over framed-stream instead of an encrypted stream.
import { createRequire } from 'node:module';
import net from 'node:net';
import { connected, listening } from './shared.mjs';

const require = createRequire(import.meta.url);

export const protomux = { load, make };

async function load() {
  return {
    Protomux: require('protomux'),
    Framed: require('framed-stream'),
    raw: require('compact-encoding').raw,
  };
}

/** It has no credit and no half-close: an empty message stands for the end. */
function make({ Protomux, Framed, raw }) {
  const channelOf = (mux, id) => {
    let handler;
    const early = [];
    const deliver = (bytes) => {
      if (bytes.length > 0) handler.data(bytes);
      else {
        handler.end();
        channel.close();
      }
    };
    const channel = mux.createChannel({
      protocol: 'bench',
      id,
      ondrain: () => handler?.drain(),
      onclose: () => handler?.closed(),
    });
    const message = channel.addMessage({
      encoding: raw,
      onmessage: (bytes) => {
        if (handler === undefined) early.push(bytes);
        else deliver(bytes);
      },
    });
    channel.open();
    return {
      write: (bytes) => message.send(bytes),
      end: () => message.send(Buffer.alloc(0)),
      start(theirs) {
        handler = theirs;
        for (const bytes of early.splice(0)) deliver(bytes);
      },
    };
  };
  return {
    listen: (onChannel) =>
      listening(
        net.createServer({ noDelay: true }, (socket) => {
          const mux = new Protomux(new Framed(socket));
          mux.pair({ protocol: 'bench' }, (id) => onChannel(channelOf(mux, id)));
        }),
      ),
    async dial(port) {
      const mux = new Protomux(new Framed(await connected(port)));
      let next = 0;
      return {
        open() {
          const id = Buffer.alloc(4);
          id.writeUInt32BE(next++);
          return channelOf(mux, id);
        },
      };
    },
  };
}
