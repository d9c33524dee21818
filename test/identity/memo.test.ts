/** What is remembered of certificates, and what never is. */
import { describe, expect, it } from 'vitest';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { DomainAuthority, parseCertificate, peerId, Trust, verifyPeer } from '../../src/identity/index.ts';
import { rememberedSignature } from '../../src/identity/memo.ts';
import { override } from '../support/scriptedProvider.ts';

const NOW = Date.UTC(2026, 10, 21);
const authority = DomainAuthority.create(node, 'example.org', NOW);
const trust = Trust.of([{ domain: 'example.org', roots: [authority.root] }]);

function chainOf(user: string): readonly Uint8Array[] {
  return authority.issueUser({ spki: node.generateKey('p256').spki, user, now: NOW });
}

describe('a parsed certificate', () => {
  it('is the same value for the same bytes, and another for others', () => {
    const [leaf] = chainOf('alice');
    expect(parseCertificate(new Uint8Array(leaf!))).toBe(parseCertificate(leaf!));
    expect(parseCertificate(chainOf('alice')[0]!)).not.toBe(parseCertificate(leaf!));
  });

  it('is nothing but views of its own copy of the bytes, and frozen', () => {
    const der = chainOf('bob')[0]!;
    const certificate = parseCertificate(der);
    let arrays = 0;
    const walk = (value: unknown): void => {
      if (value instanceof Uint8Array) {
        arrays++;
        if (value.length > 0) expect(value.buffer).toBe(certificate.der.buffer);
      } else if (typeof value === 'object' && value !== null) {
        if (!(value instanceof Set)) expect(Object.isFrozen(value)).toBe(true);
        for (const part of Object.values(value)) walk(part);
      }
    };
    walk(certificate);
    expect(arrays).toBeGreaterThan(10);
    expect(certificate.der.buffer).not.toBe(der.buffer);
  });

  it('that somebody wrote into is parsed anew', () => {
    const der = chainOf('carol')[0]!;
    const spoilt = parseCertificate(der);
    spoilt.spki.fill(0);
    const again = parseCertificate(der);
    expect(again).not.toBe(spoilt);
    expect(again.spki.some((byte) => byte !== 0)).toBe(true);
  });

  it('is forgotten behind 32 others', () => {
    const der = chainOf('dave')[0]!;
    const first = parseCertificate(der);
    for (let i = 0; i < 32; i++) parseCertificate(chainOf(`user${i}`)[0]!);
    expect(parseCertificate(der)).not.toBe(first);
  });
});

it('the id of a key is that key’s, remembered or not', () => {
  const keys = Array.from({ length: 40 }, () => node.generateKey('p256').spki);
  const ids = keys.map((spki) => peerId(spki));
  expect(new Set(ids).size).toBe(40);
  expect(keys.map((spki) => peerId(new Uint8Array(spki)))).toEqual(ids);
  const spki = new Uint8Array(keys[39]!);
  spki[spki.length - 1]! ^= 1;
  expect(peerId(spki)).not.toBe(ids[39]);
});

describe('a signature', () => {
  const algorithm = { oid: '', family: 'ecdsa', hash: 'sha256' } as const;
  const bytes = (fill: number, length = 10): Uint8Array<ArrayBuffer> => new Uint8Array(length).fill(fill);

  function asking(provider: CryptoProvider, answer: boolean): { ask: typeof ask; readonly asked: number } {
    let asked = 0;
    const ask = (spki: number, message: number, signature: number, length = 10): boolean =>
      rememberedSignature(algorithm, bytes(spki), bytes(message, length), bytes(signature), provider, () => {
        asked++;
        return answer;
      });
    return {
      ask,
      get asked() {
        return asked;
      },
    };
  }

  it('that holds is checked once, and anew when a byte of anything differs', () => {
    const good = asking(override(node, {}), true);
    for (let i = 0; i < 3; i++) expect(good.ask(1, 2, 3)).toBe(true);
    expect(good.asked).toBe(1);
    good.ask(9, 2, 3);
    good.ask(1, 9, 3);
    good.ask(1, 2, 9);
    expect(good.asked).toBe(4);
  });

  it('that does not hold is checked every time', () => {
    const bad = asking(override(node, {}), false);
    for (let i = 0; i < 3; i++) expect(bad.ask(1, 2, 3)).toBe(false);
    expect(bad.asked).toBe(3);
  });

  it('found good by one provider says nothing to another', () => {
    expect(asking(override(node, {}), true).ask(4, 5, 6)).toBe(true);
    expect(asking(override(node, {}), false).ask(4, 5, 6)).toBe(false);
  });

  it('over more than 4 KiB is not remembered', () => {
    const large = asking(override(node, {}), true);
    for (let i = 0; i < 3; i++) large.ask(1, 2, 3, 4096);
    expect(large.asked).toBe(3);
  });
});

it('whoever is known still has to be in time, of the right name, and not denied', () => {
  let checked = 0;
  const provider = override(node, {
    verify: (...question) => {
      checked++;
      return node.verify(...question);
    },
  });
  const chain = chainOf('erin');
  const ask = (name: string, now: number, in_: Trust = trust): string => {
    const answer = verifyPeer(chain, { kind: 'name', name }, in_, 'client', now, provider);
    return answer instanceof Error ? answer.code : 'good';
  };
  expect(ask('erin@example.org', NOW)).toBe('good');
  expect(checked).toBe(1);
  expect(ask('erin@example.org', NOW)).toBe('good');
  expect(checked).toBe(1);
  expect(ask('mallory@example.org', NOW)).toBe('ERR_IDENTITY_NAME');
  expect(ask('erin@example.org', NOW + 1e12)).toBe('ERR_IDENTITY_EXPIRED');
  const { keyId } = (
    verifyPeer(chain, { kind: 'anyPeer' }, trust, 'client', NOW, provider) as never as {
      identity: { keyId: string };
    }
  ).identity;
  const denying = Trust.of([{ domain: 'example.org', roots: [authority.root], deniedKeys: [keyId] }]);
  expect(ask('erin@example.org', NOW, denying)).not.toBe('good');
  expect(checked).toBe(1);
});
