import { once } from 'node:events';
import { createServer } from 'node:https';
import { expect, test } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { DomainAuthority, formatPem, writePrivateKey } from '../../src/identity/index.ts';
import { connectAny, type Link, listenWebSocket } from '../../src/transport/node.node.ts';
import { pause, Recorder } from './recorder.ts';

async function serve(host: string): Promise<{ url: string; ca: string; links: Link[]; close: () => void }> {
  const now = Date.now();
  const domain = DomainAuthority.create(provider, host, now, 'p256');
  const key = provider.generateKey('p256');
  const chain = domain.issueServer({ spki: key.spki, now });
  const server = createServer({
    key: writePrivateKey(key),
    cert: chain.map((der) => formatPem('CERTIFICATE', der)).join(''),
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  const links: Link[] = [];
  const { address, port } = await listenWebSocket({ server }, (link) => links.push(link));
  expect(address).toMatch(/^wss:/);
  const close = (): void => {
    for (const link of links) link.reset();
    server.close();
  };
  return { url: `wss://localhost:${port}/`, ca: formatPem('CERTIFICATE', domain.root.der), links, close };
}

test('wss: a server whose certificate has the name and a known root is reached', async () => {
  const { url, ca, links, close } = await serve('localhost');
  const client = Recorder.start(await connectAny(url, { ca }));
  while (links.length === 0) await pause(1);
  const server = Recorder.start(links[0]!);
  client.link.send(utf8('hello'));
  await server.until('hello', () => server.text === 'hello');
  close();
});

test('wss: an unknown root, and a certificate for another name, are refused', async () => {
  const { url, close } = await serve('localhost');
  const other = await serve('example.test');
  const certificate = { code: 'ERR_LINK_CERTIFICATE', fault: 'config' };
  await expect(connectAny(url)).rejects.toMatchObject(certificate);
  await expect(connectAny(url, { ca: other.ca })).rejects.toMatchObject(certificate);
  await expect(connectAny(other.url, { ca: other.ca })).rejects.toMatchObject(certificate);
  close();
  other.close();
});
