/** Questions to the driver: answered later, twice, wrongly, too late, or never (research rule 8, lesson 35). */
import { describe, expect, it } from 'vitest';
import { type Bytes, utf8 } from '../../src/base/bytes.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import {
  ClientContext,
  type ContextChooser,
  type OpAnswer,
  type OpEvent,
  performOp,
  ServerContext,
  type TlsConnection,
  TlsError,
} from '../../src/tls/index.ts';
import { Policy } from '../../src/tls/policy.ts';
import { DOMAIN, Pki } from '../support/pki.ts';
import { End, fault, openPair, type Pair, pair, pump } from '../support/tls.ts';

/** Pulls events up to the next op. */
function nextOp(connection: TlsConnection): OpEvent {
  for (let event = connection.next(); event !== undefined; event = connection.next())
    if (event.type === 'op') return event;
  throw new Error('no op is pending');
}

function answer({ op }: OpEvent): OpAnswer {
  return performOp(op) as OpAnswer;
}

/** A pair whose server has read the ClientHello and waits for its signature. */
function atSignature(): Pair & { op: OpEvent } {
  const ends = pair();
  ends.server.connection.feed(ends.client.take());
  return { ...ends, op: nextOp(ends.server.connection) };
}

describe('an op', () => {
  it('carries what its answer needs', () => {
    const { op } = atSignature();
    expect(op.op).toMatchObject({ kind: 'sign', scheme: 'ed25519' });
    expect(op.op.kind === 'sign' && op.op.message.length).toBe(64 + 33 + 1 + 32);
  });

  it('holds input back: it is kept and processed behind the answer', () => {
    const { client, server } = pair({ server: { clientCertificate: 'request' } });
    server.connection.feed(client.take());
    server.settleAll();
    client.connection.feed(server.take());
    client.settleAll();
    client.connection.write(utf8('right behind Finished'));
    const flight = client.take();
    server.connection.feed(flight.slice(0, -20)); // all but the end of the data
    const op = nextOp(server.connection);
    expect(op.op.kind).toBe('verifyPeer');
    expect(server.connection.wantsInput).toBe(false);
    server.connection.feed(flight.slice(-20));
    expect(server.connection.next()).toBeUndefined();
    server.connection.settle(op.id, answer(op));
    server.settleAll();
    expect(server.story).toEqual(['op sign', 'handshake', 'data']);
    expect(server.connection.wantsInput).toBe(true);
  });

  it('may be answered long after; the flight waits whole in between', () => {
    const { client, server, op } = atSignature();
    const early = server.take(); // ServerHello and what is signed can leave already
    expect(early.length).toBeGreaterThan(100);
    client.connection.feed(early);
    client.settleAll();
    expect(client.story).toEqual([]);
    server.connection.settle(op.id, answer(op));
    pump({ client, server });
    expect([client.connection.phase, server.connection.phase]).toEqual(['open', 'open']);
  });

  it('answered twice, or never asked, throws and changes nothing', () => {
    const { client, server, op } = atSignature();
    const reply = answer(op);
    expect(() => server.connection.settle(op.id + 1, reply)).toThrow(/not pending/);
    expect(() => client.connection.settle(1, reply)).toThrow(/not pending/);
    server.connection.settle(op.id, reply);
    expect(() => server.connection.settle(op.id, reply)).toThrow(/not pending/);
    pump({ client, server });
    expect([client.connection.phase, server.connection.phase]).toEqual(['open', 'open']);
  });

  it('answered after the connection failed throws that failure', () => {
    const { server, op } = atSignature();
    server.connection.abort();
    expect(() => server.connection.settle(op.id, answer(op))).toThrow(server.error!);
  });

  const wrong: [string, unknown][] = [
    ['an Error', new Error('token was pulled out')],
    ['nothing', undefined],
    ['text', 'signature'],
    ['no bytes', new Uint8Array(0)],
    ['too many bytes', new Uint8Array(70_000)],
    ['a context', {}],
  ];
  for (const [what, reply] of wrong)
    it(`to sign, answered with ${what}, fails closed`, () => {
      const { client, server, op } = atSignature();
      server.connection.settle(op.id, reply as OpAnswer);
      expect(fault(server.error)).toBe('ERR_TLS_OP internal_error local');
      pump({ client, server });
      expect(fault(client.error)).toBe('ERR_TLS_ALERT internal_error peer');
    });

  it('to sign, answered with a wrong signature, is noticed by the peer', () => {
    const { client, server, op } = atSignature();
    server.connection.settle(op.id, new Uint8Array(64));
    pump({ client, server });
    expect(fault(client.error)).toBe('ERR_TLS_SIGNATURE decrypt_error local');
  });

  it('that is never answered ends by truncation only when the driver gives up', () => {
    const { server } = atSignature();
    server.connection.endOfInput();
    expect(server.connection.phase).toBe('handshake');
    server.connection.abort();
    expect(server.connection.phase).toBe('failed');
  });

  it('keeps an end of input until it is answered', () => {
    const { server, op } = atSignature();
    server.connection.endOfInput();
    server.connection.settle(op.id, answer(op));
    expect(fault(server.error)).toBe('ERR_TLS_TRUNCATED');
  });

  it('bounds what may be fed meanwhile', () => {
    const { server } = atSignature();
    for (let i = 0; i < 17; i++) server.connection.feed(new Uint8Array(65_536).fill(22));
    expect(fault(server.error)).toBe('ERR_TLS_INPUT_LIMIT internal_error local');
  });
});

describe('the choice of a context', () => {
  const pki = new Pki();
  const server = { verifier: pki.clientVerifier(), credentials: [pki.server()] };
  const good = new ServerContext(server, node);

  function outcome(choose: ContextChooser): string {
    const front = new ServerContext({ verifier: pki.clientVerifier() }, node, { choose });
    const client = new ClientContext(
      { verifier: pki.serverVerifier(), credentials: [pki.user('alice')] },
      node,
    );
    const ends = { client: new End(client.connect({ serverName: DOMAIN })), server: new End(front.accept()) };
    pump(ends);
    return ends.server.error ? fault(ends.server.error) : ends.server.connection.phase;
  }

  it('goes on with the context that is answered', () => {
    expect(outcome(() => good)).toBe('open');
  });

  it('takes its record size and key log over', () => {
    const lines: string[] = [];
    const chosen = new ServerContext(
      { ...server, maxPlaintext: 100, clientCertificate: 'none', keyLog: (line) => lines.push(line) },
      node,
    );
    const front = new ServerContext(server, node, { choose: () => chosen });
    const client = new ClientContext({ verifier: pki.serverVerifier() }, node);
    const ends = { client: new End(client.connect({ serverName: DOMAIN })), server: new End(front.accept()) };
    pump(ends);
    expect(lines.length).toBe(5);
    ends.server.connection.write(new Uint8Array(250));
    expect(ends.server.connection.takeOutput().length).toBe(3);
  });

  it('fails closed when it throws, or answers with something else', () => {
    expect(
      outcome(() => {
        throw new Error('no such name');
      }),
    ).toBe('ERR_TLS_OP internal_error local');
    expect(outcome((() => ({})) as unknown as ContextChooser)).toBe('ERR_TLS_OP internal_error local');
    expect(outcome((() => undefined) as unknown as ContextChooser)).toBe('ERR_TLS_OP internal_error local');
  });

  it('tells the client what the chooser wants it to be told, and of nothing else', () => {
    const saying = (error: TlsError): string =>
      outcome(() => {
        throw error;
      });
    const unknown = new TlsError('ERR_TLS_HANDSHAKE_FAILURE', 'nobody', { alert: 'unrecognized_name' });
    expect(saying(unknown)).toBe('ERR_TLS_HANDSHAKE_FAILURE unrecognized_name local');
    // Failures of the chooser's own making, which say nothing to this client
    expect(saying(new TlsError('ERR_TLS_CONFIG', 'suites: …'))).toBe('ERR_TLS_OP internal_error local');
    const elsewhere = new TlsError('ERR_TLS_ALERT', '…', { alert: 'unknown_ca', alertFrom: 'peer' });
    expect(saying(elsewhere)).toBe('ERR_TLS_OP internal_error local');
  });

  /** A server that has read a ClientHello and waits for its context. */
  function atChoice(): { front: End; op: OpEvent; client: End } {
    const context = new ServerContext(server, node, { choose: () => good });
    const client = new End(
      new ClientContext({ verifier: pki.serverVerifier(), credentials: [pki.user('alice')] }, node).connect({
        serverName: DOMAIN,
      }),
    );
    const front = new End(context.accept());
    front.connection.feed(client.take());
    return { front, op: nextOp(front.connection), client };
  }

  it('may be made long after, once', () => {
    const { front, op, client } = atChoice();
    expect(front.take().length).toBe(0); // nothing is said before it is known who speaks
    front.connection.settle(op.id, good);
    expect(() => front.connection.settle(op.id, good)).toThrow(/not pending/);
    pump({ client, server: front });
    expect([client.connection.phase, front.connection.phase]).toEqual(['open', 'open']);
  });

  it('made after the driver gave up changes nothing', () => {
    const { front, op } = atChoice();
    front.connection.abort('access_denied');
    const { error } = front.connection;
    expect(() => front.connection.settle(op.id, good)).toThrow(error);
    expect(front.connection.error).toBe(error);
  });

  it('is held to the policy of the context that was asked', () => {
    const policy = new Policy({ suites: ['TLS_AES_128_GCM_SHA256'] });
    const suites = ['TLS_AES_128_GCM_SHA256'] as const;
    const ask = (chosen: ServerContext): string => {
      const front = new ServerContext({ ...server, suites, policy }, node, { choose: () => chosen });
      const client = new ClientContext(
        { verifier: pki.serverVerifier(), credentials: [pki.user('alice')] },
        node,
      );
      const ends = {
        client: new End(client.connect({ serverName: DOMAIN })),
        server: new End(front.accept()),
      };
      pump(ends);
      return ends.server.error ? fault(ends.server.error) : ends.server.connection.phase;
    };
    expect(ask(good)).toBe('ERR_TLS_OP internal_error local');
    expect(ask(new ServerContext({ ...server, suites }, node))).toBe('open');
    expect(ask(new ServerContext({ ...server, suites, policy }, node))).toBe('open');
    const laxer = new Policy({ clientCertificate: 'request' });
    expect(ask(new ServerContext({ ...server, policy: laxer }, node))).toBe(
      'ERR_TLS_OP internal_error local',
    );
  });

  it('does not ask the chosen context to choose again', () => {
    const chooser = new ServerContext(server, node, {
      choose: () => {
        throw new Error('asked again');
      },
    });
    expect(outcome(() => chooser)).toBe('open');
  });
});

describe('a poisoned connection (P11)', () => {
  const ways: [string, (ends: Pair) => void, string][] = [
    ['by what the peer sent', ({ server }) => server.connection.feed(new Uint8Array(5).fill(255)), 'local'],
    [
      'by an alert of the peer',
      ({ server }) => server.connection.feed(Uint8Array.of(21, 3, 3, 0, 2, 2, 40)),
      'peer',
    ],
    ['by the end of its carrier', ({ server }) => server.connection.endOfInput(), 'none'],
    ['by its own side', ({ server }) => server.connection.abort(), 'local'],
  ];
  for (const [how, spoil, from] of ways)
    for (const phase of ['handshake', 'open'] as const)
      it(`${how}, in the phase ${phase}, gives every call one and the same error`, () => {
        const ends = phase === 'open' ? openPair() : pair();
        spoil(ends);
        const { connection } = ends.server;
        const { error } = connection;
        expect(connection.phase).toBe('failed');
        if (phase === 'handshake') expect(error!.alertFrom ?? 'none').toBe(from);
        const calls: (() => unknown)[] = [
          () => connection.write(utf8('x')),
          () => connection.settle(1, new Uint8Array(1)),
          () => connection.updateKeys(),
          () => connection.exportKey('label'),
        ];
        for (const call of calls) expect(call).toThrow(error);
        const said = connection.takeOutput();
        for (const quiet of [
          () => connection.feed(utf8('x')),
          () => connection.endOfInput(),
          () => connection.closeWrite(),
          () => connection.abort('access_denied'),
        ])
          quiet();
        expect(connection.error).toBe(error);
        expect(connection.takeOutput()).toEqual([]);
        expect(said.length).toBeLessThanOrEqual(phase === 'open' ? 2 : 1);
        expect(connection.wantsInput).toBe(false);
        const events = ends.server.connection;
        expect(events.next()).toMatchObject({ type: 'error', error });
        expect(events.next()).toBeUndefined();
      });
});

describe('re-entrant calls', () => {
  it('from the key log throw inside it and fail the handshake', () => {
    const box: { connection?: TlsConnection } = {};
    const ends = pair({
      client: {
        keyLog: () => {
          box.connection?.feed(utf8('x'));
        },
      },
    });
    box.connection = ends.client.connection;
    pump(ends);
    expect(ends.client.connection.phase).toBe('failed');
    expect(ends.client.error?.message).toContain('inside its own call');
  });

  it('of settle inside the loop over next are fine', () => {
    expect(openPair().client.connection.phase).toBe('open');
  });
});

describe('signers that answer by promise', () => {
  it('work like any other', async () => {
    const pki = new Pki();
    const { chain, signer } = pki.server();
    const later = {
      kind: signer.kind,
      spki: signer.spki,
      schemes: signer.schemes,
      sign: async (...args: Parameters<typeof signer.sign>): Promise<Bytes> => signer.sign(...args),
    };
    const ends = pair({ server: { credentials: [{ chain, signer: later }] }, pki });
    ends.server.connection.feed(ends.client.take());
    const op = nextOp(ends.server.connection);
    ends.server.connection.settle(op.id, await performOp(op.op));
    pump(ends);
    expect(ends.server.connection.phase).toBe('open');
  });
});
