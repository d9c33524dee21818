/** OpenSSL through node:tls, in memory: both roles, each suite, HRR, client certificates, ALPN, KeyUpdate's neighbours. */
import type { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import { describe, expect, it } from 'vitest';
import { provider as noble } from '../../src/crypto/noble.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import { SUITES } from '../../src/crypto/suites.ts';
import { formatPem } from '../../src/identity/index.ts';
import { ClientContext, ServerContext, type TlsConfigInit, type TlsError } from '../../src/tls/index.ts';
import { Driver, duplexPair, nodeServer, pemOf } from '../support/nodeTls.ts';
import { DOMAIN, KINDS, Pki } from '../support/pki.ts';

const pki = new Pki('p256', node, Date.now());
const foreign = pki.elsewhere();
const ca = formatPem('CERTIFICATE', pki.authority.root.der);
const server = pki.server('p256');

function ourClient(
  options: tls.TlsOptions,
  config: Partial<TlsConfigInit> = {},
  provider = node,
): { us: Driver; them: tls.TLSSocket; carrier: Duplex } {
  const [near, far] = duplexPair();
  const them = nodeServer(far, { ...pemOf(server), ca, ...options });
  them.on('error', () => {});
  const context = new ClientContext({ verifier: pki.serverVerifier(), ...config }, provider);
  return { us: new Driver(context.connect({ serverName: DOMAIN }), near), them, carrier: near };
}

function ourServer(
  options: tls.ConnectionOptions,
  config: Partial<TlsConfigInit> = {},
  provider = node,
): { us: Driver; them: tls.TLSSocket } {
  const [near, far] = duplexPair();
  const context = new ServerContext(
    { verifier: pki.clientVerifier(), credentials: [server], ...config },
    provider,
  );
  const us = new Driver(context.accept(), near);
  const them = tls.connect({ socket: far as never, servername: DOMAIN, ca, ...options });
  them.on('error', () => {});
  return { us, them };
}

/** A greeting each way, then an orderly end from both sides. */
async function talk(us: Driver, them: tls.TLSSocket): Promise<void> {
  await us.until(({ connection }) => connection.phase === 'open');
  const heard: Buffer[] = [];
  them.on('data', (chunk: Buffer) => {
    heard.push(chunk);
    if (Buffer.concat(heard).toString() === 'hello from q2q') them.end('hello from node');
  });
  us.write(Buffer.from('hello from q2q'));
  await us.until(({ events }) => events.some((event) => event.type === 'end'));
  expect(us.received).toBe('hello from node');
  us.closeWrite();
  expect(us.connection.phase).toBe('closed');
}

const mutual = { requestCert: true, rejectUnauthorized: true } as const;

describe('our client and a node:tls server', () => {
  for (const provider of [node, noble])
    for (const suite of SUITES)
      it(`talk over ${suite.name} (${provider.name})`, async () => {
        const { us, them } = ourClient({ ciphers: suite.name }, {}, provider);
        await talk(us, them);
        expect(us.connection.negotiated?.suite).toBe(suite.name);
      });

  for (const kind of KINDS)
    it(`talk with ${kind} certificates at both ends`, async () => {
      const { us, them } = ourClient(
        { ...mutual, ...pemOf(pki.server(kind)) },
        { credentials: [pki.user('bob', kind)] },
      );
      await talk(us, them);
    });

  it('retry with P-256 when the server wants it', async () => {
    const { us, them } = ourClient({ ecdhCurve: 'prime256v1' });
    await talk(us, them);
    expect(us.connection.negotiated).toMatchObject({ group: 'secp256r1', helloRetried: true });
  });

  it('agree on a protocol', async () => {
    const { us, them } = ourClient({ ALPNProtocols: ['q2q/1'] }, { alpn: ['echo/1', 'q2q/1'] });
    await talk(us, them);
    expect(us.connection.negotiated?.alpn).toBe('q2q/1');
  });

  it('end with no_application_protocol when the server speaks none of ours', async () => {
    const { us } = ourClient({ ALPNProtocols: ['h2'] }, { alpn: ['echo/1'] });
    expect(await us.failure()).toMatchObject({ alert: 'no_application_protocol', alertFrom: 'peer' });
  });

  it('end with no_application_protocol of ours when the server is silent about ALPN', async () => {
    const { us } = ourClient({}, { alpn: ['echo/1'] });
    expect(await us.failure()).toMatchObject({ alert: 'no_application_protocol', alertFrom: 'local' });
  });

  it('show no certificate when they have none that suits, and node goes on', async () => {
    const { us, them } = ourClient({ requestCert: true }, { credentials: [] });
    await talk(us, them);
    expect(us.connection.negotiated?.localScheme).toBeUndefined();
  });

  it('refuse a server of an unknown authority with unknown_ca', async () => {
    const { us } = ourClient(pemOf(foreign.server('p256')));
    expect(await us.failure()).toMatchObject({ code: 'ERR_TLS_PEER_REFUSED', alert: 'unknown_ca' });
  });

  it('refuse TLS 1.2 by protocol_version', async () => {
    const { us } = ourClient({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' });
    const error = (await us.failure()) as TlsError;
    expect([error.code, error.alert]).toEqual(['ERR_TLS_ALERT', 'protocol_version']);
  });

  it('get the same exported key and key log', async () => {
    const lines: string[] = [];
    const { us, them } = ourClient({}, { keyLog: (line) => lines.push(line) });
    const theirs: string[] = [];
    them.on('keylog', (line: Buffer) => theirs.push(line.toString().trim()));
    await talk(us, them);
    expect([...lines].sort()).toEqual(theirs.filter((line) => !line.startsWith('EARLY')).sort());
  });
});

describe('a node:tls client and our server', () => {
  for (const provider of [node, noble])
    for (const suite of SUITES)
      it(`talk over ${suite.name} (${provider.name})`, async () => {
        const config = { clientCertificate: 'none', suites: [suite.name] } as const;
        const { us, them } = ourServer({}, config, provider);
        await talk(us, them);
        expect(them.getCipher().standardName).toBe(suite.name);
      });

  for (const kind of KINDS)
    it(`talk with ${kind} certificates at both ends`, async () => {
      const { us, them } = ourServer(pemOf(pki.user('bob', kind)), { credentials: [pki.server(kind)] });
      await talk(us, them);
      expect(us.connection.negotiated?.peer?.leaf?.names.email).toEqual([`bob@${DOMAIN}`]);
    });

  it('retry with P-384 when we want it', async () => {
    const { us, them } = ourServer({}, { clientCertificate: 'none', groups: ['secp384r1'] });
    await talk(us, them);
    expect(us.connection.negotiated).toMatchObject({ group: 'secp384r1', helloRetried: true });
  });

  it('agree on a protocol and a name', async () => {
    const { us, them } = ourServer(
      { ALPNProtocols: ['h2', 'q2q/1'] },
      { clientCertificate: 'none', alpn: ['q2q/1'] },
    );
    await talk(us, them);
    expect(us.connection.negotiated).toMatchObject({ alpn: 'q2q/1', serverName: DOMAIN });
    expect(them.alpnProtocol).toBe('q2q/1');
  });

  const refusals: [string, tls.ConnectionOptions, Partial<TlsConfigInit>, string][] = [
    ['without a common protocol', { ALPNProtocols: ['h2'] }, { alpn: ['q2q/1'] }, 'NO_APPLICATION_PROTOCOL'],
    ['without a certificate', {}, {}, 'CERTIFICATE_REQUIRED'],
    ['with an untrusted certificate', pemOf(foreign.user('mallory', 'p256')), {}, 'UNKNOWN_CA'],
    ['that speaks TLS 1.2', { maxVersion: 'TLSv1.2' }, {}, 'PROTOCOL_VERSION'],
  ];
  for (const [who, options, config, alert] of refusals)
    it(`refuse a client ${who}: it sees ${alert}`, async () => {
      const { us, them } = ourServer(options, config);
      const seen = new Promise<Error>((resolve) => them.once('error', resolve));
      await us.failure();
      expect((await seen).message.toUpperCase().replaceAll(' ', '_')).toContain(alert);
    });

  it('go on without a certificate where it is only requested', async () => {
    const { us, them } = ourServer({}, { clientCertificate: 'request' });
    await talk(us, them);
    expect(us.connection.negotiated?.peer).toBeUndefined();
  });

  it('export the same key', async () => {
    const { us, them } = ourServer({}, { clientCertificate: 'none' });
    await us.until(({ connection }) => connection.phase === 'open');
    const ours = us.connection.exportKey('EXPORTER-q2q-test', Buffer.from('context'), 48);
    expect(Buffer.from(ours)).toEqual(
      them.exportKeyingMaterial(48, 'EXPORTER-q2q-test', Buffer.from('context')),
    );
    // RFC 9266: the binding of the connection is an exporter everybody computes alike.
    expect(Buffer.from(us.connection.channelBinding())).toEqual(
      them.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)),
    );
  });

  it('move a megabyte each way', async () => {
    const { us, them } = ourServer({}, { clientCertificate: 'none' });
    await us.until(({ connection }) => connection.phase === 'open');
    const bytes = Buffer.alloc(1 << 20, 'q2q, all the way down. ');
    them.pipe(them);
    us.write(bytes);
    await us.until(({ received }) => received.length === bytes.length);
    expect(us.received).toBe(bytes.toString());
  });
});
