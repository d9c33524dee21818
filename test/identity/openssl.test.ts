/**
 * OpenSSL as an outside judge: it reads and verifies what we write, and we read and verify what it writes.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { provider as noble } from '../../src/crypto/noble.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import {
  createCsr,
  DomainAuthority,
  formatPem,
  parseCertificate,
  parseCsr,
  parsePemAs,
  Refusal,
  readPrivateKey,
  selfSignedIdentity,
  Trust,
  UserAuthority,
  verifyClient,
  verifyPeer,
  verifyServer,
  writePrivateKey,
} from '../../src/identity/index.ts';
import { issueServerLeaf, issueUserLeaf } from '../../src/identity/issue.ts';
import { have } from '../support/counterpart.ts';

const found = have('openssl');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'q2q-openssl-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Runs openssl in the folder; its output, whichever stream it uses. */
function openssl(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`);
  return stdout + stderr;
}

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

function read(name: string): string {
  return readFileSync(join(folder, name), 'utf8');
}

const now = Date.now();

describe.runIf(found)('openssl', () => {
  test.each(['ed25519', 'p256'] as const)('verifies a domain of ours with a %s root, strictly', (kind) => {
    const authority = DomainAuthority.create(node, 'example.org', now, kind);
    const root = write(`root-${kind}.pem`, formatPem('CERTIFICATE', authority.root.der));
    for (const leafKind of ['ed25519', 'p256', 'p384'] as const) {
      const { spki } = node.generateKey(leafKind);
      const [leaf] = authority.issueUser({ spki, user: 'alice', device: 'laptop', now });
      const alice = write('alice.pem', formatPem('CERTIFICATE', leaf!));
      for (const purpose of ['sslclient', 'sslserver'])
        expect(openssl('verify', '-x509_strict', '-purpose', purpose, '-CAfile', root, alice)).toContain(
          'OK',
        );
      const server = write('server.pem', formatPem('CERTIFICATE', authority.issueServer({ spki, now })[0]!));
      const verify = ['verify', '-x509_strict', '-purpose', 'sslserver', '-verify_hostname', 'example.org'];
      expect(openssl(...verify, '-CAfile', root, server)).toContain('OK');
    }
    const text = openssl('x509', '-in', 'alice.pem', '-noout', '-text');
    expect(text).toContain('email:alice@example.org, URI:q2q://example.org/alice/laptop');
    expect(text).toContain('X509v3 Subject Alternative Name: critical');
  });

  test('holds our roots to their constraints as we do', () => {
    const authority = DomainAuthority.create(node, 'example.org', now);
    const other = DomainAuthority.create(node, 'example.com', now);
    const root = write('constrained.pem', formatPem('CERTIFICATE', authority.root.der));
    const [leaf] = other.issueUser({ spki: node.generateKey('p256').spki, user: 'alice', now });
    const stranger = write('stranger.pem', formatPem('CERTIFICATE', leaf!));
    expect(() => openssl('verify', '-CAfile', root, stranger)).toThrow('unable to get local issuer');
  });

  test("verifies a user CA's devices, and refuses what that CA may not sign", () => {
    const authority = DomainAuthority.create(node, 'example.org', now);
    const root = write('user-root.pem', formatPem('CERTIFICATE', authority.root.der));
    const key = node.generateKey('p256');
    const devices = UserAuthority.load(node, {
      chain: authority.issueUserCa({ spki: key.spki, user: 'alice', now }),
      key,
    });
    const ca = write('user-ca.pem', formatPem('CERTIFICATE', devices.certificate.der));
    const text = openssl('x509', '-in', ca, '-noout', '-text');
    expect(text).toContain('email:alice@example.org');
    expect(text).toContain('CA:TRUE, pathlen:0');
    const { spki } = node.generateKey('ed25519');
    const verify = ['verify', '-x509_strict', '-CAfile', root, '-untrusted', ca];
    const judge = (name: string, leaf: Uint8Array): string =>
      openssl(...verify, write(name, formatPem('CERTIFICATE', leaf)));
    const [phone] = devices.issueDevice({ spki, device: 'phone', now });
    expect(judge('phone.pem', phone!)).toContain('OK');
    // What the CA's key signs behind our back.
    const issuer = { certificate: devices.certificate, key, provider: node };
    const request = { spki, notBefore: now - 60_000, notAfter: now + 86_400_000, domain: 'example.org' };
    const bob = issueUserLeaf(issuer, { ...request, user: 'bob' });
    const host = issueServerLeaf(issuer, request);
    for (const [name, leaf] of [
      ['bob.pem', bob],
      ['host.pem', host],
    ] as const)
      expect(() => judge(name, leaf)).toThrow(/permitted subtree violation|excluded subtree violation/);
    const held = Trust.of([{ domain: 'example.org', roots: [authority.root] }]);
    for (const [leaf, expected] of [
      [bob, { kind: 'name', name: 'bob@example.org' }],
      [host, { kind: 'domain', domain: 'example.org' }],
    ] as const)
      expect(verifyPeer([leaf, devices.certificate.der], expected, held, 'server', now, node)).toMatchObject({
        code: 'ERR_IDENTITY_NAME_CONSTRAINTS',
      });
  });

  test.each(['ed25519', 'p256'] as const)(
    'with the old root alone verifies what a new %s root signs',
    (kind) => {
      const old = DomainAuthority.create(node, 'example.org', now);
      const rolled = old.roll(now, kind);
      const root = write('old-root.pem', formatPem('CERTIFICATE', old.root.der));
      const { spki } = node.generateKey('ed25519');
      const chains = [
        rolled.issueUser({ spki, user: 'alice', device: 'laptop', now }),
        rolled.issueServer({ spki, now }),
      ];
      const key = node.generateKey('ed25519');
      const ca = rolled.issueUserCa({ spki: key.spki, user: 'alice', now });
      chains.push(UserAuthority.load(node, { chain: ca, key }).issueDevice({ spki, device: 'phone', now }));
      for (const [i, [leaf, ...others]] of chains.entries()) {
        const file = write(`rolled-${i}.pem`, formatPem('CERTIFICATE', leaf!));
        const untrusted = others.map((der) => formatPem('CERTIFICATE', der)).join('');
        const verify = ['verify', '-x509_strict', '-CAfile', root];
        expect(openssl(...verify, '-untrusted', write('others.pem', untrusted), file)).toContain('OK');
        expect(() => openssl(...verify, file)).toThrow(/unable to get|signature failure/);
        const newRoot = write('new-root.pem', formatPem('CERTIFICATE', rolled.root.der));
        if (i < 2) expect(openssl('verify', '-x509_strict', '-CAfile', newRoot, file)).toContain('OK');
      }
    },
  );

  test('reads the certificate of a key peer', () => {
    const me = selfSignedIdentity(node.generateKey('ed25519'), now);
    const file = write('me.pem', formatPem('CERTIFICATE', me.chain[0]!));
    expect(openssl('x509', '-in', file, '-noout', '-subject')).toContain(me.keyId);
    expect(openssl('verify', '-CAfile', file, file)).toContain('OK');
  });

  test.each(['ed25519', 'p256', 'p384'] as const)('reads our %s keys and requests', (kind) => {
    const key = noble.generateKey(kind);
    const file = write('ours.key', writePrivateKey(key));
    openssl('pkey', '-in', file, '-check', '-noout');
    expect(openssl('pkcs8', '-topk8', '-nocrypt', '-in', file)).toContain(read('ours.key').trim());
    write('ours.csr', formatPem('CERTIFICATE REQUEST', createCsr(key)));
    expect(openssl('req', '-in', 'ours.csr', '-noout', '-verify')).toContain('OK');
  });

  const KINDS: readonly (readonly [string, readonly string[], string])[] = [
    ['Ed25519', ['ed25519'], 'ed25519'],
    ['P-256', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'], 'p256'],
    ['P-384', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'], 'p384'],
    ['RSA 2048', ['rsa', '-pkeyopt', 'rsa_keygen_bits:2048'], 'rsa'],
    ['RSA-PSS 2048', ['rsa-pss', '-pkeyopt', 'rsa_keygen_bits:2048'], 'rsa-pss'],
  ];

  test.each(KINDS)(
    '%s: its keys, requests, roots and chains are read and verified here',
    (_, algorithm, kind) => {
      // RFC 9846 §4.3.3 fixes the salt to the digest's length; OpenSSL's own default is the longest that
      // fits.
      const salt = kind === 'rsa-pss' ? ['-sigopt', 'rsa_pss_saltlen:-1'] : [];
      openssl('genpkey', '-algorithm', ...algorithm, '-out', 'ca.key');
      openssl('genpkey', '-algorithm', ...algorithm, '-out', 'leaf.key');
      openssl(
        'req',
        '-x509',
        '-new',
        '-key',
        'ca.key',
        '-subj',
        '/O=Test/CN=Test CA',
        '-days',
        '30',
        '-out',
        'ca.pem',
      );
      openssl('req', '-new', '-key', 'leaf.key', '-subj', '/CN=leaf', '-out', 'leaf.csr', ...salt);
      write('leaf.ext', 'subjectAltName=DNS:www.example.org,IP:127.0.0.1,IP:::1\n');
      const sign = [
        'x509',
        '-req',
        '-in',
        'leaf.csr',
        '-CA',
        'ca.pem',
        '-CAkey',
        'ca.key',
        '-days',
        '7',
        ...salt,
      ];
      openssl(...sign, '-extfile', 'leaf.ext', '-out', 'leaf.pem');
      openssl(...sign, '-out', 'bare.pem'); // OpenSSL 3.0 makes this one version 1

      expect(readPrivateKey(node, read('leaf.key')).kind).toBe(kind);
      const certificates = ['leaf.pem', 'bare.pem', 'ca.pem'].map(
        (name) => parsePemAs('CERTIFICATE', read(name))[0]!,
      );
      const [leaf, bare, root] = certificates.map((der) => parseCertificate(der));
      expect(leaf!.keyKind).toBe(kind);
      const request = parsePemAs('CERTIFICATE REQUEST', read('leaf.csr'))[0]!;
      for (const provider of [node, noble]) {
        expect(parseCsr(provider, request).spki).toEqual(leaf!.spki);
        for (const expected of [{ dns: 'www.example.org' }, { ip: '127.0.0.1' }, { ip: '0:0::1' }]) {
          const answer = verifyServer([leaf!.der], expected, [root!], now + 60_000, provider);
          expect(answer).not.toBeInstanceOf(Refusal);
        }
        expect(
          verifyServer([leaf!.der], { dns: 'example.org' }, [root!], now + 60_000, provider),
        ).toMatchObject({
          code: 'ERR_IDENTITY_NAME',
        });
        expect(verifyClient([bare!.der], [root!], now + 60_000, provider)).not.toBeInstanceOf(Refusal);
      }
    },
  );

  test('a self-signed server certificate is its own root', () => {
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const make = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      'self.key',
    ];
    openssl(...make, '-days', '2', ...subject, '-out', 'self.pem');
    const self = parseCertificate(parsePemAs('CERTIFICATE', read('self.pem'))[0]!);
    expect(self.isCa).toBe(true);
    expect(verifyServer([self.der], { dns: 'localhost' }, [self], now + 60_000, node)).not.toBeInstanceOf(
      Refusal,
    );
  });
});
