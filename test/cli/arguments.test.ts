import { describe, expect, test } from 'vitest';
import {
  formatHostPort,
  parseCount,
  parseDuration,
  parseHostPort,
  parseList,
} from '../../src/cli/arguments.ts';
import { expectedServer } from '../../src/cli/certificates.ts';

describe('host and port', () => {
  test('are read from names, IPv4 and bracketed IPv6 addresses', () => {
    expect(parseHostPort('example.org:443', 'address')).toEqual({ host: 'example.org', port: 443 });
    expect(parseHostPort('[::1]:8080', 'address')).toEqual({ host: '::1', port: 8080 });
    expect(formatHostPort({ host: '::1', port: 8080 })).toBe('[::1]:8080');
  });

  test('may be a port alone where there is a host to fall back on', () => {
    expect(parseHostPort('8080', '--port', '127.0.0.1')).toEqual({ host: '127.0.0.1', port: 8080 });
    expect(parseHostPort(':8080', '--port', '127.0.0.1')).toEqual({ host: '127.0.0.1', port: 8080 });
    expect(parseHostPort('0', '--port', '127.0.0.1', 0).port).toBe(0);
  });

  test.each([
    '',
    'example.org',
    '8080',
    'a:b',
    'a:0',
    'a:65536',
    '[a]:1',
    '::1:80',
    'a:1:2',
    'a:-1',
    'a:1e3',
  ])('are refused in "%s"', (text) => {
    expect(() => parseHostPort(text, 'address')).toThrow(/address is/);
  });
});

describe('counts', () => {
  test('are whole and not zero', () => {
    expect(parseCount('8192', '--links-per-address')).toBe(8_192);
    for (const text of ['', '0', '-1', '1.5', '1e3', 'many', '9999999999'])
      expect(() => parseCount(text, '--links-per-address'), text).toThrow(/--links-per-address is/);
  });
});

describe('lengths of time', () => {
  test('have a unit', () => {
    expect(parseDuration('90s', '--timeout')).toBe(90_000);
    expect(parseDuration('1h', '--timeout')).toBe(3_600_000);
  });

  test.each(['', '5', '0s', '-1s', '1w', '1.5h', '1h30m'])('are refused in "%s"', (text) => {
    expect(() => parseDuration(text, '--timeout')).toThrow(/wanted a length of time/);
  });
});

test('lists have no empty parts', () => {
  expect(parseList('a, b,c', '--alpn')).toEqual(['a', 'b', 'c']);
  expect(() => parseList('a,,b', '--alpn')).toThrow(/commas/);
});

test('whom a TLS client expects is a host in A-labels or an address', () => {
  expect(expectedServer('B\u00fccher.Example.')).toEqual({ dns: 'xn--bcher-kva.example' });
  expect(expectedServer('127.0.0.1')).toEqual({ ip: '127.0.0.1' });
  expect(() => expectedServer('a b')).toThrow(expect.objectContaining({ code: 'ERR_IDENTITY_ADDRESS' }));
});
