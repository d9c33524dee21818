import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, fromHex, hex } from '../../src/base/bytes.ts';
import { FrameParser } from '../../src/mux/codec.ts';
import { EOM, FIN, Kind, NOLEN } from '../../src/mux/frame.ts';
import { FrameWriter } from '../../src/mux/frameWriter.ts';
import { frame, preface } from '../support/muxPeer.ts';

interface Seen {
  readonly kind: number;
  readonly channel: number;
  readonly fin: boolean;
  readonly payload: string;
}

/** Parses to whole frames, DATA pieces joined. */
function parse(chunks: readonly Uint8Array[], messages = false): Seen[] {
  const parser = new FrameParser(messages, 16_384);
  const seen: Seen[] = [];
  let pieces: Uint8Array[] = [];
  const add = (bytes: Uint8Array): void => {
    seen.push({ kind: parser.kind, channel: parser.channel, fin: parser.fin, payload: hex(bytes) });
  };
  for (const chunk of chunks) {
    parser.push(chunk);
    for (let step = parser.next(); step !== 'more'; step = parser.next()) {
      if (step === 'frame') add(parser.bytes);
      if (step === 'piece') pieces.push(parser.bytes.slice());
      if ((step === 'head' || step === 'piece') && parser.left === 0) {
        add(concat(pieces));
        pieces = [];
      }
    }
  }
  return seen;
}

const failure = (chunks: readonly Uint8Array[], messages = false): string => {
  try {
    parse(chunks, messages);
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`;
  }
  return 'none';
};

describe('the frame parser', () => {
  const stream = concat([
    preface(),
    frame(Kind.settings, 0, new Uint8Array(40).fill(7)),
    frame(Kind.data, 1, new Uint8Array(300).fill(1)),
    frame(Kind.data | FIN, 70, new Uint8Array(0)),
    frame(Kind.ping, 0, Uint8Array.of(9)),
    frame(Kind.data, 20_000, new Uint8Array(70).fill(2)),
  ]);
  const whole = parse([stream]);

  it('reads a stream of frames', () => {
    expect(whole.map(({ kind, channel, fin, payload }) => [kind, channel, fin, payload.length / 2])).toEqual([
      [Kind.settings, 0, false, 40],
      [Kind.data, 1, false, 300],
      [Kind.data, 70, true, 0],
      [Kind.ping, 0, false, 1],
      [Kind.data, 20_000, false, 70],
    ]);
  });

  it('C10: gives the same frames whatever the chunks', () => {
    for (const size of [1, 2, 3, 7, 13, 64]) {
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < stream.length; at += size) chunks.push(stream.slice(at, at + size));
      expect(parse(chunks)).toEqual(whole);
    }
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 90 }), { maxLength: 200 }), (sizes) => {
        const chunks: Uint8Array[] = [];
        let at = 0;
        for (const size of sizes) {
          chunks.push(stream.slice(at, at + size));
          at += size;
        }
        chunks.push(stream.slice(at));
        expect(parse(chunks)).toEqual(whole);
      }),
    );
  });

  it('reads several frames in one message, the last without a length', () => {
    const message = concat([
      frame(Kind.ping, 0, Uint8Array.of(1)),
      Uint8Array.of(Kind.data | FIN | NOLEN, 5, 1, 2, 3),
    ]);
    expect(parse([message, message], true).slice(2)).toEqual([
      { kind: Kind.ping, channel: 0, fin: false, payload: '01' },
      { kind: Kind.data, channel: 5, fin: true, payload: '010203' },
    ]);
    expect(parse([Uint8Array.of(Kind.data | NOLEN, 5)], true)[0]).toMatchObject({ channel: 5, payload: '' });
  });

  it.each([
    ['a message that ends inside a frame', [Uint8Array.of(Kind.data, 1, 5, 0), Uint8Array.of(1)], true],
    ['a frame without length on a byte link', [preface(), Uint8Array.of(Kind.data | NOLEN, 1)], false],
    ['an unknown kind', [preface(), Uint8Array.of(17, 1, 0)], false],
    ['FIN on a control frame', [preface(), Uint8Array.of(Kind.open | FIN, 1, 0)], false],
    ['end of message on a control frame', [preface(), Uint8Array.of(Kind.credit | EOM, 1, 0)], false],
    ['a datagram above the limit', [preface(), Uint8Array.of(Kind.datagram, 0, 0x50, 1)], false],
    ['DATA on channel 0', [preface(), Uint8Array.of(Kind.data, 0, 0)], false],
    ['PING on a channel', [preface(), Uint8Array.of(Kind.ping, 1, 0)], false],
    ['an 8-byte channel number', [preface(), Uint8Array.of(Kind.data, 0xc0)], false],
    ['a data frame above the limit', [preface(), Uint8Array.of(Kind.data, 1, 0x80, 0, 0x40, 1)], false],
    ['a control frame above 4 KiB', [preface(), Uint8Array.of(Kind.open, 1, 0x50, 1)], false],
  ])('refuses %s', (_, chunks, messages) => {
    expect(failure(chunks, messages)).toMatch(/^ERR_MUX_PROTOCOL/);
  });

  it('tells what else was connected by mistake', () => {
    expect(failure([Uint8Array.of(0x16, 3, 1)])).toMatch(/^ERR_MUX_PREFACE: got 0x16/);
    expect(failure([concat([preface().slice(0, 4), Uint8Array.of(2)])])).toMatch(/^ERR_MUX_VERSION/);
  });
});

describe('the frame writer', () => {
  it('lays the golden bytes', () => {
    const writer = new FrameWriter();
    writer.header(Kind.data | FIN, 3, 2);
    writer.payload(Uint8Array.of(0xaa, 0xbb));
    writer.control(Kind.credit, 64, fromHex('80040000'));
    writer.header(Kind.data, 70_000, undefined);
    expect(hex(concat(writer.take()))).toBe('200302aabb' + '05404004' + '80040000' + '8080011170');
  });

  it('copies small payloads beside their header and passes large ones untouched', () => {
    const writer = new FrameWriter();
    const large = new Uint8Array(16_384);
    for (const payload of [new Uint8Array(100), new Uint8Array(1023), large, new Uint8Array(5)]) {
      writer.header(Kind.data, 1, payload.length);
      writer.payload(payload);
    }
    const parts = writer.take();
    expect(parts.length).toBe(3);
    expect(parts[1]).toBe(large);
    expect(writer.size).toBe(0);
  });

  it('never writes to a part that was taken', () => {
    const writer = new FrameWriter();
    const taken: { part: Uint8Array; copy: string }[] = [];
    for (let i = 0; i < 2_000; i++) {
      writer.header(Kind.data, i + 1, 20);
      writer.payload(new Uint8Array(20).fill(i));
      for (const part of writer.take()) taken.push({ part, copy: hex(part) });
    }
    expect(taken.every(({ part, copy }) => hex(part) === copy)).toBe(true);
  });
});
