/**
 * Every kind of handshake there is, each a conversation with data, key updates and an end: under the null provider,
 * so that one side's recorded bytes fit any fresh other side. What the tests of states, fragmentation and fuzzing
 * are generated from.
 */
import { concat, equalBytes, utf8 } from '../../src/base/bytes.ts';
import type { Op } from '../../src/tls/events.ts';
import { ClientContext, ServerContext, type TlsConfigInit } from '../../src/tls/index.ts';
import { encodeMessage, type HandshakeMessage } from '../../src/tls/messages/handshake.ts';
import { RETRY_RANDOM } from '../../src/tls/messages/serverHello.ts';
import type { Seam } from '../../src/tls/seam.ts';
import type { State } from '../../src/tls/state.ts';
import { nullCredential, nullProvider } from './nullProvider.ts';
import { DOMAIN, Pki } from './pki.ts';
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
}

export interface Seams {
  readonly client?: Seam;
  readonly server?: Seam;
}

const pki = new Pki();
const user = nullCredential(pki.user('alice'));
const server = nullCredential(pki.server());

const ticket = encodeMessage('new_session_ticket', (w) => w.u32(60).u32(0).u8(0).u16(1).u8(7).u16(0));

export const SCENARIOS: readonly Scenario[] = [
  { name: 'mutual', client: { alpn: ['a', 'b'] }, server: { alpn: ['b'] } },
  { name: 'server certificate only', server: { clientCertificate: 'none' } },
  {
    name: 'no client certificate at hand',
    client: { credentials: [] },
    server: { clientCertificate: 'request' },
  },
  { name: 'retry', server: { groups: ['secp256r1'] } },
  {
    name: 'retry with cookie',
    server: { groups: ['secp256r1'] },
    seams: { server: { retryCookie: utf8('cookie') } },
  },
  { name: 'retry, server certificate only', server: { groups: ['secp384r1'], clientCertificate: 'none' } },
  { name: 'a chosen context', chooses: true },
  { name: 'no compatibility mode', client: { compatibility: false } },
  { name: 'unwanted tickets', seams: { server: { afterHandshake: [ticket, ticket] } } },
];

/** Fresh ends, nothing moved: the same bytes every time. */
export function makePair(scenario: Scenario, seams: Seams = {}): Pair {
  const clientProvider = nullProvider({ seed: 1 });
  const serverProvider = nullProvider({ seed: 100 });
  const clientContext = new ClientContext(
    { verifier: pki.serverVerifier(clientProvider), credentials: [user], ...scenario.client },
    clientProvider,
  );
  const init = { verifier: pki.clientVerifier(serverProvider), credentials: [server], ...scenario.server };
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

/** A conversation: handshake, data, key updates asked for and not, an end by both. */
export function converse(pair: Pair): void {
  const { client, server } = pair;
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
  converse(pair);
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
function cause(by: HandshakeMessage | Op | undefined): string {
  if (by === undefined) return 'start';
  if ('kind' in by) return `op ${by.kind}`;
  if (by.name !== 'server_hello') return by.name;
  return equalBytes(by.body.subarray(2, 34), RETRY_RANDOM) ? 'hello_retry_request' : 'server_hello';
}
