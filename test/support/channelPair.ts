/** Both ends of one channel: two sessions in memory, and a channel between them. */
import type { MuxLimits } from '../../src/mux/index.ts';
import type { ChannelLink } from '../../src/peer/channelLink.ts';
import { Session } from '../../src/peer/session.ts';
import type { Link } from '../../src/transport/link.ts';
import { type MemoryPairOptions, memoryPair } from '../../src/transport/memory.ts';
import { SeededRandom } from './random.ts';
import { settleMicrotasks, type VirtualClock } from './simLink.ts';

export interface ChannelPairOptions extends MemoryPairOptions {
  readonly limits?: Partial<MuxLimits>;
  /** What the sessions measure with; `clock` is the link's. */
  readonly sessionClock?: VirtualClock;
}

export interface ChannelPair {
  readonly a: ChannelLink;
  readonly b: ChannelLink;
  readonly near: Session;
  readonly far: Session;
  readonly links: readonly [Link, Link];
}

export async function channelPair(options: ChannelPairOptions = {}): Promise<ChannelPair> {
  const { limits: asked = {}, sessionClock, ...memory } = options;
  const { initialCredit = 262_144 } = asked;
  const limits = { initialCredit, maxWindow: initialCredit, ...asked }; // a window that stays, unless a test is about its growth
  const links = memoryPair(memory);
  const random = new SeededRandom(5);
  const session = (link: Link): Session =>
    new Session(link, {
      ...{ limits, random: (n: number) => random.bytes(n) },
      ...(sessionClock === undefined ? {} : { clock: sessionClock }),
    });
  const [near, far] = [session(links[0]), session(links[1])];
  const accepted = new Promise<ChannelLink>((resolve) => far.onIncoming((each) => resolve(each.accept())));
  const a = near.open('talk');
  return { a, b: await accepted, near, far, links };
}

/** Lets everything happen that needs no time. */
export async function quiet(turns = 10): Promise<void> {
  for (let i = 0; i < turns; i++) await settleMicrotasks();
}

/** The same until something holds that needs a little: an ACK may take 25 ms, and more than a flight waits for it. */
export async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 1_000 && !holds(); i++) {
    await quiet(1);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await quiet();
}
