/** `q2q tls` against OpenSSL's s_server and s_client: what must work, and with which alert what must not. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Server, Workspace } from '../cli/support/q2q.ts';
import { have } from '../support/counterpart.ts';
import { type OpensslServer, sClient, sServer } from './support/openssl.ts';
import { type Kind, makePki, type Pki } from './support/pki.ts';

const KINDS: readonly Kind[] = ['ed25519', 'p256', 'rsa'];
const SUITES = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'] as const;
const GROUPS = { x25519: 'X25519', secp256r1: 'P-256', secp384r1: 'P-384' } as const;

const folder = mkdtempSync(join(tmpdir(), 'q2q-pki-'));
const workspace = new Workspace();
const pkis = new Map<Kind, Pki>();

describe.skipIf(!have('openssl'))('against OpenSSL', () => {
  beforeAll(() => {
    for (const kind of KINDS) pkis.set(kind, makePki(join(folder, kind), kind));
  });
  afterAll(async () => {
    await workspace.dispose();
    rmSync(folder, { recursive: true, force: true });
  });
  const pki = (kind: Kind = 'p256'): Pki => pkis.get(kind)!;

  describe('q2q tls connect to s_server', () => {
    test.each(KINDS)('verifies a chain of %s and passes data both ways', async (kind) => {
      const { ca } = pki(kind);
      await withServer(serverArgs(pki(kind)), async ({ port }) => {
        const ran = await connect(port, ['--ca', ca], 'hello\n');
        expect(ran.stderr).toContain('a.test');
        expect(ran.stdout.toString()).toBe('olleh\n');
        expect(ran.code).toBe(0);
      });
    });

    test.each(SUITES)('negotiates %s', async (suite) => {
      await withServer([...serverArgs(pki()), '-ciphersuites', suite], async ({ port }) => {
        expect(await report(port, pki())).toMatchObject({ suite, helloRetried: false });
      });
    });

    test.each(Object.entries(GROUPS))(
      'negotiates %s when it is the only group of both',
      async (group, name) => {
        await withServer([...serverArgs(pki()), '-groups', name], async ({ port }) => {
          expect(await report(port, pki(), ['--groups', group])).toMatchObject({
            group,
            helloRetried: false,
          });
        });
      },
    );

    test('sends a second ClientHello when the server wants another group', async () => {
      await withServer([...serverArgs(pki()), '-groups', 'P-384'], async ({ port }) => {
        const record = await report(port, pki(), ['--groups', 'x25519,secp384r1']);
        expect(record).toMatchObject({ group: 'secp384r1', helloRetried: true });
      });
    });

    test('agrees on a protocol, and goes on without one where the server knows of none', async () => {
      await withServer([...serverArgs(pki()), '-alpn', 'q2q/1,h2'], async ({ port }) => {
        expect(await report(port, pki(), ['--alpn', 'h3,h2'])).toMatchObject({ alpn: 'h2' });
      });
      await withServer(serverArgs(pki()), async ({ port }) => {
        expect(await report(port, pki(), ['--alpn', 'h2'])).toMatchObject({ alpn: null });
        const strict = await connect(port, ['--ca', pki().ca, '--alpn', 'h2', '--require-alpn']);
        expect(strict.code).toBe(6);
      });
    });

    test('is told by alert 120 that there is no protocol in common', async () => {
      await withServer([...serverArgs(pki()), '-alpn', 'h2'], async ({ port }) => {
        const ran = await connect(port, ['--ca', pki().ca, '--alpn', 'q2q/1']);
        expect(ran.stderr).toMatch(/q2q: error: .*no_application_protocol/);
        expect(ran.code).toBe(6);
      });
    });

    test.each(KINDS)('shows a client certificate of %s', async (kind) => {
      const { ca, client } = pki(kind);
      await withServer([...serverArgs(pki(kind)), ...verifyArgs(ca)], async (server) => {
        const args = ['--ca', ca, '--cert', client.cert, '--key', client.key];
        expect((await connect(server.port, args, 'hello\n')).stdout.toString()).toBe('olleh\n');
        expect(server.output()).toMatch(/CN ?= ?client/);
      });
    });

    test('is refused with certificate_required without a certificate, with unknown_ca with a stranger’s', async () => {
      const { ca, stranger } = pki();
      await withServer([...serverArgs(pki()), ...verifyArgs(ca)], async ({ port }) => {
        const without = await connect(port, ['--ca', ca, '--json']);
        expect(without.stderr).toMatch(/q2q: error: .*certificate_required/);
        expect(without.code).toBe(5);
        const wrong = await connect(port, [
          '--ca',
          ca,
          '--json',
          '--cert',
          stranger.cert,
          '--key',
          stranger.key,
        ]);
        expect(wrong.stderr).toMatch(/q2q: error: .*unknown_ca/);
        expect(wrong.code).toBe(5);
      });
    });

    test('refuses a wrong name, a wrong root and an expired certificate, and says so in an alert', async () => {
      await withServer(serverArgs(pki()), async (server) => {
        const name = await connect(server.port, ['--ca', pki().ca, '--servername', 'b.test']);
        expect(name.stderr).toMatch(/q2q: error: .*b\.test/);
        expect(name.code).toBe(5);
        expect(server.output()).toMatch(/bad certificate/);
        const root = await connect(server.port, ['--ca', pki('ed25519').ca]);
        expect(root.code).toBe(5);
        expect(server.output()).toMatch(/unknown ca/);
      });
      const { expired, ca } = pki();
      await withServer(['-cert', expired.cert, '-key', expired.key, '-rev'], async (server) => {
        const ran = await connect(server.port, ['--ca', ca]);
        expect(ran.stderr).toMatch(/q2q: error: .*not valid after 2020/);
        expect(ran.code).toBe(5);
        expect(server.output()).toMatch(/certificate expired/);
      });
    });

    test('writes the key log that OpenSSL writes', async () => {
      const theirs = join(folder, 'theirs.keys');
      const ours = join(folder, 'ours.keys');
      await withServer([...serverArgs(pki()), '-keylogfile', theirs], async ({ port }) => {
        await report(port, pki(), ['--keylog', ours]);
      });
      const lines = (path: string): string[] =>
        readFileSync(path, 'utf8')
          .split('\n')
          .filter((line) => /^\w+ \w/.test(line))
          .sort();
      const wanted = lines(theirs).filter((line) => !line.startsWith('EXPORTER'));
      expect(lines(ours)).toEqual(expect.arrayContaining(wanted));
      expect(wanted.length).toBeGreaterThanOrEqual(4);
    });
  });

  describe('s_client to q2q tls serve', () => {
    test.each(KINDS)('verifies our chain of %s and gets its data back', async (kind) => {
      await serving(kind, ['--echo'], async (port) => {
        const ran = await client(port, kind, [], 'hello\n', /hello$/m);
        expect(ran.stderr).toMatch(/Verification: OK/);
        expect(ran.stderr).toMatch(/hello$/m);
      });
    });

    test.each(SUITES)('negotiates %s', async (suite) => {
      await serving('p256', ['--echo'], async (port) => {
        const ran = await client(port, 'p256', ['-ciphersuites', suite]);
        expect(ran.stderr).toContain(`Cipher is ${suite}`);
      });
    });

    test('asks for another key share by HelloRetryRequest', async () => {
      await serving('p256', ['--echo', '--json', '--groups', 'secp384r1'], async (port, server) => {
        const ran = await client(port, 'p256', ['-groups', 'X25519:P-384']);
        expect(ran.stderr).toMatch(/Server Temp Key: ECDH, (secp384r1|P-384)/);
        expect(handshakeOf(server)).toMatchObject({ group: 'secp384r1', helloRetried: true });
      });
    });

    test('agrees on a protocol, and refuses with alert 120 where there is none in common', async () => {
      await serving('p256', ['--echo', '--json', '--alpn', 'q2q/1,h2'], async (port, server) => {
        const both = await client(port, 'p256', ['-alpn', 'h2,q2q/1']);
        expect(both.stderr).toContain('ALPN protocol: q2q/1');
        expect(handshakeOf(server)).toMatchObject({ alpn: 'q2q/1' });
        const none = await client(port, 'p256', ['-alpn', 'h3']);
        expect(none.stderr).toMatch(/alert number 120|no application protocol/);
      });
    });

    test.each(KINDS)('takes a client certificate of %s', async (kind) => {
      const { client: pair } = pki(kind);
      await serving(kind, ['--echo', '--json', '--require-client'], async (port, server) => {
        const ran = await client(port, kind, ['-cert', pair.cert, '-key', pair.key], 'hello\n', /hello$/m);
        expect(ran.stderr).toMatch(/hello$/m);
        const { peer } = handshakeOf(server) as { peer: { chain: { names: { email: string[] } }[] } };
        expect(peer.chain[0]!.names.email).toEqual(['alice@a.test']);
      });
    });

    test('refuses an absent certificate with alert 116, a stranger’s with 48, and serves the next client', async () => {
      const { stranger, client: known } = pki();
      await serving('p256', ['--echo', '--require-client'], async (port) => {
        const absent = await client(port, 'p256', [], 'hello\n', /alert/);
        expect(absent.stderr).toMatch(/alert number 116/);
        const wrong = await client(
          port,
          'p256',
          ['-cert', stranger.cert, '-key', stranger.key],
          'hello\n',
          /alert/,
        );
        expect(wrong.stderr).toMatch(/alert number 48/);
        const right = await client(
          port,
          'p256',
          ['-cert', known.cert, '-key', known.key],
          'hello\n',
          /hello$/m,
        );
        expect(right.stderr).toMatch(/hello$/m);
      });
    });
  });

  const serverArgs = ({ server }: Pki): string[] => ['-cert', server.cert, '-key', server.key, '-rev'];
  const verifyArgs = (ca: string): string[] => ['-CAfile', ca, '-Verify', '2', '-verify_return_error'];

  async function withServer(
    args: readonly string[],
    use: (server: OpensslServer) => Promise<void>,
  ): Promise<void> {
    const server = await sServer(args);
    try {
      await use(server);
    } finally {
      await server.stop();
    }
  }

  function connect(port: number, args: readonly string[], stdin = ''): ReturnType<Workspace['run']> {
    const name = args.includes('--servername') ? [] : ['--servername', 'a.test'];
    return workspace.run(['tls', 'connect', `127.0.0.1:${port}`, ...name, ...args], { stdin });
  }

  async function report(port: number, { ca }: Pki, args: readonly string[] = []): Promise<object> {
    const ran = await connect(port, ['--ca', ca, '--json', ...args]);
    expect(ran.stderr).toBe('');
    expect(ran.code).toBe(0);
    return JSON.parse(ran.stdout.toString()) as object;
  }

  async function serving(
    kind: Kind,
    args: readonly string[],
    use: (port: number, server: Server) => Promise<void>,
  ): Promise<void> {
    const { server: pair, ca } = pki(kind);
    const trust = args.includes('--require-client') ? ['--ca', ca] : [];
    const server = workspace.serve([
      'tls',
      'serve',
      '--port',
      '0',
      '--cert',
      pair.cert,
      '--key',
      pair.key,
      ...trust,
      ...args,
    ]);
    const [, port] = await server.until(/(?:listening on 127\.0\.0\.1:|"port":)(\d+)/);
    try {
      await use(Number(port), server);
    } finally {
      expect((await server.stop()).code).toBe(0);
    }
  }

  function client(
    port: number,
    kind: Kind,
    args: readonly string[],
    input = '',
    until = /Verify return code|alert/,
  ): ReturnType<typeof sClient> {
    const base = ['-CAfile', pki(kind).ca, '-servername', 'a.test', '-verify_hostname', 'a.test'];
    return sClient(port, [...base, ...args], input, until);
  }

  function handshakeOf(server: Server): object {
    const line = server.stdout.split('\n').find((each) => each.includes('"event":"handshake"'));
    if (line === undefined) throw new Error(`no handshake in ${server.stdout}${server.stderr}`);
    return JSON.parse(line) as object;
  }
});
