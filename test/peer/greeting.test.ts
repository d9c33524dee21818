/** The listener's first byte: taken off whole, whatever it came with, and nothing of what follows is lost. */
import { describe, expect, test } from 'vitest';
import { concat, utf8 } from '../../src/base/bytes.ts';
import type { Q2qError } from '../../src/base/errors.ts';
import type { ChannelCarrier } from '../../src/peer/channel.ts';
import { awaitGreeting } from '../../src/peer/greeting.ts';
import { GREETING } from '../../src/peer/names.ts';
import type { SecureLink } from '../../src/peer/secureLink.ts';
import { memoryPair } from '../../src/transport/memory.ts';
import { securePair } from './securePair.ts';

const turns = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));
const hello = Uint8Array.of(GREETING);

interface Seen {
  readonly chunks: Uint8Array[];
  ended: boolean;
  over?: { error: Q2qError | undefined };
}

function read(link: ChannelCarrier): Seen {
  const seen: Seen = { chunks: [], ended: false };
  link.start({
    data: (chunk) => void seen.chunks.push(chunk),
    drain: () => {},
    end: () => {
      seen.ended = true;
    },
    closed: (error) => {
      seen.over = { error };
    },
  });
  return seen;
}

async function pair(): Promise<[SecureLink, SecureLink]> {
  const [client, server] = await securePair(memoryPair());
  server.start({ data() {}, drain() {}, end() {}, closed() {} });
  return [client, server];
}

describe('after the greeting', () => {
  test('a link that is closed unread ends, whatever came on it', async () => {
    const [client, server] = await pair();
    server.send(concat([hello, utf8('unread')]));
    const greeted = await awaitGreeting(client);
    greeted.pause();
    const seen = read(greeted);
    server.send(utf8('too'));
    server.close();
    await turns();
    expect(seen).toEqual({ chunks: [], ended: false });
    greeted.close();
    await turns();
    expect(seen).toMatchObject({ chunks: [], over: { error: undefined } });
  });

  test('come the bytes of the same record, and those after it, in order', async () => {
    const [client, server] = await pair();
    server.send(concat([hello, utf8('one ')]));
    const greeted = await awaitGreeting(client);
    server.send(utf8('two '));
    await turns();
    const seen = read(greeted);
    await turns();
    server.send(utf8('three'));
    server.close();
    await turns();
    expect(concat(seen.chunks)).toEqual(utf8('one two three'));
    expect(seen.ended).toBe(true);
    client.close();
    await turns();
    expect(seen.over).toEqual({ error: undefined });
  });

  test('nothing is delivered to a reader that paused, and everything when it resumes', async () => {
    const [client, server] = await pair();
    server.send(concat([hello, utf8('held')]));
    const greeted = await awaitGreeting(client);
    greeted.pause();
    const seen = read(greeted);
    server.closeWrite();
    await turns();
    expect(seen).toEqual({ chunks: [], ended: false });
    greeted.resume();
    await turns();
    expect(concat(seen.chunks)).toEqual(utf8('held'));
    expect(seen.ended).toBe(true);
  });

  test('a failure before anybody read is told to whoever reads then', async () => {
    const [client, server] = await pair();
    server.send(hello);
    const greeted = await awaitGreeting(client);
    server.reset();
    await turns();
    const seen = read(greeted);
    await turns();
    expect(seen.over?.error).toBeInstanceOf(Error);
  });
});

describe('instead of the greeting', () => {
  test('another first byte is a protocol error', async () => {
    const [client, server] = await pair();
    server.send(utf8('HTTP/1.1 200 OK'));
    await expect(awaitGreeting(client)).rejects.toMatchObject({ code: 'ERR_PEER_PROTOCOL' });
  });

  test('an end is a failure', async () => {
    const [client, server] = await pair();
    server.close();
    await expect(awaitGreeting(client)).rejects.toMatchObject({ code: 'ERR_PEER_UNREACHABLE' });
  });

  test('a cut is that failure', async () => {
    const [client, server] = await pair();
    server.reset();
    await expect(awaitGreeting(client)).rejects.toBeInstanceOf(Error);
  });

  test('our own patience ending is its reason', async () => {
    const [client] = await pair();
    const controller = new AbortController();
    const waiting = awaitGreeting(client, controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});
