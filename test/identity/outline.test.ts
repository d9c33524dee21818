/** What a handshake reads of a certificate, against the full parser: the plain twin of the short one. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hex } from '../../src/base/bytes.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import { parseCertificate } from '../../src/identity/index.ts';
import { type CertificateOutline, outlineCertificate } from '../../src/identity/outline.ts';
import { KINDS, Pki } from '../support/pki.ts';

const CERTIFICATES: readonly Uint8Array[] = (['ed25519', 'p256'] as const).flatMap((root) => {
  const pki = new Pki(root);
  return [
    pki.authority.root.der,
    ...KINDS.flatMap((kind) => [pki.server(kind).chain[0]!, pki.user('alice', kind).chain[0]!]),
  ];
});

/** Only what both say. */
function essence(certificate: CertificateOutline): unknown {
  const { der, issuer, subject, spki, keyKind, keyUsage, signatureAlgorithm } = certificate;
  return {
    bytes: [der, issuer, subject, spki].map(hex),
    keyKind,
    maySign: keyUsage?.has('digitalSignature'),
    family: signatureAlgorithm.family,
    hash: signatureAlgorithm.hash,
  };
}

function attempt(read: () => CertificateOutline): unknown {
  try {
    return essence(read());
  } catch {
    return undefined;
  }
}

describe('the outline of a certificate', () => {
  it('says what the full parser says', () => {
    for (const der of CERTIFICATES)
      expect(essence(outlineCertificate(der))).toEqual(essence(parseCertificate(der)));
  });

  it('says the same of whatever the full parser takes, however it was damaged', () => {
    const damage = fc.record({
      which: fc.nat(CERTIFICATES.length - 1),
      at: fc.nat(700),
      value: fc.nat(255),
    });
    let taken = 0;
    fc.assert(
      fc.property(damage, ({ which, at, value }) => {
        const der = new Uint8Array(CERTIFICATES[which]!);
        der[at % der.length] = value;
        const full = attempt(() => parseCertificate(der));
        if (full === undefined) return;
        taken++;
        expect(attempt(() => outlineCertificate(der))).toEqual(full);
      }),
      { numRuns: 2000 },
    );
    expect(taken).toBeGreaterThan(200);
  });

  it('is refused where the shape is not a certificate’s: cut, with more behind, or of anything else', () => {
    const der = CERTIFICATES[1]!;
    for (let length = 0; length < der.length; length++)
      expect(() => outlineCertificate(der.subarray(0, length))).toThrow();
    expect(() => outlineCertificate(new Uint8Array([...der, 0]))).toThrow();
    expect(() => outlineCertificate(node.generateKey('p256').spki)).toThrow();
  });

  it('is a copy', () => {
    const der = new Uint8Array(CERTIFICATES[1]!);
    const outline = outlineCertificate(der);
    der.fill(0);
    expect(outline.issuer[0]).toBe(0x30);
    expect(outline.spki.some((byte) => byte !== 0)).toBe(true);
  });
});
