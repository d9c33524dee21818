// One end of a contender of the mux benchmark, in a process of its own: told what to do over the fork channel. The first
// byte of a channel says what the server does with the rest.
import { contenders } from './muxContenders.mjs';

const SINK = 0x53; // counts what comes, answers the count in 8 bytes at its end
const ECHO = 0x45; // sends back what comes, ends when the other end does

/** Writes without backpressure before the loop gets a turn, so that a contender without limits can still read. */
const BURST = 2 ** 20;
/** How often a writer looks at the clock, in bytes: at every one of small writes it would measure the clock. */
const LOOK = 16_384;
const ignore = () => {};
const { load, make } = contenders[process.argv[2]];
let end;
let link;

const commands = {
  async load() {
    end = await make(await load());
    return true;
  },
  listen: () => end.listen(serve),
  async dial({ port }) {
    link = await end.dial(port);
    return true;
  },
  cpu() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  },
  /** Bytes per second that arrived, in writes of `size`. */
  async bulk({ seconds, size }) {
    const started = performance.now();
    const sent = await flood(size).stopAfter(seconds);
    return sent / ((performance.now() - started) / 1000);
  },
  /** Milliseconds of round trips, one after the other, while another channel carries all it can. */
  async ping({ seconds }) {
    const bulk = flood(16_384);
    await sleep(200);
    const times = await pings(seconds);
    await bulk.stopAfter(0);
    times.sort((a, b) => a - b);
    return {
      p50: times[times.length >> 1],
      p99: times[Math.floor(times.length * 0.99)],
      count: times.length,
    };
  },
  /** Channels per second: open, one byte, one byte back, close. */
  async opens({ seconds, atOnce }) {
    const started = performance.now();
    const until = started + seconds * 1000;
    let count = 0;
    const workers = Array.from({ length: atOnce }, async () => {
      for (; performance.now() < until; count++) await openOne();
    });
    await Promise.all(workers);
    return count / ((performance.now() - started) / 1000);
  },
};

function serve(channel) {
  let mode;
  let count = 0;
  channel.start({
    data(chunk) {
      if (mode === undefined) {
        mode = chunk[0];
        count = -1;
      }
      if (mode === SINK) count += chunk.length;
      else channel.write(chunk);
    },
    drain: ignore,
    end() {
      if (mode === SINK) {
        const answer = Buffer.alloc(8);
        answer.writeDoubleLE(count);
        channel.write(answer);
      }
      channel.end();
    },
    closed: ignore,
  });
}

/** Fills a channel until `stopAfter`, which resolves to what the other end counted. */
function flood(size) {
  const block = Buffer.alloc(size, 0x5a);
  let until = Number.POSITIVE_INFINITY;
  let ended = false;
  let counted;
  const done = new Promise((resolve) => (counted = resolve));
  const run = async () => {
    const channel = await link.open();
    const push = () => {
      for (let burst = 0; burst < BURST; burst += size) {
        if (burst % LOOK === 0 && performance.now() >= until) {
          if (!ended) channel.end();
          ended = true;
          return;
        }
        if (!channel.write(block)) return;
      }
      setImmediate(push);
    };
    channel.start({
      data: (answer) => counted(Buffer.from(answer).readDoubleLE()),
      drain: push,
      end: ignore,
      closed: ignore,
    });
    channel.write(Buffer.of(SINK));
    push();
  };
  run();
  return {
    stopAfter(seconds) {
      until = performance.now() + seconds * 1000;
      return done;
    },
  };
}

async function pings(seconds) {
  const channel = await link.open();
  const question = Buffer.alloc(32, 0x61);
  const times = [];
  const until = performance.now() + seconds * 1000;
  let asked;
  let missing = 1;
  const ask = (bytes) => {
    asked = performance.now();
    missing = bytes.length;
    channel.write(bytes);
  };
  await new Promise((resolve) => {
    channel.start({
      data(chunk) {
        missing -= chunk.length;
        if (missing > 0) return;
        times.push(performance.now() - asked);
        if (asked < until) ask(question);
        else channel.end();
      },
      drain: ignore,
      end: ignore,
      closed: resolve,
    });
    ask(Buffer.of(ECHO));
  });
  return times.slice(1);
}

async function openOne() {
  const opening = link.open();
  const channel = opening instanceof Promise ? await opening : opening;
  await new Promise((resolve) => {
    channel.start({ data: () => channel.end(), drain: ignore, end: ignore, closed: resolve });
    channel.write(ONE);
  });
}

const ONE = Buffer.of(ECHO);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

process.on('message', async ({ id, command, argument }) => {
  try {
    process.send({ id, result: await commands[command](argument ?? {}) });
  } catch (error) {
    process.send({ id, error: error.message });
  }
});
process.on('disconnect', () => process.exit(0));
