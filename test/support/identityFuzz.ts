/**
 * Damage for the parsers of `src/identity`: bytes changed blindly, and DER taken apart, changed and put together again with
 * lengths that fit, which gets past the first checks. Shared by the quick suite and the slow one.
 */
import { cbc } from '@noble/ciphers/aes.js';
import { scrypt } from '@noble/hashes/scrypt.js';
import fc from 'fast-check';
import { type Bytes, concat, utf8 } from '../../src/base/bytes.ts';
import { ShortInput } from '../../src/base/reader.ts';
import { NotDer } from '../../src/crypto/der.ts';
import { provider } from '../../src/crypto/node.node.ts';
import { parseSpki } from '../../src/crypto/spki.ts';
import { parseAllowList } from '../../src/identity/allow.ts';
import { checkDer, DerReader, der, integer, octetString, oid, sequence } from '../../src/identity/der.ts';
import { describeCertificate, describeCrl, describeRequest } from '../../src/identity/describe.ts';
import {
  commonNames,
  parseDistinguishedName,
  showDistinguishedName,
} from '../../src/identity/distinguishedName.ts';
import {
  createCsr,
  DomainAuthority,
  formatAddress,
  formatDeviceGrant,
  formatDeviceRequest,
  formatPem,
  IdentityError,
  issueCrl,
  parseAddress,
  parseBundle,
  parseCertificate,
  parseCrl,
  parseCsr,
  parseDeviceGrant,
  parseDeviceRequest,
  parsePeerId,
  parsePem,
  peerId,
  readCredentialBundle,
  readPkcs12,
  readPlainPrivateKey,
  selfSignedIdentity,
  Trust,
  verifyClient,
  verifyPeer,
  verifyServer,
  writePrivateKey,
} from '../../src/identity/index.ts';
import { matchesDns, parseIp, readMailbox, uriHost } from '../../src/identity/names.ts';
import { decodeOid, OID } from '../../src/identity/oid.ts';
import { outlineCertificate } from '../../src/identity/outline.ts';
import { DerivationBudget, decryptPkcs8 } from '../../src/identity/pbes2.ts';
import {
  ca,
  constraints,
  eku,
  intermediate,
  make,
  NOW,
  root,
  san,
  server,
  usage,
} from '../identity/maker.ts';
import { certBag, contentInfo, DATA, keyBag, PASSWORD, pfx, sealed } from './pkcs12.ts';

export interface Target {
  readonly name: string;
  readonly seeds: readonly Bytes[];
  /** May throw an `IdentityError` and nothing else. */
  readonly run: (input: Bytes) => void;
}

const authority = DomainAuthority.create(provider, 'example.org', NOW);
const key = provider.generateKey('ed25519');
const [leaf] = authority.issueUser({ spki: key.spki, user: 'alice', device: 'laptop', now: NOW });
const rich = root(
  'Rich',
  constraints({
    dns: ['example.org'],
    email: ['.example.org', 'a@b.example'],
    uri: ['.example.org'],
    ip: [new Uint8Array(8)],
  }),
);
const revoking = make({ subject: 'CA', extensions: [ca(), usage('keyCertSign', 'cRLSign')] });
const everything = make({
  issuer: rich,
  subject: 'x',
  key: provider.generateKey('p256'),
  extensions: [
    usage('digitalSignature'),
    eku(OID.serverAuth, OID.clientAuth),
    san({
      dns: ['*.example.org'],
      email: ['a@b.example'],
      uri: ['q2q://example.org/a/b'],
      ip: [new Uint8Array(16)],
    }),
  ],
});
const crl = issueCrl(revoking.certificate, revoking.key, {
  ...{ number: 1, thisUpdate: NOW, nextUpdate: NOW + 1000 },
  revoked: [{ serial: Uint8Array.of(1, 2), date: NOW, reason: 'keyCompromise' }],
});
const bundle = authority.bundle({
  ...{ sequence: 3, now: NOW },
  deniedKeys: [{ keyId: peerId(key.spki), until: NOW }],
  deniedCertificates: [{ issuer: peerId(key.spki), serial: '01', until: NOW }],
});

const certificates = [
  leaf!,
  authority.root.der,
  rich.der,
  everything.der,
  ...selfSignedIdentity(key, NOW).chain,
];
const chainRoot = root('Top');
const middle = intermediate('Middle', chainRoot);
const chainLeaf = server(middle, 'www.example.org');
const trust = Trust.of([{ domain: 'example.org', roots: [authority.root] }]);

/** Steps of key derivation that a damaged file gets: milliseconds. */
const WORK = 500;

/** Under the passphrase "x", by the cheapest scrypt there is. */
function encryptedKey(): Bytes {
  const salt = new Uint8Array(8);
  const iv = new Uint8Array(16);
  const secret = scrypt('x', salt, { N: 2, r: 1, p: 1, dkLen: 16 });
  const parameters = sequence(octetString(salt), integer(2), integer(1), integer(1));
  const derivation = sequence(oid('1.3.6.1.4.1.11591.4.11'), parameters);
  const encryption = sequence(oid('2.16.840.1.101.3.4.1.2'), octetString(iv));
  const algorithm = sequence(oid('1.2.840.113549.1.5.13'), sequence(derivation, encryption));
  return sequence(algorithm, octetString(cbc(secret, iv).encrypt(key.dangerousExport())));
}

/** Text in, for parsers of what people and files say. */
const text =
  (read: (text: string) => unknown) =>
  (input: Bytes): void => {
    read(new TextDecoder().decode(input));
  };

export const TARGETS: readonly Target[] = [
  {
    name: 'certificate',
    seeds: certificates,
    run: (input) => {
      const certificate = parseCertificate(input);
      describeCertificate(certificate);
      showDistinguishedName(certificate.subject);
      commonNames(certificate.subject);
    },
  },
  { name: 'certificate, in outline', seeds: certificates, run: (input) => void outlineCertificate(input) },
  {
    name: 'leaf of a chain',
    seeds: [leaf!, chainLeaf.der],
    run: (input) => {
      const roots = [chainRoot.certificate];
      const answers = [
        verifyPeer([input], { kind: 'anyPeer' }, trust, 'client', NOW, provider),
        verifyServer([input, middle.der], { dns: 'www.example.org' }, roots, NOW, provider, { strict: true }),
        verifyClient([chainLeaf.der, input], roots, NOW, provider),
      ];
      for (const answer of answers) if (answer instanceof IdentityError) void answer.message;
    },
  },
  {
    name: 'request',
    seeds: [createCsr(key)],
    run: (input) => {
      parseCsr(provider, input);
      describeRequest(input, provider);
    },
  },
  { name: 'revocation list', seeds: [crl], run: (input) => void describeCrl(parseCrl(input), NOW) },
  { name: 'bundle', seeds: [bundle], run: (input) => void parseBundle(input) },
  { name: 'DER', seeds: [leaf!, crl], run: checkDer },
  {
    name: 'public key',
    seeds: [key.spki, everything.certificate.spki, provider.generateKey('p384').spki],
    run: (input) => void parseSpki(input),
  },
  {
    name: 'distinguished name',
    seeds: [authority.root.subject],
    run: (input) => {
      parseDistinguishedName(input, 'name');
      showDistinguishedName(input);
      commonNames(input);
    },
  },
  {
    name: 'object identifier',
    seeds: [Uint8Array.of(0x2a, 0x86, 0x48)],
    run: (input) => void decodeOid(input, 'x'),
  },
  {
    name: 'PEM',
    seeds: [utf8(formatPem('CERTIFICATE', leaf!)), utf8(formatPem('X', new Uint8Array(70)).repeat(2))],
    run: text(parsePem),
  },
  {
    name: 'private key',
    seeds: [utf8(writePrivateKey(key)), utf8(writePrivateKey(provider.generateKey('p256')))],
    run: text((pem) => readPlainPrivateKey(provider, pem)),
  },
  {
    name: 'encrypted key',
    seeds: [encryptedKey()],
    run: (input) => void decryptPkcs8(input, 'x', new DerivationBudget(WORK)),
  },
  {
    name: 'key with its certificates',
    seeds: [
      utf8(
        writePrivateKey(chainLeaf.key) +
          formatPem('CERTIFICATE', chainLeaf.der) +
          formatPem('CERTIFICATE', middle.der),
      ),
    ],
    run: text((pem) => readCredentialBundle(provider, pem)),
  },
  {
    name: 'PKCS#12',
    seeds: [new Uint8Array(pfx([keyBag(chainLeaf), certBag(chainLeaf)]))],
    run: (input) => void readPkcs12(input, PASSWORD, provider, new DerivationBudget(WORK)),
  },
  {
    name: 'PKCS#12 behind its MAC',
    seeds: [
      sequence(
        contentInfo(DATA, octetString(sequence(keyBag(chainLeaf), certBag(middle), certBag(chainLeaf)))),
      ),
    ],
    run: (input) => void readPkcs12(sealed(input), PASSWORD, provider, new DerivationBudget(WORK)),
  },
  {
    name: 'address',
    seeds: ['a.b@example.org/chat/1', 'bob@b\u00fccher.example'].map(utf8),
    run: text(readAddress),
  },
  { name: 'key id', seeds: [utf8(peerId(key.spki))], run: text(parsePeerId) },
  {
    name: 'allow list',
    seeds: [utf8(`# who\nalice@example.org\nkey:${peerId(key.spki)}\n`)],
    run: text(parseAllowList),
  },
  {
    name: 'device request',
    seeds: [utf8(formatDeviceRequest({ device: 'phone', csr: createCsr(key) }))],
    run: text((line) => parseDeviceRequest(provider, line)),
  },
  {
    name: 'device grant',
    seeds: [utf8(formatDeviceGrant({ chain: [leaf!], roots: [authority.root], relay: 'wss://example.org' }))],
    run: text(parseDeviceGrant),
  },
  {
    name: 'host, address, mailbox and URI of a certificate',
    seeds: ['*.example.org', '2001:db8::192.0.2.1', '"a"@b.example', 'https://u@example.org:1/x'].map(utf8),
    run: text((name) => [matchesDns(name, 'a.example.org'), parseIp(name), readMailbox(name), uriHost(name)]),
  },
];

function readAddress(line: string): void {
  const address = parseAddress(line);
  if (formatAddress(parseAddress(formatAddress(address))) !== formatAddress(address))
    throw new Error('two spellings');
}

/* ---- Damage ---- */

const at = fc.nat(1 << 20);
const few = fc.uint8Array({ minLength: 1, maxLength: 8 });

type Edit = (bytes: Bytes) => Bytes;

/** What happens to bytes without regard to what they mean. */
const blind: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(at, fc.nat(7)).map(
    ([where, bit]): Edit =>
      (bytes) => {
        const changed = bytes.slice();
        if (changed.length > 0) changed[where % changed.length]! ^= 1 << bit;
        return changed;
      },
  ),
  fc.tuple(at, few).map(
    ([where, put]): Edit =>
      (bytes) => {
        const cut = where % (bytes.length + 1);
        return concat([bytes.subarray(0, cut), put, bytes.subarray(cut)]);
      },
  ),
  fc.tuple(at, few).map(
    ([where, put]): Edit =>
      (bytes) => {
        const cut = where % (bytes.length + 1);
        return concat([
          bytes.subarray(0, cut),
          put,
          bytes.subarray(Math.min(bytes.length, cut + put.length)),
        ]);
      },
  ),
  fc.tuple(at, at).map(
    ([from, length]): Edit =>
      (bytes) => {
        const cut = from % (bytes.length + 1);
        return concat([bytes.subarray(0, cut), bytes.subarray(cut + (length % 16))]);
      },
  ),
  fc.tuple(at, at).map(
    ([from, length]): Edit =>
      (bytes) => {
        const cut = from % (bytes.length + 1);
        return concat([bytes, bytes.subarray(cut, cut + (length % 64))]);
      },
  ),
  at.map(
    (length): Edit =>
      (bytes) =>
        bytes.slice(0, length % (bytes.length + 1)),
  ),
);

interface Node {
  tag: number;
  /** Of constructed elements, and of strings that wrap DER. */
  children: Node[] | undefined;
  prefix: Bytes;
  value: Bytes;
}

/** DER as a tree that can be changed; OCTET and BIT STRINGs that hold DER are part of it. Undefined for anything else. */
function readTree(bytes: Bytes): Node[] | undefined {
  try {
    const reader = new DerReader(bytes);
    const nodes: Node[] = [];
    while (!reader.done) {
      const { tag, value } = reader.any('x');
      const prefix = tag === 0x03 ? value.subarray(0, 1) : new Uint8Array();
      const inner = value.subarray(prefix.length);
      const wraps = (tag & 0x20) !== 0 || ((tag === 0x04 || tag === 0x03) && inner.length > 1);
      nodes.push({ tag, prefix, value: inner, children: wraps ? readTree(inner) : undefined });
    }
    return nodes;
  } catch {
    return undefined;
  }
}

function writeTree(nodes: readonly Node[]): Bytes {
  return concat(
    nodes.map(({ tag, prefix, value, children }) =>
      der(tag, prefix, children === undefined ? value : writeTree(children)),
    ),
  );
}

/** Bytes that are DER come out as they went in. */
export function rewritten(bytes: Bytes): Bytes | undefined {
  const tree = readTree(bytes);
  return tree === undefined ? undefined : writeTree(tree);
}

function lists(nodes: Node[]): Node[][] {
  return [nodes, ...nodes.flatMap(({ children }) => (children === undefined ? [] : lists(children)))].filter(
    ({ length }) => length > 0,
  );
}

/** Tags of DER and neighbours of them. */
const tag = fc.constantFrom(
  1,
  2,
  3,
  4,
  5,
  6,
  12,
  19,
  22,
  23,
  24,
  30,
  0x30,
  0x31,
  0x80,
  0x82,
  0x86,
  0xa0,
  0xa3,
  0x1f,
  0,
);

/** What happens to elements; every length around them is made to fit. */
const shaped: fc.Arbitrary<Edit> = fc.tuple(at, at, fc.nat(6), tag, fc.uint8Array({ maxLength: 40 })).map(
  ([which, where, what, newTag, value]): Edit =>
    (bytes) => {
      const tree = readTree(bytes);
      if (tree === undefined || tree.length === 0) return bytes;
      const all = lists(tree);
      const list = all[which % all.length]!;
      const index = where % list.length;
      const node = list[index]!;
      const other = all[where % all.length]![0]!;
      const changes: (() => void)[] = [
        () => void list.splice(index, 1),
        () => void list.splice(index, 0, node),
        () => void list.push(list.shift()!),
        () => void Object.assign(node, { tag: newTag }),
        () => void Object.assign(node, { children: undefined, value: new Uint8Array(value) }),
        () =>
          void list.splice(index, 0, {
            tag: newTag,
            prefix: new Uint8Array(),
            value: new Uint8Array(value),
            children: undefined,
          }),
        () => void (lists([other]).includes(list) || list.splice(index, 1, other)),
      ];
      changes[what]!();
      return writeTree(tree);
    },
);

const edits = fc.array(fc.oneof(blind, shaped), { minLength: 1, maxLength: 4 });

/** Noise, and the target's good inputs after one to four changes. */
export function inputs({ seeds }: Target): fc.Arbitrary<Bytes> {
  return fc.oneof(
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => new Uint8Array(bytes)) },
    {
      weight: 9,
      arbitrary: fc
        .tuple(fc.constantFrom(...seeds), edits)
        .map(([seed, changes]) => changes.reduce<Bytes>((bytes, edit) => edit(bytes), new Uint8Array(seed))),
    },
  );
}

/** The two of `base` and `crypto` are for the outline, whose callers say what a broken certificate means to them. */
const OURS = [IdentityError, NotDer, ShortInput];

/** `fine`, or the code of the error; throws for any other end. Says so when it took more than `limit` milliseconds of CPU, twice. */
export function endOf(target: Target, input: Bytes, limit = 250): string {
  let slow = 0;
  for (;;) {
    const start = process.cpuUsage();
    let end = 'fine';
    try {
      target.run(input);
    } catch (error) {
      if (!OURS.some((kind) => error instanceof kind)) throw error;
      const { message } = error as Error;
      if (!/^[\x20-\x7e\u2026\u2013\u00a7]*$/.test(message))
        throw new Error(`unprintable message ${JSON.stringify(message)}`);
      end = (error as { code?: string }).code ?? (error as Error).name;
    }
    // The collector works in our name as well: only what is slow twice is slow.
    const { user, system } = process.cpuUsage(start);
    if (user + system < limit * 1000) return end;
    if (++slow === 2) throw new Error(`${target.name} took more than ${limit} ms of CPU`);
  }
}
