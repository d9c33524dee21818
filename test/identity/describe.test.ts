/** What people read: times against a clock, requests, revocation lists, keys, and text that would repaint the terminal. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { der, octetString, sequence, TAG } from '../../src/identity/der.ts';
import {
  createCsr,
  describeCertificate,
  describeCrl,
  describeKey,
  describeRequest,
  IdentityError,
  issueCrl,
  parseCertificate,
  parseCrl,
  parsePem,
} from '../../src/identity/index.ts';
import { have } from '../support/counterpart.ts';
import { aki, ca, DAY, extension, make, NOW, root, san, server, ski, usage } from './maker.ts';

const ROOT = root('root');
const HOUR = 3_600_000;

describe('a certificate', () => {
  const about = (notBefore: number, notAfter: number): string =>
    describeCertificate(server(ROOT, 'a.example', { notBefore, notAfter }).certificate, NOW);

  test.each([
    [NOW - DAY, NOW + 12 * DAY, /^valid to +\S+ \S+ UTC \(12 days left\)$/m],
    [NOW - DAY, NOW + 800 * DAY, /\(2 years left\)/],
    [NOW - DAY, NOW + 700 * DAY, /\(700 days left\)/],
    [NOW - DAY, NOW + DAY, /\(1 day left\)/],
    [NOW - DAY, NOW + HOUR, /\(1 hour left\)/],
    [NOW - DAY, NOW, /\(less than a minute left\)/],
    [NOW - 9 * DAY, NOW - 2 * DAY, /\(ended 1 day ago\)/],
    [NOW + 2 * HOUR, NOW + DAY, /^valid from +\S+ \S+ UTC \(in 2 hours\)$/m],
  ])('says how long it has to go: %#', (notBefore, notAfter, text) => {
    expect(about(notBefore, notAfter)).toMatch(text);
  });

  test('says nothing of the kind where no time is given', () => {
    expect(describeCertificate(ROOT.certificate)).not.toMatch(/left|ago/);
  });

  test('shows unknown extensions by their octets, long ones cut', () => {
    const extensions = [
      extension('1.2.3.4', false, new Uint8Array(100).fill(0xab)),
      extension('1.2.3.5', true, Uint8Array.of(5, 0)),
      extension('2.5.29.31', false, Uint8Array.of(1, 2, 3)),
    ];
    const text = describeCertificate(make({ subject: 'odd', extensions }).certificate);
    expect(text).toMatch(/^extension +1\.2\.3\.4 (ab){64}… \(100 bytes\)$/m);
    expect(text).toMatch(/^extension +1\.2\.3\.5 \(critical, not understood\) 0500$/m);
    expect(text).toMatch(/^extension +cRLDistributionPoints 010203$/m);
  });

  test('lets no text of its own reach the terminal raw', () => {
    const hostile = 'a\u001b[2J\u202e,\r\nq2q: all is well';
    const uri = san({ uri: [`https://x/${'\u001b'}[31m`], email: ['a+b@example.org'] });
    const comment = extension('2.16.840.1.113730.1.13', false, der(TAG.ia5String, utf8('\u0007bell')));
    const notice = extension(
      '2.5.29.32',
      false,
      sequence(
        sequence(der(TAG.oid, Uint8Array.of(0x2a, 3)), sequence(sequence(octetString(new Uint8Array(0))))),
      ),
    );
    const text = describeCertificate(
      make({ subject: hostile, extensions: [uri, comment, notice] }).certificate,
    );
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(text.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
    expect(text).not.toMatch(/^q2q: all is well/m);
    expect(text).toContain('mail a+b@example.org');
  });

  test('can be shown whatever its extensions hold', () => {
    const ids = [
      '2.5.29.32',
      '2.5.29.31',
      '2.5.29.36',
      '2.5.29.33',
      '2.5.29.54',
      '1.3.6.1.5.5.7.1.24',
      '1.3.6.1.4.1.11129.2.4.2',
      '2.5.29.18',
      '1.3.6.1.5.5.7.1.11',
    ];
    fc.assert(
      fc.property(fc.constantFrom(...ids), fc.uint8Array({ maxLength: 40 }), (id, bytes) => {
        for (const value of [new Uint8Array(bytes), sequence(bytes), octetString(bytes)]) {
          const { der: made } = make({
            subject: 'x',
            key: ROOT.key,
            extensions: [extension(id, false, value)],
          });
          expect(describeCertificate(parseCertificate(made))).toContain('fingerprint');
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('other things', () => {
  test('a request says whose key it proves', () => {
    const text = describeRequest(createCsr(ROOT.key), provider);
    expect(text).toMatch(/^request for +\(empty\)$/m);
    expect(text).toMatch(/^proof +signed by its own key$/m);
    expect(() => describeRequest(ROOT.der, provider)).toThrow(IdentityError);
  });

  test('a revocation list says what it revokes, and when the next one comes', () => {
    const signer = make({
      subject: 'lists',
      extensions: [ca(), usage('keyCertSign', 'cRLSign'), ski('lists'), aki('lists')],
    });
    const revoked = Array.from({ length: 120 }, (_, i) => ({
      ...{ serial: Uint8Array.of(1, i), date: NOW - DAY },
      ...(i === 0 ? { reason: 'keyCompromise' as const } : {}),
    }));
    const contents = { number: 77, thisUpdate: NOW - DAY, nextUpdate: NOW + DAY, revoked };
    const crl = parseCrl(issueCrl(signer.certificate, signer.key, contents));
    const text = describeCrl(crl, NOW);
    expect(text).toMatch(/^revocation list of +CN=lists$/m);
    expect(text).toMatch(/^number +77$/m);
    expect(text).toMatch(/^next +.*\(1 day left\)$/m);
    expect(text).toMatch(/^ +01:00 {2}2026-11-20 12:00:00 UTC {2}keyCompromise$/m);
    expect(text).toMatch(/^ +and 20 more$/m);
    expect(describeCrl(crl)).not.toContain('left');
  });

  test('a key is shown by its public half', () => {
    const text = describeKey(ROOT.key.spki, 'private key, not encrypted');
    expect(text).toMatch(/^what +private key, not encrypted$/m);
    expect(text).toMatch(/^key +Ed25519$/m);
  });
});

describe.runIf(have('openssl'))('openssl', () => {
  const folder = mkdtempSync(join(tmpdir(), 'q2q-describe-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const openssl = (...args: string[]): string =>
    execFileSync('openssl', args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });

  test('its requests show their wishes', () => {
    const wish = ['-addext', 'subjectAltName=DNS:www.example.org', '-addext', 'basicConstraints=CA:TRUE'];
    const make = ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'r.key', '-subj', '/O=x/CN=y'];
    openssl(...make, ...wish, '-out', 'r.csr');
    const { der: request } = parsePem(readFileSync(join(folder, 'r.csr'), 'utf8'))[0]!;
    const text = describeRequest(request, provider);
    expect(text).toMatch(/^request for +O=x, CN=y$/m);
    expect(text).toMatch(/^name +dns www\.example\.org$/m);
    expect(text).toMatch(/^authority +yes, to any depth$/m);
    expect(text).toMatch(/^key +RSA 2048 bits, exponent 65537$/m);
  });
});
