/**
 * Every message in every state (lessons 1, 2, 4): a table of what is accepted where, and a peer that puts each message in
 * front of, in place of and behind each other one.
 */
import { describe, expect, it } from 'vitest';
import type { Bytes } from '../../src/base/bytes.ts';
import { encodeCertificate } from '../../src/tls/messages/certificate.ts';
import { HANDSHAKE_NAMES, type HandshakeName } from '../../src/tls/messages/codePoints.ts';
import { encodeMessage } from '../../src/tls/messages/handshake.ts';
import { encodeKeyUpdate } from '../../src/tls/messages/keyUpdate.ts';
import type { Seam } from '../../src/tls/seam.ts';
import { fault, openPair, type Pair, type PairOptions, pair, pump } from '../support/tls.ts';

type Role = 'client' | 'server';

/** A well-formed message of each kind, captured from a real handshake where there is one. */
const samples = new Map<HandshakeName, Bytes>();
const capture: Seam = {
  rewrite: (name, message) => {
    samples.set(name, message);
    return [message];
  },
};
openPair({ clientSeam: capture, serverSeam: capture });
samples.set('key_update', encodeKeyUpdate(false));
samples.set(
  'end_of_early_data',
  encodeMessage('end_of_early_data', () => {}),
);
samples.set(
  'new_session_ticket',
  encodeMessage('new_session_ticket', (w) => w.u32(60).u32(0).u8(0).u16(1).u8(7).u16(0)),
);

/** In front of which outgoing message the victim is in which state, and what it accepts there. */
interface Moment {
  readonly victim: Role;
  readonly state: string;
  readonly before: HandshakeName;
  readonly accepts: readonly HandshakeName[];
  readonly options?: PairOptions;
  /** Which of several messages of that name. */
  readonly nth?: number;
}

const moments: readonly Moment[] = [
  { victim: 'server', state: 'ExpectClientHello', before: 'client_hello', accepts: ['client_hello'] },
  {
    victim: 'server',
    state: 'ExpectRetriedClientHello',
    before: 'client_hello',
    nth: 2,
    accepts: ['client_hello'],
    options: { server: { groups: ['secp256r1'] } },
  },
  { victim: 'server', state: 'ExpectCertificate', before: 'certificate', accepts: ['certificate'] },
  {
    victim: 'server',
    state: 'ExpectCertificateVerify',
    before: 'certificate_verify',
    accepts: ['certificate_verify'],
  },
  { victim: 'server', state: 'ExpectFinished', before: 'finished', accepts: ['finished'] },
  { victim: 'server', state: 'Traffic', before: 'key_update', accepts: ['key_update'] },
  { victim: 'client', state: 'ExpectServerHello', before: 'server_hello', accepts: ['server_hello'] },
  {
    victim: 'client',
    state: 'ExpectServerHello',
    before: 'server_hello',
    nth: 2,
    accepts: ['server_hello'],
    options: { server: { groups: ['secp256r1'] } },
  },
  {
    victim: 'client',
    state: 'ExpectEncryptedExtensions',
    before: 'encrypted_extensions',
    accepts: ['encrypted_extensions'],
  },
  {
    victim: 'client',
    state: 'ExpectCertificateOrRequest',
    before: 'certificate_request',
    accepts: ['certificate_request', 'certificate'],
  },
  { victim: 'client', state: 'ExpectCertificate', before: 'certificate', accepts: ['certificate'] },
  {
    victim: 'client',
    state: 'ExpectCertificateVerify',
    before: 'certificate_verify',
    accepts: ['certificate_verify'],
  },
  { victim: 'client', state: 'ExpectFinished', before: 'finished', accepts: ['finished'] },
  {
    victim: 'client',
    state: 'Traffic',
    before: 'key_update',
    accepts: ['new_session_ticket', 'key_update'],
  },
];

/** Runs a handshake, and a KeyUpdate, with one side's messages rewritten at one moment. */
function play(moment: Moment, change: (message: Bytes) => readonly Bytes[]): Pair {
  let count = 0;
  const seam: Seam = {
    rewrite: (name, message) =>
      name === moment.before && ++count === (moment.nth ?? 1) ? change(message) : [message],
  };
  const seams = moment.victim === 'server' ? { clientSeam: seam } : { serverSeam: seam };
  const ends = pair({ ...moment.options, ...seams });
  pump(ends);
  const attacker = moment.victim === 'server' ? ends.client : ends.server;
  if (moment.before === 'key_update') {
    attacker.connection.updateKeys();
    pump(ends);
  }
  return ends;
}

for (const moment of moments) {
  const { victim, state, accepts } = moment;
  describe(`${victim} in ${state}${moment.nth === 2 ? ' after a retry' : ''}`, () => {
    for (const name of HANDSHAKE_NAMES) {
      if (accepts.includes(name)) continue;
      it(`refuses ${name}`, () => {
        const ends = play(moment, (message) => [samples.get(name)!, message]);
        expect(fault(ends[victim].error)).toBe('ERR_TLS_UNEXPECTED_MESSAGE unexpected_message local');
        expect(ends[victim].error?.message).toBe(`got ${name} in ${state}, wanted ${accepts.join(' or ')}`);
        const other = victim === 'client' ? 'server' : 'client';
        expect(fault(ends[other].error)).toBe('ERR_TLS_ALERT unexpected_message peer');
      });
    }

    if (state !== 'Traffic')
      it('refuses two copies of the message it waits for', () => {
        const ends = play(moment, (message) => [message, message]);
        expect(fault(ends[victim].error)).toBe('ERR_TLS_UNEXPECTED_MESSAGE unexpected_message local');
      });

    it('refuses a message of unknown type', () => {
      const ends = play(moment, (message) => [Uint8Array.of(99, 0, 0, 0), message]);
      expect(fault(ends[victim].error)).toBe('ERR_TLS_UNEXPECTED_MESSAGE unexpected_message local');
    });

    it('never opens when the message it waits for is left out (lesson 1)', () => {
      if (state === 'Traffic' || state === 'ExpectCertificateOrRequest') return;
      const ends = play(moment, () => []);
      expect(ends[victim].connection.negotiated).toBeUndefined();
      expect(ends[victim].connection.phase).not.toBe('open');
    });
  });
}

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
    const empty = encodeCertificate([]);
    const ends = pair({
      server: { clientCertificate: 'request' },
      clientSeam: { rewrite: (name, message) => [name === 'certificate' ? empty : message] },
    });
    pump(ends);
    expect(fault(ends.server.error)).toBe('ERR_TLS_UNEXPECTED_MESSAGE unexpected_message local');
  });

  it('client refuses an empty Certificate from a server with decode_error', () => {
    const empty = encodeCertificate([]);
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
