// Many channels over one TCP connection, each with its own backpressure and its own end.
//
//     node examples/02-mux-over-tcp.mjs
import assert from 'node:assert/strict';
import { linkChunks, linkStreams, provider, Session } from 'q2q';
import { connectTcp, listenTcp } from 'q2q/node';

const random = (length) => provider.random(length);

// The server answers channels by their name.
const server = await listenTcp({ host: '127.0.0.1', port: 0 }, (link) => {
  const session = new Session(link, { random });
  session.onIncoming(async (channel) => {
    switch (channel.name) {
      case 'echo': {
        const { readable, writable } = linkStreams(channel.accept());
        return readable.pipeTo(writable);
      }
      case 'count': {
        const counted = channel.accept();
        let bytes = 0;
        for await (const chunk of linkChunks(counted)) bytes += chunk.length;
        counted.send(new TextEncoder().encode(String(bytes)));
        return counted.closeWrite();
      }
      default:
        return channel.refuse(404);
    }
  });
});

const session = new Session(await connectTcp({ host: '127.0.0.1', port: server.port }), { random });
console.log(`one connection to ${session.link.info.remote}`);

async function ask(name, bytes) {
  const { readable, writable } = linkStreams(session.open(name));
  const sent = new Blob([bytes]).stream().pipeTo(writable);
  const answer = await new Response(readable).text();
  await sent;
  return answer;
}

// All at once: a megabyte to be counted does not hold the small ones up.
const [count, ...echoes] = await Promise.all([
  ask('count', new Uint8Array(1_000_000)),
  ask('echo', 'first'),
  ask('echo', 'second'),
  ask('echo', 'third'),
]);
console.log(`counted ${count} bytes; echoed ${echoes.join(', ')}`);

const refused = await ask('nonsense', '').catch((error) => error);
console.log(`channel 'nonsense': ${refused.message}`);
console.log(`round trip: ${(await session.ping()).toFixed(2)} ms`);

await session.close();
await server.close();
assert.equal(count, '1000000');
assert.deepEqual(echoes, ['first', 'second', 'third']);
assert.ok(refused instanceof Error);
console.log('ok');
