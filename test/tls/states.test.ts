/**
 * Every message and every kind of record in every state, once and twice (lessons 1, 2, 4, 6, 12). The moments are made
 * from the scenarios: wherever a conversation gets to, everything is tried. What may come there is written down here,
 * from RFC 9846 Appendix A, and compared with what the states say of themselves.
 */
import { describe, expect, it } from 'vitest';
import { type Bytes, concat, EMPTY, utf8 } from '../../src/base/bytes.ts';
import { type OpAnswer, performOp } from '../../src/tls/index.ts';
import { encodeCertificate } from '../../src/tls/messages/certificate.ts';
import { HANDSHAKE_NAMES, type HandshakeName, handshakeType } from '../../src/tls/messages/codePoints.ts';
import { encodeMessage } from '../../src/tls/messages/handshake.ts';
import { encodeKeyUpdate } from '../../src/tls/messages/keyUpdate.ts';
import type { Seam } from '../../src/tls/seam.ts';
import { fault, openPair, pair, pump } from '../support/tls.ts';
import {
  makePair,
  other,
  type Recording,
  type Role,
  record,
  SCENARIOS,
  type Scenario,
  Victim,
} from '../support/tlsScenarios.ts';
import { type Item, readScript, sealMessages, sealRecord, writeScript } from '../support/tlsScript.ts';
import { rawMessage } from '../support/tlsTree.ts';

/** What each state takes; everything else is unexpected_message. Compressed certificates only where that was offered. */
const TABLE: Readonly<Record<Role, Readonly<Record<string, readonly HandshakeName[]>>>> = {
  client: {
    ExpectServerHello: ['server_hello'],
    ExpectEncryptedExtensions: ['encrypted_extensions'],
    ExpectCertificateOrRequest: ['certificate_request', 'certificate', 'compressed_certificate'],
    ExpectCertificate: ['certificate', 'compressed_certificate'],
    ExpectCertificateVerify: ['certificate_verify'],
    ExpectFinished: ['finished'],
    Traffic: ['new_session_ticket', 'key_update'],
  },
  server: {
    ExpectClientHello: ['client_hello'],
    ExpectRetriedClientHello: ['client_hello'],
    ExpectEndOfEarlyData: ['end_of_early_data'],
    ExpectCertificate: ['certificate', 'compressed_certificate'],
    ExpectCertificateVerify: ['certificate_verify'],
    ExpectFinished: ['finished'],
    Traffic: ['key_update'],
  },
};

const CCS = 20;
const ALERT = 21;
const HANDSHAKE = 22;
const DATA = 23;

function accepted(role: Role, state: string, { client, server }: Scenario): readonly HandshakeName[] {
  const compresses = (role === 'client' ? client : server)?.compression !== undefined;
  return (TABLE[role][state] ?? []).filter((name) => compresses || name !== 'compressed_certificate');
}

/** A victim that has read this much of a recording, and what comes next. */
interface Moment {
  readonly scenario: Scenario;
  readonly role: Role;
  readonly state: string;
  /** What may come here. */
  readonly accepts: readonly HandshakeName[];
  /** A fresh victim in this state. */
  readonly arrive: () => Victim;
  /** The protection of what the victim reads next: of the next message, as early data may come that it skips. */
  readonly tag: number | undefined;
  readonly rest: readonly Item[];
}

const recordings = SCENARIOS.map(record);
const moments = recordings.flatMap((recording) => [
  ...momentsOf(recording, 'client'),
  ...momentsOf(recording, 'server'),
]);

/** Stops in front of each message, in the records as they came: a key change is the end of a record. */
function momentsOf({ scenario, sent }: Recording, role: Role): Moment[] {
  const items = readScript(sent[other(role)]);
  return items.flatMap((item, at) => {
    const before = writeScript(items.slice(0, at));
    const arrive = (): Victim => new Victim(scenario, role).feed(before);
    const { end, state } = arrive();
    if (end.error !== undefined) throw new Error(`"${scenario.name}" stops: ${end.error.message}`);
    const rest = items.slice(at);
    const { tag } = rest.find(({ kind }) => kind === 'message') ?? item;
    const accepts = accepted(role, state.name, scenario);
    return { scenario, role, state: state.name, accepts, arrive, tag, rest };
  });
}

/** One moment for each way through the machine: the first of the scenarios that got there alike. */
const distinct = [
  ...new Map(moments.toReversed().map((moment) => [wayTo(moment), moment])).values(),
].reverse();

function wayTo({ role, arrive }: Moment): string {
  return `${role} ${arrive().path}`;
}

/** A well-formed message of each kind. */
const samples = new Map<HandshakeName, Bytes>([
  ['key_update', encodeKeyUpdate(false)],
  ['end_of_early_data', encodeMessage('end_of_early_data', () => {})],
  [
    'new_session_ticket',
    encodeMessage('new_session_ticket', (w) => w.u32(60).u32(0).u8(0).u16(1).u8(7).u16(0)),
  ],
]);
for (const { sent } of recordings)
  for (const item of [...readScript(sent.client), ...readScript(sent.server)]) {
    const name = HANDSHAKE_NAMES.find((candidate) => handshakeType(candidate) === item.type);
    if (item.kind === 'message' && name !== undefined) samples.set(name, rawMessage(item.type, item.body));
  }

const UNEXPECTED = 'ERR_TLS_UNEXPECTED_MESSAGE unexpected_message local';

it('the table names every state that a conversation reaches, and only those', () => {
  for (const { role, state, accepts, arrive } of moments)
    expect(arrive().state.accepts, `${role} in ${state}`).toEqual(accepts);
  for (const role of ['client', 'server'] as const) {
    const reached = moments.filter((moment) => moment.role === role).map(({ state }) => state);
    expect([...new Set(reached)].sort()).toEqual(Object.keys(TABLE[role]).sort());
  }
});

it('there is a sample of every message', () => {
  expect([...samples.keys()].sort()).toEqual([...HANDSHAKE_NAMES].sort());
});

for (const moment of distinct) {
  const { role, state, accepts, tag, rest, arrive, scenario } = moment;
  const told = (text: string): string => `${role} in ${state}: ${text}`;
  const handshake = (...messages: Uint8Array[]): Bytes => sealMessages(concat(messages), tag);
  const alone = (type: number, content: Uint8Array): Bytes => sealRecord({ type, content, tag, padding: 0 });

  describe(`${role} in ${state} (${scenario.name}, ${rest.length} to go)`, () => {
    it(`refuses every message but ${accepts.join(' and ')}, once and twice`, () => {
      for (const name of HANDSHAKE_NAMES) {
        if (accepts.includes(name)) continue;
        const sample = samples.get(name)!;
        for (const wire of [handshake(sample), handshake(sample, sample)]) {
          const { end } = arrive().feed(wire);
          expect(fault(end.error), told(name)).toBe(UNEXPECTED);
          expect(end.error?.message).toBe(`got ${name} in ${state}, wanted ${accepts.join(' or ')}`);
        }
      }
    });

    it('refuses a message of unknown type', () => {
      for (const type of [0, 3, 6, 12, 22, 99, 254, 255])
        expect(fault(arrive().feed(handshake(rawMessage(type, EMPTY))).end.error), told(`${type}`)).toBe(
          UNEXPECTED,
        );
    });

    const next = rest[0]!;
    if (next.kind === 'message' && state !== 'Traffic')
      it('refuses two copies of the message it waits for, under the old key and the new', () => {
        const message = rawMessage(next.type, next.body);
        const after = rest[1]?.tag;
        expect(fault(arrive().feed(handshake(message, message)).end.error)).toBe(UNEXPECTED);
        expect(fault(arrive().feed(handshake(message), sealMessages(message, after)).end.error)).toBe(
          UNEXPECTED,
        );
        const { error } = arrive().feed(handshake(message), handshake(message)).end;
        expect([UNEXPECTED, 'ERR_TLS_RECORD_MAC bad_record_mac local']).toContain(fault(error));
      });

    it('goes nowhere without the message it waits for (lesson 1)', () => {
      if (next.kind !== 'message' || state === 'Traffic' || state === 'ExpectCertificateOrRequest') return;
      const { end } = arrive().feed(writeScript(rest.slice(1)));
      expect(end.connection.negotiated).toBeUndefined();
      if (scenario.early !== true) expect(end.error).toBeDefined();
    });

    const early = state === 'ExpectEndOfEarlyData';
    // Behind a retry whatever looks like early data is skipped unread.
    const skipped = state === 'ExpectRetriedClientHello' && scenario.early === true;
    it(`${state === 'Traffic' ? 'takes' : early ? 'takes as early' : skipped ? 'skips' : 'refuses'} application data`, () => {
      const victim = arrive();
      const before = victim.end.events.length;
      const { end } = victim.feed(alone(DATA, utf8('data')));
      const fine = state === 'Traffic' || early || skipped;
      expect(fault(end.error)).toBe(fine ? 'undefined' : UNEXPECTED);
      const types = end.events.slice(before).map(({ type }) => type);
      expect(types.includes('data')).toBe(state === 'Traffic');
      expect(types.includes('earlyData')).toBe(early);
    });

    it('ends by any alert, told or not, and only by an end where there may be one', () => {
      expect(fault(arrive().feed(alone(ALERT, Uint8Array.of(2, 80))).end.error)).toBe(
        'ERR_TLS_ALERT internal_error peer',
      );
      const closed = arrive().feed(alone(ALERT, Uint8Array.of(1, 0))).end;
      if (state === 'Traffic') expect(closed.story.at(-1)).toBe('end');
      else expect(fault(closed.error)).toBe('ERR_TLS_ALERT close_notify peer');
    });

    it('goes on behind a user_canceled (lesson 38)', () => {
      const { end, state: after } = arrive().feed(alone(ALERT, Uint8Array.of(1, 90)));
      expect(fault(end.error)).toBe('undefined');
      expect(after.name).toBe(state);
    });

    it('refuses records of unknown types, and empty handshake records', () => {
      for (const type of [0, 19, 24, 255])
        expect(fault(arrive().feed(alone(type, Uint8Array.of(1))).end.error), told(`${type}`)).toBe(
          UNEXPECTED,
        );
      expect(fault(arrive().feed(alone(HANDSHAKE, EMPTY)).end.error)).toBe(UNEXPECTED);
    });

    const tolerant = state !== 'Traffic' && state !== 'ExpectClientHello';
    it(`${tolerant ? 'drops' : 'refuses'} a ChangeCipherSpec in the clear, and refuses any other (lesson 6)`, () => {
      const ccs = (...content: number[]): Bytes =>
        sealRecord({ type: CCS, content: Uint8Array.from(content), tag: undefined, padding: 0 });
      const { end, state: after } = arrive().feed(ccs(1));
      expect(fault(end.error)).toBe(tolerant ? 'undefined' : UNEXPECTED);
      if (tolerant) expect(after.name).toBe(state);
      for (const wrong of [
        ccs(),
        ccs(0),
        ccs(1, 1),
        ...(tag === undefined ? [] : [alone(CCS, Uint8Array.of(1))]),
      ])
        expect(fault(arrive().feed(wrong).end.error)).toBe(UNEXPECTED);
      const flooded = arrive().feed(ccs(1), ccs(1), ccs(1)).end;
      expect(flooded.error?.alert).toBe('unexpected_message');
    });

    it('refuses anything inside a handshake message (lesson 15)', () => {
      const half = sealMessages(Uint8Array.of(handshakeType(accepts[0]!), 0), tag);
      for (const intruder of [alone(DATA, utf8('x')), alone(ALERT, Uint8Array.of(1, 90))])
        expect(fault(arrive().feed(half, intruder).end.error)).toBe(UNEXPECTED);
    });
  });
}

describe('while an op is pending', () => {
  for (const { scenario, sent } of recordings)
    for (const role of ['client', 'server'] as const)
      it(`the ${role} reads nothing (${scenario.name})`, () => {
        const { connection } = makePair(scenario)[role];
        connection.takeOutput();
        connection.feed(new Uint8Array(sent[other(role)]));
        for (let event = connection.next(); event !== undefined; event = connection.next()) {
          if (event.type !== 'op') continue;
          if (event.op.kind === 'issueTicket') {
            connection.settle(event.id, performOp(event.op) as OpAnswer);
            continue;
          }
          expect(connection.wantsInput).toBe(false);
          const before = connection.outputSize;
          connection.feed(new Uint8Array(0));
          expect(connection.next()).toBeUndefined();
          expect(connection.outputSize).toBe(before);
          expect(() => connection.settle(1000, EMPTY)).toThrow('is not pending');
          connection.settle(event.id, performOp(event.op) as OpAnswer);
        }
        expect(connection.error).toBeUndefined();
      });
});

describe('leaving out authentication (lessons 1, 2)', () => {
  const skip =
    (...names: HandshakeName[]): Seam['rewrite'] =>
    (name, message) =>
      names.includes(name) ? [] : [message];
  for (const victim of ['client', 'server'] as const)
    for (const names of [
      ['certificate'],
      ['certificate_verify'],
      ['certificate', 'certificate_verify'],
    ] as HandshakeName[][])
      it(`${victim} refuses a peer that skips ${names.join(' and ')}`, () => {
        const seam = { rewrite: skip(...names) } as Seam;
        const ends = pair(victim === 'client' ? { serverSeam: seam } : { clientSeam: seam });
        pump(ends);
        expect(fault(ends[victim].error)).toBe('ERR_TLS_UNEXPECTED_MESSAGE unexpected_message local');
        expect(ends[victim].connection.negotiated).toBeUndefined();
      });

  it('server under "require" refuses an empty Certificate with certificate_required', () => {
    const ends = pair({ client: { credentials: [] } });
    pump(ends);
    expect(fault(ends.server.error)).toBe('ERR_TLS_CERTIFICATE_REQUIRED certificate_required local');
    expect(fault(ends.client.error)).toBe('ERR_TLS_ALERT certificate_required peer');
  });

  it('server under "request" refuses a CertificateVerify behind an empty Certificate', () => {
    const empty = encodeCertificate({ entries: [] });
    const ends = pair({
      server: { clientCertificate: 'request' },
      clientSeam: { rewrite: (name, message) => [name === 'certificate' ? empty : message] },
    });
    pump(ends);
    expect(fault(ends.server.error)).toBe('ERR_TLS_UNEXPECTED_MESSAGE unexpected_message local');
  });

  it('client refuses an empty Certificate from a server with decode_error', () => {
    const empty = encodeCertificate({ entries: [] });
    const ends = pair({
      serverSeam: { rewrite: (name, message) => [name === 'certificate' ? empty : message] },
    });
    pump(ends);
    expect(fault(ends.client.error)).toBe('ERR_TLS_DECODE decode_error local');
  });
});

describe('bytes across a change of keys (lesson 5)', () => {
  const trailing: [Role, HandshakeName][] = [
    ['client', 'server_hello'],
    ['client', 'finished'],
    ['server', 'client_hello'],
    ['server', 'finished'],
  ];
  for (const [victim, name] of trailing)
    it(`${victim} refuses a message in the record of ${name}`, () => {
      const seam: Seam = {
        rewrite: (sent, message) => (sent === name ? [message, samples.get('key_update')!] : [message]),
      };
      const ends = pair(victim === 'client' ? { serverSeam: seam } : { clientSeam: seam });
      pump(ends);
      expect(fault(ends[victim].error)).toBe('ERR_TLS_UNEXPECTED_MESSAGE unexpected_message local');
      expect(ends[victim].error?.message).toMatch(/across a change of keys/);
    });

  it('client refuses a message in the record of a HelloRetryRequest, before it answers', () => {
    let sent = 0;
    const ends = pair({
      server: { groups: ['secp256r1'] },
      serverSeam: {
        rewrite: (name, message) =>
          name === 'server_hello' && ++sent === 1 ? [message, samples.get('key_update')!] : [message],
      },
    });
    pump(ends);
    expect(fault(ends.client.error)).toBe('ERR_TLS_UNEXPECTED_MESSAGE unexpected_message local');
    expect(sent).toBe(1); // no second ClientHello, so no ServerHello
  });

  it('refuses a message in the record of a KeyUpdate', () => {
    const ends = openPair({
      serverSeam: {
        rewrite: (name, message) =>
          name === 'key_update' ? [message, samples.get('key_update')!] : [message],
      },
    });
    ends.server.connection.updateKeys();
    pump(ends);
    expect(ends.client.error?.message).toMatch(/across a change of keys/);
  });
});
