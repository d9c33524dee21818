/** ALPN and SNI: what is sent, what is chosen, and what a mismatch costs. */
import { describe, expect, it } from 'vitest';
import { provider as node } from '../../src/crypto/node.node.ts';
import { ClientContext, ServerContext } from '../../src/tls/index.ts';
import { encodeEncryptedExtensions } from '../../src/tls/messages/encryptedExtensions.ts';
import { ExtensionBlock } from '../../src/tls/messages/extensionBlock.ts';
import * as ext from '../../src/tls/messages/extensions.ts';
import { isDnsName } from '../../src/tls/serverName.ts';
import { DOMAIN, Pki } from '../support/pki.ts';
import { End, fault, openPair, pair, pump } from '../support/tls.ts';

describe('ALPN', () => {
  const agreements: [string[], string[], string | undefined][] = [
    [['a'], ['a'], 'a'],
    [['a', 'b'], ['b', 'a'], 'b'],
    [['x', 'b'], ['a', 'b'], 'b'],
    [['a'], [], undefined],
    [[], [], undefined],
  ];
  for (const [client, server, chosen] of agreements) {
    const requireAlpn = chosen !== undefined;
    it(`of [${client}] and [${server}] agrees on ${chosen}`, () => {
      const ends = openPair({ client: { alpn: client, requireAlpn }, server: { alpn: server } });
      expect(ends.client.connection.negotiated?.alpn).toBe(chosen);
      expect(ends.server.connection.negotiated?.alpn).toBe(chosen);
    });
  }

  it('without overlap is no_application_protocol for both sides', () => {
    const ends = pair({ client: { alpn: ['a'] }, server: { alpn: ['b'] } });
    pump(ends);
    expect(fault(ends.server.error)).toBe('ERR_TLS_ALPN no_application_protocol local');
    expect(fault(ends.client.error)).toBe('ERR_TLS_ALERT no_application_protocol peer');
  });

  it('that the server does not answer is no_application_protocol for both sides', () => {
    const ends = pair({ client: { alpn: ['a'] } });
    pump(ends);
    expect(fault(ends.client.error)).toBe('ERR_TLS_ALPN no_application_protocol local');
    expect(fault(ends.server.error)).toBe('ERR_TLS_ALERT no_application_protocol peer');
  });

  it('that the client does not offer is no_application_protocol for both sides', () => {
    const ends = pair({ server: { alpn: ['a'] } });
    pump(ends);
    expect(fault(ends.server.error)).toBe('ERR_TLS_ALPN no_application_protocol local');
    expect(fault(ends.client.error)).toBe('ERR_TLS_ALERT no_application_protocol peer');
  });

  const lies: [string, string[], string][] = [
    ['a protocol the client did not offer', ['evil'], 'ERR_TLS_ILLEGAL_PARAMETER illegal_parameter local'],
    ['two protocols', ['a', 'b'], 'ERR_TLS_DECODE decode_error local'],
  ];
  for (const [what, protocols, expected] of lies)
    it(`refuses a server that chooses ${what}`, () => {
      const lie = encodeEncryptedExtensions(new ExtensionBlock([ext.alpn(protocols)]));
      const ends = pair({
        client: { alpn: ['a', 'b'] },
        server: { alpn: ['a'] },
        serverSeam: { rewrite: (name, message) => [name === 'encrypted_extensions' ? lie : message] },
      });
      pump(ends);
      expect(fault(ends.client.error)).toBe(expected);
    });

  it('refuses a server that chooses though nothing was offered', () => {
    const lie = encodeEncryptedExtensions(new ExtensionBlock([ext.alpn(['a'])]));
    const ends = pair({
      serverSeam: { rewrite: (name, message) => [name === 'encrypted_extensions' ? lie : message] },
    });
    pump(ends);
    expect(fault(ends.client.error)).toBe('ERR_TLS_UNSUPPORTED_EXTENSION unsupported_extension local');
  });
});

describe('SNI', () => {
  const names: [string, boolean][] = [
    ['example.test', true],
    ['localhost', true],
    ['a-b.c_d.example', true],
    ['xn--bcher-kva.example', true],
    ['192.0.2.1', false],
    ['1.2.3', false],
    ['2001:db8::1', false],
    ['[::1]', false],
    ['', false],
    ['a..b', false],
    ['-a.example', false],
    ['alice@example.test', false],
    ['bücher.example', false],
    [`${'a'.repeat(64)}.example`, false],
    ['example.test.', false],
  ];
  for (const [name, isSent] of names)
    it(`${isSent ? 'sends' : 'does not send'} "${name}"`, () => {
      expect(isDnsName(name)).toBe(isSent);
      const pki = new Pki();
      const hello = Buffer.concat(
        new ClientContext({ verifier: pki.serverVerifier() }, node)
          .connect({ serverName: name })
          .takeOutput(),
      );
      if (name !== '') expect(hello.includes(name)).toBe(isSent);
    });

  it('reaches the server’s choice of a context, and its verifier', () => {
    const seen: unknown[] = [];
    const pki = new Pki();
    const credentials = [pki.server()];
    const chosen = new ServerContext({ verifier: pki.clientVerifier(), credentials, alpn: ['b'] }, node);
    const front = new ServerContext({ verifier: pki.clientVerifier(), alpn: ['a'] }, node, {
      choose: (hello) => {
        seen.push(hello);
        return chosen;
      },
    });
    const client = new ClientContext(
      { verifier: pki.serverVerifier(), credentials: [pki.user('alice')], alpn: ['b', 'c'] },
      node,
    );
    const ends = { client: new End(client.connect({ serverName: DOMAIN })), server: new End(front.accept()) };
    pump(ends);
    expect(seen).toEqual([
      {
        serverName: DOMAIN,
        alpn: ['b', 'c'],
        suites: ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
        groups: ['x25519', 'secp256r1', 'secp384r1'],
        schemes: expect.arrayContaining(['ed25519', 'ecdsa_secp256r1_sha256']),
      },
    ]);
    expect(ends.client.connection.negotiated?.alpn).toBe('b');
    expect(ends.server.story).toEqual(['op chooseContext', 'op sign', 'op verifyPeer', 'handshake']);
  });

  it('is acknowledged by an empty extension, and a filled one is refused', () => {
    const lie = encodeEncryptedExtensions(new ExtensionBlock([ext.serverName('evil.test')]));
    const ends = pair({
      serverSeam: { rewrite: (name, message) => [name === 'encrypted_extensions' ? lie : message] },
    });
    pump(ends);
    expect(fault(ends.client.error)).toBe('ERR_TLS_DECODE decode_error local');
  });
});
