/** Inputs made to be slow: the search ends, within its budget, and says which part of it was spent. */
import { describe, expect, test } from 'vitest';
import type { Bytes } from '../../src/base/bytes.ts';
import { provider as noble } from '../../src/crypto/noble.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { CryptoProvider, PrivateKey } from '../../src/crypto/provider.ts';
import { verifySignature } from '../../src/identity/algorithms.ts';
import { context, der, sequence } from '../../src/identity/der.ts';
import { nameOf } from '../../src/identity/distinguishedName.ts';
import { NAME_TAG } from '../../src/identity/generalNames.ts';
import { type Certificate, Refusal, verifyServer } from '../../src/identity/index.ts';
import { PATH_LIMITS } from '../../src/identity/limits.ts';
import { OID } from '../../src/identity/oid.ts';
import { findPath } from '../../src/identity/path.ts';
import {
  ca,
  constraints,
  extension,
  intermediate,
  type Made,
  make,
  NOW,
  root,
  san,
  server,
  usage,
} from './maker.ts';

const HOST = 'www.example.org';
/** CPU time in milliseconds, whoever else the machine works for; twice what the slowest takes on an idle one. */
const SOON = 1000;

interface Outcome {
  readonly code: string;
  readonly message: string;
  readonly milliseconds: number;
}

function judge(chain: readonly Made[], roots: readonly Made[], provider: CryptoProvider): Outcome {
  const start = process.cpuUsage();
  const answer = verifyServer(
    chain.map((made) => made.der),
    { dns: HOST },
    roots.map((made) => made.certificate),
    NOW,
    provider,
  );
  const { user, system } = process.cpuUsage(start);
  const milliseconds = (user + system) / 1000;
  if (!(answer instanceof Refusal)) return { code: 'ok', message: '', milliseconds };
  return { code: answer.code.replace('ERR_IDENTITY_', ''), message: answer.message, milliseconds };
}

const issuing = [ca(), usage('keyCertSign')];
const ROOT = root('Root');

/** CAs of one name, every one signed by the key of another: `signer` says whose. */
function namesakes(keys: readonly PrivateKey[], signer: (i: number) => number): Made[] {
  return keys.map((key, i) =>
    make({
      subject: 'Same',
      issuer: { ...ROOT, subject: nameOf('Same') },
      key,
      signedBy: keys[signer(i)]!,
      extensions: issuing,
    }),
  );
}

describe.each([node, noble])('on $name', (provider) => {
  test('forty-six CAs of one name that did not sign: signatures run out', () => {
    // P-384 is what costs most to check portably.
    const keys = Array.from({ length: 46 }, () => node.generateKey('p384'));
    const stranger = node.generateKey('p384');
    const web = keys.map((key) =>
      make({
        subject: 'Same',
        issuer: { ...ROOT, subject: nameOf('Same') },
        key,
        signedBy: stranger,
        extensions: issuing,
      }),
    );
    const leaf = server({ ...web[0]!, key: keys[0]! }, HOST);
    const { code, message, milliseconds } = judge([leaf, ...web], [ROOT], provider);
    expect(code).toBe('BUDGET');
    expect(message).toBe(`more than ${PATH_LIMITS.signatures} signatures`);
    const one = web[0]!.certificate;
    const start = process.cpuUsage();
    for (let i = 0; i < PATH_LIMITS.signatures; i++)
      verifySignature(one.signatureAlgorithm, keys[0]!.spki, one.tbs, one.signature, provider);
    const { user } = process.cpuUsage(start);
    // On an idle machine a quarter of a second by noble; what counts is that hardly anything is spent beside them. The first
    // time is the compiler's as well, so that a second one may speak for it: bad signatures are not remembered.
    const again = judge([leaf, ...web], [ROOT], provider).milliseconds;
    expect(Math.min(milliseconds, again)).toBeLessThan(2 * (user / 1000) + SOON / 4);
  });

  test('a mesh in which everyone signed everyone', () => {
    const keys = Array.from({ length: 7 }, () => node.generateKey('p256'));
    const names = keys.map((_, i) => `CA ${i}`);
    const mesh = keys.flatMap((key, i) =>
      keys.flatMap((signedBy, j) =>
        i === j
          ? []
          : [
              make({
                subject: names[i]!,
                issuer: { ...ROOT, subject: nameOf(names[j]!) },
                key,
                signedBy,
                extensions: issuing,
              }),
            ],
      ),
    );
    const leaf = server({ ...mesh[0]!, subject: nameOf(names[0]!), key: keys[0]! }, HOST);
    const { code, milliseconds } = judge([leaf, ...mesh], [ROOT], provider);
    expect(code).toMatch(/^(BUDGET|UNKNOWN_ISSUER)$/);
    expect(milliseconds).toBeLessThan(SOON);
    // With a root in it the way out is found, however many ways lead in circles.
    const top = make({ subject: names[6]!, key: keys[6]!, extensions: issuing });
    expect(judge([leaf, ...mesh], [top], provider).code).toBe('ok');
  });
});

test('a ring of namesakes: each entity is passed once', () => {
  const keys = Array.from({ length: 46 }, () => node.generateKey('ed25519'));
  const ring = namesakes(keys, (i) => (i + 1) % 46);
  const { code, milliseconds } = judge([server(ring[0]!, HOST), ...ring], [ROOT], node);
  expect(code).toMatch(/^(BUDGET|UNKNOWN_ISSUER)$/);
  expect(milliseconds).toBeLessThan(SOON);
});

test('copies of one CA are one', () => {
  const key = node.generateKey('ed25519');
  const copies = Array.from({ length: 46 }, () =>
    make({
      subject: 'Same',
      issuer: { ...ROOT, subject: nameOf('Same') },
      key,
      signedBy: key,
      extensions: issuing,
    }),
  );
  const { code, milliseconds } = judge([server(copies[0]!, HOST), ...copies], [ROOT], node);
  expect(code).toMatch(/^(BUDGET|UNKNOWN_ISSUER)$/);
  expect(milliseconds).toBeLessThan(SOON);
});

test('1,000 bases against 1,000 names: comparisons run out', () => {
  const bases = Array.from({ length: 1000 }, (_, i) => `b${i}.example`);
  const narrow = make({
    subject: 'Narrow',
    extensions: [...issuing, constraints(undefined, { dns: bases })],
  });
  const names = Array.from({ length: 999 }, (_, i) => `h${i}.example.org`);
  const leaf = server(narrow, HOST, { extensions: [san({ dns: [HOST, ...names] }, true)] });
  const { code, message, milliseconds } = judge([leaf], [narrow], node);
  expect([code, message]).toEqual(['BUDGET', `more than ${PATH_LIMITS.comparisons} name comparisons`]);
  expect(milliseconds).toBeLessThan(SOON);
});

test('the same bases in each of six CAs count each time', () => {
  const bases = Array.from({ length: 500 }, (_, i) => `b${i}.example`);
  const limits = constraints(undefined, { dns: bases });
  const chain: Made[] = [];
  let top = make({ subject: 'Top', extensions: issuing });
  const roots = [top];
  for (let i = 0; i < 6; i++) {
    top = intermediate(`C${i}`, top, { extensions: [...issuing, limits] });
    chain.unshift(top);
  }
  const names = Array.from({ length: 99 }, (_, i) => `h${i}.example.org`);
  const leaf = server(top, HOST, { extensions: [san({ dns: [HOST, ...names] }, true)] });
  const { code, milliseconds } = judge([leaf, ...chain], roots, node);
  expect(code).toBe('BUDGET');
  expect(milliseconds).toBeLessThan(SOON);
});

/** `count` attributes, which `O=x` repeats. */
const long = (count: number): Bytes => sequence(...new Array<Bytes>(count).fill(nameOf('x').subarray(2)));

test.each(['permitted', 'excluded'] as const)(
  '3,000 directory names, %s, against one of 2,000 parts',
  (kind) => {
    const subtree = (name: Bytes): Bytes => sequence(der(NAME_TAG.directory, name));
    const list = (which: number, subtrees: readonly Bytes[]): Bytes => der(context(which, true), ...subtrees);
    const many = new Array<Bytes>(3000).fill(subtree(nameOf('y')));
    const limits = kind === 'permitted' ? [list(0, many)] : [list(0, [subtree(long(2))]), list(1, many)];
    const evil = intermediate('Evil', ROOT, {
      signedBy: node.generateKey('ed25519'),
      extensions: [...issuing, extension(OID.nameConstraints, true, sequence(...limits))],
    });
    const leaf = server(evil, HOST, { subject: long(2000) });
    const { code, milliseconds } = judge([leaf, evil], [ROOT], node);
    expect(code).toMatch(/^(SIGNATURE|UNKNOWN_ISSUER|NAME_CONSTRAINTS)$/);
    expect(milliseconds).toBeLessThan(SOON);
  },
);

test('steps run out where nothing else does', () => {
  const certificates: Certificate[] = [];
  const leaf = server(intermediate('M', ROOT), HOST).certificate;
  for (let i = 0; i < 40; i++)
    certificates.push(intermediate('M', ROOT, { notAfter: NOW - 1000 }).certificate);
  const question = { leaf, intermediates: certificates, anchors: [ROOT.certificate], provider: node };
  const rules = { strict: false, role: 'server', now: NOW } as const;
  expect(findPath({ ...question, rules, limits: { steps: 39 } })).toMatchObject({
    fault: { code: 'ERR_IDENTITY_BUDGET', message: 'more than 39 steps' },
  });
});
