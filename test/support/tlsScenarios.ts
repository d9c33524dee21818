/**
 * Every kind of handshake there is, each a conversation with data, key updates and an end: under the null provider,
 * so that one side's recorded bytes fit any fresh other side. What the tests of states, fragmentation and fuzzing
 * are generated from.
 */
import { concat, equalBytes, utf8 } from '../../src/base/bytes.ts';
import { peerId, Refusal, verifyRawKey } from '../../src/identity/index.ts';
import type { CertificateCodec } from '../../src/tls/compression.ts';
import type { Op } from '../../src/tls/events.ts';
import {
  ClientContext,
  type Credential,
  type PeerVerifier,
  ServerContext,
  type TlsConfigInit,
} from '../../src/tls/index.ts';
import { encodeMessage, type HandshakeMessage } from '../../src/tls/messages/handshake.ts';
import { RETRY_RANDOM } from '../../src/tls/messages/serverHello.ts';
import { ExternalPsk } from '../../src/tls/psk.ts';
import type { Seam } from '../../src/tls/seam.ts';
import type { State } from '../../src/tls/state.ts';
import type { TicketIssuer } from '../../src/tls/tickets/issuer.ts';
import { TicketKeys } from '../../src/tls/tickets/ticketKeys.ts';
import { VirtualClock } from './clock.ts';
import { nullCredential, nullProvider } from './nullProvider.ts';
import { DOMAIN, Pki } from './pki.ts';
import { RememberedSessions, RememberedTicket } from './rememberedSession.ts';
import { keep } from './resumption.ts';
import { End, type Pair, pump } from './tls.ts';

export type Role = 'client' | 'server';

export const other = (role: Role): Role => (role === 'client' ? 'server' : 'client');

export interface Scenario {
  readonly name: string;
  readonly client?: Partial<TlsConfigInit>;
  readonly server?: Partial<TlsConfigInit>;
  readonly seams?: Seams;
  /** The server picks its context by the ClientHello. */
  readonly chooses?: boolean;
  /** A connection of the same contexts goes before and leaves a session, kept by the server or sealed in its tickets. */
  readonly resumes?: 'kept' | 'sealed';
  /** What the server does otherwise by the time of the conversation. */
  readonly later?: Partial<TlsConfigInit>;
  /** The client does not wait with its first words, and the server answers them as early as it may. */
  readonly early?: boolean;
}

export interface Seams {
  readonly client?: Seam;
  readonly server?: Seam;
}

const pki = new Pki();
const user = nullCredential(pki.user('alice'));
const server = nullCredential(pki.server());

/** With an OCSP response and a list of one timestamp, of which only the frame is read here. */
const stapled = (credential: Credential): Credential => ({
  ...credential,
  ocsp: Uint8Array.of(0x30, 3, 10, 1, 0),
  scts: Uint8Array.of(0, 5, 0, 3, 1, 2, 3),
});

const rawKey = ({ signer }: Credential): Credential => ({ chain: [], signer });
const byKey = ({ signer }: Credential): PeerVerifier => ({
  verify: ({ rawKey: shown }) => verifyRawKey(shown!, { kind: 'key', id: peerId(signer.spki) }),
});

/** Compresses by a byte in front. */
const codec: CertificateCodec = {
  name: 'prefix',
  id: 2,
  compress: (message) => concat([Uint8Array.of(0xc0), message]),
  decompress: (compressed) => {
    if (compressed[0] !== 0xc0) throw new Error('not compressed');
    return new Uint8Array(compressed.subarray(1));
  },
};

const external = (role: Role): ExternalPsk => {
  const names = { client: 'alice', server: 'printer' } as const;
  const parties = { local: names[role], remote: names[other(role)] };
  return new ExternalPsk({
    identity: utf8('key 1'),
    key: utf8('a key of thirty-two bytes, known!'),
    parties,
  });
};

const ticket = encodeMessage('new_session_ticket', (w) => w.u32(60).u32(0).u8(0).u16(1).u8(7).u16(0));

/** Gives no tickets and knows none. */
const FORGETFUL: TicketIssuer = { onceOnly: true, issue: () => undefined, redeem: () => undefined };

const EARLY = { earlyData: 1000 } as const;

export const SCENARIOS: readonly Scenario[] = [
  { name: 'mutual', client: { alpn: ['a', 'b'] }, server: { alpn: ['b'] } },
  { name: 'server certificate only', server: { clientCertificate: 'none' } },
  {
    name: 'no client certificate at hand',
    client: { credentials: [] },
    server: { clientCertificate: 'request' },
  },
  {
    name: 'the client chooses its certificate',
    client: {
      credentials: [],
      chooseCredential: ({ schemes }) => (schemes.includes('ed25519') ? user : undefined),
    },
  },
  { name: 'retry', server: { groups: ['secp256r1'] } },
  { name: 'retry with cookie', server: { groups: ['secp256r1'], retryCookie: true } },
  { name: 'retry for the cookie only', server: { retryCookie: true } },
  { name: 'retry, server certificate only', server: { groups: ['secp384r1'], clientCertificate: 'none' } },
  { name: 'a chosen context', chooses: true },
  { name: 'no compatibility mode', client: { compatibility: false } },
  { name: 'unwanted tickets', seams: { server: { afterHandshake: [ticket, ticket] } } },
  {
    name: 'small padded records, every question asked',
    client: {
      recordSizeLimit: 200,
      requestStatus: true,
      padTo: 32,
      certificateSchemes: ['ed25519'],
      credentials: [stapled(user)],
    },
    server: {
      recordSizeLimit: 100,
      requestStatus: true,
      certificateAuthorities: [Uint8Array.of(0x30, 0)],
      credentials: [stapled(server)],
    },
  },
  { name: 'compressed certificates', client: { compression: [codec] }, server: { compression: [codec] } },
  {
    name: 'raw public keys',
    client: { certificateTypes: ['rawPublicKey'], credentials: [rawKey(user)], verifier: byKey(server) },
    server: {
      certificateTypes: ['rawPublicKey', 'x509'],
      credentials: [rawKey(server)],
      verifier: byKey(user),
    },
  },
  {
    name: 'an external key',
    client: { credentials: [], externalPsks: [external('client')] },
    server: { externalPsks: [external('server')] },
  },
  {
    name: 'an external key after a retry',
    client: { credentials: [], externalPsks: [external('client')] },
    server: { externalPsks: [external('server')], groups: ['secp256r1'] },
  },
  { name: 'resumption', resumes: 'kept' },
  { name: 'resumption by a sealed ticket, with a chosen context', resumes: 'sealed', chooses: true },
  { name: 'resumption after a retry', resumes: 'kept', server: { groups: ['secp256r1'] } },
  {
    name: 'resumption of nobody',
    resumes: 'kept',
    client: { credentials: [] },
    server: { clientCertificate: 'request' },
  },
  { name: 'a ticket nobody knows', resumes: 'kept', later: { resumption: FORGETFUL } },
  { name: 'early data', resumes: 'kept', early: true, client: EARLY, server: EARLY },
  {
    name: 'early data offered and not sent',
    resumes: 'kept',
    client: { ...EARLY, alpn: ['a'] },
    server: { ...EARLY, alpn: ['a'] },
  },
  {
    name: 'early data nobody takes',
    resumes: 'kept',
    early: true,
    client: EARLY,
    server: EARLY,
    later: { earlyData: 0 },
  },
  {
    name: 'early data before a retry',
    resumes: 'kept',
    early: true,
    client: EARLY,
    server: EARLY,
    later: { groups: ['secp256r1'] },
  },
];

/** Refuses whoever comes back, and nobody else: it may have a newer certificate. */
const revoking: PeerVerifier = {
  verify: (presented) =>
    presented.resumed
      ? new Refusal('ERR_IDENTITY_DENIED', 'revoked since')
      : pki.clientVerifier(nullProvider()).verify(presented),
};

type Feature = Partial<Omit<Scenario, 'name'>> & { readonly name: string };

/** Of each row one, in every way: where one feature leads to the next in an order that no scenario above has. */
const FEATURES: readonly (readonly Feature[])[] = [
  [{ name: '' }, { name: 'chosen', chooses: true }],
  [{ name: '' }, { name: 'retry', later: { groups: ['secp256r1'] } }],
  [{ name: '' }, { name: 'compressed', client: { compression: [codec] }, server: { compression: [codec] } }],
  [
    { name: '' },
    { name: 'one-sided', server: { clientCertificate: 'none' } },
    { name: 'nothing shown', client: { credentials: [] }, server: { clientCertificate: 'request' } },
    { name: 'choice', client: { credentials: [], chooseCredential: () => user } },
    {
      name: 'choice of nothing',
      client: { credentials: [], chooseCredential: () => undefined },
      server: { clientCertificate: 'request' },
    },
  ],
  [
    { name: '' },
    { name: 'session', resumes: 'kept' },
    { name: 'early', resumes: 'kept', early: true, client: EARLY, server: EARLY },
    { name: 'session lost', resumes: 'kept', later: { resumption: FORGETFUL } },
    { name: 'session revoked', resumes: 'kept', later: { verifier: revoking } },
    {
      name: 'key',
      client: { externalPsks: [external('client')] },
      server: { externalPsks: [external('server')] },
    },
    {
      name: 'session lost and key',
      resumes: 'kept',
      client: { externalPsks: [external('client')] },
      server: { externalPsks: [external('server')] },
      later: { resumption: FORGETFUL },
    },
  ],
];

export function combinations(): readonly Scenario[] {
  return FEATURES.reduce<readonly Scenario[]>(
    (scenarios, features) =>
      scenarios.flatMap((scenario) => features.map((feature) => merged(scenario, feature))),
    [{ name: 'all of' }],
  );
}

function merged(a: Scenario, b: Feature): Scenario {
  return {
    ...a,
    ...b,
    name: `${a.name} ${b.name}`.trim(),
    client: { ...a.client, ...b.client },
    server: { ...a.server, ...b.server },
    later: { ...a.later, ...b.later },
  };
}

/** What an earlier connection left behind. */
interface Before {
  readonly tickets: RememberedTicket;
  readonly sessions: RememberedSessions;
}

const before = new Map<Scenario, Before>();

/** Fresh ends, nothing moved: the same bytes every time. */
export function makePair(scenario: Scenario, seams: Seams = {}): Pair {
  if (scenario.resumes === undefined) return meet(scenario, undefined, scenario.later ?? {}, seams);
  const known = before.get(scenario);
  if (known !== undefined) return meet(scenario, known, scenario.later ?? {}, seams);
  const left = { tickets: new RememberedTicket(), sessions: new RememberedSessions(undefined) };
  const first = meet(scenario, left, {}, {});
  pump(first);
  keep(first.client);
  before.set(scenario, left);
  return makePair(scenario, seams);
}

function meet(
  scenario: Scenario,
  left: Before | undefined,
  change: Partial<TlsConfigInit>,
  seams: Seams,
): Pair {
  const [clientProvider, serverProvider] = [nullProvider({ seed: 1 }), nullProvider({ seed: 100 })];
  const clientContext = new ClientContext(
    {
      verifier: pki.serverVerifier(clientProvider),
      credentials: [user],
      ...(left && { tickets: left.tickets }),
      ...scenario.client,
    },
    clientProvider,
  );
  const resumption =
    scenario.resumes === 'sealed'
      ? new TicketKeys(serverProvider, { clock: new VirtualClock() })
      : before.has(scenario)
        ? new RememberedSessions(left?.sessions)
        : left?.sessions;
  const init = {
    verifier: pki.clientVerifier(serverProvider),
    credentials: [server],
    ...(resumption && { resumption }),
    ...scenario.server,
    ...change,
  };
  const plain = new ServerContext(init, serverProvider);
  const serverContext =
    scenario.chooses === true ? new ServerContext(init, serverProvider, { choose: () => plain }) : plain;
  return {
    client: new End(
      clientContext.connectThrough({ serverName: DOMAIN }, { ...scenario.seams?.client, ...seams.client }),
    ),
    server: new End(serverContext.acceptThrough({ ...scenario.seams?.server, ...seams.server })),
  };
}

/** A conversation: early words, handshake, data, key updates asked for and not, an end by both. */
export function converse({ early = false }: Scenario, pair: Pair): void {
  const { client, server } = pair;
  if (early) {
    client.connection.writeEarly(utf8('ea'));
    client.connection.writeEarly(utf8('rly'));
    server.connection.feed(client.take());
    server.settleAll();
    if (server.story.includes('earlyData')) server.connection.writeEarly(utf8('answer'));
  }
  pump(pair);
  client.connection.write(utf8('one'));
  client.connection.updateKeys(true);
  client.connection.write(new Uint8Array(600).fill(1));
  pump(pair);
  server.connection.write(utf8('two'));
  server.connection.updateKeys();
  server.connection.write(utf8('three'));
  pump(pair);
  server.connection.closeWrite();
  client.connection.closeWrite();
  pump(pair);
}

export interface Recording {
  readonly scenario: Scenario;
  /** What each side put on the wire. */
  readonly sent: Readonly<Record<Role, Uint8Array>>;
}

export function record(scenario: Scenario): Recording {
  const pair = makePair(scenario);
  converse(scenario, pair);
  for (const end of [pair.client, pair.server])
    if (end.error !== undefined) throw new Error(`"${scenario.name}" fails: ${end.error.message}`);
  return { scenario, sent: { client: concat(pair.client.sent), server: concat(pair.server.sent) } };
}

/** A step of the state machine as the seam tells it. */
export interface Step {
  readonly from: State | undefined;
  readonly by: string;
  readonly to: State;
}

/** A fresh end alone, to be fed what its peer sent in a recording; knows its state. */
export class Victim {
  readonly end: End;
  readonly role: Role;
  readonly steps: Step[] = [];

  constructor(scenario: Scenario, role: Role) {
    this.role = role;
    const observe: Seam['observe'] = (from, by, to) => this.steps.push({ from, by: cause(by), to });
    this.end = makePair(scenario, { [role]: { observe } })[role];
    this.end.settleAll();
    this.end.take();
  }

  get state(): State {
    return this.steps.at(-1)!.to;
  }

  /** The way here: what tells two moments in the same state apart. */
  get path(): string {
    return this.steps.map(({ by, to }) => `${by}>${to.name}`).join(' ');
  }

  /** Feeds, answers ops at once, and drops the output. */
  feed(...chunks: readonly Uint8Array[]): this {
    for (const chunk of chunks) {
      this.end.connection.feed(new Uint8Array(chunk));
      this.end.settleAll();
      this.end.take();
    }
    return this;
  }
}

/** What made a step, by its name in the RFC; a HelloRetryRequest is one, though it comes as a ServerHello. */
export function cause(by: HandshakeMessage | Op | undefined): string {
  if (by === undefined) return 'start';
  if ('kind' in by) return `op ${by.kind}`;
  if (by.name !== 'server_hello') return by.name;
  return equalBytes(by.body.subarray(2, 34), RETRY_RANDOM) ? 'hello_retry_request' : 'server_hello';
}
