import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.ts';

describe('a secret', () => {
  it('is never printed', () => {
    const secret = new Secret(Uint8Array.of(201, 202, 203));
    const texts = [
      String(secret),
      `${secret}`,
      JSON.stringify({ secret }),
      inspect(secret),
      inspect({ nested: [secret] }, { depth: 9, showHidden: true }),
    ];
    for (const text of texts) {
      expect(text).toContain('[secret]');
      expect(text).not.toMatch(/201|202|c9/);
    }
  });

  it('gives its bytes until it is destroyed, which zeroes them', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    const secret = new Secret(bytes);
    expect(secret.expose()).toBe(bytes);
    expect(secret.length).toBe(3);
    secret.destroy();
    secret.destroy();
    expect([...bytes]).toEqual([0, 0, 0]);
    expect(() => secret.expose()).toThrow(/destroyed/);
  });

  it('is destroyed at the end of its scope', () => {
    const secret = new Secret(Uint8Array.of(9));
    secret[Symbol.dispose]();
    expect(() => secret.expose()).toThrow();
  });
});
