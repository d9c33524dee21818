/** Endpoints in words: what is understood, what is written again, and what is said of the rest. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Carrier,
  carrierHost,
  formatCarrier,
  parseCarrier,
  showCarrier,
} from '../../src/cli/carriers.ts';
import { CliError } from '../../src/cli/errors.ts';

const parse = (text: string): Carrier => parseCarrier(text, { what: 'address' });
const parseServed = (text: string): Carrier =>
  parseCarrier(text, { what: 'address', defaultHost: '127.0.0.1', lowestPort: 0 });

describe('an endpoint string', () => {
  const CANONICAL: readonly (readonly [string, Carrier])[] = [
    ['tls+tcp://example.org:443', { kind: 'tcp', host: 'example.org', port: 443 }],
    ['tls+tcp://[::1]:4433', { kind: 'tcp', host: '::1', port: 4433 }],
    ['tls+unix:/run/service.sock', { kind: 'unix', path: '/run/service.sock' }],
    ['tls+unix:service.sock', { kind: 'unix', path: 'service.sock' }],
    ['tls+ws://example.org/', { kind: 'websocket', url: 'ws://example.org/' }],
    ['tls+wss://[::1]:8443/a?b=c', { kind: 'websocket', url: 'wss://[::1]:8443/a?b=c' }],
    ['tls+stdio:', { kind: 'stdio' }],
    ['tls+exec:ssh host q2q tls serve stdio:', { kind: 'exec', command: 'ssh host q2q tls serve stdio:' }],
  ];

  test.each(CANONICAL)('%s is read, and written as it was', (text, carrier) => {
    expect(parse(text)).toEqual(carrier);
    expect(formatCarrier(parse(text))).toBe(text);
  });

  test.each(CANONICAL)('%s may leave the "tls+" out', (text, carrier) => {
    const short = text.slice('tls+'.length);
    expect(parse(short)).toEqual(carrier);
    expect(formatCarrier(parse(short))).toBe(text);
  });

  test.each([
    ['example.org:443', 'tls+tcp://example.org:443'],
    ['[::1]:443', 'tls+tcp://[::1]:443'],
    ['unix:///run/service.sock', 'tls+unix:/run/service.sock'],
    ['ws://EXAMPLE.org:80', 'tls+ws://example.org/'],
  ])('%s is short for %s', (text, whole) => {
    expect(formatCarrier(parse(text))).toBe(whole);
  });

  test.each([
    ['4433', 'tls+tcp://127.0.0.1:4433'],
    [':0', 'tls+tcp://127.0.0.1:0'],
    ['tcp://0.0.0.0:0', 'tls+tcp://0.0.0.0:0'],
  ])('%s is enough where it is listened on', (text, whole) => {
    expect(formatCarrier(parseServed(text))).toBe(whole);
  });

  test('comes back from whatever carrier it was written for', () => {
    const host = fc.oneof(fc.domain(), fc.ipV4(), fc.constant('::1'));
    const path = fc.string({ minLength: 1 }).filter((text) => !/^\/\/|\0/.test(text));
    const carrier: fc.Arbitrary<Carrier> = fc.oneof(
      fc.record({ kind: fc.constant('tcp' as const), host, port: fc.integer({ min: 1, max: 65_535 }) }),
      fc.record({ kind: fc.constant('unix' as const), path }),
      fc
        .webUrl({ validSchemes: ['ws', 'wss'], withQueryParameters: true })
        .map((url) => ({ kind: 'websocket' as const, url: new URL(url).href })),
      fc.constant({ kind: 'stdio' as const }),
      fc
        .string({ minLength: 1, unit: 'grapheme' })
        .filter((text) => text.trim() !== '')
        .map((command) => ({ kind: 'exec' as const, command })),
    );
    fc.assert(
      fc.property(carrier, (given) => {
        const text = formatCarrier(given);
        expect(parse(text)).toEqual(given);
        expect(formatCarrier(parse(text))).toBe(text);
      }),
    );
  });

  test('is a usage error or a carrier, whatever it is', () => {
    const schemes = fc.constantFrom(
      '',
      'tls+',
      'tcp:',
      'tcp://',
      'unix:',
      'ws://',
      'wss:',
      'stdio:',
      'exec:',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(schemes, fc.string())), (parts) => {
        try {
          const carrier = parseServed(parts.join(''));
          expect(parseServed(formatCarrier(carrier))).toEqual(carrier);
        } catch (error) {
          expect(error).toBeInstanceOf(CliError);
          expect(error).toMatchObject({ code: 'ERR_CLI_USAGE' });
        }
      }),
    );
  });
});

describe('what is no endpoint is told with what was wanted', () => {
  const KNOWN =
    'HOST:PORT, tcp://HOST:PORT, unix:PATH, ws://HOST/PATH, wss://HOST/PATH, stdio: or exec:COMMAND';

  test.each([
    ['', 'wanted HOST:PORT'],
    ['example.org', 'wanted HOST:PORT'],
    ['example.org:70000', 'wanted HOST:PORT'],
    ['tcp:example.org:443', 'wanted tcp://HOST:PORT'],
    ['tcp://example.org', 'wanted tcp://HOST:PORT'],
    ['tcp://me@example.org:443', 'wanted tcp://HOST:PORT'],
    ['tls+tcp://example.org:443/path', 'wanted tcp://HOST:PORT'],
    ['unix:', 'wanted unix: and a path'],
    ['unix://', 'wanted unix: and a path'],
    ['ws:example.org', 'wanted ws://HOST[:PORT]/PATH'],
    ['ws:///path', 'wanted ws://HOST[:PORT]/PATH'],
    ['wss://example.org/#top', 'wanted ws://HOST[:PORT]/PATH'],
    ['stdio:1', 'wanted stdio: and nothing behind it'],
    ['tls+stdio:///', 'wanted stdio: and nothing behind it'],
    ['exec:  ', 'wanted exec: and a command'],
  ])('%s', (text, message) => {
    expect(() => parse(text)).toThrow(
      expect.objectContaining({ message: `address is "${text}", ${message}`, hint: `known: ${KNOWN}` }),
    );
  });

  test.each([
    'https://example.org',
    'quic://example.org:443',
    'tls+example.org:443',
    'TCP://example.org:443',
  ])('%s, a scheme that there is not', (text) => {
    expect(() => parse(text)).toThrow(
      expect.objectContaining({ message: `address is "${text}", wanted ${KNOWN}` }),
    );
  });

  test('two layers of TLS', () => {
    expect(() => parse('tls+tls+tcp://example.org:443')).toThrow(/wanted one layer of TLS/);
  });

  test('a password, which is not said again', () => {
    expect(() => parse('wss://me:secret@example.org/')).toThrow(
      /^address has a user name or password in it$/,
    );
  });
});

test('the name that a server should bear is the host, where the carrier leads to one', () => {
  const hosts = [
    'a.test:443',
    'tcp://[::1]:443',
    'ws://b.test:8/x',
    'wss://[::1]/',
    'unix:/x',
    'stdio:',
    'exec:x',
  ];
  expect(hosts.map((text) => carrierHost(parse(text)))).toEqual([
    ...['a.test', '::1', 'b.test', '::1'],
    ...[undefined, undefined, undefined],
  ]);
});

test('reports call TCP by host and port, and the rest by its carrier', () => {
  expect(showCarrier(parse('tls+tcp://a.test:443'))).toBe('a.test:443');
  expect(showCarrier(parse('tls+unix:/x'))).toBe('unix:/x');
});
