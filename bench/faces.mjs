/**
 * What the ways to read cost by themselves: nanoseconds per chunk over a link that always has more and delivers until it is
 * paused. Best of 15 rounds, because other work on the machine only ever adds. `node bench/faces.mjs` after a build.
 */
import { linkBatches, linkChunks, linkReadable } from 'q2q';

const CHUNKS = 50_000;
const ROUNDS = 15;

function endless(size) {
  let handler;
  let paused = false;
  let scheduled = false;
  let left = CHUNKS;
  const chunk = new Uint8Array(size);
  const pump = () => {
    scheduled = false;
    for (; !paused && left > 0; left--) handler.data(chunk);
    if (paused || left < 0) return;
    left = -1;
    handler.end();
    queueMicrotask(() => handler.closed());
  };
  const pumpSoon = () => {
    if (!scheduled) queueMicrotask(pump);
    scheduled = true;
  };
  const nothing = () => {};
  return {
    ...{ info: {}, buffered: 0, send: () => true, closeWrite: nothing, close: nothing, reset: nothing },
    start(reader) {
      handler = reader;
      pumpSoon();
    },
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
      pumpSoon();
    },
  };
}

const ways = {
  handler: (link) =>
    new Promise((resolve) => {
      let bytes = 0;
      link.start({
        data: (chunk) => {
          bytes += chunk.length;
        },
        end: () => resolve(bytes),
        closed() {},
      });
    }),
  batches: async (link) => {
    let bytes = 0;
    for await (const chunks of linkBatches(link)) for (const chunk of chunks) bytes += chunk.length;
    return bytes;
  },
  chunks: async (link) => {
    let bytes = 0;
    for await (const chunk of linkChunks(link)) bytes += chunk.length;
    return bytes;
  },
  'web stream': async (link) => {
    let bytes = 0;
    const reader = linkReadable(link).getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) bytes += next.value.length;
    return bytes;
  },
};

for (const size of [1_024, 16_384])
  for (const [name, way] of Object.entries(ways)) {
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < ROUNDS; round++) {
      const start = process.hrtime.bigint();
      const bytes = await way(endless(size));
      if (bytes !== size * CHUNKS) throw new Error(`${name} read ${bytes} bytes`);
      best = Math.min(best, Number(process.hrtime.bigint() - start) / CHUNKS);
    }
    console.log(`${String(size).padStart(6)} bytes  ${name.padEnd(10)}  ${best.toFixed(0).padStart(5)} ns`);
  }
