/** `npm run -s limbo` keeps x509-limbo's harness contract: a suite of our own in, nothing but the results out. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatPem, issueCrl } from '../../src/identity/index.ts';
import { OID } from '../../src/identity/oid.ts';
import {
  aki,
  ca,
  DAY,
  eku,
  intermediate,
  type Made,
  make,
  type Named,
  NOW,
  san,
  ski,
  usage,
} from './maker.ts';

const repository = resolve(import.meta.dirname, '../..');
const top = make({
  subject: 'Top',
  extensions: [ca(), usage('keyCertSign', 'cRLSign'), ski('Top'), aki('Top')],
});

function leafOf(issuer: Made, names: Named, role: string = OID.serverAuth): Made {
  return make({
    issuer,
    notAfter: NOW + 10_000 * DAY,
    notBefore: NOW - 10_000 * DAY,
    extensions: [usage('digitalSignature'), eku(role), san(names, true), aki(issuer.label)],
  });
}

const pem = (made: Made): string => formatPem('CERTIFICATE', made.der);
const host = { kind: 'DNS', value: 'a.example' };
const good = leafOf(top, { dns: ['a.example'] });
const mail = leafOf(top, { email: ['a@b.example'] }, OID.clientAuth);
const middle = intermediate('Middle', top);
const below = leafOf(middle, { dns: ['a.example'] });
const crl = (...revoked: Made[]): string =>
  formatPem(
    'X509 CRL',
    issueCrl(top.certificate, top.key, {
      ...{ number: 1, thisUpdate: NOW - DAY, nextUpdate: NOW + DAY },
      revoked: revoked.map(({ certificate: { serial } }) => ({ serial, date: NOW })),
    }),
  );

/** As the suite's schema has it, fields that may be missing left out. */
const base = {
  ...{ conflicts_with: [], features: [], importance: 'undetermined', description: 'x' },
  ...{ signature_algorithms: [], key_usage: [], extended_key_usage: [], expected_peer_names: [] },
  ...{ validation_kind: 'SERVER', validation_time: new Date(NOW).toISOString() },
  ...{ trusted_certs: [pem(top)], untrusted_intermediates: [], peer_certificate: pem(good) },
  ...{ expected_result: 'SUCCESS', expected_peer_name: host },
};
const cases: readonly (readonly [string, object, string, string | null])[] = [
  ['good', {}, 'SUCCESS', null],
  ['other-name', { expected_peer_name: { kind: 'DNS', value: 'b.example' } }, 'FAILURE', 'ERR_IDENTITY_NAME'],
  ['no-name', { expected_peer_name: null }, 'SKIPPED', 'a server is verified for one name'],
  ['an-address', { expected_peer_name: { kind: 'IP', value: '192.0.2.1' } }, 'FAILURE', 'ERR_IDENTITY_NAME'],
  ['no-root', { trusted_certs: [] }, 'FAILURE', 'ERR_IDENTITY_UNKNOWN_ISSUER'],
  [
    'broken-root',
    { trusted_certs: [formatPem('CERTIFICATE', new Uint8Array(9))] },
    'FAILURE',
    'a trusted root was left out',
  ],
  ['broken-leaf', { peer_certificate: 'x' }, 'FAILURE', 'ERR_IDENTITY_PEM'],
  ['today', { validation_time: null, crls: [] }, 'FAILURE', 'ERR_IDENTITY_'],
  ['expired', { validation_time: '2099-01-01T00:00:00Z' }, 'FAILURE', 'ERR_IDENTITY_EXPIRED'],
  ['below', { peer_certificate: pem(below), untrusted_intermediates: [pem(middle)] }, 'SUCCESS', null],
  [
    'too-deep',
    { peer_certificate: pem(below), untrusted_intermediates: [pem(middle)], max_chain_depth: 0 },
    'FAILURE',
    'ERR_IDENTITY_PATH_LENGTH',
  ],
  ['not-revoked', { crls: [crl(mail)] }, 'SUCCESS', null],
  ['revoked', { crls: [crl(good)] }, 'FAILURE', 'ERR_IDENTITY_REVOKED'],
  ['broken-list', { crls: [formatPem('X509 CRL', good.der)] }, 'FAILURE', 'ERR_IDENTITY_CRL'],
  ['usage', { key_usage: ['digitalSignature'], extended_key_usage: ['serverAuth'] }, 'SUCCESS', null],
  ['other-usage', { key_usage: ['keyEncipherment'] }, 'FAILURE', 'ERR_IDENTITY_KEY_USAGE'],
  ['other-purpose', { extended_key_usage: ['codeSigning'] }, 'FAILURE', 'ERR_IDENTITY_EXTENDED_KEY_USAGE'],
  ['algorithm', { signature_algorithms: ['ED25519'] }, 'SUCCESS', null],
  ['other-algorithm', { signature_algorithms: ['RSA_WITH_SHA256'] }, 'FAILURE', 'ERR_IDENTITY_ALGORITHM'],
  [
    'client',
    {
      validation_kind: 'CLIENT',
      peer_certificate: pem(mail),
      expected_peer_name: null,
      expected_peer_names: [{ kind: 'RFC822', value: 'a@B.example' }],
    },
    'SUCCESS',
    null,
  ],
  [
    'other-client',
    {
      validation_kind: 'CLIENT',
      peer_certificate: pem(mail),
      expected_peer_name: null,
      expected_peer_names: [{ kind: 'RFC822', value: 'A@b.example' }],
    },
    'FAILURE',
    'ERR_IDENTITY_NAME',
  ],
];

function run(suite: object): {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
} {
  return spawnSync(process.execPath, ['scripts/limbo.mjs'], {
    cwd: repository,
    input: JSON.stringify(suite),
    encoding: 'utf8',
    timeout: 60_000,
  });
}

describe('the limbo harness', { timeout: 90_000 }, () => {
  test('gives one result per case, in order, with rule and certificate; its output is JSON only', () => {
    const testcases = cases.map(([id, changes]) => ({ ...base, id, ...changes }));
    const { status, stdout } = run({ version: 1, testcases });
    expect(status).toBe(0);
    const { version, harness, results } = JSON.parse(stdout) as {
      version: number;
      harness: string;
      results: { id: string; actual_result: string; context: string | null }[];
    };
    expect([version, harness]).toEqual([1, 'q2q']);
    expect(results.map(({ id, actual_result }) => [id, actual_result])).toEqual(
      cases.map(([id, , actual]) => [id, actual]),
    );
    for (const [i, [id, , , context]] of cases.entries())
      if (context === null) expect(results[i]!.context).toBeNull();
      else expect(results[i]!.context, id).toContain(context);
  });

  test('breaks for what is no suite', () => {
    const { status, stdout } = run({ version: 2, testcases: [] });
    expect(status).not.toBe(0);
    expect(stdout).toBe('');
  });
});
