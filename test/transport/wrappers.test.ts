/** Wrappers are links: what every link promises holds through each of them, and each does its own thing. */
import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import type { Q2qError } from '../../src/base/errors.ts';
import type { Link } from '../../src/transport/index.ts';
import { limitByPeer, limitTotal } from '../../src/transport/limitAccepts.ts';
import { limitLink } from '../../src/transport/limitLink.ts';
import { logLink } from '../../src/transport/logLink.ts';
import { memoryPair } from '../../src/transport/memory.ts';
import { meterLink } from '../../src/transport/meterLink.ts';
import { throttleLink } from '../../src/transport/throttleLink.ts';
import { timeoutLink } from '../../src/transport/timeoutLink.ts';
import { VirtualClock } from '../support/clock.ts';
import { linkSuite } from './linkSuite.ts';
import { numbered, pause, Recorder } from './recorder.ts';

const silentLogger = { log: () => {} };
const ROOMY = 1e9;

const counted = (link: Link): Link => {
  let taken: Link | undefined;
  limitTotal((each) => (taken = each), { max: 1 })(link);
  return taken!;
};

/** All that hold nothing back stand on one another. */
const stacked = (link: Link): Link => {
  const timed = timeoutLink(counted(link), { idle: 60_000, lifetime: 60_000 });
  return meterLink(logLink(limitLink(timed, { read: ROOMY, write: ROOMY, total: ROOMY }), silentLogger));
};

const WRAPPERS: Readonly<Record<string, (link: Link) => Link>> = {
  throttleLink: (link) => throttleLink(link, { read: 50e6, write: 50e6 }),
  'wrappers that hold nothing back': stacked,
};

for (const [name, wrap] of Object.entries(WRAPPERS))
  for (const messages of [false, true])
    linkSuite(
      `${name} over ${messages ? 'messages' : 'bytes'}`,
      () => {
        const [a, b] = memoryPair({ messages });
        return Promise.resolve({ a: wrap(a), b: wrap(b) });
      },
      { inFlight: 256 * 1024, resetShows: true, pauses: true },
    );

async function pairOf(
  wrap: (link: Link) => Link,
  options: Parameters<typeof memoryPair>[0] = {},
): Promise<[Recorder, Recorder]> {
  const [a, b] = memoryPair(options);
  return [Recorder.start(wrap(a)), Recorder.start(b)];
}

function limitError(error: Q2qError | undefined): { code: string; text: string } {
  return { code: error?.code ?? '', text: `${error?.message}; ${error?.hint}` };
}

describe('meterLink', () => {
  test('counts bytes and calls both ways, and nothing that the link did not take', async () => {
    const [near, far] = memoryPair();
    const metered = meterLink(near);
    const a = Recorder.start(metered);
    const b = Recorder.start(far);
    metered.send([utf8('one '), utf8('two')]);
    metered.send(utf8('!'));
    far.send(utf8('answer'));
    await a.until('answer', () => a.text === 'answer');
    expect(metered.traffic).toEqual({ received: 6, sent: 8, chunks: 1, sends: 2 });
    metered.closeWrite();
    metered.send(utf8('late'));
    await b.until('end', () => b.ended);
    expect([b.received, metered.traffic.sent]).toEqual([8, 8]);
  });
});

describe('limitLink', () => {
  test('X16: passes exactly the limit, then says which limit it was and what to do', async () => {
    const [a, b] = await pairOf((link) => limitLink(link, { read: 1_000 }));
    b.link.send(numbered(1_000));
    await a.until('all', () => a.received === 1_000);
    await pause(5);
    expect(a.closes).toEqual([]);
    b.link.send(numbered(2_000));
    await a.until('closed', () => a.isClosed);
    expect(a.received).toBe(1_000);
    expect(limitError(a.closes[0])).toEqual({
      code: 'ERR_LINK_LIMIT',
      text: "link may carry 1000 bytes (limit 'read'), more came; raise 'read' of limitLink, or begin a new link",
    });
    await b.until('cut', () => b.isClosed);
  });

  test('a chunk that crosses the limit is delivered up to it, a message not at all', async () => {
    for (const messages of [false, true]) {
      const [a, b] = await pairOf((link) => limitLink(link, { read: 100 }), { messages });
      b.link.send(numbered(150));
      await a.until('closed', () => a.isClosed);
      expect(a.received).toBe(messages ? 0 : 100);
    }
  });

  test('what may be sent is limited too, and both together', async () => {
    for (const name of ['write', 'total'] as const) {
      const [a, b] = await pairOf((link) => limitLink(link, { [name]: 10 }));
      b.link.send(utf8('12345'));
      await a.until('five', () => a.received === 5);
      expect(a.link.send(utf8('12345'))).toBe(true);
      await b.until('five', () => b.received === 5);
      expect(a.link.send(utf8('6'))).toBe(name === 'write');
      expect(a.link.send(utf8('abcdef'))).toBe(false);
      await a.until('closed', () => a.isClosed);
      expect(limitError(a.closes[0]).text).toContain(`limit '${name}'`);
      expect(limitError(a.closes[0]).text).toContain(`raise '${name}' of limitLink`);
    }
  });
});

describe('timeoutLink', () => {
  test('X16: cuts a link on which nothing moves, and says how long that was and what to do', async () => {
    const clock = new VirtualClock();
    const [a, b] = await pairOf((link) => timeoutLink(link, { idle: 1_000, clock }));
    for (let i = 0; i < 5; i++) {
      clock.advance(900);
      if (i % 2 === 0) a.link.send(utf8('x'));
      else {
        b.link.send(utf8('y'));
        await a.until('y', () => a.received === (i + 1) / 2);
      }
    }
    clock.advance(999);
    expect(a.isClosed).toBe(false);
    clock.advance(1);
    await a.until('closed', () => a.isClosed);
    expect(limitError(a.closes[0])).toEqual({
      code: 'ERR_LINK_TIMEOUT',
      text: "link carried nothing for 1000 ms (limit 'idle'); raise 'idle' of timeoutLink, or send something now and then",
    });
    expect(clock.pending).toBe(0);
  });

  test('cuts one that lives too long, however busy', async () => {
    const clock = new VirtualClock();
    const [a] = await pairOf((link) => timeoutLink(link, { lifetime: 5_000, idle: 1_000, clock }));
    for (let i = 0; i < 9; i++) {
      clock.advance(500);
      a.link.send(utf8('x'));
    }
    expect(a.isClosed).toBe(false);
    clock.advance(500);
    await a.until('closed', () => a.isClosed);
    expect(limitError(a.closes[0]).text).toContain("limit 'lifetime'");
  });

  test('leaves no timer behind', async () => {
    const clock = new VirtualClock();
    const [a, b] = await pairOf((link) => timeoutLink(link, { idle: 1_000, clock }));
    b.link.close();
    a.link.close();
    await a.until('closed', () => a.isClosed);
    expect([a.closes, clock.pending]).toEqual([[undefined], 0]);
  });
});

describe('logLink', () => {
  interface Line {
    readonly message: string;
    readonly fields: Readonly<Record<string, unknown>> | undefined;
  }

  async function logged(hex?: number): Promise<Line[]> {
    const clock = new VirtualClock();
    const lines: Line[] = [];
    const logger = {
      log: (_: string, message: string, fields?: Line['fields']) => void lines.push({ message, fields }),
    };
    const options = { name: 'uplink', clock, ...(hex !== undefined && { hex }) };
    const [a, b] = await pairOf((link) => logLink(link, logger, options));
    clock.advance(20);
    a.link.send([utf8('pass'), utf8('word')]);
    b.link.send(utf8('no'));
    await a.until('no', () => a.received === 2);
    b.link.close();
    a.link.close();
    await a.until('closed', () => a.isClosed);
    return lines;
  }

  test('tells sizes and times, and no contents', async () => {
    const lines = await logged();
    const link = 'uplink';
    expect(lines.slice(0, 2)).toEqual([
      { message: 'sent', fields: { link, at: 20, bytes: 8, total: 8 } },
      { message: 'received', fields: { link, at: 20, bytes: 2, total: 2 } },
    ]);
    expect(lines.at(-1)).toEqual({ message: 'closed', fields: { link, at: 20, received: 2, sent: 8 } });
    expect(JSON.stringify(lines)).not.toMatch(/pass|70617373/);
  });

  test('shows as many bytes in hex as it is asked for', async () => {
    const lines = await logged(6);
    expect(lines.slice(0, 2).map(({ fields }) => fields?.hex)).toEqual(['70617373776f', '6e6f']);
  });

  test('shows 1,024 bytes of a chunk at most', async () => {
    let shown = '';
    const logger = {
      log: (_: string, __: string, fields?: Line['fields']) => void (shown = `${fields?.hex}`),
    };
    const [a] = await pairOf((link) => logLink(link, logger, { hex: 1e9 }));
    a.link.send([new Uint8Array(1_000), new Uint8Array(1_000)]);
    expect(shown.length).toBe(2 * 1_024);
  });
});

describe('limitTotal and limitByPeer', () => {
  /** A link as of this address comes in; returns its far end. */
  function arrive(accept: (link: Link) => void, remote: string): Link {
    const [link, far] = memoryPair();
    Object.defineProperty(link, 'info', { value: { ...link.info, remote } });
    far.start({ data() {}, drain() {}, end() {}, closed() {} });
    accept(link);
    return far;
  }

  test('X16: a link beyond the limit is reset, and the listener hears which limit and what to do', async () => {
    const taken: Recorder[] = [];
    const refused: string[] = [];
    const accept = limitTotal((link) => taken.push(Recorder.start(link)), {
      max: 2,
      onRefused: (error, link) =>
        refused.push(`${link.info.remote} ${error.code}: ${error.message}; ${error.hint}`),
    });
    for (const peer of ['1.1.1.1:1', '2.2.2.2:2', '3.3.3.3:3']) arrive(accept, peer);
    expect(taken.length).toBe(2);
    expect(refused).toEqual([
      "3.3.3.3:3 ERR_LINK_LIMIT: link refused: at most 2 at once (limit 'max'); raise 'max' of limitTotal, or close links that are idle",
    ]);
    taken[0]!.link.reset();
    await taken[0]!.until('closed', () => taken[0]!.isClosed);
    arrive(accept, '4.4.4.4:4');
    expect(taken.length).toBe(3);
  });

  test('peers are counted apart, whatever port they come from', async () => {
    const taken: Link[] = [];
    const refused: string[] = [];
    const accept = limitByPeer((link) => taken.push(link), {
      max: 1,
      onRefused: (error) => refused.push(error.message),
    });
    for (const peer of ['1.1.1.1:1', '1.1.1.1:2', '[::1]:3', '[::1]:4', '2.2.2.2:1']) arrive(accept, peer);
    expect(taken.length).toBe(3);
    expect(refused).toEqual([
      "link refused: at most 1 at once (limit 'max') from 1.1.1.1",
      "link refused: at most 1 at once (limit 'max') from [::1]",
    ]);
    taken[0]!.reset(); // never started: nobody will say that it is closed
    arrive(accept, '1.1.1.1:9');
    expect(taken.length).toBe(4);
  });
});
