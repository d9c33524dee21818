/** The record layer against a hostile carrier and a hostile peer (RFC 9846 §5; lessons 5, 6, 10-16, 36). */
import { describe, expect, it } from 'vitest';
import { EMPTY, utf8 } from '../../src/base/bytes.ts';
import { ExtensionType } from '../../src/tls/messages/codePoints.ts';
import { ExtensionBlock } from '../../src/tls/messages/extensionBlock.ts';
import { encodeKeyUpdate } from '../../src/tls/messages/keyUpdate.ts';
import type { Seam } from '../../src/tls/seam.ts';
import { ALERT, CCS, DATA, Forger, HANDSHAKE, KeyLog, plain } from '../support/forge.ts';
import { fault, openPair, type Pair, type PairOptions, pair, pump } from '../support/tls.ts';

interface Victim extends Pair {
  /** Writes records as the client would. */
  readonly forger: Forger;
  /** Feeds the server. */
  feed(...records: Uint8Array[]): void;
  outcome(): string;
}

/** A server in the open state, and its client's keys. */
function victim(options: PairOptions = {}): Victim {
  const log = new KeyLog();
  const ends = openPair({ ...options, client: { ...options.client, keyLog: log.log } });
  const { server } = ends;
  return {
    ...ends,
    forger: new Forger(log.secret('CLIENT_TRAFFIC_SECRET_0')),
    feed: (...records) => {
      for (const record of records) server.connection.feed(record);
      server.settleAll();
    },
    outcome: () =>
      server.error === undefined ? server.story.slice(3).join() || 'nothing' : fault(server.error),
  };
}

/** A server that waits for the client's Certificate, and the client's handshake keys. */
function midHandshake(): Victim {
  const log = new KeyLog();
  const ends = pair({ client: { keyLog: log.log } });
  const { client, server } = ends;
  server.connection.feed(client.take());
  server.settleAll();
  client.connection.feed(server.take());
  client.settleAll();
  return {
    ...ends,
    forger: new Forger(log.secret('CLIENT_HANDSHAKE_TRAFFIC_SECRET')),
    feed: (...records) => {
      for (const record of records) server.connection.feed(record);
      server.settleAll();
    },
    outcome: () => (server.error === undefined ? 'nothing' : fault(server.error)),
  };
}

const UNEXPECTED = 'ERR_TLS_UNEXPECTED_MESSAGE unexpected_message local';
const ILLEGAL = 'ERR_TLS_ILLEGAL_PARAMETER illegal_parameter local';
const FLOOD = 'ERR_TLS_FLOOD unexpected_message local';
const OVERFLOW = 'ERR_TLS_RECORD_OVERFLOW record_overflow local';
const BAD_MAC = 'ERR_TLS_RECORD_MAC bad_record_mac local';
const DECODE = 'ERR_TLS_DECODE decode_error local';

describe('an open connection', () => {
  it('takes data of every size up to 2^14, padded or not', () => {
    const v = victim();
    v.feed(v.forger.record(DATA, utf8('a')), v.forger.record(DATA, utf8('b'), 100));
    v.feed(v.forger.record(DATA, new Uint8Array(2 ** 14).fill(7)));
    expect(v.outcome()).toBe('data');
    expect(v.server.data.length).toBe(2 + 2 ** 14);
  });

  const cases: [string, (forger: Forger) => Uint8Array[], string][] = [
    ['a plaintext of 2^14 + 1', (f) => [f.record(DATA, new Uint8Array(2 ** 14 + 1).fill(1))], OVERFLOW],
    ['padding beyond 2^14 + 1', (f) => [f.record(DATA, utf8('x'), 2 ** 14)], OVERFLOW],
    ['a header that declares 2^14 + 257', () => [Uint8Array.of(DATA, 3, 3, 0x41, 0x01)], OVERFLOW],
    ['a record of nothing but zeros (lesson 11)', (f) => [f.inner(new Uint8Array(50))], UNEXPECTED],
    ['an empty inner plaintext', (f) => [f.inner(EMPTY)], BAD_MAC],
    ['a record shorter than a tag', () => [plain(DATA, new Uint8Array(15))], BAD_MAC],
    ['an empty record', () => [plain(DATA, EMPTY)], BAD_MAC],
    [
      'a damaged record',
      (f) => {
        const r = f.record(DATA, utf8('x'));
        r[7]! ^= 1;
        return [r];
      },
      BAD_MAC,
    ],
    [
      'a record with a damaged tag',
      (f) => {
        const r = f.record(DATA, utf8('x'));
        r[r.length - 1]! ^= 1;
        return [r];
      },
      BAD_MAC,
    ],
    [
      'a record with another version in its header',
      (f) => {
        const r = f.record(DATA, utf8('x'));
        r[2] = 1;
        return [r];
      },
      BAD_MAC,
    ],
    [
      'a record twice',
      (f) => {
        const r = f.record(DATA, utf8('x'));
        return [new Uint8Array(r), r];
      },
      BAD_MAC,
    ],
    [
      'records in another order (lesson 40)',
      (f) => {
        const [a, b] = [f.record(DATA, utf8('a')), f.record(DATA, utf8('b'))];
        return [b, a];
      },
      BAD_MAC,
    ],
    [
      'a missing record',
      (f) => {
        f.record(DATA, utf8('a'));
        return [f.record(DATA, utf8('b'))];
      },
      BAD_MAC,
    ],
    ['a protected record under another outer type', (f) => [f.inner(utf8('x\x17'), HANDSHAKE)], UNEXPECTED],
    ['plaintext data', () => [plain(DATA, utf8('in the clear, somehow'))], BAD_MAC],
    ['a plaintext handshake message', () => [plain(HANDSHAKE, encodeKeyUpdate(false))], UNEXPECTED],
    ['a plaintext alert', () => [plain(ALERT, Uint8Array.of(1, 0))], UNEXPECTED],
    ['a ChangeCipherSpec after Finished (lesson 6)', () => [plain(CCS, Uint8Array.of(1))], UNEXPECTED],
    ['a protected ChangeCipherSpec', (f) => [f.record(CCS, Uint8Array.of(1))], UNEXPECTED],
    ['a record of unknown inner type', (f) => [f.record(99, utf8('x'))], UNEXPECTED],
    ['a record of unknown outer type', () => [Uint8Array.of(99)], UNEXPECTED],
    ['an empty handshake record', (f) => [f.record(HANDSHAKE, EMPTY)], UNEXPECTED],
    ['an empty alert', (f) => [f.record(ALERT, EMPTY)], DECODE],
    ['half an alert (lesson 12)', (f) => [f.record(ALERT, Uint8Array.of(2))], DECODE],
    ['two alerts in a record', (f) => [f.record(ALERT, Uint8Array.of(1, 0, 1, 0))], DECODE],
    [
      'a handshake message of 2^24 - 1 bytes (lesson 13)',
      (f) => [f.record(HANDSHAKE, Uint8Array.of(24, 255, 255, 255, 0))],
      DECODE,
    ],
    [
      'a handshake message of unknown type, at its first byte',
      (f) => [f.record(HANDSHAKE, Uint8Array.of(77))],
      UNEXPECTED,
    ],
    [
      'data inside a handshake message (lesson 15)',
      (f) => [f.record(HANDSHAKE, Uint8Array.of(24, 0)), f.record(DATA, utf8('x'))],
      UNEXPECTED,
    ],
    [
      'an alert inside a handshake message',
      (f) => [f.record(HANDSHAKE, Uint8Array.of(24, 0)), f.record(ALERT, Uint8Array.of(1, 0))],
      UNEXPECTED,
    ],
    [
      'a KeyUpdate of value 2',
      (f) => [f.record(HANDSHAKE, Uint8Array.of(24, 0, 0, 1, 2))],
      'ERR_TLS_ILLEGAL_PARAMETER illegal_parameter local',
    ],
    ['an empty KeyUpdate', (f) => [f.record(HANDSHAKE, Uint8Array.of(24, 0, 0, 0))], DECODE],
    ['a KeyUpdate with more behind', (f) => [f.record(HANDSHAKE, Uint8Array.of(24, 0, 0, 2, 0, 0))], DECODE],
  ];
  for (const [what, records, expected] of cases)
    it(`refuses ${what}`, () => {
      const v = victim();
      v.feed(...records(v.forger));
      expect(v.outcome().replace(/^data,/, '')).toBe(expected);
      // One alert, and the peer reads it.
      const output = v.server.take();
      v.client.connection.feed(output);
      expect(v.client.error?.alert).toBe(v.server.error?.alert);
      expect(v.server.take().length).toBe(0);
    });

  it('refuses the 33rd empty record in a row, padding or not (lesson 10)', () => {
    const v = victim();
    for (let i = 0; i < 32; i++) v.feed(v.forger.record(DATA, EMPTY, i % 2));
    v.feed(v.forger.record(DATA, utf8('x')));
    for (let i = 0; i < 32; i++) v.feed(v.forger.record(DATA, EMPTY, i % 2));
    expect(v.server.error).toBeUndefined();
    v.feed(v.forger.record(DATA, EMPTY));
    expect(fault(v.server.error)).toBe(FLOOD);
  });

  it('refuses the 33rd KeyUpdate without data between (lesson 7), and only then', () => {
    const v = victim();
    const update = (): void => {
      v.feed(v.forger.record(HANDSHAKE, encodeKeyUpdate(false)));
      v.forger.update();
    };
    for (let i = 0; i < 32; i++) update();
    v.feed(v.forger.record(DATA, EMPTY)); // empty data is no progress
    v.feed(v.forger.record(DATA, utf8('x')));
    for (let i = 0; i < 32; i++) update();
    expect(v.server.error).toBeUndefined();
    update();
    expect(fault(v.server.error)).toBe(FLOOD);
  });

  it('ignores four user_canceled alerts and refuses the fifth (lesson 38)', () => {
    const v = victim();
    for (let i = 0; i < 4; i++) v.feed(v.forger.record(ALERT, Uint8Array.of(1, 90)));
    v.feed(v.forger.record(DATA, utf8('still here')));
    expect(v.outcome()).toBe('data');
    v.feed(v.forger.record(ALERT, Uint8Array.of(1, 90)));
    expect(fault(v.server.error)).toBe(FLOOD);
  });

  it('takes every other alert as fatal, at either level, known or not, and never answers one', () => {
    for (const [level, number, alert] of [
      [1, 112, 'unrecognized_name'],
      [2, 40, 'handshake_failure'],
      [2, 30, 'decompression_failure'],
      [1, 200, undefined],
      [1, 10, 'unexpected_message'],
    ] as const) {
      const v = victim();
      v.feed(v.forger.record(ALERT, Uint8Array.of(level, number)));
      expect(v.server.error).toMatchObject({ code: 'ERR_TLS_ALERT', fault: 'remote' });
      expect(v.server.error?.alert).toBe(alert);
      expect(v.server.error?.message).toContain(`(${number})`);
      expect(v.server.take().length).toBe(0);
    }
  });

  it('refuses an alert of a level that there is not', () => {
    for (const level of [0, 3, 7, 255]) {
      const v = victim();
      v.feed(v.forger.record(ALERT, Uint8Array.of(level, 0)));
      expect(fault(v.server.error)).toBe(ILLEGAL);
    }
  });

  it('joins a message from one-byte records', () => {
    const v = victim();
    for (const byte of encodeKeyUpdate(false)) v.feed(v.forger.record(HANDSHAKE, Uint8Array.of(byte)));
    v.forger.update();
    v.feed(v.forger.record(DATA, utf8('under the new key')));
    expect(v.outcome()).toBe('data');
  });
});

describe('a connection in the handshake', () => {
  it('drops two compatibility ChangeCipherSpecs and refuses the third', () => {
    const v = midHandshake();
    v.feed(plain(CCS, Uint8Array.of(1)), plain(CCS, Uint8Array.of(1)));
    expect(v.outcome()).toBe('nothing');
    v.feed(plain(CCS, Uint8Array.of(1)));
    expect(v.outcome()).toBe(FLOOD);
  });

  const cases: [string, (forger: Forger) => Uint8Array[], string][] = [
    ['a ChangeCipherSpec of value 2', () => [plain(CCS, Uint8Array.of(2))], UNEXPECTED],
    ['an empty ChangeCipherSpec', () => [plain(CCS, EMPTY)], UNEXPECTED],
    ['a long ChangeCipherSpec', () => [plain(CCS, Uint8Array.of(1, 1))], UNEXPECTED],
    ['a protected ChangeCipherSpec', (f) => [f.record(CCS, Uint8Array.of(1))], UNEXPECTED],
    [
      'a ChangeCipherSpec inside a handshake message',
      (f) => [f.record(HANDSHAKE, Uint8Array.of(11)), plain(CCS, Uint8Array.of(1))],
      UNEXPECTED,
    ],
    ['application data', (f) => [f.record(DATA, utf8('early'))], UNEXPECTED],
    [
      'a second plaintext alert behind a protected record',
      (f) => [f.record(HANDSHAKE, Uint8Array.of(11)), plain(ALERT, Uint8Array.of(2, 40))],
      UNEXPECTED,
    ],
    ['a long plaintext alert', () => [plain(ALERT, Uint8Array.of(2, 40, 0))], UNEXPECTED],
    ['close_notify', (f) => [f.record(ALERT, Uint8Array.of(1, 0))], 'ERR_TLS_ALERT close_notify peer'],
  ];
  for (const [what, records, expected] of cases)
    it(`refuses ${what}`, () => {
      const v = midHandshake();
      v.feed(...records(v.forger));
      expect(v.outcome()).toBe(expected);
      expect(v.server.connection.negotiated).toBeUndefined();
    });

  it('understands a plaintext alert of a client that has no keys yet', () => {
    const v = midHandshake();
    v.feed(plain(ALERT, Uint8Array.of(2, 47)));
    expect(v.outcome()).toBe('ERR_TLS_ALERT illegal_parameter peer');
  });

  it('gives no data to the application before the client’s Finished', () => {
    const v = midHandshake();
    v.feed(v.client.take().slice(0, -1)); // all but the last byte of Finished
    expect(v.server.data.length).toBe(0);
    expect(v.server.connection.phase).toBe('handshake');
    expect(() => v.server.connection.write(utf8('x'))).toThrow(/before the handshake/);
  });
});

describe('early data that nobody takes (lesson 37)', () => {
  /** A hello of a client that hopes to resume. */
  const hopeful: Seam = {
    shapeClientHello: (hello) => ({
      ...hello,
      extensions: new ExtensionBlock([
        ...hello.extensions.list.filter(({ type }) => type !== ExtensionType.earlyData),
        ...(hello.extensions.has(ExtensionType.cookie) || retried++ > 0
          ? []
          : [{ type: ExtensionType.earlyData, data: EMPTY }]),
      ]),
    }),
  };
  let retried = 0;
  const early = (length: number): Uint8Array => plain(DATA, new Uint8Array(length).fill(5));

  for (const retry of [false, true])
    it(`is skipped unread${retry ? ', behind a retry too' : ''}`, () => {
      retried = 0;
      const ends = pair({ clientSeam: hopeful, server: retry ? { groups: ['secp256r1'] } : {} });
      const { client, server } = ends;
      server.connection.feed(client.take());
      for (let i = 0; i < 10; i++) server.connection.feed(early(100 * i + 1));
      pump(ends);
      client.connection.write(utf8('late data'));
      pump(ends);
      expect(new TextDecoder().decode(server.data)).toBe('late data');
      server.connection.feed(early(100));
      expect(fault(server.error)).toBe(BAD_MAC);
    });

  it('is refused beyond 16 KiB', () => {
    retried = 0;
    const { client, server } = pair({ clientSeam: hopeful });
    server.connection.feed(client.take());
    server.settleAll();
    for (let i = 0; i < 4; i++) server.connection.feed(early(4096 - 10));
    expect(server.error).toBeUndefined();
    server.connection.feed(early(100));
    expect(fault(server.error)).toBe(FLOOD);
  });

  it('is refused when it was not announced', () => {
    const { client, server } = pair();
    server.connection.feed(client.take());
    server.settleAll();
    server.connection.feed(early(100));
    expect(fault(server.error)).toBe(BAD_MAC);
  });
});

describe('a fresh server', () => {
  const cases: [string, Uint8Array, string][] = [
    ['a ChangeCipherSpec before a ClientHello', plain(CCS, Uint8Array.of(1)), UNEXPECTED],
    ['application data', plain(DATA, utf8('GET /')), UNEXPECTED],
    ['an HTTP request', utf8('GET / HTTP/1.1\r\n'), UNEXPECTED],
    ['an SSH greeting', utf8('SSH-2.0-x\r\n'), UNEXPECTED],
    ['an SSL 2 hello', Uint8Array.of(0x80, 0x2e, 1, 0, 2), UNEXPECTED],
    [
      'a record of another protocol version',
      Uint8Array.of(HANDSHAKE, 9, 9, 0, 5),
      'ERR_TLS_PROTOCOL_VERSION protocol_version local',
    ],
    ['an alert', plain(ALERT, Uint8Array.of(2, 40)), 'ERR_TLS_ALERT handshake_failure peer'],
    ['a plaintext of 2^14 + 1', plain(HANDSHAKE, new Uint8Array(2 ** 14 + 1).fill(1)), OVERFLOW],
    ['a ClientHello of 64 KiB + 1', plain(HANDSHAKE, Uint8Array.of(1, 1, 0, 1)), DECODE],
    ['a truncated ClientHello', plain(HANDSHAKE, Uint8Array.of(1, 0, 0, 3, 3, 3, 0)), DECODE],
  ];
  for (const [what, record, expected] of cases)
    it(`refuses ${what}`, () => {
      const { server } = pair();
      server.connection.feed(record);
      expect(fault(server.error)).toBe(expected);
    });

  it('reads a ClientHello of 64 KiB byte by byte in linear time and bounded memory (lesson 16)', () => {
    const { server } = pair();
    const started = performance.now();
    server.connection.feed(plain(HANDSHAKE, Uint8Array.of(1, 1, 0, 0)));
    for (let i = 0; i < 65_535; i++) server.connection.feed(plain(HANDSHAKE, Uint8Array.of(0)));
    expect(server.error).toBeUndefined();
    server.connection.feed(plain(HANDSHAKE, Uint8Array.of(0)));
    expect(server.error?.alert).toBe('decode_error');
    expect(performance.now() - started).toBeLessThan(3000);
  });
});

describe('time', () => {
  it('is linear in the number of chunks: a megabyte byte by byte (lesson 16)', () => {
    const ends = openPair();
    const total = 1 << 20;
    ends.client.connection.write(new Uint8Array(total / 4));
    const records = ends.client.take();
    ends.client.connection.write(new Uint8Array(total / 4));
    const more = ends.client.take();
    const started = performance.now();
    for (const half of [records, more])
      for (let at = 0; at < half.length; at++) ends.server.connection.feed(half.subarray(at, at + 1));
    const elapsed = performance.now() - started;
    ends.server.settleAll();
    expect(ends.server.data.length).toBe(total / 2);
    expect(elapsed).toBeLessThan(5000);
    pump(ends);
  });
});
