/** The key schedule against RFC 8448, without an engine: resumption, early data and what client certificates add. */
import { describe, expect, it } from 'vitest';
import { type Bytes, concat, fromHex, hex } from '../../src/base/bytes.ts';
import { Secret } from '../../src/base/secret.ts';
import { SUITES } from '../../src/crypto/suites.ts';
import { ExtensionType } from '../../src/tls/messages/codePoints.ts';
import { readChosenShare } from '../../src/tls/messages/extensions.ts';
import { decodeServerHello } from '../../src/tls/messages/serverHello.ts';
import { expandLabel } from '../../src/tls/schedule/hkdf.ts';
import {
  EarlySchedule,
  type HandshakeSchedule,
  type ResumptionMaster,
  type TrafficSecret,
} from '../../src/tls/schedule/schedule.ts';
import { providers } from '../crypto/providers.ts';
import {
  CLIENT_AUTH,
  CLIENT_AUTH_SCHEDULE,
  RESUMED,
  RESUMED_SCHEDULE,
  SIMPLE,
  SIMPLE_SCHEDULE,
} from '../vectors/rfc8448.ts';

const SUITE = SUITES[0]!;
const END_OF_EARLY_DATA = fromHex('05000000');

/** The message of a plaintext record. */
const bare = (record: string): Bytes => fromHex(record).subarray(5);

/** The content of a protected record: padding there is none, the type byte goes. */
function opened(secret: TrafficSecret, record: string, sequence = 0): Bytes {
  const { aead, iv } = secret.keys();
  const bytes = fromHex(record);
  iv[11]! ^= sequence;
  const end = aead.open(iv, bytes.slice(0, 5), bytes, 5, bytes.length);
  expect(end).toBeGreaterThan(0);
  return bytes.slice(5, end - 1);
}

interface Hellos {
  readonly clientHelloRecord: string;
  readonly clientPrivateKey: string;
  readonly serverHelloRecord: string;
}

describe.each(providers)('RFC 8448 on $name, by the schedule alone', (provider) => {
  const digest = (...messages: Uint8Array[]): Bytes =>
    provider.hash('sha256').update(concat(messages)).digest();

  /** The master has no other use than to make tickets, so it is known by one. */
  function expectMaster(master: ResumptionMaster, secret: string): void {
    const nonce = Uint8Array.of(1, 2, 3);
    const psk = expandLabel(provider, 'sha256', fromHex(secret), 'resumption', nonce, 32);
    expect(master.ticketPsk(nonce).expose()).toEqual(psk);
  }

  /** Up to the handshake secrets. */
  function agreed(trace: Hellos, psk?: Uint8Array): { schedule: HandshakeSchedule; hellos: Bytes } {
    const { extensions } = decodeServerHello(bare(trace.serverHelloRecord).subarray(4));
    const { share } = readChosenShare(extensions.get(ExtensionType.keyShare)!);
    const secret = provider.keyExchange('x25519', fromHex(trace.clientPrivateKey)).agree(share)!;
    const schedule = new EarlySchedule(provider, SUITE, psk).handshake(new Secret(secret));
    return { schedule, hellos: concat([bare(trace.clientHelloRecord), bare(trace.serverHelloRecord)]) };
  }

  it('§3: the ticket’s key follows from the whole handshake', () => {
    const { schedule, hellos } = agreed(SIMPLE);
    const client = schedule.clientTraffic(digest(hellos));
    const server = schedule.serverTraffic(digest(hellos));
    const flight = opened(server, SIMPLE.serverFlightRecord);
    const finished = opened(client, SIMPLE.clientFinishedRecord);
    const application = schedule.application();
    const ticket = opened(application.serverTraffic(digest(hellos, flight)), SIMPLE.newSessionTicketRecord);
    expect(hex(ticket)).toBe(SIMPLE.newSessionTicket);
    const master = application.resumption(digest(hellos, flight, finished));
    expectMaster(master, RESUMED_SCHEDULE.simpleResumptionMaster);
    // ticket_nonce is behind the lifetime and age_add, of 2 bytes, zero.
    expect(hex(ticket.subarray(12, 15))).toBe('020000');
    expect(hex(master.ticketPsk(ticket.subarray(13, 15)).expose())).toBe(RESUMED_SCHEDULE.psk);
    expect(hex(ticket)).toContain(RESUMED.ticket);
    expect(hex(client.dangerousExpose())).toBe(SIMPLE_SCHEDULE.clientHandshakeTraffic);
    master.destroy();
    expect(() => master.ticketPsk(new Uint8Array(2))).toThrow(/destroyed/);
  });

  it('§4: binder, early secrets and early data', () => {
    const hello = bare(RESUMED.clientHelloRecord);
    const truncated = hello.subarray(0, hello.length - 35); // one binder of 32 bytes with both its lengths
    const early = new EarlySchedule(provider, SUITE, fromHex(RESUMED_SCHEDULE.psk));
    expect(hex(digest(truncated))).toBe(RESUMED_SCHEDULE.binderHash);
    const binder = early.binder('resumption', digest(truncated));
    expect(hex(binder)).toBe(RESUMED_SCHEDULE.binder);
    expect(hex(hello.subarray(-32))).toBe(RESUMED_SCHEDULE.binder);
    expect(early.isBinder('resumption', digest(truncated), binder)).toBe(true);
    expect(early.isBinder('external', digest(truncated), binder)).toBe(false);
    expect(early.isBinder('resumption', digest(hello), binder)).toBe(false);
    expect(early.isBinder('resumption', digest(truncated), binder.subarray(1))).toBe(false);
    const traffic = early.clientEarlyTraffic(digest(hello));
    expect(hex(traffic.dangerousExpose())).toBe(RESUMED_SCHEDULE.clientEarlyTraffic);
    expect(hex(early.earlyExporter(digest(hello)).dangerousExpose())).toBe(RESUMED_SCHEDULE.earlyExporter);
    expect(hex(opened(traffic, RESUMED.earlyDataRecord))).toBe(RESUMED.earlyData);
    expect(opened(traffic, RESUMED.endOfEarlyDataRecord, 1)).toEqual(END_OF_EARLY_DATA);
    early.destroy();
    expect(() => early.clientEarlyTraffic(digest(hello))).toThrow(/destroyed/);
  });

  it('§4: the handshake behind the early data', () => {
    const { schedule, hellos } = agreed(RESUMED, fromHex(RESUMED_SCHEDULE.psk));
    const client = schedule.clientTraffic(digest(hellos));
    const server = schedule.serverTraffic(digest(hellos));
    expect(hex(client.dangerousExpose())).toBe(RESUMED_SCHEDULE.clientHandshakeTraffic);
    expect(hex(server.dangerousExpose())).toBe(RESUMED_SCHEDULE.serverHandshakeTraffic);
    const flight = opened(server, RESUMED.serverFlightRecord);
    const extensions = fromHex(RESUMED.encryptedExtensions);
    expect(hex(flight.subarray(0, extensions.length))).toBe(RESUMED.encryptedExtensions);
    expect(server.isFinished(digest(hellos, extensions), flight.subarray(extensions.length + 4))).toBe(true);
    const finished = opened(client, RESUMED.clientFinishedRecord);
    expect(client.isFinished(digest(hellos, flight, END_OF_EARLY_DATA), finished.subarray(4))).toBe(true);
    const application = schedule.application();
    const hash = digest(hellos, flight);
    expect(hex(application.clientTraffic(hash).dangerousExpose())).toBe(
      RESUMED_SCHEDULE.clientApplicationTraffic,
    );
    expect(hex(application.serverTraffic(hash).dangerousExpose())).toBe(
      RESUMED_SCHEDULE.serverApplicationTraffic,
    );
    expect(hex(application.exporter(hash).dangerousExpose())).toBe(RESUMED_SCHEDULE.exporter);
    expectMaster(
      application.resumption(digest(hellos, flight, END_OF_EARLY_DATA, finished)),
      RESUMED_SCHEDULE.resumptionMaster,
    );
  });

  it('§6: client certificates', () => {
    const { schedule, hellos } = agreed(CLIENT_AUTH);
    const client = schedule.clientTraffic(digest(hellos));
    const server = schedule.serverTraffic(digest(hellos));
    expect(hex(client.dangerousExpose())).toBe(CLIENT_AUTH_SCHEDULE.clientHandshakeTraffic);
    expect(hex(server.dangerousExpose())).toBe(CLIENT_AUTH_SCHEDULE.serverHandshakeTraffic);
    const flight = opened(server, CLIENT_AUTH.serverFlightRecord);
    expect(hex(flight)).toContain(CLIENT_AUTH.serverCertificate);
    const answer = opened(client, CLIENT_AUTH.clientFlightRecord);
    expect(hex(answer)).toContain(CLIENT_AUTH.clientCertificate);
    expect(hex(answer)).toContain(CLIENT_AUTH.clientSignature);
    const before = answer.subarray(0, answer.length - 36);
    expect(client.isFinished(digest(hellos, flight, before), answer.subarray(-32))).toBe(true);
    const application = schedule.application();
    const hash = digest(hellos, flight);
    expect(hex(application.clientTraffic(hash).dangerousExpose())).toBe(
      CLIENT_AUTH_SCHEDULE.clientApplicationTraffic,
    );
    expect(hex(application.serverTraffic(hash).dangerousExpose())).toBe(
      CLIENT_AUTH_SCHEDULE.serverApplicationTraffic,
    );
    expect(hex(application.exporter(hash).dangerousExpose())).toBe(CLIENT_AUTH_SCHEDULE.exporter);
    expectMaster(
      application.resumption(digest(hellos, flight, answer)),
      CLIENT_AUTH_SCHEDULE.resumptionMaster,
    );
  });
});
