/**
 * `Session` against a second implementation of the mux in Python, written from docs/protocol.md §2 alone: a real process,
 * real sockets, both roles. Python sends and reads in pieces of 1 byte to 64 KiB.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { listenTcp } from '../../src/transport/tcp.node.ts';
import { exercise } from '../support/channels.ts';
import { have } from '../support/counterpart.ts';
import { mismatch, pattern } from '../support/random.ts';
import {
  answer,
  meet,
  onDatagram,
  python,
  REFUSED,
  RESET,
  RESET_AFTER,
  type Side,
  sessionOn,
  verdict,
} from './support/muxPython.ts';

const found = have('python3');
const file = fileURLToPath(new URL('../vectors/mux.json', import.meta.url));
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;

/** Python asks, `answer` answers. */
const ASKED: [does: string, ...args: string[]][] = [
  ['a megabyte comes back on one channel', 'echo', '--bytes', '1000000'],
  ['a hundred channels at once come back whole', 'echo', '--channels', '100', '--bytes', '20000'],
  ['all bytes come and go one by one', 'echo', '--channels', '3', '--bytes', '3000', '--pieces', '1', '1'],
  ['C6: FIN with bytes, alone and on an empty channel ends one direction only', 'half-close'],
  ['RESET carries the code and the size that came', 'reset'],
  ['a refused channel is over, whatever is under way on it', 'refuse', '--bytes', '10000'],
  ['what is stopped is reset, and the other direction ends by itself', 'stop'],
  ['STOP before ACCEPT refuses nothing', 'early-stop', '--bytes', '1000'],
  ['messages keep their boundaries, empty ones and the largest', 'messages'],
  ['a message that is too large costs its channel only', 'too-large'],
  ['datagrams come back on the channel or link that they were sent on', 'datagrams'],
  ['PINGs are answered in order', 'ping'],
  ['a channel of an unknown mode is refused as unsupported', 'unknown-mode'],
  ['what a later version may add is passed over', 'grease'],
  ['a channel goes on after GOAWAY', 'goaway'],
  ['BLOCKED tells who reads nothing else that more is wanted', 'blocked', '--bytes', '1000000'],
];

/** A hand port's mistakes: each must be noticed. */
const WRONG = ['FIN=0x40,EOM=0x20', 'FIN=0x10', 'NOLEN=0x40', 'MAX_CONTROL=4097'];

describe.skipIf(!found)('test/vectors/mux.json', () => {
  it('C6: the second implementation reads the vectors as the first does', async () => {
    const entries = Object.entries(vectors).filter(([name]) => name !== 'about');
    const count = entries.reduce((sum, [, group]) => sum + (Array.isArray(group) ? group.length : 1), 0);
    const far = python('vectors', file);
    expect(await verdict(far)).toBe('');
    expect(JSON.parse(far.printed)).toEqual({ vectors: count, differences: 0 });
  });

  it.each(WRONG)('C6: a hand port with %s fails them', async (constants) => {
    const far = python('vectors', file, ...constants.split(',').flatMap((one) => ['--wrong', one]));
    expect(await far.exited).toBe(1);
    expect(far.printed).toMatch(/"differences": [1-9]/);
  });
});

describe.skipIf(!found)('a far end that breaks a rule', () => {
  it.each(['odd', 'even'])(
    'gets GOAWAY with the code that the document names (opens %s channels)',
    async (role) => {
      const listener = await listenTcp({ host: '127.0.0.1', port: 0 }, (link) => answer(sessionOn(link)));
      const far = python('violations', String(listener.port), '--role', role);
      const code = await far.exited;
      await listener.close();
      expect(code, far.output).toBe(0);
      expect(JSON.parse(far.printed)).toEqual({ rules: expect.any(Number), wrong: {} });
    },
  );
});

describe.skipIf(!found)('a link that begins with RESUME', () => {
  it('gets GOAWAY unknownSession when it proves nothing, and harms nobody', async () => {
    const { session, far } = await meet('odd', ['resume-refused'], { prepare: answer, resumable: true });
    expect(await verdict(far)).toBe('');
    expect(await session.closed).toMatchObject({ code: 'ERR_MUX_LOST' }); // at last it was proven, and impossible
  });
});

for (const side of ['odd', 'even'] as Side[]) {
  const name =
    side === 'odd' ? 'Python dials and opens odd channels' : 'Python listens and opens even channels';
  describe.skipIf(!found)(name, () => {
    for (const [does, ...args] of ASKED)
      it(does, async () => {
        const { session, far } = await meet(side, args, { prepare: answer });
        expect(await verdict(far)).toBe('');
        expect(await session.closed).toBeUndefined();
      });

    it('Python answers: what was sent on fifty channels comes back', async () => {
      const { session, far } = await meet(side, ['serve']);
      const logs = Array.from({ length: 50 }, (_, seed) =>
        exercise(session.open('echo'), { reads: seed, writes: { seed, length: 1_000 * seed } }),
      );
      await Promise.all(logs.map((log) => log.done));
      expect(logs.map(({ received, wrongAt, error }) => [received, wrongAt, error])).toEqual(
        logs.map((_, seed) => [1_000 * seed, -1, undefined]),
      );
      await session.close();
      expect(await verdict(far)).toBe('');
    });

    it('C6: Python answers: our FIN ends our direction, and its answer comes behind', async () => {
      const { session, far } = await meet(side, ['serve']);
      const said: Uint8Array[] = [];
      const log = exercise(session.open('digest'), {
        writes: { seed: 4, length: 100_000 },
        onData: (bytes) => said.push(bytes),
      });
      await log.done;
      const hash = createHash('sha256')
        .update(pattern(4, 0, 100_000))
        .digest('hex');
      expect(Buffer.concat(said).toString()).toBe(hash);
      expect([log.ends, log.error]).toEqual([1, undefined]);
      await session.close();
      expect(await verdict(far)).toBe('');
    });

    it('Python answers: its data for ACCEPT, its RESET and its refusal arrive with their codes', async () => {
      const { session, far } = await meet(side, ['serve']);
      const meta = {
        text: 'ä',
        list: [1, null, true],
        bytes: new Uint8Array([1, 2]),
        large: 2 ** 40,
        half: 0.5,
      };
      const echoed = session.open('echo', meta);
      expect(await echoed.whenAccepted()).toEqual(meta);
      echoed.close();
      const late = session.open('late');
      const lateLog = exercise(late, { writes: { seed: 1, length: 1_000_000 } });
      late.stop(400); // Python has not accepted it yet
      await lateLog.done;
      expect(lateLog.error).toMatchObject({ code: 'ERR_MUX_ABORTED', resetCode: 400 });
      await late.whenAccepted();
      const reset = exercise(session.open('reset'), {});
      await reset.done;
      expect(reset.error).toMatchObject({ resetCode: RESET });
      expect(reset.received).toBeLessThanOrEqual(RESET_AFTER);
      const refused = exercise(session.open('refuse'), { writes: { seed: 1, length: 100_000 } });
      await refused.done;
      expect(refused.error).toMatchObject({ resetCode: REFUSED });
      expect(await session.ping()).toBeGreaterThan(0);
      await session.close();
      expect(await verdict(far)).toBe('');
    });

    it('Python answers: messages and datagrams come back as they were', async () => {
      const { session, far } = await meet(side, ['serve']);
      const came: Uint8Array[] = [];
      const channel = session.open('messages', undefined, { mode: 'messages' });
      const log = exercise(channel, { onData: (message) => came.push(message) });
      const sizes = [0, 1, 65_536, 0, 16_385, 65_536];
      for (const size of sizes) channel.send(pattern(size, 0, size));
      await channel.whenAccepted();
      const datagrams: unknown[] = [];
      onDatagram(session, (id, bytes) => datagrams.push([id, Buffer.from(bytes).toString()]));
      session.mux.sendDatagram(0, Buffer.from('on the link'));
      session.mux.sendDatagram(channel.id, Buffer.from('on a channel'));
      session.flushSoon();
      while (datagrams.length < 2) await session.ping(); // PONG may come first
      expect(datagrams).toEqual([
        [0, 'on the link'],
        [channel.id, 'on a channel'],
      ]);
      channel.closeWrite();
      await log.done;
      expect(came.map((message) => message.length)).toEqual(sizes);
      expect(came.map((message) => mismatch(message.length, 0, message))).toEqual(sizes.map(() => -1));
      await session.close();
      expect(await verdict(far)).toBe('');
    });

    it('Python answers: hears BLOCKED once for each limit, and reads only then', async () => {
      const { session, far } = await meet(side, ['serve']);
      const log = exercise(session.open('blocked'), { writes: { seed: 5, length: 1_000_000 } });
      await log.done;
      expect([log.received, log.error]).toEqual([64, undefined]);
      expect(session.mux.stats().blockedSent).toBeGreaterThanOrEqual(Math.floor(1_000_000 / 65_536));
      await session.close();
      expect(await verdict(far)).toBe('');
    });

    // The end that makes the links waits longer before each.
    const cuts = side === 'odd' ? 20 : 4;

    it(`a session outlives ${cuts} links, byte for byte`, async () => {
      const args = [
        'resume',
        '--channels',
        '3',
        '--bytes',
        '200000',
        '--window',
        '100000',
        '--cuts',
        `${cuts}`,
      ];
      const { session, far } = await meet(side, args, { prepare: answer, resumable: true });
      expect(await verdict(far)).toBe('');
      expect(await session.closed).toBeUndefined();
    });

    it(`Python answers: a session outlives ${cuts} links, byte for byte`, async () => {
      const args = ['serve', '--bytes', '600000', '--cuts', `${cuts}`];
      const { session, far } = await meet(side, args, { resumable: true });
      const logs = [1, 2, 3].map((seed) =>
        exercise(session.open('echo'), { reads: seed, writes: { seed, length: 300_000 } }),
      );
      await Promise.all(logs.map((log) => log.done));
      expect(logs.map(({ received, wrongAt, error }) => [received, wrongAt, error])).toEqual(
        logs.map(() => [300_000, -1, undefined]),
      );
      await session.close();
      expect(await verdict(far)).toBe('');
      expect(far.printed).toMatch(/"cuts": [1-9]/);
    });
  });
}
