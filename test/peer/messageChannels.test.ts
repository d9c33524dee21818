import { describe, expect, test } from 'vitest';
import type { ChannelLink } from '../../src/peer/channelLink.ts';
import type { IncomingChannel } from '../../src/peer/incoming.ts';
import { Session } from '../../src/peer/session.ts';
import type { SessionOptions } from '../../src/peer/sessionOptions.ts';
import { memoryPair } from '../../src/transport/memory.ts';
import { quiet } from '../support/channelPair.ts';
import { SeededRandom } from '../support/random.ts';
import { Recorder } from '../transport/recorder.ts';

function sessions(options: Partial<SessionOptions> = {}): [Session, Session] {
  const random = new SeededRandom(7);
  const [a, b] = memoryPair({ chunk: () => 3 });
  const session = (link: typeof a): Session =>
    new Session(link, { random: (n) => random.bytes(n), takesMessages: true, ...options });
  return [session(a), session(b)];
}

function incoming(session: Session): Promise<{ channel: ChannelLink; said: IncomingChannel }> {
  return new Promise((resolve) => {
    session.onIncoming((said) => resolve({ channel: said.accept(), said }));
  });
}

describe('a channel of messages', () => {
  test('is a message link: what one end sends at once, the other gets at once', async () => {
    const [near, far] = sessions();
    const there = incoming(far);
    const here = near.open('x', undefined, { mode: 'messages', urgency: 1 });
    const { channel, said } = await there;
    expect([here.info.messages, channel.info.messages, said.mode, said.urgency]).toEqual([
      true,
      true,
      'messages',
      1,
    ]);
    channel.pause();
    const heard = Recorder.start(channel);
    for (const text of ['one', '', 'three'])
      here.send([Buffer.from(text.slice(0, 1)), Buffer.from(text.slice(1))]);
    here.closeWrite();
    await quiet();
    expect(heard.events).toEqual([]);
    channel.resume();
    await quiet();
    expect(heard.chunks.map((chunk) => Buffer.from(chunk).toString())).toEqual(['one', '', 'three']);
    expect(heard.ended).toBe(true);
    expect(() => channel.send(new Uint8Array(70_000))).toThrow(/at most 65536/);
  });

  test('is refused where nobody asked for such', async () => {
    const [near, far] = sessions({ takesMessages: false });
    far.onIncoming((each) => void each.accept());
    const here = near.open('x', undefined, { mode: 'messages' });
    await expect(here.whenAccepted()).rejects.toMatchObject({ code: 'ERR_MUX_REFUSED', resetCode: 10 });
    expect(near.open('bytes').info.messages).toBe(false);
    await quiet();
    expect(far.stats().incoming).toBe(1);
  });
});

test('datagrams reach the session, and the channel they were sent on', async () => {
  const [near, far] = sessions();
  const there = incoming(far);
  const here = near.open('x');
  const { channel } = await there;
  await here.whenAccepted();
  const heard: string[] = [];
  far.onDatagram((bytes) => heard.push(`session ${bytes[0]}`));
  channel.onDatagram((bytes) => heard.push(`channel ${bytes[0]}`));
  expect([near.sendDatagram(Uint8Array.of(1)), here.sendDatagram(Uint8Array.of(2))]).toEqual([true, true]);
  await quiet();
  expect(heard).toEqual(['session 1', 'channel 2']);
  here.reset();
  expect(here.sendDatagram(Uint8Array.of(3))).toBe(false);
});

test('a channel changes its priority at both ends', async () => {
  const [near, far] = sessions();
  const there = incoming(far);
  const here = near.open('x');
  const { channel } = await there;
  here.prioritize({ urgency: 6, sharing: false });
  await quiet();
  expect(far.mux.channel(channel.id)).toMatchObject({ urgency: 6, sharing: false });
  expect(near.mux.channel(here.id)).toMatchObject({ urgency: 6, sharing: false });
});

test('closing a session takes no time where nothing is open', async () => {
  const [near, far] = sessions();
  await near.ping();
  const began = performance.now();
  await near.close();
  expect(performance.now() - began).toBeLessThan(900); // the wait for a peer that does not answer
  expect(await far.closed).toBeUndefined();
});
