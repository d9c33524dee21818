/** What follows close_notify is not TLS: the engine gives it back as it came (a carrier may go on without TLS). */
import { expect, test } from 'vitest';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { every, openPair, whole } from '../support/tls.ts';

const CLEAR = utf8('200 in the clear again\r\n');

test('bytes behind close_notify in its chunk come back untouched, whatever they look like', () => {
  for (const rest of [CLEAR, Uint8Array.of(23, 3, 3, 0xff, 0xff), new Uint8Array(40_000)]) {
    const { client, server } = openPair();
    client.connection.write(utf8('the last words'));
    client.connection.closeWrite();
    server.connection.feed(concat([client.take(), rest]));
    server.settleAll();
    expect(server.story.slice(-2)).toEqual(['data', 'end']);
    expect(concat(server.connection.takeRest()!)).toEqual(rest);
    expect(server.connection.takeRest()).toEqual([]);
    expect(server.connection.phase).toBe('open'); // our direction is
  }
});

test('however the stream was cut, what the driver keeps behind close_notify begins at the same byte', () => {
  for (const cut of [whole, every(1), every(7)]) {
    const { client, server } = openPair();
    client.connection.write(utf8('x'));
    client.connection.closeWrite();
    const kept: Uint8Array[] = [];
    for (const chunk of cut(concat([client.take(), CLEAR]))) {
      if (server.connection.takeRest() !== undefined) kept.push(chunk);
      else {
        server.connection.feed(chunk);
        kept.push(...(server.connection.takeRest() ?? []));
      }
    }
    expect(concat(kept)).toEqual(CLEAR);
  }
});

test('there is no rest before close_notify, nor after a failure', () => {
  const { client, server } = openPair();
  client.connection.write(utf8('x'));
  server.connection.feed(client.take());
  expect(server.connection.takeRest()).toBeUndefined();
  server.connection.feed(Uint8Array.of(23, 3, 3, 0, 17, ...new Uint8Array(17), ...CLEAR));
  expect(server.error?.code).toBe('ERR_TLS_RECORD_MAC');
  expect(server.connection.takeRest()).toBeUndefined();
});
