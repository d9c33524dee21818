/** Every hook of a handshake × every way it can go wrong: the connection dies, and nothing else happens (T30, P9, E3). */
import { describe, expect, test } from 'vitest';
import { provider } from '../../src/crypto/node.node.ts';
import type { Signer } from '../../src/crypto/provider.ts';
import type { SecureLink } from '../../src/peer/secureLink.ts';
import { type Credential, ServerContext } from '../../src/tls/index.ts';
import { memoryPair } from '../../src/transport/index.ts';
import { VirtualClock } from '../support/clock.ts';
import { pause } from '../transport/recorder.ts';
import {
  asClient,
  asServer,
  clientConfig,
  clientContext,
  serverConfig,
  serverContext,
} from './securePair.ts';

type Hook = () => never;

/** The side whose hook misbehaves, the other as it should be. */
interface Setup {
  readonly role: 'client' | 'server';
  readonly start: (hook: Hook) => Partial<{
    readonly client: ReturnType<typeof clientContext>;
    readonly server: ServerContext;
  }>;
}

function signingWith(hook: Hook, [credential]: readonly Credential[] = []): Credential[] {
  const { kind, spki, schemes } = credential!.signer;
  const signer: Signer = { kind, spki, schemes, sign: hook };
  return [{ ...credential!, signer }];
}

const HOOKS: Record<string, Setup> = {
  'the verifier of a client': {
    role: 'client',
    start: (hook) => ({ client: clientContext({ verifier: { verify: hook } }) }),
  },
  'the verifier of a server': {
    role: 'server',
    start: (hook) => ({ server: serverContext({ verifier: { verify: hook } }) }),
  },
  'the signer of a client': {
    role: 'client',
    start: (hook) => ({
      client: clientContext({ credentials: signingWith(hook, clientConfig.credentials) }),
    }),
  },
  'the signer of a server': {
    role: 'server',
    start: (hook) => ({
      server: serverContext({ credentials: signingWith(hook, serverConfig.credentials) }),
    }),
  },
  'the choice of a context': {
    role: 'server',
    start: (hook) => ({ server: new ServerContext(serverConfig, provider, { choose: hook }) }),
  },
  'the choice of a credential': {
    role: 'client',
    start: (hook) => ({ client: clientContext({ chooseCredential: hook }) }),
  },
};

const oops = new Error('the token was pulled out');
const FAULTS: Record<string, [hook: () => unknown, code: string]> = {
  throws: [
    () => {
      throw oops;
    },
    'ERR_TLS_OP',
  ],
  'throws something that is no error': [
    () => {
      throw 'oops';
    },
    'ERR_TLS_OP',
  ],
  rejects: [async () => Promise.reject(oops), 'ERR_TLS_OP'],
  'answers with nonsense': [() => ({ yes: true }), 'ERR_TLS_OP'],
  'answers with nonsense later': [async () => true, 'ERR_TLS_OP'],
  'answers with null': [() => null, 'ERR_TLS_OP'],
  hangs: [() => new Promise(() => {}), 'ERR_SECURE_TIMEOUT'],
};

async function outcome(link: Promise<SecureLink>): Promise<unknown> {
  return link.catch((error: unknown) => error);
}

for (const [what, { role, start }] of Object.entries(HOOKS))
  describe(`${what} that`, () => {
    for (const [fault, [hook, code]] of Object.entries(FAULTS))
      test(`${fault}: ${code}`, async () => {
        const clock = new VirtualClock();
        const [a, b] = memoryPair();
        const contexts = start(hook as Hook);
        const ends = {
          client: outcome(asClient(a, role === 'client' ? { clock } : {}, contexts.client)),
          server: outcome(asServer(b, role === 'server' ? { clock } : {}, contexts.server)),
        };
        await pause(5);
        clock.advance(10_000);
        expect(await ends[role]).toMatchObject({ code });
        // The other side never ends up with an open link: refused at once, or cut as soon as it knows.
        const other = await ends[role === 'client' ? 'server' : 'client'];
        if (!(other instanceof Error)) await pause(5);
        const failure = other instanceof Error ? other : (other as SecureLink).connection.error;
        expect(failure).toMatchObject({ alertFrom: 'peer' });
      });

    test('answers after the deadline changes nothing any more', async () => {
      const clock = new VirtualClock();
      const [a, b] = memoryPair();
      let answer!: (value: unknown) => void;
      const contexts = start((() => new Promise((resolve) => (answer = resolve))) as unknown as Hook);
      const ends = {
        client: outcome(asClient(a, { clock, timeout: 100 }, contexts.client)),
        server: outcome(asServer(b, { clock, timeout: 100 }, contexts.server)),
      };
      await pause(5);
      clock.advance(100);
      const error = await ends[role];
      expect(error).toMatchObject({ code: 'ERR_SECURE_TIMEOUT' });
      answer(new Uint8Array(64));
      await pause(5);
      expect(await ends[role]).toBe(error);
    });
  });
