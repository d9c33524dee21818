import { describe, expect, test } from 'vitest';
import { provider } from '../../src/crypto/node.node.ts';
import {
  type ExpectedName,
  IdentityError,
  parseIp,
  Refusal,
  verifyClient,
  verifyServer,
} from '../../src/identity/index.ts';
import { OID } from '../../src/identity/oid.ts';
import { readReference } from '../../src/identity/reference.ts';
import { aki, eku, type Made, make, type Named, NOW, root, san, usage } from './maker.ts';

const ROOT = root('Root');

function holder(names: Named): Made {
  const extensions = [
    usage('digitalSignature'),
    eku(OID.serverAuth, OID.clientAuth),
    san(names, true),
    aki('Root'),
  ];
  return make({ issuer: ROOT, extensions });
}

/** As a server and as a client: `ok`, or the refusal's text. */
function judge(names: Named, expected: ExpectedName): string {
  const chain = [holder(names).der];
  const roots = [ROOT.certificate];
  const answers = [
    verifyServer(chain, expected, roots, NOW, provider),
    verifyClient(chain, roots, NOW, provider, { expected }),
  ].map((answer) => (answer instanceof Refusal ? `${answer.code} ${answer.message}` : 'ok'));
  expect(answers[1]).toBe(answers[0]);
  return answers[0]!;
}

describe('a certificate is for (RFC 9525 §6)', () => {
  test.each<[ExpectedName, Named, boolean]>([
    [{ dns: 'Example.ORG.' }, { dns: ['eXample.org'] }, true],
    [{ dns: 'b\u00fccher.example' }, { dns: ['xn--bcher-kva.example'] }, true],
    [{ dns: 'a.example.org' }, { dns: ['*.example.org'] }, true],
    [{ dns: 'xn--bcher-kva.example.org' }, { dns: ['*.example.org'] }, true],
    [{ dns: 'example.org' }, { email: ['example.org'], uri: ['example.org'] }, false],
    [{ dns: 'example.org' }, { dns: ['example.org\0'] }, false],
    [{ ip: '192.0.2.1' }, { ip: [parseIp('192.0.2.1')!] }, true],
    [{ ip: '2001:DB8::0:1' }, { ip: [parseIp('2001:db8::1')!] }, true],
    [{ ip: '192.0.2.1' }, { dns: ['192.0.2.1'], ip: [parseIp('::ffff:192.0.2.1')!] }, false],
    [{ email: 'alice@Example.org' }, { email: ['alice@EXAMPLE.org'] }, true],
    [{ email: 'alice@b\u00fccher.example' }, { email: ['alice@xn--bcher-kva.example'] }, true],
    [{ email: 'alice@example.org' }, { email: ['Alice@example.org'] }, false],
    [{ email: 'alice@example.org' }, { email: ['"alice"@example.org'] }, false],
    [{ email: 'alice@example.org' }, { email: ['alice@example.org@example.org'] }, false],
    [{ email: 'alice@a.example.org' }, { email: ['alice@*.example.org'] }, false],
    [{ email: 'alice@example.org' }, { dns: ['example.org'], uri: ['mailto:alice@example.org'] }, false],
    [{ uri: 'q2q://example.org' }, { uri: ['Q2Q://Example.org/alice/laptop'] }, true],
    [{ uri: 'Q2Q://Example.org/' }, { uri: ['q2q://x@example.org:443'] }, true],
    [{ uri: 'q2q://b\u00fccher.example' }, { uri: ['q2q://xn--bcher-kva.example'] }, true],
    [{ uri: 'q2q://example.org' }, { uri: ['https://example.org'] }, false],
    [{ uri: 'q2q://example.org' }, { uri: ['q2q://a.example.org', 'q2q:example.org'] }, false],
    [{ uri: 'q2q://a.example.org' }, { uri: ['q2q://*.example.org/'] }, false],
    [{ uri: 'q2q://example.org' }, { uri: ['q2q://example.org@evil.example/'] }, false],
    [{ uri: 'q2q://example.org' }, { dns: ['example.org'] }, false],
  ])('%j, holding %j: %s', (expected, names, fits) => {
    if (fits) expect(judge(names, expected)).toBe('ok');
    else expect(judge(names, expected)).toMatch(/^ERR_IDENTITY_NAME certificate is for /);
  });

  test('every name that a client must have', () => {
    const chain = [holder({ email: ['a@example.org', 'b@example.org'] }).der];
    const verify = (...expected: ExpectedName[]): boolean =>
      !(verifyClient(chain, [ROOT.certificate], NOW, provider, { expected }) instanceof Refusal);
    expect(verify()).toBe(true);
    expect(verify({ email: 'a@example.org' }, { email: 'b@example.org' })).toBe(true);
    expect(verify({ email: 'a@example.org' }, { email: 'c@example.org' })).toBe(false);
  });

  test('and the refusal lists what it holds, a few of many', () => {
    const names: Named = {
      dns: ['a.example'],
      ip: [parseIp('192.0.2.1')!],
      email: ['x@y.example'],
      uri: ['u:1', 'u:2', 'u:3'],
    };
    expect(judge(names, { dns: 'b.example' })).toContain(
      'certificate is for "a.example", "192.0.2.1", "x@y.example", "u:1", "u:2", 1 more, wanted "b.example"',
    );
    expect(judge({ dns: ['a'.repeat(5000)] }, { dns: 'b.example' }).length).toBeLessThan(400);
  });
});

describe('an expected name is refused that is', () => {
  test.each<[string, ExpectedName]>([
    ['none', {}],
    ['two', { dns: 'example.org', ip: '192.0.2.1' }],
    ['an address as host', { dns: '192.0.2.1' }],
    ['a wildcard', { dns: '*.example.org' }],
    ['a host as address', { ip: 'example.org' }],
    ['an address with a zone', { ip: 'fe80::1%eth0' }],
    ['an address in octal', { ip: '0300.0.2.1' }],
    ['a mailbox without host', { email: 'alice' }],
    ['a mailbox without user', { email: '@example.org' }],
    ['a quoted mailbox', { email: '"alice"@example.org' }],
    ['two mailboxes', { email: 'alice@example.org,bob@example.org' }],
    ['a mailbox at an address', { email: 'alice@[192.0.2.1]' }],
    ['a URI without host', { uri: 'mailto:alice@example.org' }],
    ['a URI with a path', { uri: 'https://example.org/alice' }],
    ['a URI with a port', { uri: 'https://example.org:443' }],
    ['a URI with a user', { uri: 'https://alice@example.org' }],
    ['a URI of an address', { uri: 'https://192.0.2.1' }],
    ['of no kind we know', { host: 'example.org' } as ExpectedName],
    ['of an inherited kind', { toString: 'example.org' } as unknown as ExpectedName],
  ])('%s', (_, expected) => {
    expect(() => readReference(expected)).toThrow(IdentityError);
    expect(() => readReference(expected)).toThrow(expect.objectContaining({ code: 'ERR_IDENTITY_ADDRESS' }));
  });
});
