/** What a connection still sends once it has failed: an alert at most, and nothing in the clear that had a key. */
import { describe, expect, it } from 'vitest';
import { concat } from '../../src/base/bytes.ts';
import { World } from '../support/resumption.ts';
import { type End, fault, openPair, pair, pump } from '../support/tls.ts';
import { splitRecords } from '../support/tlsScript.ts';

const APPLICATION_DATA = 23;

/** Content types on the wire of what waits. */
const waiting = ({ connection }: End): number[] =>
  splitRecords(concat(connection.takeOutput())).map((record) => record[0]!);

/** A server whose tickets are made and not yet taken. */
function withTickets(): { client: End; server: End } {
  const ends = new World().pair();
  const { client, server } = ends;
  server.connection.feed(client.take());
  server.settleAll();
  client.connection.feed(server.take());
  client.settleAll();
  server.connection.feed(client.take());
  server.settleAll();
  expect(server.connection.phase).toBe('open');
  return ends;
}

describe('after a failure', () => {
  it('tickets that wait do not leave in the clear, when the carrier ends', () => {
    const { server } = withTickets();
    server.connection.endOfInput();
    expect(server.error?.code).toBe('ERR_TLS_TRUNCATED');
    expect(waiting(server).filter((type) => type !== APPLICATION_DATA)).toEqual([]);
  });

  it('tickets that wait do not leave in the clear, when the peer sends an alert', () => {
    const { client, server } = withTickets();
    client.connection.abort();
    server.connection.feed(client.take());
    expect(server.error?.code).toBe('ERR_TLS_ALERT');
    expect(waiting(server).filter((type) => type !== APPLICATION_DATA)).toEqual([]);
  });

  it('records that were made before are sent all the same', () => {
    const { server } = openPair();
    server.connection.write(new Uint8Array(100));
    server.connection.endOfInput();
    expect(waiting(server)).toEqual([APPLICATION_DATA]);
  });

  it('a hello that nobody took is gone', () => {
    const { client } = pair();
    client.connection.endOfInput();
    expect(client.connection.outputSize).toBe(0);
    expect(client.connection.takeOutput()).toEqual([]);
  });
});

describe('abort', () => {
  it('from inside a call of the connection fails it once, with one alert', () => {
    let client: End | undefined;
    const keyLog = (): void => client?.connection.abort('user_canceled');
    const ends = pair({ client: { keyLog } });
    client = ends.client;
    pump(ends);
    expect(client.story.filter((type) => type === 'error' || type === 'handshake')).toEqual(['error']);
    expect(client.connection.phase).toBe('failed');
    expect(fault(client.error)).toBe('ERR_TLS_STATE');
  });
});
