/** The values of `test/vectors/trust.json` are part of the protocol: docs/protocol.md §3 is implemented from them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { concat, fromHex, hex, utf8 } from '../../src/base/bytes.ts';
import { provider as noble } from '../../src/crypto/noble.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import { DerReader } from '../../src/identity/der.ts';
import {
  acceptBundle,
  createCsr,
  DomainAuthority,
  formatDeviceGrant,
  formatDeviceRequest,
  formatPem,
  parseBundle,
  parseCertificate,
  parseDeviceGrant,
  parseDeviceRequest,
  peerId,
  signBundle,
  Trust,
  UserAuthority,
  type VerifiedPeer,
  verifyPeer,
} from '../../src/identity/index.ts';
import { have } from '../support/counterpart.ts';

interface Vector {
  readonly now: number;
  readonly keys: Readonly<Record<'oldRoot' | 'newRoot' | 'userCa' | 'device', string>>;
  readonly oldRoot: string;
  readonly newRoot: string;
  readonly handover: string;
  readonly userCa: string;
  readonly device: string;
  readonly lostKeyId: string;
  readonly bundle: string;
  readonly deviceRequest: string;
  readonly deviceGrant: string;
}

const file = resolve(import.meta.dirname, '../vectors/trust.json');
const vector = JSON.parse(readFileSync(file, 'utf8')) as Vector;
const { now } = vector;
const [oldRoot, newRoot, handover] = [vector.oldRoot, vector.newRoot, vector.handover].map((der) =>
  parseCertificate(fromHex(der)),
);
const bundle = fromHex(vector.bundle);
const held = { domain: 'example.org', roots: [oldRoot!] };

describe.each([node, noble])('by $name', (provider) => {
  const key = (which: keyof Vector['keys']) => provider.importKey(fromHex(vector.keys[which]));

  test('the bundle reads, and is signed again to the same bytes', () => {
    const contents = parseBundle(bundle);
    expect(contents).toMatchObject({
      domain: 'example.org',
      sequence: 7,
      issuedAt: now,
      expiresAt: now + 30 * 86_400_000,
      refreshAfter: 86_400_000,
      signer: peerId(newRoot!.spki),
      deniedKeys: [{ keyId: vector.lostKeyId, until: now + 7 * 86_400_000 }],
      deniedCertificates: [{ issuer: peerId(oldRoot!.spki), serial: '4d2f', until: now + 7 * 86_400_000 }],
    });
    expect(contents.roots.map(({ der }) => hex(der))).toEqual([vector.newRoot, vector.oldRoot]);
    expect(contents.handovers.map(({ der }) => hex(der))).toEqual([vector.handover]);
    expect(hex(signBundle(contents, newRoot!, key('newRoot')))).toBe(vector.bundle);
  });

  test('who holds the old root follows it to the new, and believes the device', () => {
    const anchors = acceptBundle(bundle, held, now, provider);
    expect(anchors).toMatchObject({ sequence: 7, deniedKeys: [vector.lostKeyId] });
    const chain = [vector.device, vector.userCa, vector.handover].map(fromHex);
    const proof = verifyPeer(chain, { kind: 'anyPeer' }, Trust.of([held]), 'client', now, provider);
    expect((proof as VerifiedPeer).identity).toMatchObject({
      name: 'alice@example.org',
      device: 'phone',
      keyId: peerId(key('device').spki),
      userCa: peerId(key('userCa').spki),
    });
  });

  test('the stored authorities load', () => {
    const roots = [
      { certificate: newRoot!.der, key: key('newRoot') },
      { certificate: oldRoot!.der, key: key('oldRoot') },
    ];
    const domain = DomainAuthority.load(provider, { roots, handovers: [handover!.der] });
    expect(domain.root).toEqual(newRoot);
    const chain = [vector.userCa, vector.handover].map(fromHex);
    expect(UserAuthority.load(provider, { chain, key: key('userCa') }).name).toBe('alice@example.org');
  });

  test('the codes say what they say', () => {
    const request = parseDeviceRequest(provider, vector.deviceRequest);
    expect(request).toMatchObject({ device: 'phone', spki: key('device').spki });
    const csr = createCsr(key('device'));
    expect(formatDeviceRequest({ device: 'phone', csr })).toBe(vector.deviceRequest);
    const grant = parseDeviceGrant(vector.deviceGrant);
    expect(grant).toMatchObject({ name: 'alice@example.org', relay: 'wss://relay.example.org/' });
    expect(grant.chain.map(hex)).toEqual([vector.device, vector.userCa, vector.handover]);
    expect(grant.roots).toEqual([newRoot, oldRoot]);
    expect(formatDeviceGrant(grant)).toBe(vector.deviceGrant);
  });
});

describe.runIf(have('openssl'))('openssl', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'q2q-trust-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function write(name: string, content: string | Uint8Array): string {
    writeFileSync(join(folder, name), content);
    return name;
  }

  function openssl(...args: string[]): string {
    const { status, stdout, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
    return `${status === 0 ? '' : 'failed: '}${stdout}${stderr}`;
  }

  const pem = (...ders: string[]): string =>
    ders.map((der) => formatPem('CERTIFICATE', fromHex(der))).join('');

  test('verifies the device under the old root alone', () => {
    const trusted = write('old.pem', pem(vector.oldRoot));
    const others = write('others.pem', pem(vector.userCa, vector.handover));
    const leaf = write('leaf.pem', pem(vector.device));
    const verify = ['verify', '-x509_strict', '-attime', String(now / 1000), '-CAfile', trusted];
    expect(openssl(...verify, '-untrusted', others, leaf)).toContain('leaf.pem: OK');
    expect(openssl(...verify, '-untrusted', write('ca.pem', pem(vector.userCa)), leaf)).toContain('failed');
  });

  test('verifies the signature of the bundle over what §3.3 says is signed', () => {
    const outer = new DerReader(bundle).sequence('bundle');
    const contents = outer.any('contents').der;
    outer.any('algorithm');
    const signature = write('signature', outer.bitString('signature'));
    const signed = write('signed', concat([utf8('q2q domain bundle 1\0'), contents]));
    const root = write('new.pem', pem(vector.newRoot));
    const verify = ['pkeyutl', '-verify', '-certin', '-inkey', root, '-rawin', '-sigfile', signature, '-in'];
    expect(openssl(...verify, signed)).toContain('Signature Verified Successfully');
    expect(openssl(...verify, write('contents', contents))).toContain('failed');
  });
});
