import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { base64 } from '../../src/base/base64.ts';
import { fetchWellKnown } from '../../src/peer/wellKnown.ts';

const { signal } = new AbortController();
let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

async function serving(answer: RequestListener): Promise<string> {
  server = createServer(answer);
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const json =
  (body: unknown, status = 200): RequestListener =>
  (_, response) =>
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));

const GOOD = {
  version: 1,
  domain: 'Example.org',
  bundle: base64(Uint8Array.of(1, 2, 3)),
  relays: ['wss://relay.example.org'],
  more: 'passed over',
};

describe("a domain's document", () => {
  test('is read from its well-known place', async () => {
    const paths: (string | undefined)[] = [];
    const origin = await serving((request, response) => {
      paths.push(request.url);
      json(GOOD)(request, response);
    });
    expect(await fetchWellKnown(origin, { signal })).toEqual({
      domain: 'example.org',
      bundle: Uint8Array.of(1, 2, 3),
      relays: ['wss://relay.example.org'],
    });
    expect(paths).toEqual(['/.well-known/q2q']);
  });

  test.each<[string, RequestListener, RegExp]>([
    ['missing', json('', 404), /answered 404/],
    [
      'elsewhere',
      (_, response) => response.writeHead(302, { Location: 'http://127.0.0.1:1/' }).end(),
      /tells nothing/,
    ],
    ['no JSON', json('<html>'), /tells nothing/],
    ['null', json('null'), /version 1/],
    ['of a version to come', json({ ...GOOD, version: 2 }), /version 1/],
    ['without a bundle', json({ ...GOOD, bundle: undefined }), /lacks/],
    ['with a bundle that is no base64', json({ ...GOOD, bundle: '!' }), /tells nothing/],
    ['of no domain', json({ ...GOOD, domain: 'a b' }), /domain/],
    ['with relays that are none', json({ ...GOOD, relays: [1] }), /relays/],
    ['endless', json({ ...GOOD, more: 'x'.repeat(140_000) }), /larger than 131072/],
    [
      'cut off',
      (_, response) =>
        response.writeHead(200, { 'Content-Length': 100 }).write('{"ver', () => response.destroy()),
      /tells nothing/,
    ],
  ])('that is %s is none', async (_, answer, why) => {
    const origin = await serving(answer);
    await expect(fetchWellKnown(origin, { signal })).rejects.toThrow(why);
  });

  test('at nobody is unreachable, and the caller may give up', async () => {
    await expect(fetchWellKnown('http://127.0.0.1:1', { signal })).rejects.toMatchObject({
      code: 'ERR_PEER_NO_TRUST',
    });
    const origin = await serving(() => {});
    const controller = new AbortController();
    const asked = fetchWellKnown(origin, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(asked).rejects.toThrow('enough');
  });
});
