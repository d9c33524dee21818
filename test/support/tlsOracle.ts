/**
 * What must hold of a connection whatever its peer sends (lesson 36): no exception but the typed error, one alert at
 * most and last, the same error from every later call, events in an order that makes sense, output in proportion.
 */
import { expect } from 'vitest';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { toError } from '../../src/base/errors.ts';
import { alertName } from '../../src/tls/alert.ts';
import type { OpEvent } from '../../src/tls/events.ts';
import {
  type OpAnswer,
  performOp,
  type TlsConnection,
  TlsError,
  type TlsEvent,
} from '../../src/tls/index.ts';
import type { SeededRandom } from './random.ts';
import { openRecord, type RecordItem, splitRecords } from './tlsScript.ts';

/** What is ours to answer for though the peer has a hand in it: our own abort, a driver that ignores `wantsInput`. */
const OWN_DOING = ['ERR_TLS_ABORTED', 'ERR_TLS_INPUT_LIMIT'];

/** Bytes a connection may say without being asked to write: its flight, tickets, an alert. */
const MAX_OWN_OUTPUT = 16 * 1024;

const CCS = 20;
const ALERT = 21;
const HANDSHAKE = 22;

/** Feeds a connection and answers its ops, now or late, with calls of its own application between. */
export class Ordeal {
  readonly #connection: TlsConnection;
  readonly #random: SeededRandom;
  readonly #events: TlsEvent[] = [];
  readonly #output: Uint8Array[] = [];
  #pending: OpEvent[] = [];
  #written = 0;
  #closed = false;

  constructor(connection: TlsConnection, random: SeededRandom) {
    this.#connection = connection;
    this.#random = random;
  }

  get story(): readonly TlsEvent[] {
    return this.#events;
  }

  run(wire: Uint8Array): void {
    this.#pull();
    if (this.#random.int(0, 1) === 0) this.#callSomething();
    for (const chunk of this.#cut(wire)) {
      this.#connection.feed(chunk);
      this.#pull();
      if (this.#random.int(0, 39) === 0) this.#callSomething();
    }
    this.#settlePending();
    this.#connection.endOfInput();
    this.#settlePending();
    this.#takeOutput();
  }

  judge(): void {
    this.#judgeEvents();
    this.#judgeOutput();
    const { error } = this.#connection;
    if (error !== undefined) this.#judgeFailed(error);
  }

  *#cut(wire: Uint8Array): Iterable<Uint8Array> {
    const largest =
      [wire.length, 2000, 100, ...(wire.length < 4000 ? [1] : [])][this.#random.int(0, 3)] ?? 50;
    for (let at = 0; at < wire.length; ) {
      const size = this.#random.int(1, largest);
      yield wire.slice(at, at + size);
      at += size;
    }
  }

  #pull(): void {
    for (let event = this.#connection.next(); event !== undefined; event = this.#connection.next()) {
      this.#events.push(event);
      if (event.type === 'op') this.#pending.push(event);
    }
    if (this.#pending.length > 0 && this.#random.int(0, 5) > 0) this.#settlePending();
    if (this.#random.int(0, 3) === 0) this.#takeOutput();
  }

  #settlePending(): void {
    for (let op = this.#pending.shift(); op !== undefined; op = this.#pending.shift()) {
      if (this.#connection.error !== undefined) continue;
      this.#connection.settle(op.id, answerTo(op));
      this.#pull();
    }
    this.#pull();
  }

  #takeOutput(): void {
    const max = [1, 100, 20_000, Number.POSITIVE_INFINITY][this.#random.int(0, 3)];
    this.#output.push(...this.#connection.takeOutput(max));
  }

  /** What an application might do at any time. Misuse is told by ERR_TLS_STATE and changes nothing. */
  #callSomething(): void {
    const connection = this.#connection;
    const { error } = connection;
    try {
      switch (this.#random.int(0, 6)) {
        case 0:
          this.#written += connection.writeEarly(utf8('before time')) + 100;
          return;
        case 1:
        case 6:
          this.#written += connection.write(utf8('from the application')) + 100;
          return;
        case 2:
          connection.updateKeys(this.#random.int(0, 1) === 0);
          this.#written += 100;
          return;
        case 3:
          connection.exportKey('EXPORTER-test');
          return;
        case 4:
          if (connection.phase === 'open') {
            connection.closeWrite();
            this.#closed = true;
          }
          return;
        default:
          if (this.#random.int(0, 5) === 0) connection.abort();
      }
    } catch (thrown) {
      if (thrown === connection.error) return;
      expect(thrown).toBeInstanceOf(TlsError);
      expect((thrown as TlsError).code).toBe('ERR_TLS_STATE');
      expect(connection.error).toBe(error);
    }
  }

  #judgeEvents(): void {
    const types = this.#events.map(({ type }) => type);
    const count = (type: string): number => types.filter((candidate) => candidate === type).length;
    const { error, phase } = this.#connection;
    expect(count('error')).toBe(error === undefined ? 0 : 1);
    if (error !== undefined) {
      expect(types.at(-1)).toBe('error');
      expect(phase).toBe('failed');
    }
    expect(count('handshake')).toBeLessThanOrEqual(1);
    const opened = types.indexOf('handshake');
    if (types.includes('data')) expect(opened).toBeGreaterThanOrEqual(0);
    expect(types.lastIndexOf('earlyData')).toBeLessThan(opened < 0 ? types.length : opened);
    if (opened >= 0) expect(types.slice(0, opened)).not.toContain('data');
    if (types.includes('end')) expect(types.slice(types.indexOf('end'))).not.toContain('data');
    for (const event of this.#events)
      if (event.type === 'data') expect(event.bytes.length).toBeGreaterThan(0);
  }

  #judgeOutput(): void {
    const { error } = this.#connection;
    const output = concat([...this.#output, ...this.#connection.takeOutput()]);
    expect(output.length).toBeLessThan(MAX_OWN_OUTPUT + this.#written);
    const records = splitRecords(output).map(openRecord);
    expect(records.filter(isLeaked)).toEqual([]);
    const alerts = records.filter(({ type }) => type === ALERT).map(({ content }) => alertName(content[1]!));
    const told = error?.alertFrom === 'local' && !this.#closed ? error.alert : undefined;
    const expected = [...(told === undefined ? [] : [told]), ...(this.#closed ? ['close_notify'] : [])];
    expect(alerts).toEqual(expected);
    if (alerts.length > 0) expect(records.at(-1)?.type).toBe(ALERT);
  }

  /** A defect of ours is `local`; a hostile peer must never cause one. */
  #judgeFailed(error: TlsError): void {
    const connection = this.#connection;
    expect(error).toBeInstanceOf(TlsError);
    if (error.fault === 'local' && !OWN_DOING.includes(error.code)) throw error;
    for (const call of [
      () => connection.write(utf8('x')),
      () => connection.updateKeys(),
      () => connection.exportKey('EXPORTER-test'),
      () => connection.settle(1, error),
    ])
      expect(thrownBy(call)).toBe(error);
    connection.feed(utf8('more'));
    connection.endOfInput();
    connection.closeWrite();
    connection.abort();
    expect(connection.next()).toBeUndefined();
    expect(connection.outputSize).toBe(0);
    expect(connection.wantsInput).toBe(false);
    expect(connection.error).toBe(error);
  }
}

/** In the clear go hellos, ChangeCipherSpecs and the alerts of a side that has no keys yet, and nothing else. */
function isLeaked({ type, content, tag }: RecordItem): boolean {
  if (tag !== undefined) return false;
  const isHello = type === HANDSHAKE && (content[0] === 1 || content[0] === 2);
  return !isHello && type !== CCS && type !== ALERT;
}

/** Only what inflates may throw at what peers send: verifiers answer. */
function answerTo({ op }: OpEvent): OpAnswer | Error {
  try {
    return performOp(op) as OpAnswer;
  } catch (error) {
    if (op.kind !== 'decompress') throw error;
    return toError(error);
  }
}

function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}
