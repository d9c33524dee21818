/**
 * The engine against OpenSSL 3 over TCP: what only its options can ask. Each refusal with the alert the *other* program
 * reports. What every peer is asked is in `tls-openssl.test.ts`.
 */
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { provider as noble } from '../../src/crypto/noble.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { SUITES } from '../../src/crypto/suites.ts';
import { ClientContext, ServerContext, type TlsConfigInit } from '../../src/tls/index.ts';
import type { Driver } from '../support/nodeTls.ts';
import { dial, Folder, haveOpenssl, type Openssl, startClient, startServer } from '../support/openssl.ts';
import { DOMAIN, KINDS, Pki } from '../support/pki.ts';

const found = haveOpenssl();

const pki = new Pki('p256', node, Date.now());
const foreign = pki.elsewhere();
const folder = new Folder();
const ca = folder.certificate('ca', pki.authority.root);
const credentials = Object.fromEntries(
  KINDS.map((kind) => [kind, { server: pki.server(kind), user: pki.user('alice', kind) }]),
);
const server = credentials['p256']!.server;
const serverFiles = folder.credential('server', server);

let running: Openssl[] = [];
afterEach(async () => {
  await Promise.all(running.map((openssl) => openssl.stop()));
  running = [];
});
afterAll(() => folder.remove());

async function toServer(
  args: readonly string[],
  config: Partial<TlsConfigInit> = {},
  provider: CryptoProvider = node,
): Promise<{ us: Driver; openssl: Openssl }> {
  const certificate = args.includes('-cert') ? [] : serverFiles;
  const { openssl, port } = await startServer([...certificate, '-CAfile', ca, ...args]);
  running.push(openssl);
  const context = new ClientContext({ verifier: pki.serverVerifier(), ...config }, provider);
  return { us: await dial(port, context.connect({ serverName: DOMAIN })), openssl };
}

async function fromClient(
  args: readonly string[],
  config: Partial<TlsConfigInit> = {},
  provider: CryptoProvider = node,
): Promise<{ us: Driver; openssl: Openssl }> {
  const context = new ServerContext(
    { verifier: pki.clientVerifier(), credentials: [server], ...config },
    provider,
  );
  const base = ['-servername', DOMAIN, '-verify_hostname', DOMAIN, '-verify_return_error', '-CAfile', ca];
  const { us, openssl } = await startClient([...base, '-nocommands', ...args], context.accept());
  running.push(openssl);
  return { us, openssl };
}

const open = ({ connection }: Driver): boolean => connection.phase === 'open';

/** s_server with -rev sends each line back reversed. */
async function speak(us: Driver): Promise<void> {
  await us.until(open);
  us.write(Buffer.from('hello over tls\n'));
  await us.until(({ received }) => received.includes('slt revo olleh'));
}

/** s_client sends what it hears on stdin and prints what we answer. */
async function answer(us: Driver, openssl: Openssl): Promise<void> {
  await us.until(open);
  openssl.say('hello over tls\n');
  await us.until(({ received }) => received.includes('hello over tls'));
  us.write(Buffer.from('answered by q2q\n'));
  await openssl.until(/answered by q2q/);
}

describe.skipIf(!found)('our client and s_server', () => {
  for (const provider of [noble])
    for (const suite of SUITES)
      it(`talk over ${suite.name} (${provider.name})`, async () => {
        const { us } = await toServer(['-rev', '-ciphersuites', suite.name], {}, provider);
        await speak(us);
        expect(us.connection.negotiated?.suite).toBe(suite.name);
      });

  it('echo the cookie of a stateless retry', async () => {
    const { us, openssl } = await toServer(['-stateless'], { compatibility: false });
    await us.until(open);
    us.write(Buffer.from('past the retry\n'));
    await openssl.until(/past the retry/);
    expect(us.connection.negotiated?.helloRetried).toBe(true);
  });

  it('do without compatibility mode', async () => {
    const { us } = await toServer(['-rev', '-no_middlebox'], { compatibility: false });
    await speak(us);
  });

  it('remove padding', async () => {
    const { us } = await toServer(['-rev', '-record_padding', '512']);
    await speak(us);
  });

  it('fail with no_application_protocol of ours when s_server ignores ALPN', async () => {
    const { us, openssl } = await toServer([], { alpn: ['q2q/1'] });
    expect(await us.failure()).toMatchObject({ alert: 'no_application_protocol', alertFrom: 'local' });
    await openssl.until(/alert no application protocol/);
  });

  it('go on without a protocol where the configuration allows it', async () => {
    const { us } = await toServer(['-rev'], { alpn: ['q2q/1'], requireAlpn: false });
    await speak(us);
    expect(us.connection.negotiated?.alpn).toBeUndefined();
  });

  it('let s_server see unknown_ca when its certificate is untrusted', async () => {
    const { us, openssl } = await toServer(folder.credential('foreign', foreign.server('p256')));
    expect(await us.failure()).toMatchObject({ code: 'ERR_TLS_PEER_REFUSED', alert: 'unknown_ca' });
    await openssl.until(/alert unknown ca/);
  });

  it('answer the KeyUpdate s_server asks for, and ask for one', async () => {
    const { us, openssl } = await toServer([]);
    await us.until(open);
    openssl.say('K\n');
    // Our answer goes in front of our next data, and s_server shows what it did once it has read some.
    while (!openssl.output.includes('SSL_do_handshake -> 1')) {
      us.write(Buffer.from('our answer\n'));
      await new Promise((resolve) => setTimeout(resolve, 50)); // a command must be alone in what it reads
    }
    openssl.say('after the update\n');
    await us.until(({ received }) => received.includes('after the update'));
    us.connection.updateKeys(true);
    us.write(Buffer.from('under our new keys\n'));
    await openssl.until(/under our new keys/);
    openssl.say('and under theirs\n');
    await us.until(({ received }) => received.includes('and under theirs'));
  });
});

describe.skipIf(!found)('s_client and our server', () => {
  for (const provider of [noble])
    for (const suite of SUITES)
      it(`talk over ${suite.name} (${provider.name})`, async () => {
        const config = { clientCertificate: 'none' } as const;
        const { us, openssl } = await fromClient(['-ciphersuites', suite.name], config, provider);
        await answer(us, openssl);
        expect(openssl.output).toContain(`Cipher is ${suite.name}`);
      });

  it('let s_client read which authorities are accepted', async () => {
    const certificateAuthorities = [pki.authority.root.subject];
    const { us, openssl } = await fromClient([], { clientCertificate: 'request', certificateAuthorities });
    await answer(us, openssl);
    await openssl.until(/Acceptable client certificate CA names\n.*example\.test/);
  });

  it('let s_client remove our padding', async () => {
    const { us, openssl } = await fromClient(['-msg'], { clientCertificate: 'none', padTo: 512 });
    await answer(us, openssl);
    // s_client's dump of a record's header ends with its length: 512 bytes and the tag.
    expect(openssl.output).toMatch(/<<< TLS 1\.\d, RecordHeader \[length 0005\]\s+17 03 03 02 10/);
  });

  it('do without compatibility mode', async () => {
    const { us, openssl } = await fromClient(['-no_middlebox'], { clientCertificate: 'none' });
    await answer(us, openssl);
  });

  const refusals: [string, string[], Partial<TlsConfigInit>, RegExp][] = [
    ['no common protocol', ['-alpn', 'h2'], { alpn: ['q2q/1'] }, /alert no application protocol/],
    ['silence about ALPN', [], { alpn: ['q2q/1'] }, /alert no application protocol/],
    ['no certificate', [], {}, /alert certificate required|tlsv13 alert/],
    [
      'an untrusted certificate',
      folder.credential('stranger', foreign.user('mallory', 'p256')),
      {},
      /alert unknown ca/,
    ],
    ['TLS 1.2', ['-tls1_2'], {}, /alert protocol version/],
    ['no common suite', ['-ciphersuites', 'TLS_AES_128_CCM_SHA256'], {}, /alert handshake failure/],
    ['no common group', ['-groups', 'X448'], {}, /alert handshake failure/],
  ];
  for (const [what, args, config, alert] of refusals)
    it(`refuse ${what}: s_client reports ${alert.source}`, async () => {
      const { us, openssl } = await fromClient(args, config);
      await us.failure();
      await openssl.until(alert);
    });

  it('let s_client refuse our certificate, and say so', async () => {
    const { us } = await fromClient([], { credentials: [foreign.server('p256')], clientCertificate: 'none' });
    expect(await us.failure()).toMatchObject({
      code: 'ERR_TLS_ALERT',
      alert: 'unknown_ca',
      alertFrom: 'peer',
    });
  });

  it('keep writing after s_client has closed its half', async () => {
    const { us, openssl } = await fromClient([], { clientCertificate: 'none' });
    await us.until(open);
    openssl.say('one line\n');
    await us.until(({ received }) => received.includes('one line'));
    openssl.endInput();
    await us.until(({ events }) => events.some(({ type }) => type === 'end'));
    us.closeWrite();
    expect(us.connection.phase).toBe('closed');
  });
});
