import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { provider } from '../../src/crypto/node.node.ts';
import {
  formatAddress,
  groupPeerId,
  IdentityError,
  parseAddress,
  parseDomain,
  parseProtocol,
  peerId,
} from '../../src/identity/index.ts';

const ID = peerId(provider.generateKey('ed25519').spki);

describe('addresses', () => {
  test.each([
    ['bob@example.org', { kind: 'name', user: 'bob', domain: 'example.org' }],
    ['bob@example.org/chat/1', { kind: 'name', user: 'bob', domain: 'example.org', protocol: 'chat/1' }],
    ['Bob@EXAMPLE.Org/Chat/1', { kind: 'name', user: 'bob', domain: 'example.org', protocol: 'Chat/1' }],
    ['a.b_c+d-1@xn--bcher-kva.example', { kind: 'name', user: 'a.b_c+d-1', domain: 'xn--bcher-kva.example' }],
    ['bob@b\u00fccher.example', { kind: 'name', user: 'bob', domain: 'xn--bcher-kva.example' }],
    [
      'bob@B\u00dcCHER.Example/x',
      { kind: 'name', user: 'bob', domain: 'xn--bcher-kva.example', protocol: 'x' },
    ],
    ['bob@bu\u0308cher.example', { kind: 'name', user: 'bob', domain: 'xn--bcher-kva.example' }],
    ['bob@fa\u00df.example', { kind: 'name', user: 'bob', domain: 'xn--fa-hia.example' }],
    ['bob@example\u3002org', { kind: 'name', user: 'bob', domain: 'example.org' }],
    ['bob@\uff45xample\uff0eorg', { kind: 'name', user: 'bob', domain: 'example.org' }],
    ['bob@\u212aelvin.example', { kind: 'name', user: 'bob', domain: 'kelvin.example' }],
    // Look-alikes are other names, and look so: this is a Cyrillic letter among Latin ones.
    ['bob@ex\u0430mple.org', { kind: 'name', user: 'bob', domain: 'xn--exmple-4nf.org' }],
    ['bob@localhost/x', { kind: 'name', user: 'bob', domain: 'localhost', protocol: 'x' }],
    [`key:${ID}/chat/1`, { kind: 'key', id: ID, protocol: 'chat/1' }],
    [`KEY:${groupPeerId(ID).toUpperCase()}`, { kind: 'key', id: ID }],
  ])('reads %s', (text, expected) => {
    expect(parseAddress(text)).toEqual(expected);
  });

  test('have one canonical text that reads back to the same value', () => {
    const user = fc.stringMatching(/^[a-z0-9._+-]{1,64}$/);
    const domain = fc.domain().filter((name) => !name.includes('--'));
    const protocol = fc.stringMatching(/^[a-pr-z][a-z0-9.]{0,20}(\/[a-z0-9]{1,8}){0,3}$/);
    fc.assert(
      fc.property(user, domain, fc.option(protocol), (u, host, name) => {
        const address = parseAddress(`${u}@${host}${name === null ? '' : `/${name}`}`);
        expect(parseAddress(formatAddress(address))).toEqual(address);
      }),
    );
  });

  test.each([
    ['nothing', ''],
    ['a name alone', 'bob'],
    ['a domain alone', '@example.org'],
    ['a user alone', 'bob@'],
    ['two at signs', 'bob@evil.example@example.org'],
    ['a path as user', '../etc@example.org'],
    ['a path as domain', 'bob@..'],
    ['a slash for the user', '/bob@example.org'],
    ['a backslash', 'bob\\x@example.org'],
    ['a NUL', 'bob\0@example.org'],
    ['a NUL in the domain', 'bob@example.org\0.evil.example'],
    ['a line break', 'bob@example.org\nX: y'],
    ['white space around', ' bob@example.org'],
    ['a quoted local part', '"bob smith"@example.org'],
    ['a Cyrillic look-alike user', 'b\u043eb@example.org'],
    ['full-width letters', '\uff42ob@example.org'],
    ['the Kelvin sign', 'bo\u212a@example.org'],
    ['a dotless i', 'b\u0131b@example.org'],
    ['a soft hyphen', 'bob@exam\u00adple.org'],
    ['a right-to-left override', 'bob@\u202egro.elpmaxe'],
    ['a zero-width joiner', 'bo\u200db@example.org'],
    ['a final ideographic full stop', 'bob@example.org\u3002'],
    ['a zero-width space in the domain', 'bob@exam\u200bple.org'],
    ['a zero-width joiner in the domain', 'bob@exam\u200dple.org'],
    ['a word joiner', 'bob@exam\u2060ple.org'],
    ['a variation selector', 'bob@\u2764\ufe0f.example'],
    ['a byte order mark', 'bob@\ufeffexample.org'],
    ['a lone surrogate', 'bob@\ud800.example'],
    ['a private character', 'bob@\ue000.example'],
    ['a combining mark at the front', 'bob@\u0308a.example'],
    ['a full-width address', 'bob@\uff11\uff12\uff17.0.0.1'],
    ['a full-width hexadecimal address', 'bob@\uff10x7f.1'],
    ['a full-width percent sign', 'bob@ex\uff0561mple.org'],
    ['a full-width slash', 'bob@ex\uff0fample.org'],
    ['a full-width at sign', 'bob\uff20example.org'],
    ['an account-of sign', 'bob@\u2100.example'],
    ['percent encoding beside a letter', 'bob@%c3%bccher.b\u00fccher.example'],
    ['a port beside a letter', 'bob@b\u00fccher.example:80'],
    ['an invalid A-label beside a letter', 'bob@xn--a.b\u00fccher.example'],
    ['a label whose A-label is over-long', `bob@${'\u00fc'.repeat(60)}.example`],
    ['an address in hexadecimal', 'bob@0x7f.1'],
    ['a final dot', 'bob@example.org.'],
    ['an empty label', 'bob@example..org'],
    ['a leading dot', 'bob@.example.org'],
    ['a wildcard', 'bob@*.example.org'],
    ['an underscore in the domain', 'bob@ex_ample.org'],
    ['a hyphen at an end', 'bob@-example.org'],
    ['a label of 64', `bob@${'a'.repeat(64)}.org`],
    ['a domain of 254', `bob@${'a.'.repeat(126)}ab`],
    ['an unknown encoding prefix', 'bob@ab--cd.example'],
    ['an IPv4 address', 'bob@127.0.0.1'],
    ['an IPv6 address', 'bob@[::1]'],
    ['a port', 'bob@example.org:443'],
    ['a user of 65', `${'a'.repeat(65)}@example.org`],
    ['percent encoding', 'b%6fb@example.org'],
    ['a shell substitution', '$(id)@example.org'],
    ['HTML', '<b>@example.org'],
    ['a short key id', 'key:abc'],
    ['a key id with another checksum', `key:${ID.slice(0, 10)}${ID[10] === 'a' ? 'b' : 'a'}${ID.slice(11)}`],
    ['an empty protocol', 'bob@example.org/'],
    ['an empty segment', 'bob@example.org/chat//1'],
    ['a trailing slash', 'bob@example.org/chat/'],
    ['a blank in the protocol', 'bob@example.org/chat 1'],
    ['a control character in the protocol', 'bob@example.org/chat\x1b[2J'],
    ['a protocol outside ASCII', 'bob@example.org/ch\u00e4t'],
    ['a reserved protocol', 'bob@example.org/q2q-control/1'],
    ['a hidden protocol', 'bob@example.org/.hidden'],
    ['a protocol of 256', `bob@example.org/${'a'.repeat(256)}`],
    ['a megabyte', `${'a'.repeat(1_000_000)}@example.org`],
  ])('refuse %s', (_, text) => {
    try {
      parseAddress(text);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(IdentityError);
      const { message, hint } = error as IdentityError;
      expect(message.length).toBeLessThan(250);
      // Whatever was in the text, the message is safe to print.
      expect(`${message}${hint ?? ''}`).toMatch(/^[\x20-\x7e…]*$/);
    }
  });

  test('in any letters have an A-label form that reads back to itself', () => {
    const letters = fc.string({
      unit: fc.constantFrom(
        'a',
        'z',
        '9',
        '-',
        '.',
        '\u00fc',
        '\u00df',
        '\u03c2',
        '\u0430',
        '\u4e2d',
        '\u3002',
        '\uff0e',
        '\u0130',
      ),
      maxLength: 30,
    });
    fc.assert(
      fc.property(letters, (text) => {
        try {
          const domain = parseDomain(text);
          expect(domain).toMatch(/^[a-z0-9.-]+$/);
          expect(parseDomain(domain)).toBe(domain);
        } catch (error) {
          expect(error).toBeInstanceOf(IdentityError);
        }
      }),
    );
  });

  test('domains and protocols at their limits are taken', () => {
    const label = 'a'.repeat(63);
    expect(parseDomain(`${label}.${label}.${label}.${'b'.repeat(61)}`)).toHaveLength(253);
    expect(parseProtocol('p'.repeat(255))).toHaveLength(255);
  });

  test('any text ends in an address or in our error', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        try {
          expect(parseAddress(formatAddress(parseAddress(text)))).toBeDefined();
        } catch (error) {
          expect(error).toBeInstanceOf(IdentityError);
        }
      }),
    );
  });
});
