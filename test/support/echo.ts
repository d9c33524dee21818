/** Small things that tests do with channels. */
import { concat, fromUtf8, utf8 } from '../../src/base/bytes.ts';
import type { Channel } from '../../src/peer/channel.ts';

export async function readAll(channel: Channel): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of channel) chunks.push(chunk);
  return fromUtf8(concat(chunks));
}

/** Sends back what comes, then closes. */
export async function echo(channel: Channel): Promise<void> {
  for await (const chunk of channel) channel.send(chunk);
  await channel.close();
}

/** Says who it is, who calls and for what, then closes. */
export async function introduce(channel: Channel): Promise<void> {
  const { local, peer, protocol } = channel;
  channel.send(utf8(`${local.name ?? local.keyId} hears ${peer.name ?? peer.keyId} on ${protocol}`));
  await channel.close();
}

/** Sends the text, ends our direction, returns what comes back. */
export async function ask(channel: Channel, text: string): Promise<string> {
  channel.send(utf8(text));
  channel.closeWrite();
  return readAll(channel);
}
