import { describe, expect, test } from 'vitest';
import { type Bytes, fromHex } from '../../src/base/bytes.ts';
import { provider as noble } from '../../src/crypto/noble.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { context, der, sequence } from '../../src/identity/der.ts';
import { nameOf } from '../../src/identity/distinguishedName.ts';
import { NAME_TAG } from '../../src/identity/generalNames.ts';
import { Refusal, verifyClient, verifyServer, type WebOptions } from '../../src/identity/index.ts';
import { OID } from '../../src/identity/oid.ts';
import { findPath } from '../../src/identity/path.ts';
import {
  aki,
  ca,
  constraints,
  DAY,
  eku,
  extension,
  intermediate,
  type Made,
  make,
  type Named,
  NOW,
  type Recipe,
  root,
  san,
  server,
  ski,
  usage,
} from './maker.ts';

const HOST = 'www.example.org';
/** Milliseconds: the work takes a tenth of it, on a machine that does nothing else. */
const SOON = 1500;

/** `ok`, or the code of the refusal without its prefix, with the index of the certificate to blame. */
function judge(
  chain: readonly Made[],
  roots: readonly Made[],
  options: WebOptions & { readonly now?: number; readonly provider?: CryptoProvider } = {},
): string {
  const answer = verifyServer(
    chain.map((made) => made.der),
    { dns: HOST },
    roots.map((made) => made.certificate),
    options.now ?? NOW,
    options.provider ?? node,
    options,
  );
  if (!(answer instanceof Refusal)) return 'ok';
  return `${answer.code.replace('ERR_IDENTITY_', '')}${answer.certIndex === undefined ? '' : ` at ${answer.certIndex}`}`;
}

const ROOT = root('Root');
const MIDDLE = intermediate('Middle', ROOT);

describe.each([node, noble])('paths ($name)', (provider) => {
  test('lead through intermediates in any order, with strangers among them and the root appended', () => {
    const low = intermediate('Low', MIDDLE);
    const leaf = server(low, HOST);
    const stranger = root('Stranger');
    expect(judge([leaf, low, MIDDLE], [ROOT], { provider })).toBe('ok');
    expect(judge([leaf, MIDDLE, stranger, low, ROOT], [ROOT], { provider })).toBe('ok');
    expect(judge([leaf, low, MIDDLE], [stranger, ROOT], { provider })).toBe('ok');
  });

  test.each(['ed25519', 'p256', 'p384'] as const)('verify %s signatures', (kind) => {
    const top = make({ subject: 'T', key: node.generateKey(kind), extensions: [ca(), usage('keyCertSign')] });
    expect(judge([server(top, HOST)], [top], { provider })).toBe('ok');
    const forged = server(top, HOST, { signedBy: node.generateKey(kind) });
    expect(judge([forged], [top], { provider })).toBe('SIGNATURE at 0');
  });
});

describe('a path is refused when', () => {
  const leafOf = (recipe: Recipe): string => judge([server(ROOT, HOST, recipe)], [ROOT]);
  const under = (recipe: Recipe): string => {
    const middle = intermediate('M', ROOT, recipe);
    return judge([server(middle, HOST), middle], [ROOT]);
  };
  const unknown = extension('1.3.6.1.4.1.55555.1', true, fromHex('0500'));
  const names = san({ dns: [HOST] }, true);

  test('nothing is presented', () => expect(judge([], [ROOT])).toBe('NO_CERTIFICATE'));
  test('no root is held', () => expect(judge([server(ROOT, HOST)], [])).toBe('UNKNOWN_ISSUER at 0'));
  test('another root has the same name', () =>
    expect(judge([server(ROOT, HOST)], [root('Root')])).toBe('SIGNATURE at 0'));
  test('another root has the same name and another key id', () => {
    const namesake = make({ subject: 'Root', extensions: [ca(), usage('keyCertSign'), ski('other')] });
    expect(judge([server(ROOT, HOST)], [namesake])).toBe('UNKNOWN_ISSUER at 0');
  });
  test('the intermediate is missing', () =>
    expect(judge([server(MIDDLE, HOST)], [ROOT])).toBe('UNKNOWN_ISSUER at 0'));
  test('the leaf is expired', () => expect(leafOf({ notAfter: NOW - 1000 })).toBe('EXPIRED at 0'));
  test('the leaf is not valid yet', () =>
    expect(leafOf({ notBefore: NOW + 1000 })).toBe('NOT_YET_VALID at 0'));
  test('the intermediate is expired', () => expect(under({ notAfter: NOW - 1000 })).toBe('EXPIRED at 1'));
  test('the root is expired', () => {
    const old = make({ subject: 'Old', notAfter: NOW - 1000, extensions: [ca(), usage('keyCertSign')] });
    expect(judge([server(old, HOST)], [old])).toBe('EXPIRED');
  });
  test('a leaf issued another', () => {
    const leaf = server(ROOT, HOST, { subject: 'Leaf' });
    expect(judge([server(leaf, HOST), leaf], [ROOT])).toBe('NOT_A_CA at 1');
  });
  test('a CA may not sign certificates', () =>
    expect(under({ extensions: [ca(), usage('cRLSign')] })).toBe('KEY_USAGE at 1'));
  test('a CA is for another role', () =>
    expect(under({ extensions: [ca(), usage('keyCertSign'), eku(OID.clientAuth)] })).toBe(
      'EXTENDED_KEY_USAGE at 1',
    ));
  test('the leaf is for another role', () =>
    expect(leafOf({ extensions: [names, eku(OID.clientAuth)] })).toBe('EXTENDED_KEY_USAGE at 0'));
  test('the leaf may not sign', () =>
    expect(leafOf({ extensions: [names, usage('keyAgreement')] })).toBe('KEY_USAGE at 0'));
  test('the leaf claims to sign certificates', () =>
    expect(leafOf({ extensions: [names, usage('digitalSignature', 'keyCertSign')] })).toBe('KEY_USAGE at 0'));
  test('the leaf is a CA', () => expect(leafOf({ extensions: [names, ca()] })).toBe('CA_AS_LEAF at 0'));
  test('the leaf carries constraints', () =>
    expect(leafOf({ extensions: [names, constraints({ dns: [HOST] })] })).toBe('PROFILE at 0'));
  test('the leaf has an unknown critical extension', () =>
    expect(leafOf({ extensions: [names, unknown] })).toBe('CRITICAL_EXTENSION at 0'));
  test('a CA has an unknown critical extension', () =>
    expect(under({ extensions: [ca(), unknown] })).toBe('CRITICAL_EXTENSION at 1'));
  test('a CA demands policies', () =>
    expect(
      under({ extensions: [ca(), extension(OID.policyConstraints, false, fromHex('3003800100'))] }),
    ).toBe('CRITICAL_EXTENSION at 1'));
  test('the subject is empty and the names are not critical', () =>
    expect(leafOf({ extensions: [san({ dns: [HOST] })] })).toBe('PROFILE at 0'));
  test('the leaf names another host', () =>
    expect(leafOf({ extensions: [san({ dns: ['example.org'] }, true)] })).toBe('NAME at 0'));
  test('only the common name fits', () =>
    expect(leafOf({ subject: HOST, extensions: [] })).toBe('NAME at 0'));
  test('the serial number is zero', () =>
    expect(leafOf({ serial: 0, extensions: [names] })).toBe('MALFORMED at 0'));
  test('a path length is exceeded', () => {
    const short = make({ subject: 'Short', extensions: [ca(0), usage('keyCertSign')] });
    const middle = intermediate('M', short);
    expect(judge([server(short, HOST)], [short])).toBe('ok');
    expect(judge([server(middle, HOST), middle], [short])).toBe('PATH_LENGTH');
  });
  test('the caller allows fewer intermediates', () => {
    const chain = [server(MIDDLE, HOST), MIDDLE];
    expect(judge(chain, [ROOT], { maxIntermediates: 0 })).toBe('PATH_LENGTH');
    expect(judge(chain, [ROOT], { maxIntermediates: 1 })).toBe('ok');
  });
  test('a name lies outside a constraint above', () => {
    const narrow = root('Narrow', constraints({ dns: ['example.com'] }));
    const middle = intermediate('M', narrow);
    expect(judge([server(middle, HOST), middle], [narrow])).toBe('NAME_CONSTRAINTS at 0');
  });
  test('constraints hold for CA names, but not for self-issued CAs', () => {
    const narrow = root('Narrow', constraints(undefined, { dns: ['bad.example'] }));
    const named = intermediate('M', narrow, { extensions: [ca(), san({ dns: ['bad.example'] })] });
    expect(judge([server(named, HOST), named], [narrow])).toBe('NAME_CONSTRAINTS at 1');
    const rolled = intermediate('Narrow', narrow, { extensions: [ca(), san({ dns: ['bad.example'] })] });
    expect(judge([server(rolled, HOST), rolled], [narrow])).toBe('ok');
  });
});

describe('the search', () => {
  test('goes on past dead ends: the cross-sign that expired, the one that is constrained', () => {
    const key = node.generateKey('ed25519');
    const other = root('Other');
    const expired = intermediate('M', ROOT, { key, notAfter: NOW - DAY });
    const constrained = intermediate('M', other, {
      key,
      extensions: [ca(), usage('keyCertSign'), constraints({ dns: ['example.com'] })],
    });
    const good = intermediate('M', ROOT, { key });
    const leaf = server(good, HOST);
    expect(judge([leaf, expired, constrained, good], [ROOT, other])).toBe('ok');
    expect(judge([leaf, expired, constrained], [ROOT, other])).toMatch(/^(EXPIRED|NAME_CONSTRAINTS)/);
  });

  test('ends in cycles', () => {
    const a = node.generateKey('ed25519');
    const b = node.generateKey('ed25519');
    const seed = root('A');
    const bByA = intermediate('B', { ...seed, key: a }, { key: b });
    const aByB = intermediate('A', bByA, { key: a });
    const leaf = server(aByB, HOST);
    expect(judge([leaf, aByB, bByA], [ROOT])).toBe('UNKNOWN_ISSUER at 2');
  });

  test('counts signatures, steps and comparisons, and stops', () => {
    const leaf = server(MIDDLE, HOST);
    const question = {
      leaf: leaf.certificate,
      intermediates: [MIDDLE.certificate],
      anchors: [root('Root', constraints({ dns: ['example.org'] })).certificate],
      rules: { strict: false, role: 'server', now: NOW } as const,
      provider: node,
    };
    for (const limits of [{ signatures: 0 }, { steps: 0 }, { comparisons: 0 }]) {
      const answer = findPath({ ...question, limits });
      expect(answer).toMatchObject({ fault: { code: 'ERR_IDENTITY_BUDGET' } });
    }
  });

  test('of a web of namesakes that sign each other ends quickly', () => {
    // 46 certificates, every one a possible issuer of every other: 46! orders.
    const keys = Array.from({ length: 46 }, () => node.generateKey('ed25519'));
    const web = keys.map((key, i) =>
      intermediate('Same', { ...ROOT, subject: ROOT.subject }, { key, signedBy: keys[(i + 1) % 46]! }),
    );
    const first = web[0]!;
    const selfNamed = web.map(({ key }, i) =>
      make({
        subject: first.subject,
        issuer: { ...first, key: keys[(i + 7) % 46]! },
        key,
        extensions: [ca(), usage('keyCertSign')],
      }),
    );
    const leaf = server({ ...first, key: keys[3]! }, HOST);
    const start = performance.now();
    expect(judge([leaf, ...selfNamed], [ROOT])).toMatch(/^(BUDGET|UNKNOWN_ISSUER)/);
    expect(performance.now() - start).toBeLessThan(SOON);
  });

  test('of constraints made to be slow ends quickly', () => {
    // About 60 KB each: 3,000 bases against a subject of 2,000 parts, a stranger's work for one connection.
    const part = nameOf('x').subarray(2);
    const long = sequence(...new Array<Bytes>(2000).fill(part));
    const base = sequence(der(NAME_TAG.directory, sequence(...new Array<Bytes>(2).fill(part))));
    const excluded = sequence(der(NAME_TAG.directory, nameOf('y')));
    const bases = sequence(
      der(context(0, true), base),
      der(context(1, true), ...new Array<Bytes>(3000).fill(excluded)),
    );
    const evil = intermediate('Evil', ROOT, {
      signedBy: node.generateKey('ed25519'),
      extensions: [ca(), extension(OID.nameConstraints, true, bases)],
    });
    const leaf = server(evil, HOST, { subject: long });
    const start = performance.now();
    expect(judge([leaf, evil], [ROOT])).toMatch(/^(SIGNATURE|UNKNOWN_ISSUER|BUDGET)/);
    expect(performance.now() - start).toBeLessThan(SOON);
  });

  test('takes at most eight certificates in a path, 48 presented', () => {
    const chain: Made[] = [];
    let top = ROOT;
    for (let i = 0; i < 7; i++) chain.unshift((top = intermediate(`C${i}`, top)));
    expect(judge([server(chain[1]!, HOST), ...chain], [ROOT])).toBe('ok');
    expect(judge([server(top, HOST), ...chain], [ROOT])).toMatch(/^UNKNOWN_ISSUER/);
    expect(judge(new Array<Made>(49).fill(ROOT), [ROOT])).toBe('CHAIN_TOO_BIG');
  });
});

describe('the very certificate pinned as root', () => {
  const pinned = make({ subject: 'me', extensions: [ca(), san({ dns: [HOST] })] });

  test('speaks for itself, CA or not', () => {
    expect(judge([pinned], [pinned])).toBe('ok');
    const leaf = server(ROOT, HOST);
    expect(judge([leaf], [leaf])).toBe('ok');
  });

  test('still has its dates and names', () => {
    expect(judge([pinned], [pinned], { now: NOW + 2 * DAY })).toBe('EXPIRED at 0');
    const other = make({ subject: 'me', extensions: [san({ dns: ['example.com'] })] });
    expect(judge([other], [other])).toBe('NAME at 0');
  });

  test('is compared byte for byte: the same key in another certificate is another', () => {
    const again = make({
      subject: 'me',
      key: pinned.key,
      extensions: [ca(), san({ dns: [HOST] })],
      serial: 77,
    });
    expect(judge([again], [pinned])).not.toBe('ok');
  });
});

describe('strict rules also refuse', () => {
  test.each<[string, Recipe]>([
    [
      'a leaf without extended key usage',
      { extensions: [usage('digitalSignature'), san({ dns: [HOST] }, true), aki('Root')] },
    ],
    ['a leaf without authority key id', { extensions: [eku(OID.serverAuth), san({ dns: [HOST] }, true)] }],
    [
      'critical names beside a subject',
      { subject: 'x', extensions: [eku(OID.serverAuth), san({ dns: [HOST] }, true), aki('Root')] },
    ],
    [
      'a leaf for every purpose',
      { extensions: [eku(OID.serverAuth, OID.anyExtendedKeyUsage), san({ dns: [HOST] }, true), aki('Root')] },
    ],
    ...[
      'ex_ample.org',
      'a*.example.org',
      '*',
      '*.org',
      'a.*.org',
      '192.0.2.1',
      '0x7f.1',
      'example.org.',
      '-a.org',
      ' ',
    ].map((dns): [string, Recipe] => [
      `a leaf that also holds the host ${JSON.stringify(dns)}`,
      { extensions: [eku(OID.serverAuth), san({ dns: [HOST, dns] }, true), aki('Root')] },
    ]),
    ...['x', '"x"@example.org', 'x@', 'x@y@example.org', '.x@example.org', 'x@[192.0.2.1]'].map(
      (email): [string, Recipe] => [
        `a leaf that also holds the mailbox ${JSON.stringify(email)}`,
        { extensions: [eku(OID.serverAuth), san({ dns: [HOST], email: [email] }, true), aki('Root')] },
      ],
    ),
    ...['x', '//example.org', 'https:', 'https://a b'].map((uri): [string, Recipe] => [
      `a leaf that also holds the URI ${JSON.stringify(uri)}`,
      { extensions: [eku(OID.serverAuth), san({ dns: [HOST], uri: [uri] }, true), aki('Root')] },
    ]),
    ...[
      ['WWW.example.org', { dns: [HOST] }],
      ['b\u00fccher.example', { dns: [HOST, 'xn--bcher-kva.example'] }],
      ['0xc0000201', { dns: [HOST], ip: [fromHex('c0000201')] }],
      ['192.0.002.001', { dns: [HOST], ip: [fromHex('c0000201')] }],
      ['0300.0.2.1', { dns: [HOST], ip: [fromHex('c0000201')] }],
      ['2001:DB8::1', { dns: [HOST], ip: [fromHex('20010db8000000000000000000000001')] }],
    ].map(([common, names]): [string, Recipe] => [
      `a common name that spells an alternative one as ${JSON.stringify(common)}`,
      { subject: common as string, extensions: [eku(OID.serverAuth), san(names as Named), aki('Root')] },
    ]),
  ])('%s', (_, recipe) => {
    const leaf = server(ROOT, HOST, recipe);
    expect(judge([leaf], [ROOT])).toBe('ok');
    expect(judge([leaf], [ROOT], { strict: true })).not.toBe('ok');
  });

  test('a root that issued itself under another key id', () => {
    const odd = make({
      subject: 'Root',
      extensions: [ca(), usage('keyCertSign'), ski('Root'), aki('other')],
    });
    const leaf = server(odd, HOST);
    expect(judge([leaf], [odd])).toBe('ok');
    expect(judge([leaf], [odd], { strict: true })).toBe('PROFILE');
  });

  test('and takes what has it all', () => {
    expect(judge([server(ROOT, HOST)], [ROOT], { strict: true })).toBe('ok');
  });
});

describe('clients', () => {
  const verify = (leaf: Made): VerdictCode => {
    const answer = verifyClient([leaf.der], [ROOT.certificate], NOW, node);
    return answer instanceof Refusal ? answer.code : 'ok';
  };
  type VerdictCode = string;

  test('need the client role and no host name; version 1 will do', () => {
    expect(verify(server(ROOT, HOST))).toBe('ERR_IDENTITY_EXTENDED_KEY_USAGE');
    expect(
      verify(server(ROOT, HOST, { extensions: [eku(OID.clientAuth), san({ email: ['a@b.c'] }, true)] })),
    ).toBe('ok');
    expect(verify(make({ subject: 'old', issuer: ROOT, version: undefined }))).toBe('ok');
  });
});
