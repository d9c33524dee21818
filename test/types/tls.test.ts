/**
 * What must not compile. Each `@ts-expect-error` is an assertion: the type checker fails where the line below it is accepted.
 * The calls run as well, for callers without types.
 */
import { describe, expect, it } from 'vitest';
import { provider as node } from '../../src/crypto/node.node.ts';
import { Trust, type VerifiedPeer } from '../../src/identity/index.ts';
import {
  ClientContext,
  type Negotiated,
  type PeerVerifier,
  ServerContext,
  TlsConfig,
  type TlsConnection,
} from '../../src/tls/index.ts';
import {
  ALPN,
  clientOptions,
  type ProtocolName,
  TrustRoots,
  trustRoots,
} from '../../src/tls/options/index.ts';
import { Policy } from '../../src/tls/policy.ts';
import { DOMAIN, Pki } from '../support/pki.ts';

const pki = new Pki();
const verifier = pki.clientVerifier();
const trust = trustRoots(pki.roots);

describe('a verifier', () => {
  it('is needed by every context and every configuration (T11)', () => {
    // @ts-expect-error no verifier
    expect(() => new TlsConfig({})).toThrow(/^verifier: /);
    // @ts-expect-error no verifier
    expect(() => new ClientContext({ alpn: ['h2'] }, node)).toThrow(/^verifier: /);
    // @ts-expect-error no verifier
    expect(() => new ServerContext({ credentials: [pki.server()] }, node)).toThrow(/^verifier: /);
    // @ts-expect-error undefined is none either
    expect(() => new ClientContext({ verifier: undefined }, node)).toThrow(/^verifier: /);
  });

  it('answers with a proof or a refusal, never with yes', () => {
    // @ts-expect-error a boolean is no proof
    const yes: PeerVerifier = { verify: () => true };
    // @ts-expect-error neither is an object that looks like one
    const look: VerifiedPeer = { identity: { keyId: '', assurance: 'key', expiresAt: 0 }, chain: [] };
    expect([yes, look].length).toBe(2);
  });

  it('cannot be turned off', () => {
    // @ts-expect-error no such field
    const off = new TlsConfig({ verifier, rejectUnauthorized: false });
    expect('rejectUnauthorized' in off).toBe(false);
    for (const field of Object.keys(off))
      expect(field).not.toMatch(/insecure|unsafe|skip|ignore|reject|noVerify|trustAll|version/i);
  });
});

describe('trust', () => {
  it('is needed by clientOptions, and only what was made to be trusted will do', () => {
    // @ts-expect-error no trust
    expect(() => clientOptions(DOMAIN, { provider: node })).toThrow(/^trust: /);
    // @ts-expect-error a list of certificates is not yet a decision to believe them
    expect(() => clientOptions(DOMAIN, { provider: node, trust: pki.roots })).toThrow(/^trust: /);
    // @ts-expect-error nominal
    const forged: TrustRoots = { certificates: pki.roots };
    expect(TrustRoots.is(forged)).toBe(false);
    // @ts-expect-error made by trustRoots only
    expect(() => new TrustRoots('no list')).toBeDefined();
    expect(clientOptions(`alice@${DOMAIN}`, { provider: node, trust: Trust.of([]) }).peer.kind).toBe('name');
  });

  it('goes with a name that is text', () => {
    // @ts-expect-error bytes are no name
    expect(() => clientOptions(new Uint8Array(3), { provider: node, trust })).toThrow(/^hostname: /);
    // @ts-expect-error no name
    expect(() => clientOptions(undefined, { provider: node, trust })).toThrow(/^hostname: /);
  });

  it('is not gone around by a verifier or a shared key', () => {
    // @ts-expect-error follows from name and trust
    expect(() => clientOptions(DOMAIN, { provider: node, trust, verifier })).toThrow(/^verifier: /);
    // @ts-expect-error proves no name
    expect(() => clientOptions(DOMAIN, { provider: node, trust, externalPsks: [] })).toThrow(
      /^externalPsks: /,
    );
  });
});

describe('roles', () => {
  it('are two kinds of context (U1)', () => {
    const client = new ClientContext({ verifier }, node);
    const server = new ServerContext({ verifier, credentials: [pki.server()] }, node);
    // @ts-expect-error a client does not accept
    expect(client.accept).toBeUndefined();
    // @ts-expect-error a server does not connect
    expect(server.connect).toBeUndefined();
    // @ts-expect-error what servers say is no option of a client by name
    expect(() => clientOptions(DOMAIN, { provider: node, trust, clientCertificate: 'none' })).toThrow(
      /^clientCert/,
    );
  });
});

describe('protocol names (E10)', () => {
  it('are not any text', () => {
    // @ts-expect-error a text that may be mistyped
    const typo: ProtocolName = 'http/1.2';
    // @ts-expect-error no such protocol
    expect(ALPN.http2).toBeUndefined();
    // @ts-expect-error nor where clients are made
    clientOptions(DOMAIN, { provider: node, trust, alpn: ['h2'] });
    const good: string = ALPN.h2;
    expect([typo, good].length).toBe(2);
  });
});

describe('what was agreed', () => {
  it('exists only when there is something agreed (T18)', () => {
    const connection: TlsConnection = new ClientContext({ verifier }, node).connect();
    // @ts-expect-error perhaps undefined: look first
    const read = (): string => connection.negotiated.suite;
    expect(read).toThrow(TypeError);
    // @ts-expect-error frozen
    const write = (negotiated: Negotiated): string => (negotiated.suite = 'TLS_AES_128_GCM_SHA256');
    expect(write).toBeTypeOf('function');
  });
});

describe('values', () => {
  it('cannot be changed once made (E1)', () => {
    const config = new TlsConfig({ verifier, alpn: ['h2'], credentials: [pki.server()] });
    const policy = new Policy({ requireAlpn: true });
    const attempts: (() => unknown)[] = [
      // @ts-expect-error readonly
      () => (config.alpn = []),
      // @ts-expect-error readonly
      () => config.alpn.push('h3'),
      // @ts-expect-error readonly
      () => (config.credentials[0]!.chain = []),
      // @ts-expect-error readonly
      () => (config.verifier = verifier),
      // @ts-expect-error readonly
      () => (policy.rules.requireAlpn = false),
      // @ts-expect-error readonly
      () => (trust.certificates[0] = pki.roots[0]!),
    ];
    for (const attempt of attempts) expect(attempt).toThrow(TypeError);
    for (const value of Object.values(config))
      if (Array.isArray(value)) expect(Object.isFrozen(value)).toBe(true);
    expect(config.alpn).toEqual(['h2']);
  });
});
