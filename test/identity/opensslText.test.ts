/** Certificates of the wild, field by field as `openssl x509 -text` shows them (T32): the roots of Mozilla's list that Node ships. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

/** What is compared beyond fields: the words of `describeCertificate` against the words of `openssl x509 -text`. */
const ALL = `
[req]
distinguished_name=n
[n]
[all]
basicConstraints=critical,CA:TRUE,pathlen:2
keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign,cRLSign
extendedKeyUsage=serverAuth,clientAuth,codeSigning,emailProtection,timeStamping,OCSPSigning,1.3.6.1.4.1.99999.1
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid:always,issuer:always
subjectAltName=DNS:www.example.org,IP:192.0.2.1,IP:2001:db8::1,email:a@example.org,URI:https://example.org/x,RID:1.2.3.4,otherName:1.3.6.1.4.1.311.20.2.3;UTF8:alice@corp,dirName:n2
issuerAltName=URI:https://issuer.example/
nameConstraints=critical,permitted;DNS:example.org,permitted;email:.example.org,excluded;IP:10.0.0.0/255.0.0.0
certificatePolicies=2.23.140.1.2.1,1.3.6.1.4.1.99999.2,@policy
policyConstraints=requireExplicitPolicy:3,inhibitPolicyMapping:1
inhibitAnyPolicy=4
crlDistributionPoints=URI:http://crl.example.org/a.crl,URI:http://crl.example.org/b.crl
freshestCRL=URI:http://crl.example.org/delta.crl
authorityInfoAccess=OCSP;URI:http://ocsp.example.org/,caIssuers;URI:http://ca.example.org/ca.crt
tlsfeature=status_request
nsComment=made by hand
1.3.6.1.4.1.99999.3=critical,DER:0403010203
1.3.6.1.4.1.11129.2.4.2=DER:04:33:00:31:00:2f:00:SCTLOG:00:00:01:8c:c2:51:f4:00:00:00:04:03:00:00
[n2]
CN=Directory
[policy]
policyIdentifier=1.3.6.1.4.1.99999.4
CPS.1=https://cps.example.org/
userNotice.1=@notice
[notice]
explicitText=Nobody reads this
`;

/** The other side's word, and ours. */
const SAID: readonly (readonly [string | RegExp, string | RegExp])[] = [
  ['Version: 3 (0x2)', /^version +3$/m],
  [/Public-Key: \(2048 bit\)/, 'RSA 2048 bits'],
  ['Exponent: 65537', 'exponent 65537'],
  ['Signature Algorithm: sha256WithRSAEncryption', /^signed with +RSA with SHA-256$/m],
  [/Basic Constraints: critical\s+CA:TRUE, pathlen:2/, /^authority +yes, over 2 further CAs \(critical\)$/m],
  [
    /Key Usage: critical\s+Digital Signature, Key Encipherment, Certificate Sign, CRL Sign/,
    /^key usage +digitalSignature, keyEncipherment, keyCertSign, cRLSign \(critical\)$/m,
  ],
  [
    'TLS Web Server Authentication, TLS Web Client Authentication, Code Signing',
    'serverAuth, clientAuth, codeSigning',
  ],
  [
    'E-mail Protection, Time Stamping, OCSP Signing, 1.3.6.1.4.1.99999.1',
    'emailProtection, timeStamping, OCSPSigning, 1.3.6.1.4.1.99999.1',
  ],
  ['DirName:/CN=all\n', /^issuer key +of the certificate 77 by directory CN=all$/m],
  [/serial:77/, 'certificate 77'],
  ['DNS:www.example.org', /^name +dns www\.example\.org$/m],
  ['IP Address:192.0.2.1', /^name +ip 192\.0\.2\.1$/m],
  ['IP Address:2001:DB8:0:0:0:0:0:1', /^name +ip 2001:db8::1$/m],
  ['email:a@example.org', /^name +mail a@example\.org$/m],
  ['URI:https://example.org/x', /^name +uri https:\/\/example\.org\/x$/m],
  ['Registered ID:1.2.3.4', 'registered id 1.2.3.4'],
  [/UPN::?alice@corp/, /^name +user principal alice@corp$/m],
  [/DirName:\/?CN ?= ?Directory/, /^name +directory CN=Directory$/m],
  ['URI:https://issuer.example/', /^issuer name +uri https:\/\/issuer\.example\/$/m],
  [/Permitted:\s+DNS:example\.org/, /^may sign +dns example\.org$/m],
  ['email:.example.org', /^may sign +mail \.example\.org$/m],
  ['IP:10.0.0.0/255.0.0.0', /^may not sign +ip 10\.0\.0\.0\/8$/m],
  ['Policy: 2.23.140.1.2.1', 'domain validated (2.23.140.1.2.1)'],
  ['Policy: 1.3.6.1.4.1.99999.2', /^policy +1\.3\.6\.1\.4\.1\.99999\.2$/m],
  ['CPS: https://cps.example.org/', 'practice https://cps.example.org/'],
  ['Explicit Text: Nobody reads this', 'notice Nobody reads this'],
  ['Require Explicit Policy:3, Inhibit Policy Mapping:1', /below 3 further CAs\n.*below 1 further CAs/],
  [/Inhibit Any Policy:[\s\S]*?4/, 'any policy only over 4 further CAs'],
  ['URI:http://crl.example.org/a.crl', /^revocation list +http:\/\/crl\.example\.org\/a\.crl$/m],
  ['URI:http://crl.example.org/b.crl', /^revocation list +http:\/\/crl\.example\.org\/b\.crl$/m],
  ['URI:http://crl.example.org/delta.crl', /^freshest list +http:/m],
  ['OCSP - URI:http://ocsp.example.org/', /^ocsp +http:\/\/ocsp\.example\.org\/$/m],
  ['CA Issuers - URI:http://ca.example.org/ca.crt', /^issuer at +http:\/\/ca\.example\.org\/ca\.crt$/m],
  ['status_request', 'a fresh status (OCSP stapling)'],
  ['made by hand', /^comment +made by hand$/m],
  [/1\.3\.6\.1\.4\.1\.99999\.3: critical/, '1.3.6.1.4.1.99999.3 (critical, not understood) 0403010203'],
  ['CT Precertificate SCTs', 'by log abababababababab… at 2024-01-01 00:00:00 UTC'],
];

test.runIf(have('openssl'))('a certificate with every extension says to us what it says to openssl', () => {
  const log = Array(32).fill('ab').join(':');
  writeFileSync(join(folder, 'all.cnf'), ALL.replace('SCTLOG', log));
  const run = (...args: string[]): string =>
    execFileSync('openssl', args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
  const make = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'all.key', '-sha256'];
  run(
    ...make,
    '-set_serial',
    '0x77',
    '-subj',
    '/CN=all',
    '-config',
    'all.cnf',
    '-extensions',
    'all',
    '-out',
    'all.pem',
  );
  const theirs = run('x509', '-in', 'all.pem', '-noout', '-text');
  const ours = describeCertificate(
    parseCertificate(parsePem(readFileSync(join(folder, 'all.pem'), 'utf8'))[0]!.der),
  );
  const says = (text: string, what: string | RegExp): boolean =>
    typeof what === 'string' ? text.includes(what) : what.test(text);
  expect(SAID.filter(([their]) => !says(theirs, their))).toEqual([]);
  expect(SAID.filter(([, our]) => !says(ours, our))).toEqual([]);
});

interface Fields {
  readonly serial: string;
  readonly subject: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly keyBits: number;
  readonly isCa: boolean;
  readonly signedWith: string;
  readonly exponent: string | undefined;
  readonly policies: readonly string[];
  readonly locations: readonly string[];
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
  const text = describeCertificate(certificate);
  return {
    serial: hex(serial).replace(/^0+(?=.)/, ''),
    subject: commonName(text),
    ...{ notBefore, notAfter, keyBits, isCa },
    signedWith: /^signed with +(.*?)(?: \(not accepted\))?$/m.exec(text)![1]!,
    exponent: /exponent (\d+)/.exec(text)?.[1],
    policies: [...text.matchAll(/^policy +(?:.*\()?([\d.]+)\)?$/gm)].map(([, id]) => id!),
    locations: [...text.matchAll(/^(?:revocation list|ocsp|issuer at) +(\S+)$/gm)]
      .map(([, url]) => url!)
      .sort(),
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
    signedWith: after(/Signature Algorithm: (.*)/)!.replace(
      /^(sha\d+)WithRSAEncryption$|^ecdsa-with-(SHA\d+)$/,
      (_, rsa?: string, ecdsa?: string) =>
        `${rsa === undefined ? 'ECDSA' : 'RSA'} with ${(rsa ?? ecdsa)!.toUpperCase().replace('SHA', 'SHA-')}`,
    ),
    exponent: after(/Exponent: (\d+)/),
    policies: [...text.matchAll(/Policy: (.*)/g)].map(([, name]) =>
      name === 'X509v3 Any Policy' ? '2.5.29.32.0' : name!,
    ),
    locations: [...text.matchAll(/URI:(\S+)/g)].map(([, url]) => url!).sort(),
    uses: uses.map((use) => USES[use] ?? use).sort(),
    ski: plain(after(/X509v3 Subject Key Identifier:.*\n\s+(.*)/)),
    aki: plain(after(/X509v3 Authority Key Identifier:.*\n\s+(?:keyid:)?([0-9A-F:]+)\s*$/m)),
  };
}

/** Names are written in different orders and escapes; the plain common names are enough to tell certificates apart. */
function commonName(text: string): string {
  return /CN ?= ?([A-Za-z0-9 -]+)/.exec(text)?.[1]?.trim() ?? '';
}
