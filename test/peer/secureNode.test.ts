/** Our secure link and Node's own TLS (OpenSSL) over real TCP: ends, halves and cuts as each side sees them. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import * as tls from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { formatPem } from '../../src/identity/index.ts';
import { secure } from '../../src/peer/secure.ts';
import type { SecureLink } from '../../src/peer/secureLink.ts';
import { ClientContext, ServerContext } from '../../src/tls/index.ts';
import { connectTcp, listenTcp } from '../../src/transport/node.node.ts';
import { pemOf } from '../support/nodeTls.ts';
import { DOMAIN, Pki } from '../support/pki.ts';
import { firstWrong, numbered, pause, Recorder } from '../transport/recorder.ts';

const pki = new Pki('p256', provider, Date.now());
const ca = pki.roots.map(({ der }) => formatPem('CERTIFICATE', der));
const ours = new ClientContext(
  { verifier: pki.serverVerifier(), credentials: [pki.user('alice', 'p256')] },
  provider,
);
const ourServer = new ServerContext(
  { verifier: pki.clientVerifier(), credentials: [pki.server('p256')] },
  provider,
);

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});

interface Ends {
  readonly link: Recorder;
  readonly node: tls.TLSSocket;
}

async function weDialNode(): Promise<Ends> {
  const server = tls.createServer({
    ...pemOf(pki.server('p256')),
    ca,
    requestCert: true,
    minVersion: 'TLSv1.3',
    allowHalfOpen: true,
  } as tls.TlsOptions);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'secureConnection');
  const tcp = await connectTcp({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  const link = await secure(tcp, ours, { serverName: DOMAIN });
  const [node] = (await accepted) as [tls.TLSSocket];
  await pause(2); // `end` in the very turn of the handshake sends no close_notify: OpenSSL is still writing tickets
  opened.push(link, { close: () => node.destroy() }, { close: () => void server.close() });
  return { link: Recorder.start(link), node };
}

async function nodeDialsUs(): Promise<Ends> {
  let accepted!: (link: Promise<SecureLink>) => void;
  const link = new Promise<SecureLink>((resolve) => (accepted = resolve));
  const listener = await listenTcp({ host: '127.0.0.1', port: 0 }, (tcp) => accepted(secure(tcp, ourServer)));
  const node = tls.connect({
    host: '127.0.0.1',
    port: listener.port,
    servername: DOMAIN,
    ca,
    ...pemOf(pki.user('bob', 'p256')),
    allowHalfOpen: true,
  } as tls.ConnectionOptions);
  await once(node, 'secureConnect');
  opened.push({ close: () => node.destroy() }, listener);
  return { link: Recorder.start(await link), node };
}

for (const [name, connect] of Object.entries({
  'we dial node:tls': weDialNode,
  'node:tls dials us': nodeDialsUs,
}))
  describe(name, () => {
    test('a megabyte each way, then our half-close, then theirs', async () => {
      const { link, node } = await connect();
      node.on('error', () => {});
      const chunks: Buffer[] = [];
      node.on('data', (chunk: Buffer) => chunks.push(chunk));
      for (let at = 0; at < 1_000_000; at += 10_000) link.link.send(numbered(10_000, at));
      link.link.closeWrite();
      await once(node, 'end');
      expect(firstWrong(new Uint8Array(Buffer.concat(chunks)))).toBe(-1);
      node.end(numbered(1_000_000));
      await link.until('closed', () => link.isClosed);
      expect(firstWrong(link.bytes)).toBe(-1);
      expect(link.received).toBe(1_000_000);
      expect(link.closes).toEqual([undefined]);
    });

    test('their end first: it is an end, and our direction goes on', async () => {
      const { link, node } = await connect();
      node.on('error', () => {});
      node.end('theirs');
      await link.until('end', () => link.ended);
      expect(link.text).toBe('theirs');
      expect(link.isClosed).toBe(false);
      link.link.close();
      await link.until('closed', () => link.isClosed);
    });

    test('their connection cut without close_notify is never an end', async () => {
      const { link, node } = await connect();
      node.on('error', () => {});
      node.write('hello');
      await link.until('hello', () => link.text === 'hello');
      node.destroy(); // Node sends no close_notify then
      await link.until('closed', () => link.isClosed);
      expect(link.ended).toBe(false);
      expect(['ERR_TLS_TRUNCATED', 'ERR_LINK_RESET']).toContain(link.closes[0]?.code);
    });

    test('close is answered, and both ends are done', async () => {
      const { link, node } = await connect();
      node.on('data', () => {});
      node.on('end', () => node.end());
      link.link.send(utf8('bye'));
      link.link.close();
      const closed = once(node, 'close');
      await link.until('closed', () => link.isClosed);
      expect(link.closes).toEqual([undefined]);
      await closed;
    });

    test('our reset is an error at their end', async () => {
      const { link, node } = await connect();
      node.resume();
      const failed = once(node, 'error');
      link.link.reset();
      const [error] = await failed;
      expect((error as { code: string }).code).toBe('ECONNRESET');
      await link.until('closed', () => link.isClosed);
    });

    test('a reader of theirs that stops holds us back', async () => {
      const { link, node } = await connect();
      node.on('error', () => {});
      node.pause();
      let sent = 0;
      while (sent < 64_000_000 && link.link.send(numbered(64_000))) {
        sent += 64_000;
        await pause(0);
      }
      expect(sent).toBeLessThan(64_000_000);
      node.resume();
      await link.until('drain', () => link.drains > 0);
    });
  });
