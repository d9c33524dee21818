/**
 * Every rule of the profile (RFC 5280 §4 and §6, RFC 8410, RFC 9525; the CA/Browser Forum's where `strict` goes beyond), each
 * broken by one certificate that is right in everything else: as a leaf, as a CA on the way, as the anchor.
 */
import { createECDH, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Bytes, concat, fromHex } from '../../src/base/bytes.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { bitString, context, der, integer, octetString, oid, sequence, TAG } from '../../src/identity/der.ts';
import { issueCrl, parseCrl, Refusal, verifyServer, type WebOptions } from '../../src/identity/index.ts';
import { OID } from '../../src/identity/oid.ts';
import {
  aki,
  ca,
  constraints,
  DAY,
  eku,
  encode,
  extension,
  type Made,
  make,
  NOW,
  type Recipe,
  root,
  san,
  ski,
  usage,
} from './maker.ts';

const HOST = 'www.example.org';
const CERT_POLICIES = '2.5.29.32';
const POLICY_MAPPINGS = '2.5.29.33';
const INHIBIT_ANY_POLICY = '2.5.29.54';
const CRL_POINTS = '2.5.29.31';
const ISSUER_ALT_NAME = '2.5.29.18';
const CODE_SIGNING = '1.3.6.1.5.5.7.3.3';

const issuing = [ca(), usage('keyCertSign', 'cRLSign')];
const own = (name: string, ...extensions: readonly Bytes[]): Bytes[] => [
  ...issuing,
  ski(name),
  ...extensions,
];
const ROOT = make({ subject: 'Root', extensions: own('Root', aki('Root')) });
const presenting = [usage('digitalSignature'), eku(OID.serverAuth), san({ dns: [HOST] }, true)];

interface Verdicts {
  readonly web: string;
  readonly strict: string;
}

function verdicts(chain: readonly Uint8Array[], anchor: Made, options: WebOptions = {}, now = NOW): Verdicts {
  const judge = (strict: boolean): string => {
    const answer = verifyServer(chain, { dns: HOST }, [anchor.certificate], now, provider, {
      ...options,
      strict,
    });
    return answer instanceof Refusal ? answer.code.replace('ERR_IDENTITY_', '') : 'ok';
  };
  return { web: judge(false), strict: judge(true) };
}

/** A leaf of this recipe right below the root. */
const asLeaf = (recipe: Recipe): Verdicts =>
  verdicts([encode({ issuer: ROOT, extensions: [...presenting, aki('Root')], ...recipe }).der], ROOT);

/** A CA of this recipe between the root and a good leaf. */
function asMiddle(recipe: Recipe): Verdicts {
  const middle = encode({
    subject: 'Middle',
    issuer: ROOT,
    extensions: own('Middle', aki('Root')),
    ...recipe,
  });
  const leaf = make({ issuer: { ...ROOT, ...middle }, extensions: [...presenting, aki('Middle')] });
  return verdicts([leaf.der, middle.der], ROOT);
}

/** A root of this recipe above a good leaf. */
function asRoot(recipe: Recipe): Verdicts {
  const top = make({ subject: 'Top', extensions: own('Top', aki('Top')), ...recipe });
  const leaf = make({ issuer: top, extensions: [...presenting, aki('Top')] });
  return verdicts([leaf.der], top);
}

const both = (code: string): Verdicts => ({ web: code, strict: code });
const onlyStrict = (code: string): Verdicts => ({ web: 'ok', strict: code });

test('what breaks no rule is accepted in every place', () => {
  expect(asLeaf({})).toEqual(both('ok'));
  expect(asMiddle({})).toEqual(both('ok'));
  expect(asRoot({})).toEqual(both('ok'));
});

/* ---- Keys ---- */

const P256 = '06082a8648ce3d030107';
const spkiOf = (algorithm: Bytes, key: Bytes): Bytes => sequence(algorithm, bitString(key));
const ec = (parameters: string): Bytes => sequence(fromHex('06072a8648ce3d0201'), fromHex(parameters));

function rsa(bits: number, exponent = 65_537): Bytes {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: bits, publicExponent: exponent });
  return new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
}

/** The key with another public exponent, whatever comes of it. */
function withExponent(spki: Bytes, exponent: number): Bytes {
  const jwk = createPublicKey({ key: Buffer.from(spki), type: 'spki', format: 'der' }).export({
    format: 'jwk',
  });
  const modulus = new Uint8Array(Buffer.from(jwk.n!, 'base64url'));
  const algorithm = sequence(fromHex('06092a864886f70d010101'), der(TAG.null));
  return spkiOf(algorithm, sequence(integer(modulus), integer(exponent)));
}

const ecdh = createECDH('prime256v1');
ecdh.generateKeys();
const compressed = new Uint8Array(ecdh.getPublicKey(null, 'compressed'));
const hybrid = new Uint8Array(ecdh.getPublicKey(null, 'hybrid'));
const good = rsa(2048);

describe('a key is refused that is', () => {
  test.each<[string, Bytes]>([
    ['RSA of 1024 bits', rsa(1024)],
    ['RSA of 2047 bits', withExponent(rsa(2047), 65_537)],
    ['RSA of 2052 bits', rsa(2052)],
    ['RSA with the exponent 1', withExponent(good, 1)],
    ['RSA with an even exponent', withExponent(good, 65_536)],
    ['RSA without NULL', spkiOf(sequence(fromHex('06092a864886f70d010101')), fromHex('3006020101020103'))],
    ['DSA', spkiOf(sequence(fromHex('06072a8648ce380401')), integer(5))],
    ['on P-192', spkiOf(ec('06082a8648ce3d030101'), new Uint8Array(49).fill(4))],
    ['on secp256k1', spkiOf(ec('06052b8104000a'), new Uint8Array(65).fill(4))],
    ['on explicit parameters', spkiOf(ec('3003020101'), concat([fromHex('04'), new Uint8Array(64)]))],
    [
      'on no named curve',
      spkiOf(sequence(fromHex('06072a8648ce3d0201')), concat([fromHex('04'), new Uint8Array(64)])),
    ],
    ['a compressed point', spkiOf(ec(P256), compressed)],
    ['a hybrid point', spkiOf(ec(P256), hybrid)],
    ['Ed25519 with NULL', spkiOf(sequence(fromHex('06032b6570'), der(TAG.null)), new Uint8Array(32).fill(9))],
    ['Ed25519 of 31 bytes', spkiOf(sequence(fromHex('06032b6570')), new Uint8Array(31).fill(9))],
    ['Ed25519 of small order', spkiOf(sequence(fromHex('06032b6570')), new Uint8Array(32))],
    [
      'Ed25519 beyond the field',
      spkiOf(
        sequence(fromHex('06032b6570')),
        concat([fromHex('ee'), new Uint8Array(30).fill(0xff), fromHex('7f')]),
      ),
    ],
    ['Ed448', spkiOf(sequence(fromHex('06032b6571')), new Uint8Array(57).fill(9))],
    ['X25519', spkiOf(sequence(fromHex('06032b656e')), new Uint8Array(32).fill(9))],
  ])('%s', (_, spki) => {
    expect(asLeaf({ spki })).toEqual(both('ALGORITHM'));
    expect(asMiddle({ spki })).toEqual(both('ALGORITHM'));
    expect(asRoot({ spki })).toEqual(both('ALGORITHM'));
  });

  test('and taken that is RSA of 2048 to 8192 bits with an odd exponent from 3', () => {
    for (const spki of [good, withExponent(good, 3), rsa(3072)]) expect(asLeaf({ spki })).toEqual(both('ok'));
  });
});

/* ---- Signatures ---- */

describe('a signature is refused', () => {
  const named = (id: string, ...parameters: Bytes[]): Bytes => sequence(oid(id), ...parameters);
  const NULL = der(TAG.null);
  test.each<[string, Bytes]>([
    ['with SHA-1 and RSA', named('1.2.840.113549.1.1.5', NULL)],
    ['with MD5 and RSA', named('1.2.840.113549.1.1.4', NULL)],
    ['with SHA-1 and ECDSA', named('1.2.840.10045.4.1')],
    ['with DSA', named('2.16.840.1.101.3.4.3.2')],
    ['by an algorithm nobody knows', named('1.3.6.1.4.1.55555.9')],
    ['as Ed25519 with NULL', named(OID.ed25519, NULL)],
    ['as ECDSA with NULL', named(OID.ecdsaWithSha256, NULL)],
    ['as RSA with parameters', named(OID.sha256WithRsa, sequence())],
    ['as PSS with SHA-1, by default', named(OID.rsaPss, sequence())],
  ])('%s', (_, identifier) => {
    expect(asLeaf({ identifier })).toEqual(both('ALGORITHM'));
    expect(asMiddle({ identifier })).toEqual(both('ALGORITHM'));
    // What an anchor says of its own signature is nobody's proof.
    expect(asRoot({ identifier })).toEqual(both('ok'));
  });

  test.each([
    ['as ECDSA', OID.ecdsaWithSha256],
    ['as RSA', OID.sha256WithRsa],
  ])('%s by an Ed25519 key', (_, id) => {
    expect(asLeaf({ identifier: named(id) })).toEqual(both('SIGNATURE'));
  });

  test('under another name outside than inside', () => {
    expect(asLeaf({ outside: named(OID.ecdsaWithSha256) })).toEqual(both('MALFORMED'));
    expect(asLeaf({ outside: sequence(oid(OID.ed25519), NULL) })).toEqual(both('MALFORMED'));
  });

  test('that lacks a byte, or has one more', () => {
    const leaf = encode({ issuer: ROOT, extensions: [...presenting, aki('Root')] });
    const [tbs, identifier] = [leaf.der.subarray(4, leaf.der.length - 74), leaf.der.subarray(-74, -67)];
    for (const length of [63, 65, 0]) {
      const signature = new Uint8Array(length).fill(7);
      const cut = sequence(tbs, identifier, bitString(signature));
      expect(verdicts([cut], ROOT).web).toMatch(/^(SIGNATURE|MALFORMED)$/);
    }
  });
});

/* ---- What a certificate says of itself ---- */

describe('in every place is refused', () => {
  const more =
    (bytes: Bytes): ((usual: readonly Bytes[]) => Recipe) =>
    (usual) => ({ extensions: [...usual, bytes] });
  const inEveryPlace = (recipe: (usual: readonly Bytes[]) => Recipe): Verdicts[] => [
    asLeaf(recipe([...presenting, aki('Root')])),
    asMiddle(recipe(own('Middle', aki('Root')))),
    asRoot(recipe(own('Top', aki('Top')))),
  ];
  test.each<[string, Bytes, string]>([
    [
      'an unknown critical extension',
      extension('1.3.6.1.4.1.55555.1', true, fromHex('0500')),
      'CRITICAL_EXTENSION',
    ],
    ['a critical policy', extension(CERT_POLICIES, true, fromHex('3006300406022a03')), 'CRITICAL_EXTENSION'],
    [
      'a critical mapping of policies',
      extension(POLICY_MAPPINGS, true, fromHex('300a300806022a0306022a04')),
      'CRITICAL_EXTENSION',
    ],
    ['a critical bar to any policy', extension(INHIBIT_ANY_POLICY, true, integer(0)), 'CRITICAL_EXTENSION'],
    [
      'a demand for policies',
      extension(OID.policyConstraints, true, fromHex('3003800100')),
      'CRITICAL_EXTENSION',
    ],
    [
      'the same, not critical',
      extension(OID.policyConstraints, false, fromHex('3003800100')),
      'CRITICAL_EXTENSION',
    ],
    ['a critical list of CRL places', extension(CRL_POINTS, true, sequence()), 'CRITICAL_EXTENSION'],
    [
      'a critical name of the issuer',
      extension(ISSUER_ALT_NAME, true, fromHex('3003820161')),
      'CRITICAL_EXTENSION',
    ],
    [
      'critical access information',
      extension(OID.authorityInfoAccess, true, fromHex('300d300b06022a0386056874703a2f')),
      'CRITICAL_EXTENSION',
    ],
    ['another role', eku(OID.clientAuth), 'MALFORMED'],
  ])('%s', (what, bytes, code) => {
    const [leaf, middle, top] = inEveryPlace(more(bytes));
    // The leaf has an extended key usage already, so that one more is one too many; of a CA it limits what is below.
    if (what === 'another role') {
      expect([leaf, middle?.web, top?.web]).toEqual([both(code), 'EXTENDED_KEY_USAGE', 'EXTENDED_KEY_USAGE']);
    } else expect([leaf, middle, top]).toEqual([both(code), both(code), both(code)]);
  });

  test.each<[string, Bytes]>([
    ['policies that are not critical', extension(CERT_POLICIES, false, fromHex('3006300406022a03'))],
    ['CRL places that are not critical', extension(CRL_POINTS, false, fromHex('3000'))],
    ['a bar to any policy that is not critical', extension(INHIBIT_ANY_POLICY, false, integer(0))],
  ])('but not %s', (_, bytes) => {
    for (const verdict of inEveryPlace(more(bytes))) expect(verdict).toEqual(both('ok'));
  });

  test('a critical key identifier', () => {
    const id = octetString(fromHex('01'));
    const issuer = sequence(der(context(0), fromHex('01')));
    for (const critical of [
      extension(OID.subjectKeyIdentifier, true, id),
      extension(OID.authorityKeyIdentifier, true, issuer),
    ]) {
      expect(asLeaf({ extensions: [...presenting, critical] }).web).toBe('PROFILE');
      expect(asMiddle({ extensions: [...issuing, critical] }).web).toBe('PROFILE');
      expect(asRoot({ extensions: [...issuing, critical] }).web).toBe('PROFILE');
    }
  });

  test('a date that does not hold; both ends do', () => {
    for (const place of [asLeaf, asMiddle, asRoot]) {
      expect(place({ notAfter: NOW - 1000 })).toEqual(both('EXPIRED'));
      expect(place({ notBefore: NOW + 1000 })).toEqual(both('NOT_YET_VALID'));
      expect(place({ notBefore: NOW, notAfter: NOW })).toEqual(both('ok'));
      expect(place({ notBefore: NOW + DAY, notAfter: NOW - DAY })).toEqual(both('NOT_YET_VALID'));
      expect(place({ notAfter: Date.UTC(9999, 11, 31, 23, 59, 59) })).toEqual(both('ok'));
    }
    const leaf = make({ issuer: ROOT, extensions: [...presenting, aki('Root')], notAfter: NOW });
    expect(verdicts([leaf.der], ROOT, {}, NOW + 999)).toEqual(both('ok'));
    expect(verdicts([leaf.der], ROOT, {}, NOW + 1000)).toEqual(both('EXPIRED'));
    for (const now of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      expect(verdicts([leaf.der], ROOT, {}, now).web).toMatch(/^(NOT_YET_VALID|EXPIRED)$/);
  });

  test('a serial number of zero; old roots have it', () => {
    expect(asLeaf({ serial: 0 })).toEqual(both('MALFORMED'));
    expect(asMiddle({ serial: 0 })).toEqual(both('MALFORMED'));
    expect(asRoot({ serial: 0 })).toEqual(both('ok'));
    expect(asLeaf({ serial: new Uint8Array(20).fill(0x7f) })).toEqual(both('ok'));
    expect(asLeaf({ serial: new Uint8Array(21).fill(0x7f) })).toEqual(both('MALFORMED'));
  });
});

/* ---- Leaves ---- */

describe('a leaf is refused', () => {
  const names = san({ dns: [HOST] }, true);
  const role = eku(OID.serverAuth);
  const id = aki('Root');
  const extensions = (...list: readonly Bytes[]): Recipe => ({ extensions: list });
  test.each<[string, Recipe, Verdicts]>([
    ['as a CA', extensions(ca(), names, role, id), both('CA_AS_LEAF')],
    [
      'that may sign certificates',
      extensions(usage('digitalSignature', 'keyCertSign'), names, role, id),
      both('KEY_USAGE'),
    ],
    ['that may not sign', extensions(usage('keyEncipherment'), names, role, id), both('KEY_USAGE')],
    ['with constraints', extensions(names, role, id, constraints({ dns: [HOST] })), both('PROFILE')],
    ['for clients', extensions(names, eku(OID.clientAuth), id), both('EXTENDED_KEY_USAGE')],
    ['for code', extensions(names, eku(CODE_SIGNING), id), both('EXTENDED_KEY_USAGE')],
    ['for anything', extensions(names, eku(OID.anyExtendedKeyUsage), id), onlyStrict('EXTENDED_KEY_USAGE')],
    ['for nothing said', extensions(names, id), onlyStrict('EXTENDED_KEY_USAGE')],
    [
      'whose purpose is critical',
      extensions(names, extension(OID.extendedKeyUsage, true, sequence(oid(OID.serverAuth))), id),
      onlyStrict('PROFILE'),
    ],
    ['that does not say who issued it', extensions(names, role), onlyStrict('PROFILE')],
    ['without names and subject', extensions(role, id), both('PROFILE')],
    [
      'whose names are not critical without a subject',
      extensions(san({ dns: [HOST] }), role, id),
      both('PROFILE'),
    ],
    [
      'whose names are critical beside a subject',
      { subject: 'x', ...extensions(names, role, id) },
      onlyStrict('PROFILE'),
    ],
    [
      'with a path length and no CA',
      extensions(names, role, id, extension(OID.basicConstraints, true, sequence(integer(0)))),
      onlyStrict('PROFILE'),
    ],
    [
      'of version 1',
      { subject: HOST, version: undefined, extensions: [] },
      { web: 'NAME', strict: 'PROFILE' },
    ],
    ['of version 2', { version: der(context(0, true), integer(1)), ...extensions(names) }, both('MALFORMED')],
    ['that has only a common name', { subject: HOST, ...extensions(role, id) }, both('NAME')],
    ['with an empty list of names', extensions(san({}, true), role, id), both('MALFORMED')],
  ])('%s', (_, recipe, expected) => {
    expect(asLeaf(recipe)).toEqual(expected);
  });
});

/* ---- CAs ---- */

describe('a CA is refused', () => {
  const sign = usage('keyCertSign');
  const noCa = extension(OID.basicConstraints, true, sequence());
  test.each<[string, readonly Bytes[], Verdicts, Verdicts?]>([
    ['that is none', [noCa, sign], both('NOT_A_CA')],
    ['that does not say so', [sign], both('NOT_A_CA')],
    ['that may not sign certificates', [ca(), usage('cRLSign')], both('KEY_USAGE')],
    ['that does not say what its key is for', [ca()], onlyStrict('KEY_USAGE')],
    ['whose rights are not critical', [ca(undefined, false), sign], onlyStrict('PROFILE')],
    [
      'whose constraints are not critical',
      [ca(), sign, constraints({ dns: ['example.org'] }, undefined, false)],
      onlyStrict('PROFILE'),
    ],
    [
      'whose constraints forbid the host',
      [ca(), sign, constraints(undefined, { dns: ['example.org'] })],
      both('NAME_CONSTRAINTS'),
    ],
    [
      'that is for clients',
      [ca(), sign, eku(OID.clientAuth)],
      both('EXTENDED_KEY_USAGE'),
      { web: 'EXTENDED_KEY_USAGE', strict: 'PROFILE' },
    ],
    [
      'that is for anything: it is not',
      [ca(), sign, eku(OID.anyExtendedKeyUsage)],
      both('ok'),
      onlyStrict('PROFILE'),
    ],
  ])('%s', (_, list, expected, ofRoot = expected) => {
    expect(asMiddle({ extensions: [...list, ski('Middle'), aki('Root')] })).toEqual(expected);
    expect(asRoot({ extensions: [...list, ski('Top'), aki('Top')] })).toEqual(ofRoot);
  });

  test('that has no key identifiers', () => {
    expect(asMiddle({ extensions: [...issuing, aki('Root')] })).toEqual(onlyStrict('PROFILE'));
    expect(asMiddle({ extensions: [...issuing, ski('Middle')] })).toEqual(onlyStrict('PROFILE'));
    expect(asRoot({ extensions: [...issuing, aki('Top')] })).toEqual(onlyStrict('PROFILE'));
    expect(asRoot({ extensions: [...issuing, ski('Top')] })).toEqual(both('ok'));
  });

  test('of version 1, as the root too', () => {
    expect(asMiddle({ version: undefined, extensions: [] })).toEqual({ web: 'NOT_A_CA', strict: 'PROFILE' });
    expect(asRoot({ version: undefined, extensions: [] })).toEqual(both('NOT_A_CA'));
  });

  test('that is too low; who issued itself does not count', () => {
    const chainOf = (top: Made, names: readonly string[]): Made[] => {
      const chain: Made[] = [];
      let issuer = top;
      for (const subject of names) {
        const made = make({ subject, issuer, extensions: own(subject, aki(issuer.label)) });
        chain.unshift(made);
        issuer = made;
      }
      return [make({ issuer, extensions: [...presenting, aki(issuer.label)] }), ...chain];
    };
    const limited = (length: number, ...names: readonly string[]): string => {
      const top = make({ subject: 'T', extensions: [ca(length), usage('keyCertSign'), ski('T'), aki('T')] });
      return verdicts(
        chainOf(top, names).map(({ der: bytes }) => bytes),
        top,
      ).strict;
    };
    expect(limited(0)).toBe('ok');
    expect(limited(0, 'A')).toBe('PATH_LENGTH');
    expect(limited(1, 'A')).toBe('ok');
    expect(limited(1, 'A', 'B')).toBe('PATH_LENGTH');
    // The same name, another key: a root that changed it.
    expect(limited(0, 'T')).toBe('ok');
    expect(limited(0, 'T', 'T')).toBe('ok');
    expect(limited(1, 'T', 'A')).toBe('ok');
    expect(limited(0, 'T', 'A')).toBe('PATH_LENGTH');
  });

  test('whose key identifier is another one is not: it is a hint, and the signature decides', () => {
    expect(asLeaf({ extensions: [...presenting, aki('Somebody')] })).toEqual(both('ok'));
  });
});

test('one certificate may be an anchor and certified by another anchor', () => {
  // As an anchor its purpose is against the strict rules; below the other one it is a CA like any.
  const limited = make({
    subject: 'Limited',
    issuer: ROOT,
    extensions: own('Limited', aki('Root'), eku(OID.serverAuth)),
  });
  const leaf = make({ issuer: limited, extensions: [...presenting, aki('Limited')] });
  const answer = verifyServer(
    [leaf.der, limited.der],
    { dns: HOST },
    [limited.certificate, ROOT.certificate],
    NOW,
    provider,
    { strict: true },
  );
  expect(answer).not.toBeInstanceOf(Refusal);
});

/* ---- Revocation lists ---- */

describe('with revocation lists', () => {
  const middle = make({ subject: 'Middle', issuer: ROOT, extensions: own('Middle', aki('Root')) });
  const leaf = make({ issuer: middle, extensions: [...presenting, aki('Middle')] });
  const chain = [leaf.der, middle.der];
  const listOf = (
    issuer: Made,
    revoked: readonly Made[],
    recipe: { readonly until?: number; readonly key?: Made['key'] } = {},
  ): Uint8Array =>
    issueCrl(
      recipe.key === undefined
        ? issuer.certificate
        : make({ subject: issuer.label, key: recipe.key, extensions: own(issuer.label) }).certificate,
      recipe.key ?? issuer.key,
      {
        ...{ number: 1, thisUpdate: NOW - DAY, nextUpdate: recipe.until ?? NOW + DAY },
        revoked: revoked.map(({ certificate: { serial } }) => ({ serial, date: NOW - DAY })),
      },
    );
  const under = (...lists: readonly Uint8Array[]): Verdicts =>
    verdicts(chain, ROOT, { crls: lists.map(parseCrl) });

  test('nobody is refused who is on none', () => {
    expect(under()).toEqual(both('ok'));
    expect(under(listOf(ROOT, [leaf]), listOf(middle, []))).toEqual(both('ok'));
    expect(under(listOf(make({ subject: 'Stranger', extensions: own('Stranger') }), [leaf, middle]))).toEqual(
      both('ok'),
    );
  });

  test('the leaf and the CA are refused that are on their issuer\u2019s', () => {
    expect(under(listOf(middle, [leaf]))).toEqual(both('REVOKED'));
    expect(under(listOf(ROOT, [middle]))).toEqual(both('REVOKED'));
  });

  test('a path whose only list is stale or signed by somebody else is none', () => {
    expect(under(listOf(middle, [], { until: NOW - 2000 }))).toEqual(both('CRL_STALE'));
    expect(under(listOf(middle, [], { key: provider.generateKey('ed25519') }))).toEqual(both('CRL'));
  });

  test('another path is found around a revoked CA', () => {
    const other = root('Other');
    const again = make({
      subject: 'Middle',
      issuer: other,
      key: middle.key,
      extensions: own('Middle', aki('Other')),
    });
    const answer = verifyServer(
      [...chain, again.der],
      { dns: HOST },
      [ROOT.certificate, other.certificate],
      NOW,
      provider,
      {
        crls: [parseCrl(listOf(ROOT, [middle]))],
      },
    );
    expect(answer).not.toBeInstanceOf(Refusal);
  });
});
