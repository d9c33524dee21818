/** TLS said in few words: names, trust and certificates as people have them, held against what openssl makes (T7-T13). */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { rootCertificates } from 'node:tls';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { PrivateKey } from '../../src/crypto/provider.ts';
import {
  type Certificate,
  DomainAuthority,
  parseCertificate,
  parsePem,
  peerId,
  Refusal,
  selfSignedIdentity,
  Trust,
  verifyServer,
  writeEncryptedPrivateKey,
} from '../../src/identity/index.ts';
import {
  type Credential,
  ServerContext,
  TlsConfig,
  type TlsConfigInit,
  TlsError,
} from '../../src/tls/index.ts';
import {
  ALPN,
  authenticationFailure,
  type ClientOptions,
  ConfigMap,
  clientOptions,
  fingerprint,
  GROUPS,
  PrivateCertificate,
  platformTrust,
  protocolName,
  SCHEMES,
  SUITES,
  type TrustRoots,
  trustRoots,
} from '../../src/tls/options/index.ts';
import { readPeerName } from '../../src/tls/options/name.ts';
import { platformTrust as platformTrustOfNode } from '../../src/tls/options/platformTrust.node.ts';
import { Policy } from '../../src/tls/policy.ts';
import { have } from '../support/counterpart.ts';
import { DOMAIN, Pki } from '../support/pki.ts';
import { End, pump } from '../support/tls.ts';

const pki = new Pki('ed25519', node, Date.now());
const provider = node;
const roots = trustRoots([...pki.roots]);

/** The client's outcome and what the server saw of it. */
function meet(
  client: ReturnType<typeof clientOptions>,
  server: TlsConfigInit,
): { client: End; server: End; sni: string } {
  let sni = 'no hello';
  const context = new ServerContext(server, node);
  const front = new ServerContext(server, node, {
    choose: ({ serverName }) => {
      sni = serverName ?? 'none';
      return context;
    },
  });
  const ends = { client: new End(client.connect()), server: new End(front.accept()) };
  pump(ends);
  return { ...ends, sni };
}

function outcome({ client, server }: { client: End; server: End }): string {
  const failure = client.error?.alertFrom === 'peer' ? server.error : client.error;
  return failure === undefined ? client.connection.phase : (authenticationFailure(failure) ?? failure.code);
}

const unasked: Partial<TlsConfigInit> = {
  clientCertificate: 'none',
  verifier: { verify: () => new Refusal('ERR_IDENTITY_NO_ANCHOR', 'nobody is asked') },
};
const serving = (...credentials: readonly Credential[]): TlsConfigInit =>
  ({ ...unasked, credentials }) as TlsConfigInit;

const hasOpenssl = have('openssl');
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'q2q-options-'));
  writeFileSync(join(folder, 'openssl.cnf'), '[req]\ndistinguished_name = dn\n[dn]\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

function openssl(...args: string[]): string {
  return execFileSync('openssl', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

interface Made {
  readonly certificates: string;
  readonly key: string;
}

/** A P-256 certificate of openssl's; `issuer` is the file name of a CA made before. */
function opensslCertificate(
  name: string,
  extensions: readonly string[],
  issuer?: string,
  subject = `/CN=${name}`,
): Made {
  openssl(
    ...[
      'req',
      '-config',
      'openssl.cnf',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
    ],
    ...['-keyout', `${name}.key`, '-out', `${name}.crt`, '-subj', subject, '-days', '2'],
    ...extensions.flatMap((extension) => ['-addext', extension]),
    ...(issuer === undefined ? [] : ['-CA', `${issuer}.crt`, '-CAkey', `${issuer}.key`]),
  );
  const read = (file: string): string => readFileSync(join(folder, file), 'utf8');
  return { certificates: read(`${name}.crt`), key: read(`${name}.key`) };
}

const CA = [
  'basicConstraints=critical,CA:TRUE',
  'keyUsage=critical,keyCertSign',
  'subjectKeyIdentifier=hash',
];
const leaf = (names: string): string[] => [
  'basicConstraints=critical,CA:FALSE',
  'extendedKeyUsage=serverAuth,clientAuth',
  ...(names === '' ? [] : [`subjectAltName=${names}`]),
];

describe.runIf(hasOpenssl)('a client that dials, and a certificate made by openssl', () => {
  const made: Record<string, PrivateCertificate> = {};
  let root: TrustRoots;
  let other: TrustRoots;
  beforeAll(() => {
    const load = (name: string, pem: Made): PrivateCertificate =>
      (made[name] = PrivateCertificate.load(pem, { provider }));
    root = trustRoots([opensslCertificate('root', CA).certificates]);
    other = trustRoots([opensslCertificate('other', CA, undefined, '/CN=root').certificates]);
    load('host', opensslCertificate('host', leaf('DNS:host.example'), 'root'));
    load('wild', opensslCertificate('wild', leaf('DNS:*.wild.example'), 'root'));
    load('idna', opensslCertificate('idna', leaf('DNS:xn--bcher-kva.example'), 'root'));
    load('ip', opensslCertificate('ip', leaf('IP:127.0.0.1,IP:::1'), 'root'));
    load('ipAsName', opensslCertificate('ipAsName', leaf('DNS:127.0.0.1'), 'root'));
    load('commonName', opensslCertificate('host.example', leaf(''), 'root'));
    load('self', opensslCertificate('self', leaf('DNS:host.example')));
  }, 60_000);

  type Row = [
    hostname: string,
    certificate: string,
    trust: 'root' | 'other' | 'self' | 'both',
    outcome: string,
    sni: string,
  ];
  const matrix: Row[] = [
    ['host.example', 'host', 'root', 'open', 'host.example'],
    ['HOST.Example.', 'host', 'root', 'open', 'host.example'],
    ['host.example', 'host', 'both', 'open', 'host.example'],
    ['host.example', 'host', 'other', 'badChain', 'host.example'],
    ['other.example', 'host', 'root', 'wrongName', 'other.example'],
    ['a.wild.example', 'wild', 'root', 'open', 'a.wild.example'],
    ['a.b.wild.example', 'wild', 'root', 'wrongName', 'a.b.wild.example'],
    ['wild.example', 'wild', 'root', 'wrongName', 'wild.example'],
    ['bücher.example', 'idna', 'root', 'open', 'xn--bcher-kva.example'],
    ['BÜCHER。example', 'idna', 'root', 'open', 'xn--bcher-kva.example'],
    ['xn--bcher-kva.example', 'idna', 'root', 'open', 'xn--bcher-kva.example'],
    ['bucher.example', 'idna', 'root', 'wrongName', 'bucher.example'],
    ['127.0.0.1', 'ip', 'root', 'open', 'none'],
    ['::1', 'ip', 'root', 'open', 'none'],
    ['[0:0::0001]', 'ip', 'root', 'open', 'none'],
    ['127.0.0.2', 'ip', 'root', 'wrongName', 'none'],
    ['127.0.0.1', 'ipAsName', 'root', 'wrongName', 'none'],
    ['127.0.0.1', 'host', 'root', 'wrongName', 'none'],
    ['host.example', 'commonName', 'root', 'wrongName', 'host.example'],
    ['host.example', 'self', 'self', 'open', 'host.example'],
    ['host.example', 'self', 'root', 'badChain', 'host.example'],
    ['else.example', 'self', 'self', 'wrongName', 'else.example'],
  ];
  for (const [hostname, certificate, trusted, wanted, sni] of matrix)
    it(`${hostname} with the certificate "${certificate}" under ${trusted}: ${wanted}`, () => {
      const trust = {
        root,
        other,
        self: trustRoots([made['self']!]),
        both: trustRoots([...other.certificates, ...root.certificates]),
      }[trusted];
      const met = meet(clientOptions(hostname, { trust, provider }), made[certificate]!.options());
      expect([outcome(met), met.sni]).toEqual([wanted, sni]);
    });

  it('judges dates by the clock it is given', () => {
    const later = { now: () => Date.now() + 3 * 86_400_000 };
    const context = clientOptions('host.example', { trust: root, provider, clock: later });
    const { client } = meet(context, made['host']!.options());
    expect(client.error?.cause).toMatchObject({ code: 'ERR_IDENTITY_EXPIRED' });
    expect(outcome({ client, server: client })).toBe('badChain');
  });

  it('trusts what SSL_CERT_FILE and SSL_CERT_DIR name', () => {
    const file = join(folder, 'root.crt');
    const withFile = platformTrustOfNode({ SSL_CERT_FILE: file });
    expect(withFile.certificates.map(({ der }) => der)).toEqual(root.certificates.map(({ der }) => der));
    expect(
      outcome(meet(clientOptions('host.example', { trust: withFile, provider }), made['host']!.options())),
    ).toBe('open');

    for (const name of ['one', 'two']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'one', 'README'), 'no certificate');
    writeFileSync(join(folder, 'one', 'abcd1234.0'), readFileSync(file));
    writeFileSync(
      join(folder, 'two', 'x.pem'),
      `# comment\n${readFileSync(join(folder, 'other.crt'), 'utf8')}`,
    );
    const folders = ['one', 'two'].map((name) => join(folder, name)).join(delimiter);
    expect(platformTrustOfNode({ SSL_CERT_DIR: folders }).certificates.length).toBe(2);
    expect(platformTrustOfNode({ SSL_CERT_DIR: folders, SSL_CERT_FILE: file }).certificates.length).toBe(3);
    expect(platformTrustOfNode({ SSL_CERT_DIR: '', SSL_CERT_FILE: '' }).certificates.length).toBeGreaterThan(
      20,
    );
  });

  it('says of such a variable that it names nothing of use', () => {
    const { SSL_CERT_FILE, SSL_CERT_DIR } = {
      SSL_CERT_FILE: join(folder, 'no.crt'),
      SSL_CERT_DIR: join(folder, 'none'),
    };
    expect(() => platformTrustOfNode({ SSL_CERT_FILE })).toThrow(
      /^trust: SSL_CERT_FILE=.*no\.crt cannot be read/,
    );
    expect(() => platformTrustOfNode({ SSL_CERT_DIR })).toThrow(/^trust: SSL_CERT_DIR=.*none cannot be read/);
    expect(() => platformTrustOfNode({ SSL_CERT_FILE: join(folder, 'root.key') })).toThrow(
      /holds no certificate/,
    );
  });

  it('shows the fingerprint that openssl shows', () => {
    const shown = openssl('x509', '-in', 'host.crt', '-noout', '-fingerprint', '-sha256')
      .trim()
      .split('=')[1];
    expect(made['host']!.fingerprint).toBe(shown);
    for (const [i, pem] of rootCertificates.slice(0, 20).entries()) {
      writeFileSync(join(folder, `root${i}.crt`), pem);
      const [line] = openssl('x509', '-in', `root${i}.crt`, '-noout', '-fingerprint', '-sha256').split('\n');
      expect(line).toContain(fingerprint(parseCertificate(parsePem(pem)[0]!.der)));
    }
  });

  describe('of which a server asks a certificate', () => {
    const server = (): TlsConfigInit => made['host']!.options(root);
    const dial = (credentials: readonly Credential[]): string =>
      outcome(meet(clientOptions('host.example', { trust: root, provider, credentials }), server()));

    it('is let in with one of the authorities named', () => {
      expect(dial([made['wild']!])).toBe('open');
      expect(server().clientCertificate).toBe('require');
    });

    it('is refused without', () => {
      expect(dial([])).toBe('noCertificate');
    });

    it('is refused with one of another authority', () => {
      const stranger = PrivateCertificate.load(
        opensslCertificate('stranger', leaf('DNS:host.example'), 'other'),
        { provider },
      );
      expect(dial([stranger])).toBe('badChain');
    });
  });
});

describe('the name a client is made for', () => {
  const wrong: [unknown, RegExp][] = [
    [undefined, /^hostname: is not text/],
    [null, /^hostname: is not text/],
    [new TextEncoder().encode('host.example'), /^hostname: is not text/],
    [['host.example'], /^hostname: is not text/],
    ['', /^hostname: /],
    ['.', /^hostname: /],
    ['host..example', /^hostname: /],
    ['-host.example', /^hostname: /],
    ['*.example', /^hostname: /],
    ['host.example:443', /^hostname: .* is more than a name/],
    ['https://host.example', /^hostname: .* is more than a name/],
    ['host.example/path', /^hostname: .* is more than a name/],
    ['fe80::1%eth0', /^hostname: .* is more than a name/],
    ['[host.example]', /^hostname: .* is more than a name/],
    ['127.1', /^hostname: /],
    ['256.0.0.1', /^hostname: /],
    ['１２７.1', /^hostname: /],
    ['bü/cher.example', /^hostname: /],
    ['b／ücher.example', /^hostname: .* no form as a DNS name/],
    ['host example', /^hostname: /],
    ['hö st.example', /^hostname: .* no form as a DNS name/],
    ['host.example\0.evil.example', /^hostname: /],
    ['alice@', /^hostname: /],
    ['a@b@c', /^hostname: /],
    ['key:abc', /^hostname: /],
  ];
  for (const [hostname, says] of wrong)
    it(`is not ${typeof hostname === 'string' ? JSON.stringify(hostname) : Object.prototype.toString.call(hostname)}`, () => {
      expect(() => clientOptions(hostname as string, { trust: roots, provider })).toThrow(
        expect.objectContaining({ code: 'ERR_TLS_CONFIG', message: expect.stringMatching(says) }),
      );
    });

  it('is one or an error that names it, whatever the text; and its canonical form is itself', () => {
    const part = fc.constantFrom(
      'a',
      'ü',
      '.',
      '@',
      ':',
      '[',
      ']',
      '/',
      '1',
      'xn--',
      'key:',
      '%',
      '\0',
      '。',
      '⁄',
      'ß',
    );
    const text = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 20 }),
      fc.array(part, { maxLength: 8 }).map((parts) => parts.join('')),
      fc.domain(),
      fc.ipV4(),
      fc.ipV6(),
    );
    fc.assert(
      fc.property(text, (hostname) => {
        try {
          const name = readPeerName(hostname);
          expect(readPeerName(name.text)).toEqual(name);
          expect(name.text).toMatch(/^[\x21-\x7e]+$/);
        } catch (error) {
          expect(error).toMatchObject({
            code: 'ERR_TLS_CONFIG',
            message: expect.stringMatching(/^hostname: /),
          });
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('cannot be another one when it dials', () => {
    const context = clientOptions(DOMAIN, { trust: roots, provider });
    expect(() => context.connect({ serverName: 'other.example' })).toThrow(/is for example\.test/);
    expect(context.connect({ serverName: DOMAIN }).phase).toBe('handshake');
    expect(context.peer).toEqual({ kind: 'dns', text: DOMAIN });
  });
});

describe('a client that dials peers of q2q', () => {
  const trust = Trust.of([{ domain: DOMAIN, roots: pki.roots }]);
  const key: PrivateKey = node.generateKey('ed25519');
  const keyPeer = selfSignedIdentity(key, Date.now());
  const id = keyPeer.keyId;
  const bob = pki.user('bob');

  function reaches(
    hostname: string,
    credential: Credential,
    options: Partial<ClientOptions> = {},
  ): [string, string] {
    const met = meet(clientOptions(hostname, { trust, provider, ...options }), serving(credential));
    return [outcome(met), met.sni];
  }

  it('by name: the domain vouches, and the wire names nobody', () => {
    expect(reaches(`bob@${DOMAIN}`, bob)).toEqual(['open', 'none']);
    expect(reaches(`BOB@Example.Test`, bob)).toEqual(['open', 'none']);
    expect(reaches(`alice@${DOMAIN}`, bob)).toEqual(['wrongName', 'none']);
    expect(reaches('bob@other.example', bob)).toEqual(['wrongName', 'none']);
    expect(reaches(`bob@${DOMAIN}`, keyPeer)[0]).toBe('badChain');
  });

  it('by key, with roots or a Trust or neither of use', () => {
    expect(reaches(`key:${id}`, keyPeer)).toEqual(['open', 'none']);
    expect(reaches(`key:${id}`, keyPeer, { trust: roots })).toEqual(['open', 'none']);
    expect(reaches(`KEY:${id.toUpperCase()}`, keyPeer)).toEqual(['open', 'none']);
    expect(reaches(`key:${peerId(pki.user('x').signer.spki)}`, keyPeer)).toEqual(['wrongKey', 'none']);
  });

  it('by domain: its own server, under its own root', () => {
    expect(reaches(DOMAIN, pki.server())).toEqual(['open', DOMAIN]);
    expect(reaches('other.example', pki.server())[0]).not.toBe('open');
  });

  it('does not take a person for a host, or a host for a person', () => {
    expect(reaches(DOMAIN, bob)[0]).toBe('badChain');
    expect(reaches(`bob@${DOMAIN}`, pki.server())[0]).toBe('badChain');
  });

  it('by key without a certificate: the key is the name, and never another one (lesson 29)', () => {
    const bare: Credential = { chain: [], signer: key };
    const raw = { certificateTypes: ['rawPublicKey'] } as const;
    expect(reaches(`key:${id}`, bare, raw)).toEqual(['open', 'none']);
    expect(reaches(`key:${id}`, bare, { ...raw, trust: roots })).toEqual(['open', 'none']);
    expect(reaches(`key:${peerId(bob.signer.spki)}`, bare, raw)[0]).toBe('wrongKey');
    for (const name of [`bob@${DOMAIN}`, DOMAIN]) expect(reaches(name, bare, raw)[0]).toBe('wrongName');
    for (const host of [DOMAIN, '127.0.0.1'])
      expect(reaches(host, bare, { ...raw, trust: roots })[0]).toBe('wrongName');
    expect(reaches(`key:${id}`, bare)[0]).not.toBe('open'); // only where raw keys are wanted
  });

  it('needs the kind of trust that fits the name', () => {
    expect(() => clientOptions(`bob@${DOMAIN}`, { trust: roots, provider })).toThrow(
      /^trust: .*wanted a Trust/,
    );
    expect(() => clientOptions('127.0.0.1', { trust, provider })).toThrow(/^trust: .*wanted trustRoots/);
  });
});

describe('a further condition', () => {
  const dial = (check: ClientOptions['check'], credential: Credential = pki.server()): string => {
    const options = { trust: roots, provider, ...(check && { check }) };
    return outcome(meet(clientOptions(DOMAIN, options), serving(credential)));
  };
  const no = (): Refusal => new Refusal('ERR_IDENTITY_DENIED', 'not today');

  it('lets pass by saying nothing, and refuses with a reason', () => {
    expect(dial(() => undefined)).toBe('open');
    expect(dial(no)).toBe('notAuthorised');
  });

  it('that throws, or answers anything else, fails the handshake', () => {
    for (const answer of [true, false, null, {}, 'fine'])
      expect(dial((() => answer) as unknown as ClientOptions['check'])).toBe('ERR_TLS_OP');
    expect(
      dial(() => {
        throw new Error('no database');
      }),
    ).toBe('ERR_TLS_OP');
  });

  it('is not even asked about a peer that is not proven: it only adds', () => {
    let asked = 0;
    const yes = (): undefined => {
      asked++;
      return undefined;
    };
    expect(dial(yes, new Pki('ed25519', node, Date.now()).server())).toBe('badChain');
    expect(asked).toBe(0);
    expect(dial(yes)).toBe('open');
    expect(asked).toBe(1);
  });

  it('may take its time', async () => {
    const context = (check: ClientOptions['check'] & {}) =>
      clientOptions(DOMAIN, { trust: roots, provider, check });
    const presented = { role: 'server', chain: pki.server().chain, resumed: false } as const;
    const verify = (check: ClientOptions['check'] & {}) => context(check).config.verifier.verify(presented);
    expect(await verify(async () => undefined)).toMatchObject({ identity: { assurance: 'domain' } });
    expect(await verify(async () => no())).toBeInstanceOf(Refusal);
    await expect(verify(async () => true as never)).rejects.toThrow(TypeError);
  });
});

describe('options that are wrong (T13)', () => {
  const signer = node.generateKey('ed25519');
  const table: [string, Record<string, unknown>, RegExp][] = [
    ['no trust', { trust: undefined }, /^trust: is missing/],
    ['trust of null', { trust: null }, /^trust: is missing/],
    ['trust in everybody', { trust: true }, /^trust: is missing/],
    ['a list for trust', { trust: pki.roots }, /^trust: is missing/],
    ['a look-alike of trust', { trust: { certificates: pki.roots } }, /^trust: is missing/],
    ['no provider', { provider: undefined }, /^provider: /],
    ['a clock that is none', { clock: {} }, /^clock: /],
    ['a check that is none', { check: true }, /^check: /],
    ['a verifier', { verifier: { verify: () => undefined } }, /^verifier: follows from hostname and trust/],
    ['keys that prove no name', { externalPsks: [] }, /^externalPsks: prove no name/],
    ['what servers say', { clientCertificate: 'require' }, /^clientCertificate: is for servers/],
    ['a misspelt field', { ALPN: ['h2'] }, /^ALPN: is not known/],
    ['an option that checks nothing', { rejectUnauthorized: false }, /^rejectUnauthorized: is not known/],
    [
      'a chain without its key',
      { credentials: [{ chain: pki.server().chain }] },
      /^credentials\[0\]\.signer: /,
    ],
    [
      'a chain with another key',
      { credentials: [{ chain: pki.server().chain, signer }] },
      /^credentials\[0\]\.signer: /,
    ],
    ['no suite', { suites: [] }, /^suites: /],
    ['an unknown group', { groups: ['modp2048'] }, /^groups: /],
    ['a protocol of two words', { alpn: ['http 1'] }, /^alpn: /],
    ['a policy that checks nothing', { policy: {} }, /^policy: /],
  ];
  for (const [what, change, says] of table)
    it(`${what}: refused at once, by the field's name`, () => {
      const options = { trust: roots, provider, ...change } as unknown as ClientOptions;
      expect(() => clientOptions(DOMAIN, options)).toThrow(
        expect.objectContaining({
          code: 'ERR_TLS_CONFIG',
          fault: 'config',
          message: expect.stringMatching(says),
        }),
      );
    });

  it('as no options at all', () => {
    expect(() => clientOptions(DOMAIN, undefined as unknown as ClientOptions)).toThrow(
      /^provider: is missing/,
    );
  });

  it('as what a policy of the site forbids', () => {
    const policy = new Policy({ suites: ['TLS_AES_256_GCM_SHA384'] });
    const options = { trust: roots, provider, policy };
    expect(() => clientOptions(DOMAIN, options)).toThrow(/^suites: is left to the provider/);
    expect(clientOptions(DOMAIN, { ...options, suites: ['TLS_AES_256_GCM_SHA384'] }).config.policy).toBe(
      policy,
    );
  });
});

describe('trust roots', () => {
  const pem = PrivateCertificate.of(pki.server(), { provider }).pem;

  it('are made of certificates in any form', () => {
    const [root] = pki.roots as [Certificate];
    expect(
      trustRoots([root, root.der, pem, { certificate: root }]).certificates.length,
    ).toBeGreaterThanOrEqual(4);
    expect(Object.isFrozen(trustRoots([root]).certificates)).toBe(true);
  });

  const wrong: [unknown[], RegExp][] = [
    [[], /^trust: /],
    [[pki.roots[0], {}], /^trust\[1\]: is not a certificate/],
    [[null], /^trust\[0\]: is not a certificate/],
    [[undefined], /^trust\[0\]: is not a certificate/],
    [[7], /^trust\[0\]: is not a certificate/],
    [[pki.roots[0], pki.roots[0], 'text'], /^trust\[2\]: is not a certificate: text has no "-----BEGIN/],
    [[new Uint8Array(20)], /^trust\[0\]: is not a certificate: /],
    [
      ['-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'],
      /^trust\[0\]: holds a "PRIVATE KEY"/,
    ],
    [[{ certificate: {} }], /^trust\[0\]: is not a certificate/],
    [[{ der: Uint8Array.of(0x30, 0) }], /^trust\[0\]: is not a certificate: /],
  ];
  for (const [sources, says] of wrong)
    it(`of ${JSON.stringify(sources).slice(0, 50)} are refused, the index told`, () => {
      expect(() => trustRoots(sources as Certificate[])).toThrow(
        expect.objectContaining({ code: 'ERR_TLS_CONFIG', message: expect.stringMatching(says) }),
      );
    });

  it('say what their bytes say, not what an object around them claims', () => {
    const [root] = pki.roots as [Certificate];
    const liar = { ...root, names: { ...root.names, dns: ['bank.example'] } };
    expect(trustRoots([liar]).certificates[0]!.names.dns).toEqual(root.names.dns);
  });

  it('can be a self-signed certificate itself, whose key is not touched', () => {
    const key = node.generateKey('ed25519');
    let exported = 0;
    const watched: PrivateKey = {
      kind: key.kind,
      spki: key.spki,
      schemes: key.schemes,
      sign: (scheme, message) => key.sign(scheme, message),
      dangerousExport: () => {
        exported++;
        return key.dangerousExport();
      },
    };
    const own = PrivateCertificate.of(selfSignedIdentity(watched, Date.now()), { provider });
    const pinned = trustRoots([own]);
    expect(exported).toBe(0);
    const { chain } = own;
    expect(verifyServer(chain, { dns: 'x.example' }, pinned.certificates, Date.now(), node)).toMatchObject({
      code: 'ERR_IDENTITY_NAME', // believed, but it names no host
    });
    expect(
      outcome(meet(clientOptions(`key:${peerId(key.spki)}`, { trust: pinned, provider }), serving(own))),
    ).toBe('open');
    expect(JSON.stringify(own)).not.toContain('PRIVATE');
  });

  it('of the platform are Node’s to read, and an error that says so elsewhere', () => {
    expect(() => platformTrust()).toThrow(/^trust: this platform does not show its roots/);
    expect(platformTrustOfNode({}).certificates.length).toBeGreaterThan(20);
  });
});

describe('a private certificate', () => {
  const authority = DomainAuthority.create(node, 'load.example', Date.now());
  const key = node.generateKey('p256');
  const other = node.generateKey('p256');
  const chain = authority.issueServer({ spki: key.spki, now: Date.now() });
  const block = (label: string, der: Uint8Array): string =>
    `-----BEGIN ${label}-----\n${Buffer.from(der)
      .toString('base64')
      .replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`;
  const leafPem = block('CERTIFICATE', chain[0]!);
  const rootPem = block('CERTIFICATE', authority.root.der);
  const keyPem = block('PRIVATE KEY', key.dangerousExport());
  const otherKey = block('PRIVATE KEY', other.dangerousExport());
  const otherLeaf = block('CERTIFICATE', authority.issueServer({ spki: other.spki, now: Date.now() })[0]!);

  it('is loaded from one text or two', () => {
    const one = PrivateCertificate.load(keyPem + leafPem + rootPem, { provider });
    const two = PrivateCertificate.load({ certificates: leafPem + rootPem, key: keyPem }, { provider });
    expect(one.chain).toEqual(two.chain);
    expect(one.chain.length).toBe(2);
    expect(one.pem).toBe(leafPem + rootPem);
    expect(one.inspect()).toContain('dns load.example');
    expect(one.inspect()).toContain(one.fingerprint.toLowerCase());
  });

  const bundles: [string, string | { certificates: string; key: string }, RegExp][] = [
    ['nothing', '', /^credential: PEM text is empty/],
    ['no key', leafPem, /^credential: there is no private key/],
    ['two keys', keyPem + otherKey + leafPem, /^credential: there are 2 private keys/],
    ['no certificate', keyPem, /^credential: there is no certificate/],
    ['the key of another certificate', otherKey + leafPem, /^credential: the key belongs to none/],
    [
      'the issuer first',
      keyPem + rootPem + leafPem,
      /^credential: the key is not that of the first certificate/,
    ],
    [
      'a chain that does not link',
      keyPem + leafPem + otherLeaf,
      /^credential: certificate 2 is not the issuer/,
    ],
    [
      'an encrypted key',
      block('ENCRYPTED PRIVATE KEY', Uint8Array.of(48, 0)) + leafPem,
      /^credential: .* no passphrase/,
    ],
    [
      'something else beside them',
      `${keyPem}${leafPem}${block('X509 CRL', Uint8Array.of(48, 0))}`,
      /^credential: there is a "X509 CRL"/,
    ],
    [
      'a certificate that is none',
      keyPem + block('CERTIFICATE', Uint8Array.of(48, 0)),
      /^credential: certificate 1: /,
    ],
    [
      'a key among the certificates',
      { certificates: leafPem + otherKey, key: keyPem },
      /^credential: block 2 of the certificates is a "PRIVATE KEY"/,
    ],
    ['a block cut short', keyPem + leafPem.slice(0, 100), /^credential: /],
  ];
  for (const [what, pem, says] of bundles)
    it(`with ${what} is refused, and no key in the text`, () => {
      const secret = Buffer.from(key.dangerousExport()).toString('base64').slice(40, 60);
      try {
        PrivateCertificate.load(pem, { provider });
        expect.unreachable();
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_TLS_CONFIG', message: expect.stringMatching(says) });
        expect(`${String(error)} ${(error as TlsError).hint}`).not.toContain(secret);
      }
    });

  it('opens an encrypted key with its passphrase', () => {
    const encrypted = writeEncryptedPrivateKey(key, 'four words', node);
    const own = PrivateCertificate.load(encrypted + leafPem, { provider, passphrase: 'four words' });
    expect(own.signer.spki).toEqual(key.spki);
  });

  it('says where the key is that belongs to a later certificate', () => {
    expect(() => PrivateCertificate.load(keyPem + rootPem + leafPem, { provider })).toThrow(
      expect.objectContaining({ hint: 'it is that of certificate 2: put it first' }),
    );
  });

  it('needs a provider', () => {
    expect(() => PrivateCertificate.load(keyPem + leafPem, {} as never)).toThrow(/^provider: is missing/);
  });

  it('without authorities asks nobody, and believes nobody who shows something anyway', () => {
    const options = PrivateCertificate.load(keyPem + leafPem, { provider }).options();
    expect(options.clientCertificate).toBe('none');
    expect(options.verifier.verify({ role: 'client', chain, resumed: false })).toBeInstanceOf(Refusal);
  });

  it('takes authorities in every form of trust roots', () => {
    const own = PrivateCertificate.load(keyPem + leafPem, { provider });
    const [root] = pki.roots as [Certificate];
    for (const authorities of [[root], [roots], [root.der, roots]]) {
      const { verifier } = own.options(...authorities);
      expect(
        verifier.verify({ role: 'client', chain: pki.user('alice').chain, resumed: false }),
      ).not.toBeInstanceOf(Refusal);
      expect(verifier.verify({ role: 'client', chain, resumed: false })).toBeInstanceOf(Refusal);
    }
    expect(() => own.options('text')).toThrow(/^trust\[0\]: /);
  });
});

describe('the numbers behind the names (E9)', () => {
  it.runIf(hasOpenssl)('of suites are those that openssl says', () => {
    const listed = [...openssl('ciphers', '-V', '-s', '-tls1_3').matchAll(/0x(..),0x(..) - (TLS_\w+)/g)];
    expect(new Map(listed.map(([, high, low, name]) => [name, Number(`0x${high}${low}`)]))).toEqual(
      new Map(SUITES.map(({ name, id }) => [name as string, id])),
    );
  });

  it('are there for every name that a provider has, each once, and cannot be changed', () => {
    const { groups, verifies } = node.supports;
    for (const [table, names] of [
      [SUITES, []],
      [GROUPS, groups],
      [SCHEMES, verifies],
    ] as const) {
      expect(table.map(({ name }) => name)).toEqual(expect.arrayContaining([...names]));
      expect(new Set(table.map(({ id }) => id)).size).toBe(table.length);
      expect([table, ...table].every((value) => Object.isFrozen(value))).toBe(true);
    }
  });
});

describe('protocol names', () => {
  it('are checked texts', () => {
    expect(ALPN.http11).toBe('http/1.1');
    expect(protocolName('chat/1')).toBe('chat/1');
    for (const wrong of ['', 'a b', 'ä', 'x'.repeat(256), 7 as unknown as string])
      expect(() => protocolName(wrong)).toThrow(/^alpn: /);
    expect(clientOptions(DOMAIN, { trust: roots, provider, alpn: [ALPN.h2] }).config.alpn).toEqual(['h2']);
  });
});

describe('configurations as keys', () => {
  it('that are equal share what was made of them', () => {
    const init = serving(pki.server());
    const contexts = new ConfigMap<ServerContext>();
    const make = (config: TlsConfig): ServerContext => new ServerContext(config, node);
    const first = contexts.getOrMake(new TlsConfig(init), make);
    expect(contexts.getOrMake(new TlsConfig(init), make)).toBe(first);
    const changed = new TlsConfig({ ...init, alpn: ['h2'] });
    expect(contexts.get(changed)).toBeUndefined();
    const second = contexts.getOrMake(changed, make);
    expect(second).not.toBe(first);
    expect(contexts.size).toBe(2);
    expect(contexts.set(changed, first).get(changed)).toBe(first);
    expect([contexts.delete(changed), contexts.delete(changed), contexts.size]).toEqual([true, false, 1]);
  });
});

describe('why a peer was not believed', () => {
  const refusal = (code: ConstructorParameters<typeof Refusal>[0]): TlsError =>
    new TlsError('ERR_TLS_PEER_REFUSED', 'refused', { cause: new Refusal(code, 'because') });
  const table: [unknown, string | undefined][] = [
    [refusal('ERR_IDENTITY_NO_CERTIFICATE'), 'noCertificate'],
    [new TlsError('ERR_TLS_CERTIFICATE_REQUIRED', 'none'), 'noCertificate'],
    [refusal('ERR_IDENTITY_NAME'), 'wrongName'],
    [refusal('ERR_IDENTITY_KEY_MISMATCH'), 'wrongKey'],
    [refusal('ERR_IDENTITY_PIN'), 'wrongKey'],
    [refusal('ERR_IDENTITY_DENIED'), 'notAuthorised'],
    [refusal('ERR_IDENTITY_POLICY'), 'notAuthorised'],
    [refusal('ERR_IDENTITY_UNKNOWN_ISSUER'), 'badChain'],
    [refusal('ERR_IDENTITY_EXPIRED'), 'badChain'],
    [refusal('ERR_IDENTITY_SIGNATURE'), 'badChain'],
    [refusal('ERR_IDENTITY_PROFILE'), 'badChain'],
    [new TlsError('ERR_TLS_CERTIFICATE', 'unreadable'), 'badChain'],
    [new TlsError('ERR_TLS_SIGNATURE', 'wrong'), 'notProven'],
    // Not about the peer: the peer's opinion of us, our own failures, anything else
    [new TlsError('ERR_TLS_ALERT', 'alert', { alert: 'bad_certificate', alertFrom: 'peer' }), undefined],
    [new TlsError('ERR_TLS_PEER_REFUSED', 'refused'), undefined],
    [new TlsError('ERR_TLS_OP', 'no database'), undefined],
    [new TlsError('ERR_TLS_RECORD_MAC', 'damaged'), undefined],
    [new Error('else'), undefined],
    [undefined, undefined],
  ];
  for (const [error, reason] of table)
    it(`is ${reason ?? 'not what'} ${(error as { cause?: { code: string } })?.cause?.code ?? (error as TlsError)?.code ?? String(error)} says`, () => {
      expect(authenticationFailure(error)).toBe(reason);
    });
});
