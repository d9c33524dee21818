/** A peer laid by hand: frames of any kind, right or wrong, to one engine. */
import { concat } from '../../src/base/bytes.ts';
import { writeVarint } from '../../src/base/varint.ts';
import { encodeOpen } from '../../src/mux/bodies.ts';
import { encodeBody } from '../../src/mux/control.ts';
import { Kind } from '../../src/mux/frame.ts';
import { type MuxLimits, MuxSession } from '../../src/mux/index.ts';
import { DEFAULT_LIMITS } from '../../src/mux/limits.ts';
import { encodeSettings } from '../../src/mux/settings.ts';
import { MuxEnd } from './muxPair.ts';

export function varint(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  return bytes.slice(0, writeVarint(value, bytes, 0));
}

export function frame(type: number, channel: number, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  return concat([Uint8Array.of(type), varint(channel), varint(body.length), body]);
}

export const control: (value: unknown) => Uint8Array = encodeBody;

/** The peer's nonce is the larger one, so it opens 1, 3, 5 …, and our channels are 2, 4, 6 … at both ends. */
const PEER_NONCE = new Uint8Array(8).fill(255);

export function preface(): Uint8Array {
  return concat([Uint8Array.of(0x51, 0x32, 0x51, 0x4d, 1), PEER_NONCE]);
}

export function settings(limits: Partial<MuxLimits> = {}): Uint8Array {
  return frame(Kind.settings, 0, encodeSettings({ ...DEFAULT_LIMITS, ...limits }));
}

export function open(channel: number, name = 'x', credit = 65_536): Uint8Array {
  return frame(
    Kind.open,
    channel,
    encodeOpen({ mode: 0, urgency: 3, sharing: true, credit, name, meta: undefined }),
  );
}

/** An engine whose peer is the test. */
export class Victim extends MuxEnd {
  now: number = 0;

  constructor(limits: Partial<MuxLimits> = {}) {
    super(new MuxSession({ messages: false, nonce: new Uint8Array(8), limits, now: 0 }));
  }

  /** Preface and SETTINGS of the peer have come, ours have left. */
  static greeted(limits: Partial<MuxLimits> = {}, peer: Partial<MuxLimits> = {}): Victim {
    const victim = new Victim(limits);
    victim.feed(preface(), settings(peer));
    victim.output();
    return victim;
  }

  feed(...chunks: Uint8Array[]): void {
    for (const chunk of chunks) {
      this.mux.feed(chunk, this.now);
      this.pull();
    }
  }

  output(max: number = 1 << 20): Uint8Array {
    const bytes = concat(this.mux.takeOutput(max, this.now));
    this.pull();
    return bytes;
  }
}
