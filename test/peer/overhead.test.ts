/** What a protected channel costs on the wire, to the byte: TLS record, frame header, ACK and CREDIT, both ways. */
import { expect, test } from 'vitest';
import type { ChannelLink } from '../../src/peer/channelLink.ts';
import type { SecureLink } from '../../src/peer/secureLink.ts';
import { Session } from '../../src/peer/session.ts';
import { meterLink, type Traffic } from '../../src/transport/meterLink.ts';
import { SeededRandom } from '../support/random.ts';
import { simLinks, VirtualClock } from '../support/simLink.ts';
import { asClient, asServer } from './securePair.ts';

interface World {
  readonly clock: VirtualClock;
  readonly near: SecureLink;
  readonly far: SecureLink;
  readonly channel: ChannelLink;
  readonly session: Session;
  /** Bytes that the sessions handed to the link. */
  traffic(): Traffic;
  received(): number;
}

/** One TLS channel of one session over a link of 100 Mbit/s and 10 ms, at rest. */
async function world(): Promise<World> {
  const clock = new VirtualClock();
  const random = new SeededRandom(7);
  const options = { random: (n: number) => random.bytes(n), clock };
  const { links } = simLinks({ clock, rate: 12_500, delay: 5 });
  const below = meterLink(links[0]);
  const session = new Session(below, options);
  const other = new Session(links[1], options);
  let far: SecureLink | undefined;
  other.onIncoming((incoming) => {
    void asServer(incoming.accept()).then((link) => (far = link));
  });
  const channel = session.open('bytes');
  let near: SecureLink | undefined;
  void asClient(channel).then((link) => (near = link));
  while (near === undefined || far === undefined) await clock.advance(10);
  let received = 0;
  far.start({ data: ({ length }) => void (received += length), drain() {}, end() {}, closed() {} });
  await clock.advance(1_000);
  return { clock, near, far, channel, session, traffic: () => below.traffic, received: () => received };
}

interface Cost {
  readonly out: number;
  readonly back: number;
}

async function costOf({ clock, traffic }: World, act: () => void, time: number): Promise<Cost> {
  const before = traffic();
  act();
  await clock.advance(time);
  const after = traffic();
  return { out: after.sent - before.sent, back: after.received - before.received };
}

test('a keystroke travels with 25 bytes more than itself; its ACK comes back in 9', async () => {
  const here = await world();
  const { near } = here;
  near.start({ data() {}, drain() {}, end() {}, closed() {} });
  const { out, back } = await costOf(here, () => near.send(new Uint8Array(1)), 1_000);
  expect(out).toBe(1 + 22 + 3); // the key; header, type and tag of its record; type, channel and length of its frame
  expect(back).toBe(9); // type, channel, length; a position of 2 bytes and a delay of 4
});

test('bulk costs at most 0.2 % per 16 KiB, all frames of both directions counted', async () => {
  const here = await world();
  const { near, received } = here;
  const before = near.stats.recordsOut;
  const length = 16 * 1_048_576;
  let left = length;
  const drain = (): void => {
    while (left > 0) {
      left -= 65_536;
      if (!near.send(new Uint8Array(65_536))) return;
    }
  };
  near.start({ data() {}, drain, end() {}, closed() {} });
  const { out, back } = await costOf(here, drain, 10_000);
  expect(received()).toBe(length);
  // 16,361 bytes a record of 22 bytes more, in a frame whose header is 4: type, channel, and a length of 2 bytes.
  const frames = Math.ceil(length / 16_361);
  expect(near.stats.recordsOut - before).toBeLessThanOrEqual(frames + 4);
  const percent = ((out + back - length) / length) * 100;
  console.log(`bulk: ${percent.toFixed(3)} % (${out + back - length} bytes, ${back} of them the other way)`);
  expect(out - length).toBeGreaterThanOrEqual(26 * frames);
  expect(percent).toBeLessThanOrEqual(0.19);
});
