// What an open connection that does nothing keeps in memory. Run with `node --expose-gc bench/memory.mjs`.
import { pathToFileURL } from 'node:url';
import { nobleProvider, nodeProvider } from 'q2q/node';
import { makeDomain } from './domain.mjs';
import { engine } from './engine.mjs';

/** As a socket does: every chunk is the beginning of a read buffer, which lives as long as anybody holds a view of it. */
const READ_BUFFER = 65_536;

function received(piece) {
  const buffer = new Uint8Array(READ_BUFFER);
  buffer.set(piece);
  return buffer.subarray(0, piece.length);
}

/** Bytes of V8's heap and of array buffers per connection, both ends of `pairs` pairs held; and what the process grew by. */
export function measureIdle(provider, pairs) {
  const ends = engine(provider, makeDomain(provider, 'p256'), { carried: received });
  const open = () => {
    const pair = ends.pair();
    pair.send(new Uint8Array(1000), 3000);
    return pair;
  };
  for (let i = 0; i < 20; i++) open();
  const before = used();
  const held = Array.from({ length: pairs }, open);
  const after = used();
  if (held.length !== pairs) throw new Error('pairs are gone');
  const each = (field) => Math.round((after[field] - before[field]) / (2 * pairs));
  return { heap: each('heap'), buffers: each('buffers'), resident: each('resident') };
}

function used() {
  for (let i = 0; i < 4; i++) globalThis.gc();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed, buffers: external, resident: rss };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (globalThis.gc === undefined) throw new Error('wanted: node --expose-gc');
  for (const [provider, pairs] of [
    [nodeProvider(), 2000],
    [nobleProvider(), 300],
  ]) {
    const { heap, buffers, resident } = measureIdle(provider, pairs);
    console.log(
      `${provider.name}: ${((heap + buffers) / 1024).toFixed(1)} KiB per idle connection ` +
        `(heap ${heap}, buffers ${buffers}, resident ${resident} bytes; ${2 * pairs} connections)`,
    );
  }
}
