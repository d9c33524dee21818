/** Certificates of the wild, field by field as `openssl x509 -text` shows them (T32): the roots of Mozilla's list that Node ships. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { afterAll, expect, test } from 'vitest';
import { hex } from '../../src/base/bytes.ts';
import {
  type Certificate,
  describeCertificate,
  IdentityError,
  parseCertificate,
  parsePem,
} from '../../src/identity/index.ts';
import { have } from '../support/counterpart.ts';

/** OpenSSL's words for the bits of KeyUsage (RFC 5280 §4.2.1.3). */
const USES: Readonly<Record<string, string>> = {
  'Digital Signature': 'digitalSignature',
  'Non Repudiation': 'contentCommitment',
  'Certificate Sign': 'keyCertSign',
  'CRL Sign': 'cRLSign',
};

const folder = mkdtempSync(join(tmpdir(), 'q2q-openssl-'));
afterAll(() => rmSync(folder, { recursive: true }));

test.runIf(have('openssl'))('a hundred roots say to us what they say to openssl', () => {
  const readable = rootCertificates.map(parsed).filter((one) => one !== undefined);
  expect(readable.length).toBeGreaterThan(100);
  const file = join(folder, 'roots.pem');
  writeFileSync(file, readable.map(({ pem }) => pem).join('\n'));
  const args = ['storeutl', '-noout', '-text', '-certs', file];
  const text = execFileSync('openssl', args, { encoding: 'utf8', maxBuffer: 1 << 24 });
  const shown = text.split(/^\d+: Certificate$/m).slice(1);
  expect(shown.length).toBe(readable.length);
  expect(shown.filter((each) => fieldsOf(each).subject !== '').length).toBeGreaterThan(80);
  for (const [i, { certificate }] of readable.entries()) {
    const theirs = fieldsOf(shown[i]!);
    expect(ours(certificate), theirs.subject).toEqual(theirs);
    expect(describeCertificate(certificate)).toContain(new Date(theirs.notAfter).toISOString().slice(0, 10));
  }
});

interface Fields {
  readonly serial: string;
  readonly subject: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly keyBits: number;
  readonly isCa: boolean;
  readonly uses: readonly string[];
  readonly ski: string | undefined;
  readonly aki: string | undefined;
}

function parsed(pem: string): { pem: string; certificate: Certificate } | undefined {
  try {
    return { pem, certificate: parseCertificate(parsePem(pem)[0]!.der) };
  } catch (error) {
    if (error instanceof IdentityError) return undefined; // what our rules refuse is not the question here
    throw error;
  }
}

function ours(certificate: Certificate): Fields {
  const { serial, notBefore, notAfter, keyBits, isCa, keyUsage, ski, aki } = certificate;
  return {
    serial: hex(serial).replace(/^0+(?=.)/, ''),
    subject: commonName(describeCertificate(certificate)),
    ...{ notBefore, notAfter, keyBits, isCa },
    uses: [...(keyUsage ?? [])].sort(),
    ski: ski && hex(ski),
    aki: aki?.keyId && hex(aki.keyId),
  };
}

function fieldsOf(text: string): Fields {
  const after = (pattern: RegExp): string | undefined => pattern.exec(text)?.[1];
  const plain = (colons: string | undefined): string | undefined =>
    colons?.replaceAll(':', '').trim().toLowerCase();
  const serial = after(/Serial Number:\s+(?:\d+ \(0x)?([0-9a-f:]+)/)!;
  const uses = after(/X509v3 Key Usage:.*\n\s+(.*)/)?.split(', ') ?? [];
  return {
    serial: plain(serial)!.replace(/^0+(?=.)/, ''),
    subject: commonName(after(/Subject: (.*)/)!),
    notBefore: Date.parse(after(/Not Before: (.*)/)!),
    notAfter: Date.parse(after(/Not After : (.*)/)!),
    keyBits: Number(after(/Public-Key: \((\d+) bit\)/)),
    isCa: text.includes('CA:TRUE'),
    uses: uses.map((use) => USES[use] ?? use).sort(),
    ski: plain(after(/X509v3 Subject Key Identifier:.*\n\s+(.*)/)),
    aki: plain(after(/X509v3 Authority Key Identifier:.*\n\s+(?:keyid:)?([0-9A-F:]+)\s*$/m)),
  };
}

/** Names are written in different orders and escapes; the plain common names are enough to tell certificates apart. */
function commonName(text: string): string {
  return /CN ?= ?([A-Za-z0-9 -]+)/.exec(text)?.[1]?.trim() ?? '';
}
