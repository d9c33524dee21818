/** The engine in a realm that has the language and nothing of a platform (P1, P3): no clock, no network, no process, no crypto. */
import vm from 'node:vm';
import { build } from 'esbuild';
import { expect, it } from 'vitest';

/** A mutual handshake, a retry, data both ways, a KeyUpdate and the end of both directions. */
const PROGRAM = `
  import { nobleProvider } from './crypto/noble.ts';
  import { DomainAuthority, verifyClient, verifyServer } from './identity/index.ts';
  import { ClientContext, performOp, ServerContext } from './tls/index.ts';

  globalThis.play = (seed) => {
    let state = seed;
    const byte = () => (state = (state * 1103515245 + 12345) % 2147483648) >> 16;
    const provider = nobleProvider({ random: (length) => Uint8Array.from({ length }, byte) });
    const now = 1795262400000;
    const domain = DomainAuthority.create(provider, 'example.org', now);
    const [a, b] = [provider.generateKey('ed25519'), provider.generateKey('ed25519')];
    const client = new ClientContext({
      credentials: [{ chain: domain.issueUser({ spki: a.spki, user: 'alice', now }), signer: a }],
      verifier: { verify: ({ chain, serverName }) => verifyServer(chain, { dns: serverName }, [domain.root], now, provider) },
    }, provider).connect({ serverName: 'example.org' });
    const server = new ServerContext({
      credentials: [{ chain: domain.issueServer({ spki: b.spki, now }), signer: b }],
      verifier: { verify: ({ chain }) => verifyClient(chain, [domain.root], now, provider) },
      groups: ['secp256r1'],
    }, provider).accept();

    const told = [];
    const wire = [];
    const turn = (name, connection, arrived) => {
      for (const bytes of arrived) connection.feed(bytes);
      for (let event = connection.next(); event; event = connection.next()) {
        if (event.type === 'op') connection.settle(event.id, performOp(event.op));
        else told.push(name + ' ' + event.type + (event.type === 'data' ? ' ' + String.fromCharCode(...event.bytes) : ''));
        if (event.type === 'error') throw event.error;
      }
      const output = connection.takeOutput();
      for (const bytes of output) wire.push(...bytes);
      return output;
    };
    const talk = () => {
      for (let up = turn('client', client, []); up.length > 0; ) up = turn('client', client, turn('server', server, up));
    };
    const text = (s) => Uint8Array.from(s, (c) => c.charCodeAt(0));
    talk();
    client.write(text('hello'));
    client.updateKeys(true);
    client.write(text('again'));
    talk();
    server.write(text('goodbye'));
    server.closeWrite();
    talk(turn('client', client, server.takeOutput()));
    client.closeWrite();
    talk();
    return JSON.stringify({ told, wire: wire.join(), retried: client.negotiated.helloRetried, user: server.negotiated.peer.leaf.names.email[0] });
  };
`;

/** No clock and no chance; and the only names of a platform that are used, the Encoding standard's, made of the language. */
const BARE = `
  const Calendar = Date;
  globalThis.Date = class extends Calendar {
    constructor(...given) {
      if (given.length === 0) throw new Error('somebody looked at the clock');
      super(...given);
    }
    static now() { throw new Error('somebody looked at the clock'); }
  };
  Math.random = undefined;
  delete globalThis.console;
  globalThis.TextEncoder = class {
    encode(text) { return Uint8Array.from(unescape(encodeURIComponent(text)), (c) => c.charCodeAt(0)); }
  };
  globalThis.TextDecoder = class {
    decode(bytes) { return decodeURIComponent(escape(String.fromCharCode(...bytes))); }
  };
`;

it('connects in a realm with nothing but the language, and again the same from the same random numbers', async () => {
  const { outputFiles } = await build({
    stdin: { contents: PROGRAM, resolveDir: new URL('../../src', import.meta.url).pathname, loader: 'js' },
    bundle: true,
    write: false,
    platform: 'neutral',
    format: 'iife',
    conditions: ['q2q-src'],
    logLevel: 'error',
  });
  const realm = (): ((seed: number) => string) => {
    const context = vm.createContext(Object.create(null));
    const names = vm.runInContext('Object.getOwnPropertyNames(globalThis).join()', context) as string;
    expect(names).not.toMatch(/\b(crypto|process|require|setTimeout|performance|fetch|Buffer|URL|Text\w+)\b/);
    vm.runInContext(BARE, context);
    vm.runInContext(outputFiles[0]!.text, context);
    return vm.runInContext('play', context) as (seed: number) => string;
  };
  const first = realm()(1);
  expect(JSON.parse(first)).toMatchObject({
    retried: true,
    user: 'alice@example.org',
    told: [
      'client handshake',
      'server handshake',
      'server data hello',
      'server data again',
      'client data goodbye',
      'client end',
      'server end',
    ],
  });
  expect(realm()(1) === first).toBe(true);
  expect(realm()(2) === first).toBe(false);
});
