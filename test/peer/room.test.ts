import { expect, test } from 'vitest';
import { Room } from '../../src/peer/room.ts';

test('each stop has a wait of its own, and none ends before there is room', async () => {
  const room = new Room();
  for (let i = 0; i < 1_000; i++) {
    expect(room.after(false)).toBe(false);
    let ended = 0;
    const waits = [room.drained(), room.drained()].map((wait) =>
      wait.then(() => {
        ended++;
      }),
    );
    await Promise.resolve();
    await Promise.resolve();
    expect(ended).toBe(0);
    room.open();
    await Promise.all(waits);
    await room.drained();
  }
});

test('once there is no room any more every wait fails with the first reason, those before and those after', async () => {
  const room = new Room();
  room.after(false);
  const waits = [room.drained(), room.drained()];
  room.close(() => new Error('first'));
  room.close(() => new Error('second'));
  for (const wait of [...waits, room.drained()]) await expect(wait).rejects.toThrow('first');
  room.open();
  await expect(room.drained()).rejects.toThrow('first');
});
