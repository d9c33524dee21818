/** `secureClient` and `secureServer`: the suite over every carrier, and what is their own. */
import { afterEach, describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { type Acceptor, secureClient, secureServer } from '../../src/peer/secureEndpoints.node.ts';
import type { SecuredLink } from '../../src/peer/secureTypes.ts';
import { ClientContext, ServerContext } from '../../src/tls/index.ts';
import { type LinkInfo, memoryPair } from '../../src/transport/index.ts';
import { CARRIERS } from '../support/carriers.ts';
import { DOMAIN, Pki } from '../support/pki.ts';
import { pause, Recorder } from '../transport/recorder.ts';
import { clientContext, secureSuite, serverContext } from './secureSuite.ts';

const KINDS: Readonly<Record<string, LinkInfo['kind']>> = {
  'unix socket': 'unix',
  subprocess: 'process',
  pty: 'process',
};
for (const [name, carrier] of Object.entries(CARRIERS))
  secureSuite(name, KINDS[name] ?? (name as LinkInfo['kind']), carrier);

let cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of cleanup.reverse()) await each();
  cleanup = [];
});

describe('secureClient and secureServer', () => {
  test('nest: TLS in TLS, with an identity of its own in each layer', async () => {
    const inner = new Pki('ed25519', provider, Date.now(), 'inner.test');
    const innerServer = new ServerContext(
      { verifier: inner.clientVerifier(), credentials: [inner.server()] },
      provider,
    );
    const innerClient = new ClientContext(
      { verifier: inner.serverVerifier(), credentials: [inner.user('ivy')] },
      provider,
    );
    const accepted: SecuredLink[] = [];
    const listen = secureServer(secureServer('tcp://127.0.0.1:0', { context: serverContext() }), {
      context: innerServer,
    });
    const listener = await listen((link) => accepted.push(link));
    cleanup.push(() => listener.close());
    const dial = secureClient(
      secureClient(listener.address, { context: clientContext(), serverName: DOMAIN }),
      { context: innerClient, serverName: 'inner.test' },
    );
    const link = await dial();
    const a = Recorder.start(link);
    while (accepted.length === 0) await pause(1);
    const b = Recorder.start(accepted[0]!);
    a.link.send(utf8('wrapped twice'));
    await b.until('data', () => b.text === 'wrapped twice');
    expect(accepted[0]!.negotiated.peer?.leaf?.names.email).toEqual(['ivy@inner.test']);
    expect(link.info.via).toMatchObject({ kind: 'tls', via: { kind: 'tcp' } });
    a.link.close();
    b.link.close();
    await a.until('closed', () => a.isClosed);
    expect(a.closes).toEqual([undefined]);
  });

  test('a dial that is aborted rejects with the reason, before and in the handshake', async () => {
    const controller = new AbortController();
    const dial = secureClient(() => Promise.resolve(memoryPair()[0]), { context: clientContext() });
    const dialling = dial({ signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 20);
    await expect(dialling).rejects.toThrow('enough');
    await expect(dial({ signal: controller.signal })).rejects.toThrow('enough');
  });

  test('a link that is there serves one dial', async () => {
    const dial = secureClient(memoryPair()[0], { context: clientContext(), timeout: 20 });
    await expect(dial()).rejects.toMatchObject({ code: 'ERR_SECURE_TIMEOUT' });
    await expect(dial()).rejects.toMatchObject({ code: 'ERR_LINK_CLOSED' });
  });

  test('no more handshakes than the limit at a time: one too many is reset, and told', async () => {
    const failures: Error[] = [];
    const pairs = [memoryPair(), memoryPair(), memoryPair()];
    const acceptor: Acceptor = (onLink) => {
      for (const [, far] of pairs) onLink(far);
      const close = (): Promise<void> => Promise.resolve();
      return Promise.resolve({ port: 0, address: '', close, [Symbol.asyncDispose]: close });
    };
    const served: SecuredLink[] = [];
    const options = { context: serverContext(), maxHandshakes: 2, onFailure: (e: Error) => failures.push(e) };
    await secureServer(acceptor, options)((link) => served.push(link));
    const cut = Recorder.start(pairs[2]![0]);
    await cut.until('closed', () => cut.isClosed);
    expect(failures).toMatchObject([{ code: 'ERR_LINK_REFUSED' }]);
    for (const [near] of pairs.slice(0, 2))
      await secureClient(near, { context: clientContext(), serverName: DOMAIN })();
    while (served.length < 2) await pause(1);
  });

  test.each(['tcp://nowhere', 'wss://127.0.0.1:0', 'carrier pigeon'])(
    '%s is no address to listen on',
    async (address) => {
      const listen = secureServer(address, { context: serverContext() });
      await expect(listen(() => {})).rejects.toMatchObject({ code: 'ERR_LINK_ADDRESS' });
    },
  );
});
