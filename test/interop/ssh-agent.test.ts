/** Keys that OpenSSH's own agent holds: listed, refused, and at both ends of TLS with OpenSSL. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { provider } from '../../src/crypto/node.node.ts';
import type { Signer } from '../../src/crypto/provider.ts';
import { agentKeys, agentSigner, agentSigners } from '../../src/identity/agent.node.ts';
import { createCsrBySigner, IdentityError, identityFromChain, parseCsr } from '../../src/identity/index.ts';
import { DirectoryIdentityStore } from '../../src/identity/store.node.ts';
import { secureClient, secureServer } from '../../src/peer/secureEndpoints.node.ts';
import { ClientContext, type Credential, ServerContext } from '../../src/tls/index.ts';
import { have } from '../support/counterpart.ts';
import { Folder, haveOpenssl, Openssl, startServer } from '../support/openssl.ts';
import { DOMAIN, Pki } from '../support/pki.ts';
import { Program } from '../support/program.ts';
import { Recorder } from '../transport/recorder.ts';

const found = ['ssh-agent', 'ssh-add', 'ssh-keygen'].every(have) && haveOpenssl();
const TYPES = [
  ['ed25519', 'ed25519', ''],
  ['p256', 'ecdsa', '256'],
  ['p384', 'ecdsa', '384'],
] as const;

describe.skipIf(!found)('keys of ssh-agent', () => {
  const base = mkdtempSync(join(tmpdir(), 'q2q-ssh-'));
  const socket = join(base, 'agent');
  let agent: Program;
  beforeAll(() => {
    for (const [name, type, bits] of [...TYPES, ['rsa', 'rsa', '2048'], ['p521', 'ecdsa', '521']])
      execFileSync('ssh-keygen', [
        ...['-q', '-t', type!, '-N', '', '-C', `the ${name} key`, '-f', join(base, name!)],
        ...(bits === '' ? [] : ['-b', bits!]),
      ]);
    for (const [name, body] of [
      ['yes', 'echo secret'],
      ['no', 'exit 1'],
    ] as const) {
      writeFileSync(join(base, name), `#!/bin/sh\n${body}\n`);
      chmodSync(join(base, name), 0o700);
    }
  });
  afterAll(() => rmSync(base, { recursive: true }));
  beforeEach(async () => {
    agent = new Program('ssh-agent', ['-D', '-a', socket], {
      env: { SSH_ASKPASS: join(base, 'no'), DISPLAY: ':0' },
    });
    await agent.until(/SSH_AUTH_SOCK/);
  });
  afterEach(async () => {
    await agent.stop();
    rmSync(socket, { force: true });
  });

  function add(...args: readonly string[]): void {
    execFileSync('ssh-add', ['-q', ...args], {
      env: {
        ...process.env,
        ...{ SSH_AUTH_SOCK: socket, SSH_ASKPASS: join(base, 'yes'), SSH_ASKPASS_REQUIRE: 'force' },
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  }

  const file = (name: string): string => join(base, name);

  /** Adds the key and returns what signs with it. */
  async function signerOf(name: string): Promise<Signer> {
    add(file(name));
    const key = (await agentKeys(socket)).find(({ comment }) => comment === `the ${name} key`);
    return agentSigner(socket, key!.keyId);
  }

  async function codeOf(work: Promise<unknown> | unknown): Promise<string> {
    const error = await Promise.resolve(work).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(IdentityError);
    return (error as IdentityError).code;
  }

  test('are listed, those we can use, and known by the key ids that OpenSSL’s own encoding has', async () => {
    expect(await agentKeys(socket)).toEqual([]);
    for (const name of ['rsa', 'ed25519', 'p256', 'p384', 'p521']) add(file(name));
    const keys = await agentKeys(socket);
    expect(keys.map(({ kind, comment }) => [kind, comment])).toEqual(
      TYPES.map(([kind]) => [kind, `the ${kind} key`]),
    );
    for (const [name, type] of TYPES) {
      if (type !== 'ecdsa') continue; // ssh-keygen writes no PKCS#8 of Ed25519
      const pem = execFileSync('ssh-keygen', ['-e', '-m', 'PKCS8', '-f', file(name)]);
      const spki = execFileSync('openssl', ['pkey', '-pubin', '-outform', 'DER'], { input: pem });
      expect(new Uint8Array(spki)).toEqual(keys.find(({ kind }) => kind === name)!.spki);
    }
  });

  test.each(TYPES)('of %s sign what verifies, a hundred times', async (name) => {
    const signer = await signerOf(name);
    const [scheme] = signer.schemes;
    for (let i = 0; i < 100; i++) {
      const data = provider.random(100);
      expect(provider.verify(scheme!, signer.spki, data, await signer.sign(scheme!, data))).toBe(true);
    }
    expect(parseCsr(provider, await createCsrBySigner(signer)).spki).toEqual(signer.spki);
  });

  test('are told apart: locked, confirmed by nobody, removed, agent gone', async () => {
    const signer = await signerOf('ed25519');
    const sign = (): unknown => signer.sign('ed25519', new Uint8Array(3));
    add('-x'); // lock
    expect(await codeOf(sign())).toBe('ERR_IDENTITY_AGENT_REFUSED');
    expect(await codeOf(agentSigner(socket, (await agentKeys(socket))[0]?.keyId ?? 'none'))).toBe(
      'ERR_IDENTITY_AGENT_NO_KEY',
    );
    add('-X');
    expect(await sign()).toHaveLength(64);
    add('-D');
    expect(await codeOf(sign())).toBe('ERR_IDENTITY_AGENT_REFUSED');
    add('-c', file('ed25519')); // each use asks a person, who says no
    expect(await codeOf(sign())).toBe('ERR_IDENTITY_AGENT_REFUSED');
    await agent.stop();
    expect(await codeOf(sign())).toBe('ERR_IDENTITY_AGENT');
  });

  test('stand behind a stored identity', async () => {
    const signer = await signerOf('p256');
    const { authority } = new Pki('ed25519', provider, Date.now());
    const chain = authority.issueUser({ spki: signer.spki, user: 'alice', now: Date.now() });
    const folder = join(base, 'store');
    const open = (): Promise<DirectoryIdentityStore> =>
      DirectoryIdentityStore.open(folder, provider, { signers: agentSigners(socket) });
    await (await open()).put(identityFromChain(chain, signer));
    const label = `alice@${DOMAIN}`;
    const again = await (await open()).get(label);
    expect((await again!.signer.sign('ecdsa_secp256r1_sha256', new Uint8Array(3))).length).toBeGreaterThan(
      60,
    );
    add('-D');
    expect(await codeOf((await open()).get(label))).toBe('ERR_IDENTITY_STORE_SIGNER');
    expect(await (await open()).list()).toEqual([label]);
    await agent.stop();
    expect(await codeOf((await open()).get(label))).toBe('ERR_IDENTITY_AGENT');
  });

  describe.each(TYPES)('of %s prove us to OpenSSL, both sides shown', (name) => {
    const folder = new Folder();
    const pki = new Pki('p256', provider, Date.now());
    const ca = folder.certificate('ca', pki.authority.root);
    const required = ['-CAfile', ca, '-Verify', '2', '-verify_return_error'];
    afterAll(() => folder.remove());

    const credential = async (role: 'user' | 'server'): Promise<Credential> => {
      const signer = await signerOf(name);
      const { spki } = signer;
      const now = Date.now();
      const chain =
        role === 'user'
          ? pki.authority.issueUser({ spki, user: 'alice', now })
          : pki.authority.issueServer({ spki, now });
      return { chain, signer };
    };

    test('as a client of s_server', async () => {
      const own = await credential('user');
      const files = folder.credential('server', pki.server('p256'));
      const { openssl, port } = await startServer(['-rev', ...files, ...required]);
      try {
        const context = new ClientContext({ credentials: [own], verifier: pki.serverVerifier() }, provider);
        const link = await secureClient(`tcp://127.0.0.1:${port}`, { context, serverName: DOMAIN })();
        const answer = Recorder.start(link);
        link.send(utf8('olleh\n'));
        await answer.until('the answer', () => answer.text === 'hello\n');
        await openssl.until(/Verification: OK|verify return:1/);
        link.reset();
      } finally {
        await openssl.stop();
      }
    });

    test('as a server of s_client', async () => {
      const own = await credential('server');
      const context = new ServerContext({ credentials: [own], verifier: pki.clientVerifier() }, provider);
      const listener = await secureServer('tcp://127.0.0.1:0', { context })((link) => {
        Recorder.start(link).onData = (bytes) => void link.send(bytes);
      });
      const client = folder.credential('user', pki.user('bob', 'p256'));
      const where = [
        '-connect',
        `127.0.0.1:${listener.port}`,
        '-servername',
        DOMAIN,
        '-verify_hostname',
        DOMAIN,
      ];
      const openssl = new Openssl([
        ...['s_client', ...where, '-CAfile', ca, '-verify_return_error', ...client, '-quiet'],
      ]);
      try {
        openssl.say('there and back\n');
        await openssl.until(/there and back/);
      } finally {
        await openssl.stop();
        await listener.close();
      }
    });
  });
});
