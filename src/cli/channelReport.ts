/** What is told about a channel: who is there, what protects it, how much went through. */
import { identityLabel } from '../identity/index.ts';
import type { Channel } from '../peer/channel.ts';
import { appendLine } from './files.ts';
import type { Meter } from './meter.ts';
import { describe, type Output } from './output.ts';
import { formatBytes } from './terminal.ts';

export class ChannelReport {
  readonly #channel: Channel;
  readonly #role: 'dialled' | 'accepted';
  readonly #meter: Meter;
  readonly #started: number = performance.now();

  constructor(channel: Channel, role: 'dialled' | 'accepted', meter: Meter) {
    this.#channel = channel;
    this.#role = role;
    this.#meter = meter;
  }

  /** One line when it opens. */
  opened(out: Output): void {
    const { peer, protocol, path, negotiated } = this.#channel;
    const how = path.kind === 'direct' ? 'direct' : `by relay ${path.via ?? ''}`.trim();
    out.say(
      `${this.#role} ${protocol} with ${identityLabel(peer)} (${peer.assurance}), ${negotiated.suite}, ${negotiated.group}, ${how}`,
    );
  }

  /** With -v a line when it ends; a line of JSON for `--report`. */
  ended(out: Output, file: string | undefined, error: Error | undefined): void {
    const { plaintextIn, plaintextOut } = this.#channel.stats;
    const seconds = (performance.now() - this.#started) / 1000;
    out.detail(
      `channel with ${identityLabel(this.#channel.peer)} ended after ${seconds.toFixed(1)} s: ` +
        `${formatBytes(plaintextOut)} out, ${formatBytes(plaintextIn)} in`,
    );
    if (file === undefined) return;
    appendLine('report', file, JSON.stringify(this.#record(seconds, error)));
  }

  #record(seconds: number, error: Error | undefined): object {
    const { peer, local, protocol, path, negotiated, stats, sessionStats } = this.#channel;
    return {
      event: 'channel',
      role: this.#role,
      protocol,
      peer: { address: identityLabel(peer), ...peer },
      local: identityLabel(local),
      path,
      suite: negotiated.suite,
      group: negotiated.group,
      alpn: negotiated.alpn ?? null,
      scheme: negotiated.peerScheme ?? null,
      // Payload and TLS are this channel's; mux is its session's and link the relay link's, with all that they carry.
      bytes: {
        out: {
          payload: stats.plaintextOut,
          tls: stats.wireOut,
          mux: sessionStats?.bytesSent ?? null,
          link: this.#meter.sent,
        },
        in: {
          payload: stats.plaintextIn,
          tls: stats.wireIn,
          mux: sessionStats?.bytesReceived ?? null,
          link: this.#meter.received,
        },
      },
      seconds,
      ...(error !== undefined && { error: describe(error) }),
    };
  }
}
