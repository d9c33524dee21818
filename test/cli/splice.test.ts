import { describe, expect, test } from 'vitest';
import { fromUtf8, utf8 } from '../../src/base/bytes.ts';
import type { Q2qError } from '../../src/base/errors.ts';
import { echo, splice } from '../../src/cli/splice.ts';
import type { Link } from '../../src/transport/link.ts';
import { memoryPair } from '../../src/transport/memory.ts';

/** The far end of a link: what came, and how it ended. */
class End {
  text = '';
  ended = false;
  readonly closed: Promise<Q2qError | undefined>;
  readonly link: Link;

  constructor(link: Link) {
    this.link = link;
    this.closed = new Promise((resolve) => {
      link.start({
        data: (chunk) => {
          this.text += fromUtf8(chunk);
        },
        drain: () => {},
        end: () => {
          this.ended = true;
        },
        closed: resolve,
      });
    });
  }
}

function spliced(options: Parameters<typeof splice>[2] = {}): {
  left: End;
  right: End;
  done: ReturnType<typeof splice>;
} {
  const [left, a] = memoryPair();
  const [b, right] = memoryPair();
  const done = splice(a, b, options);
  return { left: new End(left), right: new End(right), done };
}

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

describe('two links joined', () => {
  test('pass bytes and the end of each direction on its own', async () => {
    const { left, right, done } = spliced();
    left.link.send(utf8('question'));
    left.link.closeWrite();
    await settle();
    expect(right).toMatchObject({ text: 'question', ended: true });
    expect(left.ended).toBe(false);
    right.link.send(utf8('answer'));
    right.link.closeWrite();
    expect(await done).toEqual({ error: undefined, side: undefined });
    expect(left).toMatchObject({ text: 'answer', ended: true });
  });

  test('end both directions with the second, for a person at a terminal', async () => {
    const { left, right, done } = spliced({ endWithB: true });
    right.link.send(utf8('bye'));
    right.link.closeWrite();
    await settle();
    expect(right.ended).toBe(true);
    left.link.closeWrite();
    expect((await done).error).toBeUndefined();
    expect(left.text).toBe('bye');
  });

  test('hold back a fast sender, and let it go on', async () => {
    const [left, a] = memoryPair({ capacity: 1_000 });
    const [b, right] = memoryPair({ capacity: 1_000 });
    void splice(a, b);
    right.pause();
    const reader = new End(right);
    const sender = new End(left);
    let sent = 0;
    while (sent < 100_000 && sender.link.send(new Uint8Array(500).fill(120))) sent += 500;
    await settle();
    expect(sent).toBeLessThan(100_000);
    expect(reader.text).toBe('');
    right.resume();
    await settle();
    expect(reader.text.length).toBeGreaterThanOrEqual(sent);
  });

  test('never take the failure of one for the end of the other', async () => {
    const { left, right, done } = spliced();
    left.link.reset();
    const { error, side } = await done;
    expect(side).toBe('a');
    expect(error).toBeDefined();
    expect(await right.closed).toBeDefined();
    expect(right.ended).toBe(false);
  });

  test('may forgive a failure that loses nothing', async () => {
    const { left, right, done } = spliced({ forgiveA: () => true });
    left.link.send(utf8('all of it'));
    await settle();
    left.link.reset();
    right.link.closeWrite();
    expect((await done).error).toBeUndefined();
    expect(right.text).toBe('all of it');
    expect(await right.closed).toBeUndefined();
  });
});

test('an echo sends back what it gets, and the end', async () => {
  const [left, right] = memoryPair();
  const done = echo(right);
  const end = new End(left);
  left.send(utf8('hello'));
  left.closeWrite();
  expect(await done).toBeUndefined();
  expect(end).toMatchObject({ text: 'hello', ended: true });
});
