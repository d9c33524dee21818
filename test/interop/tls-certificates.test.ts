/** The certificates of both ends as our links tell them, byte by byte those that OpenSSL holds and sees (T20). */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deferred } from '../../src/base/deferred.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { secureClient, secureServer } from '../../src/peer/secureEndpoints.node.ts';
import type { SecureLink } from '../../src/peer/secureLink.ts';
import { type Negotiated, ServerContext } from '../../src/tls/index.ts';
import { clientOptions, PrivateCertificate, trustRoots } from '../../src/tls/options/index.ts';
import { haveOpenssl } from '../support/openssl.ts';
import { Program } from '../support/program.ts';
import { makePki, type Pair, type Pki } from './support/pki.ts';

const folder = mkdtempSync(join(tmpdir(), 'q2q-pki-'));

describe.skipIf(!haveOpenssl())('OpenSSL sees the certificates that we tell', () => {
  let pki: Pki;
  beforeAll(() => {
    pki = makePki(folder, 'p256');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const load = ({ cert, key }: Pair): PrivateCertificate =>
    PrivateCertificate.load(
      { certificates: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') },
      { provider },
    );
  const trust = () => trustRoots([readFileSync(pki.ca, 'utf8')]);

  test('as a client of s_server', async () => {
    const { server, client, ca } = pki;
    const asked = ['-CAfile', ca, '-Verify', '2', '-verify_return_error'];
    const pair = ['-cert', server.cert, '-key', server.key];
    const far = new Program('openssl', ['s_server', '-accept', '127.0.0.1:0', '-tls1_3', ...pair, ...asked]);
    try {
      const [, port] = await far.until(/ACCEPT 127\.0\.0\.1:(\d+)/);
      const context = clientOptions('a.test', { trust: trust(), credentials: [load(client)], provider });
      const link = await secureClient(`tcp://127.0.0.1:${port}`, { context })();
      const seen = await far.until(PEM);
      expect(peerOf(link.negotiated)).toEqual([opensslDer(readFileSync(server.cert, 'utf8'))]);
      expect(ownOf(link.negotiated)).toEqual([opensslDer(seen[0])]);
      link.reset();
    } finally {
      await far.stop();
    }
  });

  test('as a server of s_client', async () => {
    const { server, client, ca } = pki;
    const context = new ServerContext(load(server).options(...trust().certificates), provider);
    const accepted = deferred<SecureLink>();
    const listener = await secureServer('tcp://127.0.0.1:0', { context })((link) => accepted.resolve(link));
    const where = ['-connect', `127.0.0.1:${listener.port}`, '-CAfile', ca, '-showcerts'];
    const far = new Program('openssl', ['s_client', ...where, '-cert', client.cert, '-key', client.key]);
    try {
      const link = await accepted.promise;
      const seen = await far.until(PEM);
      expect(peerOf(link.negotiated)).toEqual([opensslDer(readFileSync(client.cert, 'utf8'))]);
      expect(ownOf(link.negotiated)).toEqual([opensslDer(seen[0])]);
      link.reset();
    } finally {
      await far.stop();
      await listener.close();
    }
  });
});

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/;

function peerOf({ peer }: Negotiated): Buffer[] {
  return (peer?.chain ?? []).slice(0, 1).map(({ der }) => Buffer.from(der));
}

function ownOf({ localChain = [] }: Negotiated): Buffer[] {
  return localChain.map((der) => Buffer.from(der));
}

function opensslDer(pem: string): Buffer {
  return execFileSync('openssl', ['x509', '-outform', 'DER'], { input: pem });
}
