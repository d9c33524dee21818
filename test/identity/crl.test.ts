/** Revocation lists: what is read, what may be believed, and what OpenSSL thinks of ours and we of its. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { type Bytes, hex } from '../../src/base/bytes.ts';
import { provider as noble } from '../../src/crypto/noble.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { signatureIdentifier } from '../../src/identity/algorithms.ts';
import { bitString, context, der, integer, sequence, time } from '../../src/identity/der.ts';
import {
  type Crl,
  crlFault,
  formatPem,
  IdentityError,
  issueCrl,
  parseCertificate,
  parseCrl,
  parsePemAs,
  readPrivateKey,
  revocationFault,
  revokedBy,
  writePrivateKey,
} from '../../src/identity/index.ts';
import { findPath } from '../../src/identity/path.ts';
import { have } from '../support/counterpart.ts';
import { aki, ca, DAY, extension, type Made, make, NOW, server, ski, usage } from './maker.ts';

const ROOT = authority('root');
const GOOD = { number: 7, thisUpdate: NOW - DAY, nextUpdate: NOW + DAY, revoked: [] };
const ONE = { serial: Uint8Array.of(0x12, 0x34), date: NOW - DAY };

function issued(contents: Partial<Parameters<typeof issueCrl>[2]> = {}, issuer: Made = ROOT): Crl {
  return parseCrl(issueCrl(issuer.certificate, issuer.key, { ...GOOD, ...contents }));
}

const ENUMERATED = 0x0a;
const NUMBER = extension('2.5.29.20', false, integer(7));

function authority(
  name: string,
  uses = usage('keyCertSign', 'cRLSign'),
  key = provider.generateKey('ed25519'),
  label = name,
): Made {
  return make({ subject: name, key, extensions: [ca(), uses, ski(label), aki(label)] });
}

/** Any list at all, signed by the root. */
function forged({
  version = integer(1),
  dates = [time(NOW - DAY), time(NOW + DAY)],
  revoked = [],
  extensions = [NUMBER],
}: {
  version?: Uint8Array | undefined;
  dates?: readonly Uint8Array[];
  revoked?: readonly Uint8Array[];
  extensions?: readonly Uint8Array[];
} = {}): Bytes {
  const { scheme, identifier } = signatureIdentifier(ROOT.key.kind);
  const tbs = sequence(
    ...(version.length === 0 ? [] : [version]),
    identifier,
    ROOT.subject,
    ...dates,
    ...revoked,
    ...(extensions.length === 0 ? [] : [der(context(0, true), sequence(...extensions))]),
  );
  return sequence(tbs, identifier, bitString(ROOT.key.sign(scheme, tbs)));
}

function entry(serial: number, ...extensions: readonly Uint8Array[]): Bytes {
  return sequence(
    integer(serial),
    time(NOW - DAY),
    ...(extensions.length === 0 ? [] : [sequence(...extensions)]),
  );
}

function reason(code: number): Bytes {
  return extension('2.5.29.21', false, der(ENUMERATED, Uint8Array.of(code)));
}

describe('a list of ours', () => {
  test('says what was put in', () => {
    const crl = issued({
      number: 300,
      revoked: [ONE, { serial: Uint8Array.of(0x80), date: NOW, reason: 'keyCompromise' }],
    });
    expect([...crl.revoked.keys()]).toEqual(['1234', '0080']);
    expect(crl.revoked.get('1234')).toMatchObject({ date: NOW - DAY, reason: undefined });
    expect(crl.revoked.get('0080')).toMatchObject({ date: NOW, reason: 'keyCompromise' });
    expect(hex(crl.number!)).toBe('012c');
    expect(crl).toMatchObject({ kind: 'full', thisUpdate: NOW - DAY, nextUpdate: NOW + DAY });
    for (const each of [provider, noble]) expect(crlFault(crl, ROOT.certificate, NOW, each)).toBeUndefined();
  });

  test('encodes to the bytes it was parsed from', () => {
    const dates = fc.integer({ min: 0, max: 4_000_000_000 }).map((seconds) => seconds * 1000);
    const serials = fc.uniqueArray(fc.integer({ min: 1, max: 2 ** 40 }), { maxLength: 5 });
    fc.assert(
      fc.property(serials, dates, fc.integer({ min: 0, max: 2 ** 31 }), (list, date, number) => {
        const revoked = list.map((serial) => ({ serial: integer(serial).slice(2), date }));
        const contents = { number, thisUpdate: date, nextUpdate: date + 1000, revoked };
        const bytes = issueCrl(ROOT.certificate, ROOT.key, contents);
        const { revoked: read, number: readNumber, thisUpdate, nextUpdate } = parseCrl(bytes);
        const again = {
          number: readNumber!,
          thisUpdate,
          nextUpdate: nextUpdate!,
          revoked: [...read.values()].map((each) => ({ serial: each.serial, date: each.date })),
        };
        expect(issueCrl(ROOT.certificate, ROOT.key, again)).toEqual(bytes);
      }),
      { numRuns: 30 },
    );
  });

  test.each<[string, () => unknown]>([
    ['with another key', () => issueCrl(ROOT.certificate, provider.generateKey('p256'), GOOD)],
    ['by a leaf', () => issued({}, server(ROOT, 'example.org'))],
    ['that ends before it begins', () => issued({ nextUpdate: NOW - DAY })],
    [
      'with a serial twice',
      () => issued({ revoked: [ONE, { ...ONE, serial: Uint8Array.of(0, 0x12, 0x34) }] }),
    ],
    ['with the reason of a delta', () => issued({ revoked: [{ ...ONE, reason: 'removeFromCRL' }] })],
  ])('is not made %s', (_, work) => {
    expect(work).toThrow(expect.objectContaining({ code: 'ERR_IDENTITY_ISSUE' }));
  });
});

describe('parsing refuses', () => {
  test.each<[string, Uint8Array, string]>([
    ['version 1', forged({ version: new Uint8Array(0) }), 'version 1'],
    ['version 3', forged({ version: integer(2) }), 'version field'],
    ['an empty list of entries', forged({ revoked: [sequence()] }), 'empty'],
    ['a serial number twice', forged({ revoked: [sequence(entry(5), entry(5))] }), 'twice'],
    ['a reason without meaning', forged({ revoked: [sequence(entry(5, reason(7)))] }), 'reason is 7'],
    ['a reason out of range', forged({ revoked: [sequence(entry(5, reason(11)))] }), 'reason is 11'],
    ['an extension twice', forged({ extensions: [NUMBER, NUMBER] }), 'twice'],
    [
      'a negative number',
      forged({ extensions: [extension('2.5.29.20', false, der(2, Uint8Array.of(0xff)))] }),
      'negative',
    ],
    [
      'a number of 21 octets',
      forged({ extensions: [extension('2.5.29.20', false, der(2, new Uint8Array(21).fill(1)))] }),
      '21 octets',
    ],
    [
      'a serial number of 21 octets',
      forged({ revoked: [sequence(sequence(der(2, new Uint8Array(21).fill(1)), time(NOW)))] }),
      '21 octets',
    ],
    [
      'a scope that is written wrong',
      forged({ extensions: [extension('2.5.29.28', false, sequence(der(context(4), Uint8Array.of(0))))] }),
      'BOOLEAN',
    ],
    ['bytes behind it', new Uint8Array([...forged(), 0]), 'cut short'],
    ['a certificate', ROOT.der, 'malformed'],
    ['more than a megabyte', new Uint8Array(2 ** 20 + 1), 'at most'],
    ['nothing', new Uint8Array(0), 'the end'],
  ])('%s', (_, bytes, text) => {
    expect(() => parseCrl(bytes)).toThrow(
      expect.objectContaining({ code: 'ERR_IDENTITY_CRL', message: expect.stringContaining(text) }),
    );
  });

  test('any bytes, and what a flipped bit makes of a good list, with our error', () => {
    const good = forged({ revoked: [sequence(entry(5, reason(1)), entry(6))] });
    expect(crlFault(parseCrl(good), ROOT.certificate, NOW, noble)).toBeUndefined();
    const outcome = (bytes: Uint8Array): string => {
      try {
        const fault = crlFault(parseCrl(bytes), ROOT.certificate, NOW, provider);
        return fault?.code ?? 'believed';
      } catch (error) {
        if (!(error instanceof IdentityError)) throw error;
        return error.code;
      }
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(outcome(bytes)).toBe('ERR_IDENTITY_CRL');
      }),
    );
    for (let at = 0; at < good.length; at++)
      for (let bit = 0; bit < 8; bit++) {
        const bad = good.slice();
        bad[at]! ^= 1 << bit;
        expect(outcome(bad), `byte ${at} bit ${bit}`).toBe('ERR_IDENTITY_CRL');
      }
  });
});

describe('a list is not believed', () => {
  const fault = (bytes: Uint8Array | Crl, issuer: Made = ROOT, now = NOW): string => {
    const crl = bytes instanceof Uint8Array ? parseCrl(bytes) : bytes;
    const found = crlFault(crl, issuer.certificate, now, provider);
    return found === undefined ? 'believed' : `${found.code.replace('ERR_IDENTITY_', '')} ${found.message}`;
  };
  const scope = (...fields: readonly Uint8Array[]): Bytes =>
    extension('2.5.29.28', true, sequence(...fields));
  const yes = Uint8Array.of(0xff);

  test.each<[string, () => string, RegExp]>([
    ['of another issuer', () => fault(issued(), authority('other')), /^CRL .*another issuer/],
    [
      'of a namesake',
      () => fault(issued(), authority('root', undefined, undefined, 'another')),
      /^CRL .*another key/,
    ],
    [
      'when its signature fails',
      () => fault({ ...issued(), signature: new Uint8Array(64) }),
      /^CRL signature .* does not verify/,
    ],
    [
      'when the issuer may not sign lists',
      () => {
        const weak = authority('weak', usage('keyCertSign'));
        return fault({ ...issued(), issuer: weak.subject }, weak);
      },
      /^CRL .*cRLSign/,
    ],
    ['without a number', () => fault(forged({ extensions: [] })), /^CRL .*no number/],
    [
      'with a critical number',
      () => fault(forged({ extensions: [extension('2.5.29.20', true, integer(7))] })),
      /^CRL .*number .*critical/,
    ],
    [
      'with an unknown critical extension',
      () => fault(forged({ extensions: [NUMBER, extension('1.2.3', true, sequence())] })),
      /^CRL .*1\.2\.3/,
    ],
    [
      'with an unknown critical extension of an entry',
      () => fault(forged({ revoked: [sequence(entry(5, extension('2.5.29.29', true, sequence())))] })),
      /^CRL .*2\.5\.29\.29/,
    ],
    [
      'as a delta',
      () => fault(forged({ extensions: [NUMBER, extension('2.5.29.27', true, integer(6))] })),
      /^CRL .*delta/,
    ],
    [
      'when indirect',
      () => fault(forged({ extensions: [NUMBER, scope(der(context(4), yes))] })),
      /^CRL .*indirect/,
    ],
    [
      'of users only',
      () => fault(forged({ extensions: [NUMBER, scope(der(context(1), yes))] })),
      /^CRL .*part/,
    ],
    ['without an end', () => fault(forged({ dates: [time(NOW)] })), /^CRL .*next/],
    [
      'with its end first',
      () => fault(forged({ dates: [time(NOW), time(NOW - DAY)] })),
      /^CRL .*ends before/,
    ],
    ['from the future', () => fault(issued({ thisUpdate: NOW + 1000 })), /^CRL_STALE .*to come/],
    ['after its end', () => fault(issued(), ROOT, NOW + DAY + 1000), /^CRL_STALE .*newer/],
  ])('%s', (_, work, text) => {
    expect(work()).toMatch(text);
  });

  test('but it is to the end of its last second, and with extensions nobody needs to know', () => {
    expect(fault(issued(), ROOT, NOW + DAY + 999)).toBe('believed');
    expect(fault(forged({ extensions: [NUMBER, extension('1.2.3', false, sequence())] }))).toBe('believed');
    expect(fault(forged({ revoked: [sequence(entry(5, extension('1.2.3', false, sequence())))] }))).toBe(
      'believed',
    );
  });
});

describe('a path', () => {
  const end = server(ROOT, 'www.example.org');
  const { serial } = end.certificate;
  const walk = (crls: readonly Crl[]): string => {
    const answer = findPath({
      leaf: end.certificate,
      intermediates: [],
      anchors: [ROOT.certificate],
      rules: { strict: false, role: 'server', now: NOW },
      provider,
      withdrawn: revokedBy(crls, NOW, provider),
    });
    return 'path' in answer
      ? 'found'
      : `${answer.fault.code.replace('ERR_IDENTITY_', '')}: ${answer.fault.message}`;
  };
  const revoking = issued({ revoked: [{ serial, date: NOW - DAY, reason: 'superseded' }] });
  const stale = issued({ nextUpdate: NOW - 2000, thisUpdate: NOW - DAY });

  test('ends where its issuer revoked a certificate of it, and says when and why', () => {
    expect(walk([])).toBe('found');
    expect(walk([issued({ revoked: [ONE] })])).toBe('found');
    expect(walk([revoking])).toBe('REVOKED: its issuer revoked it on 2026-11-20 (superseded)');
    expect(walk([issued(), revoking])).toMatch(/^REVOKED/);
  });

  test('ends where the only list of an issuer may not be believed', () => {
    expect(walk([stale])).toMatch(/^CRL_STALE/);
    expect(walk([stale, issued()])).toBe('found');
    expect(walk([stale, revoking])).toMatch(/^REVOKED/);
  });

  test("is not touched by another issuer's list with the same serial number", () => {
    const other = authority('other');
    const list = parseCrl(
      issueCrl(other.certificate, other.key, { ...GOOD, revoked: [{ serial, date: NOW }] }),
    );
    expect(walk([list])).toBe('found');
    expect(revocationFault(list, end.certificate)).toBeUndefined();
  });
});

describe.runIf(have('openssl'))('openssl', () => {
  const folder = mkdtempSync(join(tmpdir(), 'q2q-crl-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const openssl = (...args: string[]): string =>
    execFileSync('openssl', args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');

  test.each(['ed25519', 'p256', 'p384'] as const)(
    'reads, verifies and heeds the lists of a %s issuer',
    (kind) => {
      const root = authority(`root ${kind}`, undefined, provider.generateKey(kind));
      const end = server(root, 'www.example.org');
      const { serial } = end.certificate;
      const bytes = issueCrl(root.certificate, root.key, {
        ...GOOD,
        revoked: [{ serial, date: NOW - DAY, reason: 'keyCompromise' }],
      });
      write('ours.crl', formatPem('X509 CRL', bytes));
      write('none.crl', formatPem('X509 CRL', issueCrl(root.certificate, root.key, GOOD)));
      write('root.pem', formatPem('CERTIFICATE', root.der));
      write('leaf.pem', formatPem('CERTIFICATE', end.der));
      const text = openssl('crl', '-in', 'ours.crl', '-noout', '-text');
      expect(text).toContain('Version 2');
      expect(text).toContain('Key Compromise');
      expect(text).toMatch(/CRL Number:\s+7/);
      const verify = [
        'verify',
        '-attime',
        String(NOW / 1000),
        '-crl_check',
        '-x509_strict',
        '-CAfile',
        'root.pem',
      ];
      expect(openssl(...verify, '-CRLfile', 'none.crl', 'leaf.pem')).toContain('OK');
      expect(() => openssl(...verify, '-CRLfile', 'ours.crl', 'leaf.pem')).toThrow(/certificate revoked/);
    },
  );

  test.each([
    ['Ed25519', ['ed25519']],
    ['P-256', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']],
    ['RSA', ['rsa', '-pkeyopt', 'rsa_keygen_bits:2048']],
  ])('%s: its lists are read and believed here', (_, algorithm) => {
    openssl('genpkey', '-algorithm', ...algorithm, '-out', 'ca.key');
    openssl('req', '-x509', '-new', '-key', 'ca.key', '-subj', '/CN=CA', '-days', '9', '-out', 'ca.pem');
    const digest = algorithm[0] === 'ed25519' ? 'null' : 'sha256';
    write(
      'ca.cnf',
      `[ca]\ndefault_ca=d\n[d]\ndatabase=index\ncrlnumber=number\ndefault_md=${digest}\ndefault_crl_days=2\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n`,
    );
    write('index', 'R\t301231235959Z\t260101000000Z,keyCompromise\t0ABC\tunknown\t/CN=x\n');
    write('number', '1F\n');
    const make = ['ca', '-config', 'ca.cnf', '-gencrl', '-keyfile', 'ca.key', '-cert', 'ca.pem'];
    openssl(...make, '-out', 'theirs.crl');
    const crl = parseCrl(parsePemAs('X509 CRL', read('theirs.crl'))[0]!);
    const issuer = parseCertificate(parsePemAs('CERTIFICATE', read('ca.pem'))[0]!);
    for (const each of [provider, noble])
      expect(crlFault(crl, issuer, Date.now() + 60_000, each)).toBeUndefined();
    expect(crl.revoked.get('0abc')).toMatchObject({ reason: 'keyCompromise', date: Date.UTC(2026, 0, 1) });
    expect(hex(crl.number!)).toBe('1f');
    // Made anew from what was read, it is the same list: deterministic signatures show it byte for byte.
    if (algorithm[0] !== 'ed25519') return;
    const again = issueCrl(issuer, readPrivateKey(provider, read('ca.key')), {
      number: crl.number!,
      thisUpdate: crl.thisUpdate,
      nextUpdate: crl.nextUpdate!,
      revoked: [{ serial: Uint8Array.of(0x0a, 0xbc), date: Date.UTC(2026, 0, 1), reason: 'keyCompromise' }],
    });
    expect(hex(again)).toBe(hex(crl.der));
  });

  test('a version 1 list of it is refused with what to set', () => {
    write('plain.cnf', '[ca]\ndefault_ca=d\n[d]\ndatabase=empty\ndefault_md=sha256\ndefault_crl_days=2\n');
    write('empty', '');
    write('v1.key', writePrivateKey(provider.generateKey('p256')));
    openssl('req', '-x509', '-new', '-key', 'v1.key', '-subj', '/CN=CA', '-days', '9', '-out', 'v1.pem');
    const make = ['ca', '-config', 'plain.cnf', '-gencrl', '-keyfile', 'v1.key', '-cert', 'v1.pem'];
    openssl(...make, '-out', 'v1.crl');
    expect(() => parseCrl(parsePemAs('X509 CRL', read('v1.crl'))[0]!)).toThrow(
      expect.objectContaining({ code: 'ERR_IDENTITY_CRL', hint: expect.stringContaining('crl_extensions') }),
    );
  });
});
