/** Sessions that move to another link, in virtual time: their drivers, not only their engines. */
import { describe, expect, it } from 'vitest';
import { RESUME_TIMEOUT } from '../../src/peer/limits.ts';
import { ResumeAcceptor } from '../../src/peer/resumeAcceptor.ts';
import { exercise } from '../support/channels.ts';
import { SeededRandom } from '../support/random.ts';
import { resumeWorld, transfer } from '../support/resumeWorld.ts';

describe('K6, X15: a transfer over links that are cut', () => {
  it.each([
    [false, 1],
    [true, 2],
  ])('at 300 ms round trip ends byte for byte (messages: %s)', async (messages, seed) => {
    const world = resumeWorld({ messages, delay: 150, rate: 5_000 });
    const random = new SeededRandom(seed);
    const log = await transfer(world, 1_500_000, () => random.int(20_000, 400_000));
    expect(log).toMatchObject({ received: 1_500_000, wrongAt: -1, ends: 1, closes: 1, error: undefined });
    expect(world.cuts).toBeGreaterThanOrEqual(3);
    expect(world.b.stats().links).toBeGreaterThan(world.cuts / 2);
    expect(world.acceptor.waiting).toBe(0);
  });

  it('goes on over a link of another kind, and back', async () => {
    const world = resumeWorld({ messages: false, delay: 10 });
    let kind = false;
    world.nextKind = () => (kind = !kind);
    const log = await transfer(world, 300_000, () => 50_000);
    expect(log).toMatchObject({ received: 300_000, wrongAt: -1, error: undefined });
    expect(world.cuts).toBeGreaterThanOrEqual(4);
  });
});

describe('a session without a link', () => {
  it('K5: that gets none in time tells readers, writers and whoever waits for it', async () => {
    const world = resumeWorld({ limits: { resumeTtl: 5_000 } });
    const reader = exercise(world.a.open('read'), {});
    const writer = exercise(world.a.open('write'), { writes: { seed: 1, length: 10_000_000 } });
    await world.clock.advance(100);
    world.refuse = true;
    world.cut();
    await world.clock.advance(4_900);
    expect([reader.closes, writer.closes]).toEqual([0, 0]);
    await world.clock.advance(5_000);
    for (const log of [reader, writer])
      expect(log).toMatchObject({ closes: 1, error: { code: 'ERR_MUX_LOST' } });
    expect(await world.a.closed).toMatchObject({ code: 'ERR_MUX_LOST' });
    expect(await world.b.closed).toMatchObject({ code: 'ERR_MUX_LOST' });
    await world.a.close();
    expect(world.acceptor.waiting).toBe(0);
  });

  it('tries at once, then ever more slowly; who waits for it has it tried now, and hears why it fails', async () => {
    const world = resumeWorld();
    await world.clock.advance(5_000);
    world.refuse = true;
    world.cut();
    await world.clock.advance(30_000);
    expect(world.attempts).toBeGreaterThanOrEqual(7);
    expect(world.attempts).toBeLessThanOrEqual(20);
    const before = world.attempts;
    await expect(world.a.relinked()).rejects.toThrow('nobody listens');
    expect(world.attempts).toBe(before + 1);
    world.refuse = false;
    await Promise.all([world.a.relinked(), world.clock.advance(100)]);
    expect(world.a.stats().links).toBe(2);
  });

  it('gives a link up on which nobody answers, and takes the next', async () => {
    const world = resumeWorld();
    await world.clock.advance(5_000);
    world.deaf = true;
    world.cut();
    await world.clock.advance(100);
    world.deaf = false;
    await world.clock.advance(RESUME_TIMEOUT + 1_000);
    const log = exercise(world.a.open('echo'), { reads: 3, writes: { seed: 3, length: 1_000 } });
    await world.clock.advance(1_000);
    expect(log).toMatchObject({ received: 1_000, error: undefined });
  });

  it('closes when it was told to, or at once when destroyed', async () => {
    const world = resumeWorld();
    await world.clock.advance(100);
    world.refuse = true;
    world.cut();
    await world.clock.advance(1_000);
    world.a.destroy();
    expect(await world.a.closed).toMatchObject({ code: 'ERR_MUX_ABORTED' });
    await world.a.close();
    const { attempts } = world;
    await world.clock.advance(30_000);
    expect(world.attempts).toBe(attempts);
  });

  it('that the other end does not know any more ends at once', async () => {
    const world = resumeWorld();
    const log = exercise(world.a.open('x'), {});
    await world.clock.advance(100);
    world.b.giveUp('the test says so');
    world.cut();
    await world.clock.advance(1_000);
    expect(log.error).toMatchObject({ code: 'ERR_MUX_LOST', message: expect.stringContaining('not know') });
  });
});

describe('a half-dead link', () => {
  it('is dropped when nothing comes for too long, and the transfer goes on over another', async () => {
    const world = resumeWorld({ limits: { idleTimeout: 3_000 } });
    const log = exercise(world.a.open('echo'), { reads: 1, writes: { seed: 1, length: 500_000 } });
    await world.clock.advance(20);
    world.halfDead();
    await world.clock.advance(10_000);
    expect(log).toMatchObject({ received: 500_000, wrongAt: -1, error: undefined });
    expect(world.a.stats().links).toBe(2);
  });
});

describe('the acceptor', () => {
  it('gives up the session that has waited longest when too many wait, or hold too much', async () => {
    const held = (bytes: number) => {
      const session = {
        held: bytes,
        gaveUp: false,
        moveTo: () => true,
        giveUp: () => {
          session.gaveUp = true;
          acceptor.remove(session);
        },
      };
      return session;
    };
    const acceptor = new ResumeAcceptor({ sessions: 3, bytes: 1_000 });
    const sessions = [100, 100, 100, 100, 900].map(held);
    sessions.forEach((session, i) => {
      acceptor.add(session, Uint8Array.of(i));
      acceptor.suspended(session);
    });
    expect(sessions.map(({ gaveUp }) => gaveUp)).toEqual([true, true, true, false, false]);
    expect([acceptor.waiting, acceptor.waitingBytes]).toEqual([2, 1_000]);
    acceptor.linked(sessions[4]!);
    expect([acceptor.waiting, acceptor.waitingBytes]).toEqual([1, 100]);
  });
});
