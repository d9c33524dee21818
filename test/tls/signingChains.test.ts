/** Which certificate a client gets by the name it asks for (U3, T38): every SAN, wildcards, list order, unknown names. */
import { describe, expect, it } from 'vitest';
import { provider as node } from '../../src/crypto/node.node.ts';
import { verifyServer } from '../../src/identity/index.ts';
import { OID } from '../../src/identity/oid.ts';
import {
  ClientContext,
  type ClientHelloInfo,
  type ContextChooser,
  type Credential,
  ServerContext,
  type TlsConfigInit,
} from '../../src/tls/index.ts';
import { chooseBySni, contextsOf, signingChains } from '../../src/tls/signingChains.ts';
import { ca, eku, type Made, make, NOW, san, usage } from '../identity/maker.ts';
import { End, fault, pump } from '../support/tls.ts';

const root = make({ subject: 'Root', extensions: [ca(), usage('keyCertSign')] });

function site(kind: 'ed25519' | 'p256', ...dns: readonly string[]): Credential {
  const made: Made = make({
    issuer: root,
    key: node.generateKey(kind),
    extensions: [san({ dns }, true), usage('digitalSignature'), eku(OID.serverAuth)],
  });
  return { chain: [made.der], signer: made.key };
}

const config: TlsConfigInit = {
  verifier: { verify: () => Promise.reject(new Error('no client certificates here')) },
  clientCertificate: 'none',
  credentials: [
    site('ed25519', 'first.example', 'second.example'),
    site('ed25519', 'host.wild.example'),
    site('p256', '*.wild.example', 'extra.example'),
    site('ed25519', 'both.example'),
    site('p256', 'both.example'),
    { chain: [], signer: node.generateKey('ed25519') },
  ],
};
const contexts = contextsOf(config, node);

function hello(
  serverName: string | undefined,
  schemes: ClientHelloInfo['schemes'] = ['ed25519'],
): ClientHelloInfo {
  return { ...(serverName !== undefined && { serverName }), alpn: [], suites: [], groups: [], schemes };
}

/** Which chain the chooser picks. */
function picks(choose: ContextChooser, asked: ClientHelloInfo): number {
  return contexts.indexOf(choose(asked) as ServerContext);
}

describe('signing chains', () => {
  const choose = signingChains(contexts);
  const table: [string | undefined, number][] = [
    ['first.example', 0],
    ['second.example', 0],
    ['SECOND.Example', 0],
    ['second.example.', 0],
    ['host.wild.example', 1], // listed before the wildcard
    ['any.wild.example', 2],
    ['extra.example', 2],
    ['both.example', 3],
    [undefined, 0],
    // Unknown: the first
    ['wild.example', 0],
    ['a.b.wild.example', 0],
    ['first.example.org', 0],
  ];
  for (const [name, index] of table)
    it(`show ${name === undefined ? 'whoever names nobody' : name} chain ${index}`, () => {
      expect(picks(choose, hello(name))).toBe(index);
    });

  it('of several for one name show the first whose key the client accepts', () => {
    expect(picks(choose, hello('both.example', ['ecdsa_secp256r1_sha256']))).toBe(4);
    expect(picks(choose, hello('both.example', ['ecdsa_secp256r1_sha256', 'ed25519']))).toBe(3);
    expect(picks(choose, hello('both.example', ['rsa_pss_rsae_sha256']))).toBe(3); // and the handshake fails of it
  });

  it('refuse an unknown name with unrecognized_name where that is wanted', () => {
    const strict = signingChains(contexts, { unknown: 'refuse' });
    expect(() => strict(hello('stranger.example'))).toThrow(
      expect.objectContaining({ alert: 'unrecognized_name', fault: 'remote' }),
    );
    expect(picks(strict, hello(undefined))).toBe(0);
    expect(picks(strict, hello('extra.example'))).toBe(2);
  });

  it('answer to no name with a raw key, and need at least one certificate', () => {
    const onlyRaw = contexts.slice(5);
    expect(() => signingChains(onlyRaw, { unknown: 'refuse' })(hello('first.example'))).toThrow(
      /nobody here/,
    );
    expect(() => signingChains([])).toThrow(/^contexts: none of them has a certificate/);
    const bare = new ServerContext({ ...config, credentials: [] }, node, { choose });
    expect(() => signingChains([bare])).toThrow(/^contexts: /);
  });

  it('keep everything else of the configuration', () => {
    const [first] = contextsOf({ ...config, alpn: ['h2'], suites: ['TLS_AES_256_GCM_SHA384'] }, node);
    expect(first!.config.alpn).toEqual(['h2']);
    expect(first!.config.suites).toEqual(['TLS_AES_256_GCM_SHA384']);
    expect(first!.config.credentials.length).toBe(1);
  });
});

describe('contexts by name', () => {
  const [a, b, c] = contexts as [ServerContext, ServerContext, ServerContext];

  it('are looked up exactly, then by a wildcard for the first label', () => {
    for (const kept of [
      { 'A.example': a, '*.example': b },
      new Map([
        ['a.example', a],
        ['*.example', b],
      ]),
    ]) {
      const choose = chooseBySni(kept, { fallback: c });
      const names = ['a.example', 'A.EXAMPLE.', 'x.example', 'x.y.example', 'example', undefined, 'toString'];
      expect(names.map((name) => picks(choose, hello(name)))).toEqual([0, 0, 1, 2, 2, 2, 2]);
    }
  });

  it('are refused to strangers without a fallback, or where that is wanted', () => {
    const alone = chooseBySni({ 'a.example': a });
    for (const name of ['b.example', undefined])
      expect(() => alone(hello(name))).toThrow(expect.objectContaining({ alert: 'unrecognized_name' }));
    const strict = chooseBySni({ 'a.example': a }, { fallback: c, unknown: 'refuse' });
    expect(() => strict(hello('b.example'))).toThrow(/"b\.example", which is nobody here/);
    expect(picks(strict, hello(undefined))).toBe(2);
  });

  it('may be looked up later', async () => {
    const asked: string[] = [];
    const choose = chooseBySni(async (name) => {
      asked.push(name);
      return name === 'a.example' ? a : undefined;
    });
    expect(await choose(hello('A.example'))).toBe(a);
    await expect(choose(hello('b.example'))).rejects.toMatchObject({ alert: 'unrecognized_name' });
    expect(asked).toEqual(['a.example', 'b.example']);
  });

  it('are contexts, or the table is refused when it is made', () => {
    const wrong = { 'a.example': {} } as unknown as Record<string, ServerContext>;
    expect(() => chooseBySni(wrong)).toThrow(/^contexts: "a\.example"/);
  });
});

describe('in a handshake', () => {
  function dial(serverName: string, choose: ContextChooser): { client: End; server: End } {
    const verifier: TlsConfigInit['verifier'] = {
      verify: ({ chain }) => verifyServer(chain, { dns: serverName }, [root.certificate], NOW, node),
    };
    const client = new ClientContext({ verifier }, node);
    const server = new ServerContext(config, node, { choose });
    const ends = { client: new End(client.connect({ serverName })), server: new End(server.accept()) };
    pump(ends);
    return ends;
  }

  for (const name of [
    'second.example',
    'host.wild.example',
    'any.wild.example',
    'extra.example',
    'both.example',
  ])
    it(`the client gets a certificate for ${name}`, () => {
      const { client } = dial(name, signingChains(contexts));
      expect(client.connection.phase).toBe('open');
    });

  it('an unknown name is refused by the alert for it', () => {
    const { client, server } = dial('stranger.example', signingChains(contexts, { unknown: 'refuse' }));
    expect(fault(server.error)).toBe('ERR_TLS_HANDSHAKE_FAILURE unrecognized_name local');
    expect(fault(client.error)).toBe('ERR_TLS_ALERT unrecognized_name peer');
  });

  it('an unknown name with the first chain is for the client to refuse', () => {
    const { client } = dial('stranger.example', signingChains(contexts));
    expect(fault(client.error)).toBe('ERR_TLS_PEER_REFUSED bad_certificate local');
  });
});
