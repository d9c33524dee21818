/** The example's talk, end to end in Node over links in memory: the page and its tests stand on it. */
import { describe, expect, test } from 'vitest';
import { Chat, type ChatHandler, MAX_FILE, type ReceivedFile } from '../../examples/07-browser/chat.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { type Link, memoryPair } from '../../src/transport/index.ts';

class Notes implements ChatHandler {
  readonly lines: string[] = [];
  readonly files: ReceivedFile[] = [];
  readonly over: Promise<Error | undefined>;
  #end!: (error: Error | undefined) => void;

  constructor() {
    this.over = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  line(text: string): void {
    this.lines.push(text);
  }

  file(file: ReceivedFile): void {
    this.files.push(file);
  }

  closed(error: Error | undefined): void {
    this.#end(error);
  }
}

function talk(chunk?: (n: number) => number): { a: Chat; b: Chat; heardByA: Notes; heardByB: Notes } {
  const [near, far] = memoryPair(chunk === undefined ? {} : { chunk });
  const [heardByA, heardByB] = [new Notes(), new Notes()];
  return { a: new Chat(near, provider, heardByA), b: new Chat(far, provider, heardByB), heardByA, heardByB };
}

/** One end is a Chat, the other writes what it likes. */
function hostile(bytes: Uint8Array): { notes: Notes; far: Link } {
  const [near, far] = memoryPair();
  const notes = new Notes();
  new Chat(near, provider, notes);
  far.start({ data: () => {}, drain: () => {}, end: () => {}, closed: () => {} });
  far.send(bytes);
  return { notes, far };
}

describe('chat', () => {
  test('passes lines in order, however the bytes are cut', async () => {
    const { a, b, heardByA, heardByB } = talk(() => 1);
    await a.say('hello');
    await a.say('wie geht’s, 世界');
    await b.say('');
    a.end();
    expect(await heardByA.over).toBeUndefined();
    expect(heardByB.lines).toEqual(['hello', 'wie geht’s, 世界']);
    expect(heardByA.lines).toEqual(['']);
  });

  test('moves files both ways at once between lines, and both ends name one hash', async () => {
    const { a, b, heardByA, heardByB } = talk((n) => Math.min(n, 1_000));
    const [big, empty] = [provider.random(300_000), new Uint8Array(0)];
    const [there, back] = await Promise.all([
      a.sendFile('../../etc/passwd', new Blob([big])),
      b.sendFile('nothing', new Blob([empty])),
      a.say('behind the file'),
    ]);
    expect(heardByB.files.map(({ name, hash }) => ({ name, hash }))).toEqual([
      { name: 'passwd', hash: there },
    ]);
    expect(heardByA.files.map(({ name, hash }) => ({ name, hash }))).toEqual([
      { name: 'nothing', hash: back },
    ]);
    expect(Buffer.from(await heardByB.files[0]!.bytes.arrayBuffer()).equals(big)).toBe(true);
    a.end();
    await heardByA.over;
    expect(heardByB.lines).toEqual(['behind the file']);
  });

  test('a file of which other bytes arrived is reported to its sender', async () => {
    const [near, far] = memoryPair();
    const chat = new Chat(near, provider, new Notes());
    far.start({ data: () => {}, drain: () => {}, end: () => {}, closed: () => {} });
    const sent = chat.sendFile('x', new Blob(['abc']));
    await new Promise((resolve) => setTimeout(resolve, 10));
    far.send(utf8(`\u0001got ${'0'.repeat(64)}\n`));
    await expect(sent).rejects.toThrow(/the other end got 0{64}, we sent ba7816bf/);
  });

  test('an end before the receipt fails the sender', async () => {
    const { notes, far } = hostile(utf8('hello\n'));
    far.close();
    expect(await notes.over).toBeUndefined();
    const [near, other] = memoryPair();
    const chat = new Chat(near, provider, new Notes());
    other.start({ data: () => {}, drain: () => {}, end: () => {}, closed: () => {} });
    const sent = chat.sendFile('x', new Blob(['abc']));
    setTimeout(() => other.close(), 10);
    await expect(sent).rejects.toThrow('ended before the receipt');
  });

  test.each([
    ['a line without an end', 'a'.repeat(9_000), /longer than 8192/],
    ['an unknown command', '\u0001format c:\n', /does not know/],
    ['a receipt for nothing', `\u0001got ${'0'.repeat(64)}\n`, /receipt for nothing/],
    ['a file too large to hold', `\u0001file ${MAX_FILE + 1} x\n`, /limit 67108864/],
  ])('%s ends the conversation', async (_name, text, reason) => {
    const { notes } = hostile(utf8(text));
    expect((await notes.over)?.message).toMatch(reason);
  });
});
