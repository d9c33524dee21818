/** Every portable layer, once, in a browser: what the unit tests show of Node, this shows of the page they share. */
import { fromHex, hex, utf8 } from '../../../src/base/bytes.ts';
import { generateWebCryptoKey, type SchemeName, SUITES } from '../../../src/crypto/index.ts';
import { provider } from '../../../src/crypto/noble.ts';
import {
  createCsr,
  DomainAuthority,
  type Identity,
  identityFromChain,
  parseCertificate,
  parseCsr,
  Refusal,
  readPrivateKey,
  selfSignedIdentity,
  Trust,
  VerifiedPeer,
  verifyPeer,
  writePrivateKey,
} from '../../../src/identity/index.ts';
import { secure } from '../../../src/peer/secure.ts';
import { linkReadable, linkWritable } from '../../../src/peer/streams.ts';
import { ClientContext, ServerContext, type TlsConfigInit } from '../../../src/tls/index.ts';
import { memoryPair } from '../../../src/transport/index.ts';
import { Checks, check, same } from './checks.ts';

const checks = new Checks();
const isSecure = globalThis.isSecureContext;

checks.add('nothing of Node is here', () => {
  for (const name of ['Buffer', 'process', 'require', 'global', 'setImmediate'])
    check(!(name in globalThis), `${name} exists`);
});

checks.add('random bytes, more than one call of the platform gives', () => {
  const bytes = provider.random(200_000);
  check(
    bytes.subarray(199_000).some((byte) => byte !== 0),
    'the end is all zero',
  );
});

checks.add('hash, HMAC and HKDF', () => {
  const abc = utf8('abc');
  same(
    hex(provider.hash('sha256').update(abc).digest()),
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    'SHA-256 (FIPS 180-4)',
  );
  const secret = provider.hkdfExtract(
    'sha256',
    fromHex('000102030405060708090a0b0c'),
    new Uint8Array(22).fill(0x0b),
  );
  same(
    hex(provider.hkdfExpand('sha256', secret, fromHex('f0f1f2f3f4f5f6f7f8f9'), 42)),
    '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    'HKDF (RFC 5869 A.1)',
  );
});

checks.add('every AEAD seals, opens in place and refuses a changed bit', () => {
  for (const { aead: name, keyLength } of SUITES) {
    const aead = provider.aead(name, provider.random(keyLength));
    const nonce = provider.random(12);
    const sealed = new Uint8Array(1_016);
    same(
      aead.seal(nonce, utf8('header'), [new Uint8Array(900).fill(7), new Uint8Array(100).fill(7)], sealed, 0),
      1_016,
      name,
    );
    const broken = sealed.slice();
    broken[500]! ^= 1;
    same(aead.open(nonce, utf8('header'), broken, 0, 1_016), -1, `${name} with a changed bit`);
    same(aead.open(nonce, utf8('header'), sealed, 0, 1_016), 1_000, name);
    check(
      sealed.subarray(0, 1_000).every((byte) => byte === 7),
      `${name} gave other bytes`,
    );
  }
});

checks.add('every group agrees', () => {
  for (const group of provider.supports.groups) {
    const [a, b] = [provider.keyExchange(group), provider.keyExchange(group)];
    same(hex(a.agree(b.share)!), hex(b.agree(a.share)!), group);
  }
});

const KINDS = { ed25519: 'ed25519', p256: 'ecdsa_secp256r1_sha256', p384: 'ecdsa_secp384r1_sha384' } as const;

checks.add('every kind of key signs, is exported and read again', () => {
  for (const [kind, scheme] of Object.entries(KINDS) as ['ed25519' | 'p256' | 'p384', SchemeName][]) {
    const key = readPrivateKey(provider, writePrivateKey(provider.generateKey(kind)));
    const signature = key.sign(scheme, utf8('message'));
    check(provider.verify(scheme, key.spki, utf8('message'), signature), `${kind} signature refused`);
    check(
      !provider.verify(scheme, key.spki, utf8('massage'), signature),
      `${kind} signature for other bytes`,
    );
  }
});

checks.add(
  `keys of WebCrypto: ${isSecure ? 'sign without showing themselves' : 'missing here, and said so'}`,
  async () => {
    if (!isSecure) {
      same(globalThis.crypto.subtle, undefined, 'crypto.subtle');
      const error = await generateWebCryptoKey('p256').then(
        () => undefined,
        (reason: { code?: string }) => reason,
      );
      same(error?.code, 'ERR_CRYPTO_UNSUPPORTED', 'code');
      return;
    }
    for (const [kind, scheme] of Object.entries(KINDS) as ['ed25519' | 'p256' | 'p384', SchemeName][]) {
      const { signer, privateKey } = await generateWebCryptoKey(kind);
      check(!privateKey.extractable, `${kind} key can be carried away`);
      const signature = await signer.sign(scheme, utf8('message'));
      check(provider.verify(scheme, signer.spki, utf8('message'), signature), `${kind} signature refused`);
    }
  },
);

const now = Date.now();

checks.add('a domain enrols a user, who is verified under its root and under no other', () => {
  const domain = DomainAuthority.create(provider, 'example.org', now);
  const key = provider.generateKey('p256');
  const { spki } = parseCsr(provider, createCsr(key));
  const alice = identityFromChain(domain.issueUser({ spki, user: 'alice', device: 'tab', now }), key);
  const trust = Trust.of([{ domain: 'example.org', roots: [domain.root] }]);
  const proof = verifyPeer(
    alice.chain,
    { kind: 'name', name: 'alice@example.org' },
    trust,
    'client',
    now,
    provider,
  );
  check(proof instanceof VerifiedPeer, `alice was refused: ${String(proof)}`);
  same(proof.identity.name, 'alice@example.org', 'name');
  const other = DomainAuthority.create(provider, 'example.org', now);
  const strange = Trust.of([{ domain: 'example.org', roots: [other.root] }]);
  const refusal = verifyPeer(alice.chain, { kind: 'anyPeer' }, strange, 'client', now, provider);
  check(refusal instanceof Refusal, 'alice passed under a strange root');
});

checks.add('TLS: both ends in this page, every suite and group, mutual proof, 64 KiB each way', async () => {
  const [alice, bob] = [keyPeer('ed25519'), keyPeer('p256')];
  for (const suite of SUITES)
    for (const group of provider.supports.groups) {
      const options = { alpn: ['chat/1'], suites: [suite.name], groups: [group] } as const;
      const [client, server] = await join(alice, bob, options);
      same(client.negotiated.suite, suite.name, 'suite');
      same(client.negotiated.group, group, 'group');
      same(client.negotiated.peer?.identity.keyId, bob.keyId, 'the server, as the client proved it');
      same(server.negotiated.peer?.identity.keyId, alice.keyId, 'the client, as the server proved it');
      const [there, back] = [provider.random(65_536), provider.random(65_536)];
      const [gotThere, gotBack] = await Promise.all([
        hashOf(linkReadable(server)),
        hashOf(linkReadable(client)),
        send(linkWritable(client), there),
        send(linkWritable(server), back),
      ]);
      same(gotThere, sha256(there), `${suite.name} ${group}, client to server`);
      same(gotBack, sha256(back), `${suite.name} ${group}, server to client`);
    }
});

checks.add('TLS: another key than the dialled one ends the handshake', async () => {
  const [alice, bob, carol] = [keyPeer('ed25519'), keyPeer('ed25519'), keyPeer('ed25519')];
  const error = await join(alice, bob, { alpn: ['chat/1'] }, carol.keyId).then(
    () => undefined,
    (reason: { code?: string }) => reason,
  );
  check(error?.code?.startsWith('ERR_TLS_') === true, `got ${String(error)}`);
});

function keyPeer(kind: 'ed25519' | 'p256'): Identity {
  return selfSignedIdentity(provider.generateKey(kind), now);
}

type Choice = Pick<TlsConfigInit, 'alpn' | 'suites' | 'groups'>;

async function join(from: Identity, to: Identity, options: Choice, dialled: string = to.keyId) {
  const [near, far] = memoryPair();
  const none = Trust.of([]);
  const client = new ClientContext(
    {
      ...options,
      credentials: [from],
      verifier: {
        verify: ({ chain, role }) =>
          verifyPeer(chain, { kind: 'key', id: dialled }, none, role, now, provider),
      },
    },
    provider,
  );
  const server = new ServerContext(
    {
      ...options,
      credentials: [to],
      verifier: {
        verify: ({ chain, role }) => verifyPeer(chain, { kind: 'anyPeer' }, none, role, now, provider),
      },
    },
    provider,
  );
  const answered = secure(far, server);
  answered.catch(() => {}); // the caller's error says it
  return Promise.all([secure(near, client), answered]);
}

async function send(writable: WritableStream<Uint8Array>, bytes: Uint8Array): Promise<void> {
  const writer = writable.getWriter();
  await writer.write(bytes);
  await writer.close();
}

async function hashOf(readable: ReadableStream<Uint8Array>): Promise<string> {
  const hash = provider.hash('sha256');
  const reader = readable.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) hash.update(next.value);
  return hex(hash.digest());
}

function sha256(bytes: Uint8Array): string {
  return hex(provider.hash('sha256').update(bytes).digest());
}

checks.add('certificates are read back as they were made', () => {
  const { chain, keyId } = keyPeer('p256');
  const leaf = parseCertificate(chain[0]!);
  same(leaf.keyKind, 'p256', 'key kind');
  check(keyId.length === 56, 'key id');
});

await checks.run();
