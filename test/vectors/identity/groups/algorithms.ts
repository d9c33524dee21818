/** Keys and signatures: Ed25519 chains, every mix of kinds, and what is refused of each. */
import { p256 } from '@noble/curves/nist.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha384 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, fromHex } from '../../../../src/base/bytes.ts';
import { encodePssParameters } from '../../../../src/crypto/pss.ts';
import { rawFromDer } from '../../../../src/crypto/signature.ts';
import { bitString, der, integer, oid, sequence, TAG } from '../../../../src/identity/der.ts';
import { OID } from '../../../../src/identity/oid.ts';
import { type Book, client, peer } from '../book.ts';
import { expand, keyOf, rsaModulus, signDigest, toBigInt, toBytes, type VectorKind } from '../keys.ts';

const KINDS: readonly VectorKind[] = ['ed25519', 'p256', 'p384', 'rsa'];

/** `rsa` has two keys only, for making them takes long. */
function key(kind: VectorKind, role: 'root' | 'leaf'): ReturnType<typeof keyOf> {
  return keyOf(kind, kind === 'rsa' ? (role === 'root' ? 'a' : 'b') : `mix ${role}`);
}

export function algorithms(book: Book): void {
  mixes(book);
  signatures(book);
  publicKeys(book);
}

function mixes(book: Book): void {
  for (const above of KINDS) {
    const root = book.domainRoot(`mix ${above}`, 'example.org', { key: key(above, 'root') });
    for (const below of KINDS) {
      const leaf = book.leaf(`mix ${above} ${below}`, root, { key: key(below, 'leaf') });
      book.add(
        `algorithm::${above}-signs-${below}`,
        'RFC 8410 §3, RFC 5758 §3.2, RFC 4055 §5',
        `A leaf with a key of kind ${below} below a root of kind ${above}`,
        peer(leaf, root),
        'ok',
      );
    }
  }
  const root = book.root('three', {});
  const ed = book.sub('three ed25519', root);
  const edLeaf = book.leaf('three ed25519 leaf', ed);
  book.add(
    'algorithm::ed25519-three',
    'RFC 8410 §3',
    'Root, CA and leaf, all Ed25519',
    client(edLeaf, root, { mids: [ed] }),
    'ok',
  );
  const nist = book.sub('three p384', root, { key: keyOf('p384', 'three') });
  const nistLeaf = book.leaf('three p384 leaf', nist, { key: keyOf('p256', 'three leaf') });
  book.add(
    'algorithm::ed25519-p384-p256',
    'RFC 5280 §6.1.3 (a)(1)',
    'Each step signed with another algorithm',
    client(nistLeaf, root, { mids: [nist] }),
    'ok',
  );
}

function signatures(book: Book): void {
  const ed = book.root('sign ed25519');
  const ec = book.root('sign p256', { key: keyOf('p256', 'sign') });
  const rsa = book.root('sign rsa', { key: keyOf('rsa', 'a') });
  const refused = (
    id: string,
    rule: string,
    description: string,
    leaf: ReturnType<Book['leaf']>,
    root: typeof ed,
    code: string,
  ): void => book.add(`signature::${id}`, rule, description, client(leaf, root), code);

  refused(
    'ed25519-null-parameters',
    'RFC 8410 §3',
    'The AlgorithmIdentifier of Ed25519 has NULL for parameters, which must be absent',
    book.leaf('sign null', ed, { algorithm: sequence(oid(OID.ed25519), der(TAG.null)) }),
    ed,
    'ALGORITHM',
  );
  refused(
    'ed25519-flipped',
    'RFC 8032 §5.1.7',
    'One bit of R is another',
    book.leaf('sign flipped', ed, { signature: (bytes) => changed(bytes, 3, (byte) => byte ^ 4) }),
    ed,
    'SIGNATURE',
  );
  refused(
    'ed25519-s-not-reduced',
    'RFC 8032 §5.1.7 step 1',
    'S is greater by the order of the group: another encoding of the same signature',
    book.leaf('sign unreduced', ed, { signature: addOrder }),
    ed,
    'SIGNATURE',
  );
  refused(
    'ed25519-63-bytes',
    'RFC 8032 §5.1.6',
    'The signature is one byte short',
    book.leaf('sign short', ed, { signature: (bytes) => bytes.slice(0, 63) }),
    ed,
    'SIGNATURE',
  );
  refused(
    'ed25519-65-bytes',
    'RFC 8032 §5.1.6',
    'The signature is one byte long',
    book.leaf('sign long', ed, { signature: (bytes) => concat([bytes, new Uint8Array(1)]) }),
    ed,
    'SIGNATURE',
  );
  refused(
    'ed25519-zero',
    'RFC 8032 §5.1.7',
    'The signature is 64 zeros',
    book.leaf('sign zero', ed, { signature: () => new Uint8Array(64) }),
    ed,
    'SIGNATURE',
  );
  refused(
    'other-key-same-name',
    'RFC 5280 §6.1.3 (a)(1)',
    'Signed by another key than that of the CA it names, whose key id it also names',
    book.leaf('sign other', ed, { signedBy: keyOf('ed25519', 'somebody else') }),
    ed,
    'SIGNATURE',
  );
  refused(
    'inner-outer-differ',
    'RFC 5280 §4.1.1.2',
    'The algorithm inside what is signed is not the one outside',
    book.leaf('sign differ', ed, { outerAlgorithm: sequence(oid(OID.ecdsaWithSha256)) }),
    ed,
    'MALFORMED',
  );
  refused(
    'ed25519-named-ecdsa',
    'RFC 5280 §6.1.3 (a)(1)',
    'An Ed25519 signature that claims to be ECDSA',
    book.leaf('sign named', ed, { algorithm: sequence(oid(OID.ecdsaWithSha256)) }),
    ed,
    'SIGNATURE',
  );

  const highS = book.leaf('sign high s', ec, { signature: otherS });
  book.add(
    'signature::ecdsa-other-s',
    'SEC 1 §4.1.4',
    'The twin (r, n-s) of an ECDSA signature, which anybody can make, is as good as the first',
    client(highS, ec),
    'ok',
  );
  refused(
    'ecdsa-padded-r',
    'RFC 5480 appendix A, X.690 §8.3.2',
    'r is written with a zero octet too many',
    book.leaf('sign padded', ec, { signature: padded }),
    ec,
    'SIGNATURE',
  );
  refused(
    'ecdsa-trailing',
    'RFC 5480 appendix A',
    'A byte follows the SEQUENCE of r and s',
    book.leaf('sign trailing', ec, { signature: (bytes) => concat([bytes, new Uint8Array(1)]) }),
    ec,
    'SIGNATURE',
  );
  refused(
    'ecdsa-zero',
    'SEC 1 §4.1.4',
    'r and s are zero',
    book.leaf('sign ec zero', ec, { signature: () => sequence(integer(0), integer(0)) }),
    ec,
    'SIGNATURE',
  );
  refused(
    'ecdsa-raw',
    'RFC 5758 §3.2',
    'r and s stand side by side, as WebCrypto writes them, without DER',
    book.leaf('sign raw', ec, { signature: (bytes) => rawFromDer(bytes, 32)! }),
    ec,
    'SIGNATURE',
  );
  const wide = book.leaf('sign p256 sha384', ec, {
    algorithm: sequence(oid(OID.ecdsaWithSha384)),
    sign: (tbs) => signDigest('sign', sha384(tbs)),
  });
  book.add(
    'signature::p256-with-sha384',
    'RFC 5758 §3.2',
    'P-256 signs with SHA-384: any hash may go with any curve',
    client(wide, ec),
    'ok',
  );
  refused(
    'ecdsa-sha1',
    'RFC 9155 (deprecates SHA-1 signatures)',
    'ECDSA with SHA-1 proves nothing',
    book.leaf('sign ecdsa sha1', ec, {
      algorithm: sequence(oid('1.2.840.10045.4.1')),
      sign: (tbs) => signDigest('sign', sha1(tbs)),
    }),
    ec,
    'ALGORITHM',
  );

  const pss = book.leaf('sign pss', rsa, {
    algorithm: sequence(oid(OID.rsaPss), encodePssParameters('sha256')),
    sign: () => PSS_SIGNATURE,
  });
  refused(
    'rsa-pss-other-message',
    'RFC 4055 §3.1',
    'A PSS signature of something else',
    pss,
    rsa,
    'SIGNATURE',
  );
  const absent = book.leaf('sign rsa absent', rsa, { algorithm: sequence(oid(OID.sha256WithRsa)) });
  book.add(
    'signature::rsa-parameters-absent',
    'RFC 4055 §5',
    'RSA without the NULL: to be written, but accepted when absent',
    client(absent, rsa),
    'ok',
  );
  refused(
    'rsa-flipped',
    'RFC 8017 §8.2.2',
    'One bit of the signature is another',
    book.leaf('sign rsa flipped', rsa, { signature: (bytes) => changed(bytes, 200, (byte) => byte ^ 1) }),
    rsa,
    'SIGNATURE',
  );
  const sha512 = book.leaf('sign rsa sha512', rsa, {
    algorithm: sequence(oid(OID.sha512WithRsa), der(TAG.null)),
    sign: (tbs) => rsa.key.sign('rsa_pkcs1_sha512', tbs),
  });
  book.add('signature::rsa-sha512', 'RFC 4055 §5', 'RSA with SHA-512', client(sha512, rsa), 'ok');
}

function publicKeys(book: Book): void {
  const root = book.root('keys');
  const refused = (id: string, rule: string, description: string, spki: Bytes): void => {
    const leaf = book.leaf(`key ${id}`, root, { spki });
    book.add(`public-key::${id}`, rule, description, client(leaf, root), 'ALGORITHM');
  };
  refused(
    'rsa-1024',
    'CA/Browser Forum BR 6.1.5, RFC 9846 §4.3.3',
    'An RSA key of 1024 bits',
    rsaSpki('weak'),
  );
  refused(
    'rsa-exponent-1',
    'RFC 8017 §3.1',
    'RSA with the exponent 1, under which every message is its own signature',
    rsaSpki('a', 1n),
  );
  refused(
    'ed448',
    'RFC 8410 §3',
    'An Ed448 key, which TLS peers of q2q do not take',
    sequence(sequence(oid('1.3.101.113')), bitString(expand('ed448', 57))),
  );
  refused(
    'ed25519-null-parameters',
    'RFC 8410 §3',
    'An Ed25519 key whose algorithm has NULL for parameters',
    sequence(sequence(oid(OID.ed25519), der(TAG.null)), bitString(expand('key', 32))),
  );
  refused(
    'ed25519-31-bytes',
    'RFC 8032 §5.1.5',
    'An Ed25519 key one byte short',
    sequence(sequence(oid(OID.ed25519)), bitString(expand('key', 31))),
  );
  refused(
    'ed25519-small-order',
    'RFC 8032 §8.8, RFC 7748 §6.1',
    'The neutral element as an Ed25519 key: signatures under it prove nothing',
    sequence(sequence(oid(OID.ed25519)), bitString(concat([Uint8Array.of(1), new Uint8Array(31)]))),
  );
  refused(
    'p256-compressed',
    'RFC 5480 §2.2',
    'A compressed point, which need not be supported',
    ecSpki(p256.getPublicKey(expand('compressed', 32), true)),
  );
  refused(
    'secp256k1',
    'RFC 5480 §2.1.1.1',
    'A curve that TLS 1.3 has not',
    sequence(
      sequence(oid('1.2.840.10045.2.1'), oid('1.3.132.0.10')),
      bitString(
        fromHex(
          '0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8',
        ),
      ),
    ),
  );

  const off = book.sub('key off curve', root, {
    spki: ecSpki(concat([Uint8Array.of(4), expand('off curve', 64)])),
  });
  const below = book.leaf('key off curve leaf', off, { signedBy: keyOf('p256', 'nobody') });
  book.add(
    'public-key::ca-off-curve',
    'SEC 1 §3.2.2.1',
    'The key of a CA is a point that is not on its curve',
    client(below, root, { mids: [off] }),
    'SIGNATURE',
  );
  const neutral = book.root('key neutral', {
    spki: sequence(sequence(oid(OID.ed25519)), bitString(concat([Uint8Array.of(1), new Uint8Array(31)]))),
  });
  const forged = book.leaf('key neutral leaf', neutral, {
    signature: () => concat([Uint8Array.of(1), new Uint8Array(63)]),
  });
  book.add(
    'public-key::ca-small-order',
    'RFC 8032 §8.8',
    'The neutral element as a CA: one signature fits every certificate',
    client(forged, neutral),
    'ALGORITHM',
  );
}

function changed(bytes: Uint8Array, index: number, change: (byte: number) => number): Bytes {
  const copy = new Uint8Array(bytes);
  copy[index] = change(copy[index]!);
  return copy;
}

const ED25519_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

function addOrder(signature: Bytes): Bytes {
  const s = toBigInt(signature.slice(32).reverse()) + ED25519_ORDER;
  const bytes = toBytes(s).reverse();
  return concat([signature.subarray(0, 32), bytes, new Uint8Array(32 - bytes.length)]);
}

/** (r, n-s). */
export function otherS(signature: Bytes): Bytes {
  const raw = rawFromDer(signature, 32)!;
  const twin = p256.Point.Fn.ORDER - toBigInt(raw.subarray(32));
  return sequence(integer(raw.subarray(0, 32)), integer(toBytes(twin)));
}

function padded(signature: Bytes): Bytes {
  const raw = rawFromDer(signature, 32)!;
  const r = der(TAG.integer, new Uint8Array(2), raw.subarray(0, 32));
  return sequence(r, integer(raw.subarray(32)));
}

function ecSpki(point: Uint8Array): Bytes {
  return sequence(sequence(oid('1.2.840.10045.2.1'), oid('1.2.840.10045.3.1.7')), bitString(point));
}

function rsaSpki(name: 'a' | 'weak', exponent = 65537n): Bytes {
  const pair = sequence(integer(toBytes(rsaModulus(name))), integer(toBytes(exponent)));
  return sequence(sequence(oid('1.2.840.113549.1.1.1'), der(TAG.null)), bitString(pair));
}

/** Of nothing in particular: as long as a signature, and smaller than the modulus. */
const PSS_SIGNATURE: Bytes = new Uint8Array(256).fill(0x5a);
