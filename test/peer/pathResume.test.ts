/** Sessions of two peers that lose their path, in virtual time: with TLS, identities and the real two ends. */
import { describe, expect, it } from 'vitest';
import { concat } from '../../src/base/bytes.ts';
import type { Channel } from '../../src/peer/channel.ts';
import { PATH_STAGGER } from '../../src/peer/limits.ts';
import { PlacesRefused } from '../../src/peer/pathFinder.ts';
import { ResumeAcceptor } from '../../src/peer/resumeAcceptor.ts';
import type { ChannelPath } from '../../src/peer/route.ts';
import type { Link } from '../../src/transport/link.ts';
import { exercise, type LinkLog } from '../support/channels.ts';
import { PeerPair, type PeerPairOptions, source } from '../support/peerPair.ts';
import { SeededRandom } from '../support/random.ts';
import { type SimControl, simLinks, VirtualClock } from '../support/simLink.ts';

const relayed = (via: string): ChannelPath => ({ kind: 'relayed', via });
const DIRECT: ChannelPath = { kind: 'direct' };

class PathWorld {
  readonly clock = new VirtualClock();
  readonly pair: PeerPair;
  readonly logs: LinkLog[] = [];
  readonly theirs: Channel[] = [];
  readonly controls: SimControl[] = [];
  #far: Link | undefined;
  made = 0;
  /** Bytes that the next path carries. */
  nextCut: (() => number) | undefined;
  refuse = false;

  constructor(options: Partial<PeerPairOptions> = {}) {
    this.pair = new PeerPair({
      ...{ clock: this.clock, ...options },
      handler: async (channel) => {
        this.theirs.push(channel);
        const log = exercise(channel, { reads: 7, writes: { seed: 8, length: 0 } });
        this.logs.push(log);
        await log.done;
      },
    });
  }

  /** A path whose far end is bob's. */
  path(path: ChannelPath, pair: PeerPair = this.pair): Link {
    if (this.refuse) throw new Error('no route');
    this.made++;
    const { links, control } = simLinks({ clock: this.clock, delay: 20, rate: 2_000 });
    if (this.nextCut !== undefined) control.cutAfter(this.nextCut());
    this.controls.push(control);
    this.#far = links[1];
    pair.answer(links[1], path);
    return links[0];
  }

  /** Every timer of either end runs on virtual time, so it is waited for as well. */
  async dial(...ways: readonly ChannelPath[]): Promise<Channel> {
    this.pair.call(
      this.path(ways[0]!),
      ways[0]!,
      ...ways.map((way) => source(way, () => this.path(way), way.via)),
    );
    return this.within(this.pair.open());
  }

  async within<T>(promise: Promise<T>, ms = 20_000): Promise<T> {
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    promise.then(mark, mark);
    for (let waited = 0; !settled && waited < ms; waited += 50) await this.clock.advance(50);
    return promise;
  }

  cut(): void {
    this.#far!.reset();
  }
}

describe('X15: a session of two peers', () => {
  it('goes on byte for byte over paths that are cut at random points', async () => {
    const world = new PathWorld();
    const random = new SeededRandom(11);
    const channel = await world.dial(relayed('one'), relayed('two'));
    world.nextCut = () => random.int(2_000, 120_000);
    world.controls[0]!.cutAfter(30_000);
    const sent = exercise(channel, { reads: 8, writes: { seed: 7, length: 2_000_000 } });
    for (let i = 0; i < 2_000 && sent.closes + world.logs[0]!.closes < 2; i++) await world.clock.advance(200);
    expect(world.logs[0]).toMatchObject({ received: 2_000_000, wrongAt: -1, ends: 1, error: undefined });
    expect(sent).toMatchObject({ ends: 1, error: undefined });
    expect(world.made).toBeGreaterThanOrEqual(21);
    expect(world.pair.acceptor.waiting).toBe(0);
    expect(world.pair.incoming.size).toBe(1);
  }, 60_000);

  it('says by which path it goes now, at both ends, once each time that changes', async () => {
    const world = new PathWorld();
    const channel = await world.dial(relayed('one'));
    const seen: [string, string | undefined][] = [];
    channel.on('path', ({ via }) => seen.push(['alice', via]));
    world.theirs[0]!.on('path', ({ via }) => seen.push(['bob', via]));
    world.cut();
    channel.send(Uint8Array.of(1));
    await world.clock.advance(1_000);
    expect(seen).toEqual([]); // the same path again
    expect(channel.sessionStats!.links).toBe(2);
    expect(world.pair.caller!.moveOver({ link: world.path(DIRECT), path: DIRECT })).toBe(true);
    await world.clock.advance(1_000);
    expect(seen.sort()).toEqual([
      ['alice', undefined],
      ['bob', undefined],
    ]);
    expect([channel.path, world.theirs[0]!.path]).toEqual([DIRECT, DIRECT]);
  });

  it('moves to a better path in the middle of a transfer while the old one lives, which is cut then', async () => {
    const world = new PathWorld();
    const channel = await world.dial(relayed('one'));
    const sent = exercise(channel, { reads: 8, writes: { seed: 7, length: 1_000_000 } });
    for (let move = 0; move < 6; move++) {
      await world.clock.advance(70);
      const path = move % 2 === 0 ? DIRECT : relayed('one');
      expect(world.pair.caller!.moveOver({ link: world.path(path), path })).toBe(true);
    }
    await world.clock.advance(5_000);
    expect(world.logs[0]).toMatchObject({ received: 1_000_000, wrongAt: -1, ends: 1, error: undefined });
    expect(sent).toMatchObject({ ends: 1, error: undefined });
    expect(channel.sessionStats!.links).toBeGreaterThanOrEqual(5);
    expect(world.made).toBe(7); // no path was looked for
  });

  it('moves when its path is in doubt, and stays when that is over before another was found', async () => {
    const world = new PathWorld();
    const channel = await world.dial(relayed('one'), relayed('two'));
    const { caller } = world.pair;
    caller!.pathLinked(false);
    await world.clock.advance(50);
    caller!.pathLinked(true);
    await world.clock.advance(5_000);
    expect([world.made, channel.path.via]).toEqual([1, 'one']);
    caller!.pathLinked(false);
    await world.clock.advance(2_000);
    expect([world.made, channel.sessionStats!.links]).toEqual([2, 2]);
    await caller!.relinked();
  });
});

describe('a session of two peers without a path', () => {
  it('K5: that gets none in time ends every channel with an error that says so, and leaves nothing', async () => {
    const world = new PathWorld({ outlive: 5_000 });
    const channel = await world.dial(relayed('one'));
    world.refuse = true;
    world.cut();
    channel.send(Uint8Array.of(1));
    await world.clock.advance(4_900);
    expect([world.logs[0]!.closes, world.pair.acceptor.waiting]).toEqual([0, 1]);
    const ending = channel.closed.catch((error: unknown) => error);
    await world.clock.advance(300);
    expect(await ending).toMatchObject({ code: 'ERR_MUX_LOST' });
    expect(world.logs[0]).toMatchObject({ closes: 1, error: { code: 'ERR_MUX_LOST' } });
    await world.pair.caller!.closed;
    expect([world.pair.acceptor.waiting, world.pair.acceptor.waitingBytes, world.pair.incoming.size]).toEqual(
      [0, 0, 0],
    );
    await world.clock.advance(60_000);
    expect(world.clock.pending).toBe(0);
  });

  it('does not take the other end for slow: what was to be sent before a close is sent when there is a path', async () => {
    const world = new PathWorld();
    const channel = await world.dial(relayed('one'));
    const sent = exercise(channel, { reads: 8, writes: { seed: 7, length: 400_000 } });
    await world.clock.advance(60);
    world.refuse = true;
    world.cut();
    await world.clock.advance(20_000);
    expect([sent.closes, world.logs[0]!.closes]).toEqual([0, 0]);
    world.refuse = false;
    await world.clock.advance(20_000);
    expect(world.logs[0]).toMatchObject({ received: 400_000, wrongAt: -1, ends: 1, error: undefined });
    expect(sent).toMatchObject({ ends: 1, error: undefined });
  });

  it('ends with its path where one end does not wait', async () => {
    const world = new PathWorld({ outlive: 0 });
    const channel = await world.dial(relayed('one'));
    world.cut();
    channel.send(Uint8Array.of(1));
    await expect(world.within(channel.closed)).rejects.toMatchObject({ code: 'ERR_MUX_LINK_CLOSED' });
    expect(world.logs[0]).toMatchObject({ closes: 1 });
    expect(world.made).toBe(1);
  });

  it('brings what was sent last, though the channel has ended here, and then says goodbye', async () => {
    const world = new PathWorld();
    const channel = await world.dial(relayed('one'));
    await world.clock.advance(100);
    world.controls[0]!.halfDead = true;
    const sent = exercise(channel, { reads: 8, writes: { seed: 7, length: 5_000 } });
    await world.clock.advance(100);
    expect([sent.closes, world.logs[0]!.received]).toEqual([1, 0]);
    world.controls[0]!.halfDead = false;
    world.cut();
    await world.clock.advance(1_000);
    expect(world.logs[0]).toMatchObject({ received: 5_000, wrongAt: -1, ends: 1, error: undefined });
    await world.clock.advance(31_000);
    expect(await world.pair.caller!.closed).toBeUndefined();
    await world.clock.advance(30_000);
    expect([world.pair.incoming.size, world.clock.pending]).toEqual([0, 0]);
  });

  it('takes channels meanwhile, which wait for the path', async () => {
    const world = new PathWorld();
    const channel = await world.dial(relayed('one'));
    world.refuse = true;
    world.cut();
    channel.send(Uint8Array.of(1));
    await world.clock.advance(1_000);
    expect(world.pair.caller!.isWaiting).toBe(true);
    const second = world.pair.open(30_000);
    await expect(world.within(world.pair.caller!.relinked())).rejects.toThrow('no route');
    world.refuse = false;
    await world.within(world.pair.caller!.relinked());
    expect((await world.within(second)).path).toEqual(relayed('one'));
  });

  it('ends at both ends when this one is given up, and the other hears of it when it waits no longer', async () => {
    const world = new PathWorld({ outlive: 3_000 });
    const channel = await world.dial(relayed('one'));
    world.refuse = true;
    world.cut();
    channel.send(Uint8Array.of(1));
    await world.clock.advance(500);
    world.pair.caller!.destroy(new Error('enough'));
    await expect(channel.closed).rejects.toMatchObject({ code: 'ERR_MUX_ABORTED' });
    await world.clock.advance(3_000);
    expect(world.logs[0]).toMatchObject({ closes: 1, error: { code: 'ERR_MUX_LOST' } });
    expect([world.pair.acceptor.waiting, world.clock.pending]).toEqual([0, 0]);
  });
});

describe('who answers at a path', () => {
  it('and is another process ends the try; the next way leads to the right one', async () => {
    const world = new PathWorld();
    const other = new PathWorld().pair;
    const one = relayed('one');
    const link = world.path(one);
    const asked: string[] = [];
    const find = (refused: ReadonlySet<string>): { link: Link; path: ChannelPath; place: string } => {
      const place = ['stranger', 'bob'].find((at) => !refused.has(at))!;
      asked.push(place);
      return { link: world.path(one, place === 'bob' ? world.pair : other), path: one, place };
    };
    world.pair.call(link, one, { find: async (refused) => find(refused) });
    const channel = await world.within(world.pair.open());
    world.cut();
    channel.send(Uint8Array.of(1));
    await world.clock.advance(3_000);
    expect(asked).toEqual(['stranger', 'bob']);
    expect(channel.sessionStats!.links).toBe(2);
  });

  it('and is nobody who knows the session, on every way, ends it at once', async () => {
    const world = new PathWorld();
    const other = new PathWorld().pair;
    const one = relayed('one');
    world.pair.call(world.path(one), one, {
      find: async (refused) => {
        if (refused.has('stranger')) throw new PlacesRefused('all were asked');
        return { link: world.path(one, other), path: one, place: 'stranger' };
      },
    });
    const channel = await world.within(world.pair.open());
    world.cut();
    channel.send(Uint8Array.of(1));
    await expect(world.within(channel.closed, 5_000)).rejects.toMatchObject({
      code: 'ERR_MUX_LOST',
      message: expect.stringContaining('does not know the session'),
    });
  });

  it('is raced for: a way that hangs holds nobody up for long', async () => {
    const world = new PathWorld();
    const one = relayed('one');
    const hung: AbortSignal[] = [];
    const hanging = {
      find: (_: ReadonlySet<string>, signal: AbortSignal) => {
        hung.push(signal);
        return new Promise<never>(() => {});
      },
    };
    world.pair.call(
      world.path(one),
      one,
      hanging,
      source(one, () => world.path(one)),
    );
    const channel = await world.within(world.pair.open());
    world.cut();
    channel.send(Uint8Array.of(1));
    await world.clock.advance(PATH_STAGGER + 300);
    expect(channel.sessionStats!.links).toBe(2);
    expect(hung.map(({ aborted }) => aborted)).toEqual([true]);
  });
});

describe('a stranger with a path', () => {
  /** What bob answers on a path on which this comes. */
  async function answerTo(world: PathWorld, bytes: Uint8Array): Promise<Uint8Array> {
    const { links } = simLinks({ clock: world.clock, delay: 1 });
    const got: Uint8Array[] = [];
    links[0].start({ data: (chunk) => got.push(chunk), drain() {}, end() {}, closed() {} });
    world.pair.answer(links[1], relayed('elsewhere'));
    links[0].send(bytes);
    await world.clock.advance(100);
    return concat(got);
  }

  it('gains nothing by a RESUME that it saw or made up, and is not told which', async () => {
    const world = new PathWorld();
    const one = relayed('one');
    const heard: Uint8Array[] = [];
    const overheard = (): Link => {
      const link = world.path(one);
      const send = link.send.bind(link);
      link.send = (bytes) => {
        heard.push(bytes instanceof Uint8Array ? bytes : concat(bytes));
        return send(bytes);
      };
      return link;
    };
    world.pair.call(world.path(one), one, source(one, overheard));
    const channel = await world.within(world.pair.open());
    const sent = exercise(channel, { reads: 8, writes: { seed: 7, length: 300_000 } });
    world.cut();
    await world.clock.advance(50);
    const request = heard[0]!; // preface and RESUME, as they leave alone
    await world.clock.advance(10);
    const unknown = request.slice();
    unknown[20]! ^= 1; // in the id
    const forged = request.slice();
    forged[40]! ^= 1; // in the mac
    const answers = [];
    for (const bytes of [request, unknown, forged]) answers.push(await answerTo(world, bytes));
    const last = answers.map((bytes) => [...bytes.subarray(-5)]);
    expect(new Set(last.map(String)).size).toBe(1);
    await world.clock.advance(5_000);
    expect(world.logs[0]).toMatchObject({ received: 300_000, wrongAt: -1, ends: 1, error: undefined });
    expect(sent.error).toBeUndefined();
    expect(world.theirs[0]!.path).toEqual(one);
    expect(world.pair.incoming.size).toBe(1);
  });
});

describe('a listener', () => {
  it('keeps so many sessions without a path, and gives up the one that waited longest', async () => {
    const acceptor = new ResumeAcceptor({ sessions: 2, bytes: 1e9 });
    const worlds = [];
    for (let i = 0; i < 3; i++) {
      const world = new PathWorld({ acceptor });
      const channel = await world.dial(relayed('one'));
      world.refuse = true;
      world.cut();
      channel.send(Uint8Array.of(1));
      await world.clock.advance(200);
      worlds.push(world);
    }
    expect(acceptor.waiting).toBe(2);
    expect(worlds.map(({ logs }) => logs[0]!.closes)).toEqual([1, 0, 0]);
    expect(worlds[0]!.logs[0]).toMatchObject({ error: { code: 'ERR_MUX_LOST' } });
  });
});
