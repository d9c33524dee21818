/** What a domain has withdrawn: by key, which takes all that a CA signed along, or by issuer and serial number. */
import { type Bytes, hex } from '../../../../src/base/bytes.ts';
import { bitString, DerReader, integer, sequence } from '../../../../src/identity/der.ts';
import { peerId } from '../../../../src/identity/index.ts';
import { type Book, type Issued, keyPeer, peer } from '../book.ts';
import { keyOf } from '../keys.ts';
import { otherS } from './algorithms.ts';
import { userCa } from './userCas.ts';

const RULE = 'q2q bundle: keys and certificates that a domain withdraws';

const id = (issued: Issued): string => peerId(issued.key.spki);

/** What `denied_certificates` says of it: the octets of the INTEGER, without tag and length. */
function entry(issuer: Issued, issued: Issued): { issuer: string; serial: string } {
  return { issuer: id(issuer), serial: hex(issued.serial.subarray(2)) };
}

export function revocations(book: Book): void {
  const root = book.domainRoot('revoke', 'example.org');
  const own = userCa(book, 'revoke user ca', root);
  const leaf = book.leaf('revoke leaf', root);
  const device = book.leaf('revoke device', own);
  const ask = (
    what: string,
    description: string,
    shown: Issued,
    mids: readonly Issued[],
    denied: object,
    verdict: string,
  ): void =>
    book.add(
      `revoke::${what}`,
      RULE,
      description,
      peer(shown, root, undefined, { mids, ...denied }),
      verdict,
    );
  const keys = (...issued: Issued[]): object => ({ denied_keys: issued.map(id) });
  const numbers = (...entries: { issuer: string; serial: string }[]): object => ({
    denied_certificates: entries,
  });

  ask('nothing', 'Nothing is withdrawn', leaf, [], {}, 'ok');
  ask('key', 'The key of the leaf', leaf, [], keys(leaf), 'DENIED');
  ask('key-of-another', 'The key of another leaf', leaf, [], keys(device), 'ok');
  const renewed = book.leaf('revoke renewed', root, { key: leaf.key });
  ask('key-renewed', 'A newer certificate for the same key', renewed, [], keys(leaf), 'DENIED');
  ask('key-user-ca', "The key of the user's CA", device, [own], keys(own), 'DENIED');
  ask('key-root', 'The key of the root', leaf, [], keys(root), 'DENIED');
  ask(
    'key-user-ca-again',
    "The domain certifies the withdrawn user CA's key anew",
    device,
    [userCa(book, 'revoke again', root, { key: own.key, label: own.label })],
    keys(own),
    'DENIED',
  );
  ask(
    'key-user-ca-other-devices',
    'A device that the root signed is not touched by the user CA',
    leaf,
    [own],
    keys(own),
    'ok',
  );
  ask('number', 'The leaf by issuer and number', leaf, [], numbers(entry(root, leaf)), 'DENIED');
  ask(
    'number-same-key',
    'A newer certificate for the same key',
    renewed,
    [],
    numbers(entry(root, leaf)),
    'ok',
  );
  ask(
    'number-user-ca',
    "The user's CA by issuer and number",
    device,
    [own],
    numbers(entry(root, own)),
    'DENIED',
  );
  ask(
    'number-device',
    'A device by its user CA and number',
    device,
    [own],
    numbers(entry(own, device)),
    'DENIED',
  );
  const twin = book.leaf('revoke twin', own, { serial: leaf.serial });
  ask(
    'number-other-issuer',
    'The same number of another issuer',
    twin,
    [own],
    numbers(entry(root, leaf)),
    'ok',
  );
  ask(
    'number-of-nobody',
    'A number that nobody has',
    leaf,
    [],
    numbers({ issuer: id(root), serial: '7b' }),
    'ok',
  );

  // nebula#1600: a list of certificate hashes would not know the twin.
  const nist = book.domainRoot('revoke p256', 'example.org', { key: keyOf('p256', 'revoke') });
  const first = book.leaf('revoke first s', nist, { serial: integer(4711) });
  const malleated = book.put('revoke other s', { ...first, der: malleate(first.der) });
  const under = (what: string, description: string, denied: object, verdict: string): void =>
    book.add(`revoke::${what}`, RULE, description, peer(malleated, nist, undefined, denied), verdict);
  under('malleated', 'The twin (r, n-s) of a signature is a certificate with another hash', {}, 'ok');
  under('malleated-key', 'It does not escape a list of keys', keys(first), 'DENIED');
  under('malleated-number', 'Nor one of numbers', numbers(entry(nist, first)), 'DENIED');

  const peerOnly = keyPeer(leaf, { key: id(leaf) });
  book.add(
    'revoke::by-key-alone',
    'q2q: a key peer belongs to no domain',
    'Asked for by key alone, no domain is asked',
    peerOnly,
    'ok',
  );
}

function malleate(certificate: Bytes): Bytes {
  const parts = new DerReader(certificate).sequence('certificate');
  const tbs = parts.any('tbsCertificate').der;
  const algorithm = parts.any('signatureAlgorithm').der;
  return sequence(tbs, algorithm, bitString(otherS(parts.bitString('signature'))));
}
