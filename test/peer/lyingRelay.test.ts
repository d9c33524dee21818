/**
 * A relay that meddles with what it carries: it knows the mux's frames and does with them what it likes. Whatever it does,
 * a channel gives the sender's bytes from the first on, without a gap, and ends cleanly only when all of them came.
 */
import { expect, test } from 'vitest';
import { concat } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { isQ2qError } from '../../src/base/errors.ts';
import { silent } from '../../src/base/log.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { selfSignedIdentity, Trust, VerifiedPeer, verifyPeer } from '../../src/identity/index.ts';
import { FIN, KIND_MASK, Kind } from '../../src/mux/frame.ts';
import { CallerSession } from '../../src/peer/callerSession.ts';
import type { Channel } from '../../src/peer/channel.ts';
import { ListenerSession } from '../../src/peer/listenerSession.ts';
import { Listeners } from '../../src/peer/listeners.ts';
import type { Link } from '../../src/transport/link.ts';
import { memoryPair } from '../../src/transport/memory.ts';
import { mismatch, pattern, SeededRandom } from '../support/random.ts';

interface Frame {
  readonly type: number;
  readonly channel: number;
  readonly payload: Uint8Array;
}

/** Gets each DATA frame of one direction, in order; what it returns goes on instead. */
type Meddle = (frame: Frame) => readonly Frame[];

const PREFACE = 13;

/** Splits a byte link's stream into frames: an independent reading of the head of src/mux/frame.ts. */
class FrameCutter {
  #bytes: Uint8Array = new Uint8Array(0);
  #prefaced = false;

  push(chunk: Uint8Array): { readonly preface?: Uint8Array; readonly frames: Frame[] } {
    this.#bytes = concat([this.#bytes, chunk]);
    const preface =
      this.#prefaced || this.#bytes.length < PREFACE ? undefined : this.#bytes.slice(0, PREFACE);
    if (preface !== undefined) {
      this.#prefaced = true;
      this.#bytes = this.#bytes.slice(PREFACE);
    }
    const frames: Frame[] = [];
    for (let frame = this.#next(); this.#prefaced && frame !== undefined; frame = this.#next())
      frames.push(frame);
    return { frames, ...(preface && { preface }) };
  }

  #next(): Frame | undefined {
    const channel = readVarint(this.#bytes, 1);
    const length = channel && readVarint(this.#bytes, channel.end);
    if (length === undefined || this.#bytes.length < length.end + length.value) return undefined;
    const end = length.end + length.value;
    const frame = {
      type: this.#bytes[0]!,
      channel: channel!.value,
      payload: this.#bytes.slice(length.end, end),
    };
    this.#bytes = this.#bytes.slice(end);
    return frame;
  }
}

function readVarint(bytes: Uint8Array, at: number): { value: number; end: number } | undefined {
  if (at >= bytes.length) return undefined;
  const size = 1 << (bytes[at]! >> 6);
  if (at + size > bytes.length) return undefined;
  let value = bytes[at]! & 0x3f;
  for (let i = 1; i < size; i++) value = value * 256 + bytes[at + i]!;
  return { value, end: at + size };
}

function varint(value: number): number[] {
  if (value < 64) return [value];
  if (value < 16_384) return [0x40 | (value >> 8), value & 0xff];
  return [0x80 | (value >>> 24), (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff];
}

const encode = ({ type, channel, payload }: Frame): Uint8Array =>
  concat([Uint8Array.of(type, ...varint(channel), ...varint(payload.length)), payload]);

/** Carries one direction; DATA frames go through `meddle`. */
function carry(from: Link, to: Link, meddle: Meddle): void {
  const cutter = new FrameCutter();
  from.start({
    data(chunk) {
      const { preface, frames } = cutter.push(chunk);
      if (preface !== undefined) to.send(preface);
      for (const frame of frames) {
        const isData = (frame.type & KIND_MASK) === Kind.data;
        for (const passed of isData ? meddle(frame) : [frame]) to.send(encode(passed));
      }
    },
    drain: () => {},
    end: () => to.closeWrite(),
    closed: (error) => (error === undefined ? to.close() : to.reset()),
  });
}

interface Ends {
  readonly accepted: readonly Channel[];
  open(protocol: string): Promise<Channel>;
  /** Ends the relay's links. */
  cut(): void;
  cut(): void;
}

const now = Date.now();
const alice = selfSignedIdentity(provider.generateKey('ed25519'), now);
const bob = selfSignedIdentity(provider.generateKey('ed25519'), now);
const parts = { trust: Trust.of([]), provider, clock: systemClock };
const PROTOCOLS = ['first/1', 'second/1'];

/** Two peers who authenticated each other, and the relay's two links between them. */
function meet(toBob: Meddle, toAlice: Meddle): Ends {
  const [aliceLink, relayLeft] = memoryPair({ capacity: 1 << 20 });
  const [bobLink, relayRight] = memoryPair({ capacity: 1 << 20 });
  carry(relayLeft, relayRight, toBob);
  carry(relayRight, relayLeft, toAlice);
  const accepted: Channel[] = [];
  const listeners = new Listeners();
  for (const protocol of PROTOCOLS) {
    const handler = (channel: Channel): Promise<void> => {
      accepted.push(channel);
      return channel.closed;
    };
    const as = `key:${bob.keyId}`;
    listeners.add({ as, protocol, description: '', authorize: () => true, handler });
  }
  const proof = verifyPeer(alice.chain, { kind: 'anyPeer' }, parts.trust, 'client', now, provider);
  if (!(proof instanceof VerifiedPeer)) throw proof;
  const path = { kind: 'relayed' } as const;
  new ListenerSession(
    { link: bobLink, path },
    {
      ...{ identity: () => bob, claim: { peer: proof, protocol: PROTOCOLS[0]! }, listeners, parts },
      ...{ logger: silent, onHandlerError: () => {} },
    },
  );
  const caller = new CallerSession({ link: aliceLink, path }, { parts, logger: silent });
  const { signal } = new AbortController();
  const expected = { kind: 'key', id: bob.keyId } as const;
  const open = (protocol: string): Promise<Channel> =>
    caller.open({ ...{ identity: alice, expected, to: 'bob', protocol, signal, timeout: 5_000 } });
  const cut = (): void => {
    relayLeft.reset();
    relayRight.reset();
  };
  return { accepted, open, cut };
}

const TOTAL = 300_000;

/** Sends the pattern and says what came from the other side, and how it ended. */
async function exchange(
  channel: Channel,
  mine: number,
  theirs: number,
): Promise<{ got: number; error: unknown }> {
  for (let at = 0; at < TOTAL; at += 10_000) channel.send(pattern(mine, at, 10_000));
  channel.closeWrite();
  let got = 0;
  try {
    for await (const chunk of channel) {
      expect(mismatch(theirs, got, chunk), 'a byte that was not sent').toBe(-1);
      got += chunk.length;
    }
    return { got, error: undefined };
  } catch (error) {
    return { got, error };
  }
}

/** What the relay does when its time has come; `other` is the number of the other channel. */
const TRICKS: Record<string, (frame: Frame, other: number, held: Frame[]) => readonly Frame[]> = {
  'flips one bit': (frame) => {
    const payload = frame.payload.slice();
    payload[payload.length >> 1]! ^= 1;
    return [{ ...frame, payload }];
  },
  'drops a frame': () => [],
  'sends a frame twice': (frame) => [frame, frame],
  "sends a channel's frame later than its next": (frame, _other, held) => {
    held.push(frame);
    return [];
  },
  "gives a frame to the other's channel": (frame, other) => [{ ...frame, channel: other }],
  'ends a direction early': (frame) => [{ ...frame, type: frame.type | FIN }],
  'cuts a frame short': (frame) => [{ ...frame, payload: frame.payload.slice(0, -1) }],
  'adds bytes of its own': (frame) => [
    frame,
    { ...frame, type: Kind.data, payload: new Uint8Array(40).fill(0x17) },
  ],
};

test.each(Object.entries(TRICKS))('a relay that %s is always found out', async (_name, trick) => {
  for (let seed = 0; seed < 6; seed++) {
    const random = new SeededRandom(seed);
    let countdown = Number.POSITIVE_INFINITY;
    let done = false;
    const held: Frame[] = [];
    const meddle: Meddle = (frame) => {
      if (held[0]?.channel === frame.channel) return [frame, held.pop()!];
      if (done || frame.payload.length === 0 || --countdown > 0) return [frame];
      done = true;
      return trick(frame, frame.channel === channels[0] ? channels[1]! : channels[0]!, held);
    };
    const pass: Meddle = (frame) => [frame];
    const towardsBob = random.next() < 0.5;
    const channels: number[] = [];
    const note =
      (then: Meddle): Meddle =>
      (frame) => {
        if (!channels.includes(frame.channel)) channels.push(frame.channel);
        return then(frame);
      };
    const ends = meet(note(towardsBob ? meddle : pass), note(towardsBob ? pass : meddle));
    const opened: Channel[] = [];
    for (const protocol of PROTOCOLS) opened.push(await ends.open(protocol));
    const accepted = PROTOCOLS.map((protocol) => ends.accepted.find((one) => one.protocol === protocol)!);
    countdown = random.int(1, 30);
    const exchanges = opened.flatMap((channel, i) => [
      exchange(channel, i, i + 2),
      exchange(accepted[i]!, i + 2, i),
    ]);
    const cut = setTimeout(() => ends.cut(), 400); // a relay may hold back for ever: that ends with the link
    const results = await Promise.all(exchanges);
    clearTimeout(cut);
    ends.cut();
    expect(done, `seed ${seed}`).toBe(true);
    for (const { got, error } of results) {
      if (error === undefined) expect(got, `seed ${seed}: a clean end before all bytes`).toBe(TOTAL);
      else expect(isQ2qError(error), String(error)).toBe(true);
    }
    expect(
      results.some(({ error }) => error !== undefined),
      `seed ${seed}`,
    ).toBe(true);
  }
});
