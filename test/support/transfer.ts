/** Many bytes from one peer to another, compared by their digests, while a test does harm to what carries them. */
import { createHash } from 'node:crypto';
import type { Channel } from '../../src/index.ts';
import { SeededRandom } from './random.ts';
import type { TestPeer } from './twoRelays.ts';

export const TO = 'bob@example.org/take/1';

export interface Transfer {
  readonly received: number;
  /** The digests of both ends are equal. */
  readonly exact: boolean;
  readonly paths: readonly (string | undefined)[];
  readonly channel: Channel;
}

/** So many bytes from alice to bob; `at` is called as they arrive. */
export async function transfer(
  alice: TestPeer,
  bob: TestPeer,
  length: number,
  at: (received: number, theirs: Channel) => void,
): Promise<Transfer> {
  const [sent, got] = [createHash('sha256'), createHash('sha256')];
  const paths: (string | undefined)[] = [];
  let received = 0;
  let over!: () => void;
  let failed!: (error: unknown) => void;
  const done = new Promise<void>((resolve, reject) => {
    over = resolve;
    failed = reject;
  });
  await bob.peer.listen('take/1', { authorize: () => true }, async (channel) => {
    channel.on('path', ({ via }) => paths.push(via));
    try {
      for await (const chunk of channel) {
        got.update(chunk);
        received += chunk.length;
        at(received, channel);
      }
      await channel.close();
      over();
    } catch (error) {
      failed(error);
    }
  });
  const channel = await alice.peer.dial(TO);
  channel.on('path', ({ via }) => paths.push(via));
  const random = new SeededRandom(3);
  const block = random.bytes(64_000);
  for (let begun = 0; begun < length; begun += block.length) {
    const chunk = block.slice(0, Math.min(block.length, length - begun));
    new DataView(chunk.buffer).setUint32(0, begun); // no two chunks are alike
    sent.update(chunk);
    if (!channel.send(chunk)) await channel.drained();
  }
  channel.closeWrite();
  await done;
  await channel.close();
  return { received, exact: got.digest('hex') === sent.digest('hex'), paths, channel };
}
