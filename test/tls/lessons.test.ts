/**
 * The forty lessons of other implementations' faults: `docs/tls.md` names a test for each, and this file checks that they
 * exist. Here are also those that have no better place: mostly tables that try all of something.
 */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, concat, EMPTY, utf8 } from '../../src/base/bytes.ts';
import { SCHEMES } from '../../src/crypto/suites.ts';
import { parseCertificate, peerId, Refusal, verifyRawKey } from '../../src/identity/index.ts';
import type { Credential, PeerVerifier, TlsConfigInit } from '../../src/tls/index.ts';
import { encodeCertificateVerify } from '../../src/tls/messages/certificateVerify.ts';
import { type HandshakeName, handshakeType } from '../../src/tls/messages/codePoints.ts';
import { Anonymous, Authenticated, RecordAligned } from '../../src/tls/proofs.ts';
import { RecordReader } from '../../src/tls/record/reader.ts';
import type { Seam } from '../../src/tls/seam.ts';
import { Traffic } from '../../src/tls/traffic.ts';
import { nullProvider } from '../support/nullProvider.ts';
import { DOMAIN, KINDS, Pki } from '../support/pki.ts';
import { fault, openPair, type Pair, type PairOptions, pair, pump } from '../support/tls.ts';
import { other, type Role, record, SCENARIOS, Victim } from '../support/tlsScenarios.ts';
import { type Item, readScript, splitRecords, writeScript } from '../support/tlsScript.ts';
import { bytesField, fieldsOf, type IntField, readTree, type Vector, writeTree } from '../support/tlsTree.ts';

const ROLES: readonly Role[] = ['client', 'server'];
const root = resolve(import.meta.dirname, '../..');

describe('docs/tls.md', () => {
  const page = readFileSync(resolve(root, 'docs/tls.md'), 'utf8');
  const rows = page
    .slice(page.indexOf('## Forty lessons'))
    .split('\n')
    .filter((line) => /^\| \d+ \|/.test(line));

  it('answers each of the forty lessons', () => {
    expect(rows.map((row) => Number(row.split('|')[1]))).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
  });

  it.each(rows)('names tests that exist: %s', (row) => {
    const named = [...row.matchAll(/`(test\/[^`]+)` “([^”]+)”/g)].map(([, file, name]) => ({ file, name }));
    expect(named.length).toBeGreaterThan(0);
    for (const { file, name } of named) expect(titlesIn(file!), file).toContainEqual(matching(name!));
  });
});

/** Every string of a test file, with holes for what is filled in: titles are among them, in calls and in tables. */
function titlesIn(file: string): RegExp[] {
  const path = resolve(root, file);
  if (!existsSync(path)) return [];
  const tokens = readFileSync(path, 'utf8').matchAll(COMMENT_OR_STRING);
  return [...tokens].flatMap(([, , text]) => {
    if (text === undefined) return [];
    const parts = text.replaceAll(/\\(.)/g, '$1').split(/\$\{[^}]*\}|\$\w+/);
    return new RegExp(`^${parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.+')}$`);
  });
}

const COMMENT_OR_STRING = /\/\/.*|\/\*[\s\S]*?\*\/|(['"`])((?:\\.|(?!\1)[^\\\n])*)\1/g;

/** A title of more than holes that fits. */
const matching = (name: string): unknown =>
  expect.toSatisfy((title: RegExp) => title.source.length > 12 && title.test(name));

function played(options: PairOptions): Pair {
  const ends = pair(options);
  pump(ends);
  return ends;
}

const seamOf = (role: Role, seam: Seam): PairOptions =>
  role === 'client' ? { clientSeam: seam } : { serverSeam: seam };

describe('lesson 2: the open state is made of proofs', () => {
  it('and of nothing that looks like one, to callers without types either', () => {
    const { client } = openPair();
    const { peer: _peer, peerScheme: _scheme, ...agreement } = client.connection.negotiated!;
    const secrets = {} as never;
    for (const peer of [{}, true, new Authenticated({} as never, {} as never), Anonymous.allowedBy('none')])
      for (const finished of [{}, true])
        expect(() => new Traffic(agreement, peer as never, finished as never, secrets)).toThrow(TypeError);
  });
});

describe('lesson 3: a signature counts by a scheme of its key alone', () => {
  // Every signature is right here: what is judged is the scheme. RSA leaves are ours by another name.
  const kinds = ['ed25519', 'p256', 'p384', 'rsa', 'rsa-pss', undefined] as const;
  const legacy = [0x0201, 0x0203, 0x0101, 0x0401, 0xfefe];
  for (const victim of ROLES)
    it(`whatever the key and the scheme, by the ${victim}`, () => {
      const provider = nullProvider();
      for (const keyKind of kinds)
        for (const id of new Set([...SCHEMES.map((scheme) => scheme.id), ...legacy])) {
          const liar: Seam = {
            rewrite: (name, message) => [
              name === 'certificate_verify' ? encodeCertificateVerify(id, new Uint8Array(64)) : message,
            ],
          };
          const reader: Seam = { readLeaf: (der) => ({ ...parseCertificate(der), keyKind }) };
          const ends = played({
            clientProvider: provider,
            serverProvider: provider,
            ...seamOf(victim, reader),
            ...seamOf(other(victim), liar),
          });
          const scheme = SCHEMES.find((candidate) => candidate.id === id);
          const fits = scheme !== undefined && !scheme.certificateOnly && scheme.key === keyKind;
          expect(fault(ends[victim].error), `${keyKind} ${id.toString(16)}`).toBe(
            fits ? 'undefined' : 'ERR_TLS_ILLEGAL_PARAMETER illegal_parameter local',
          );
        }
    });
});

describe('lesson 5: keys change only by the proof that nothing is left over', () => {
  it('of a reader that is given something else', () => {
    const reader = new RecordReader('server');
    for (const proof of [{}, true, Object.create(RecordAligned.prototype)])
      expect(() => reader.setKeys({} as never, proof as never)).toThrow(TypeError);
  });
});

describe('lesson 27: what was signed in one handshake proves nothing in another', () => {
  for (const victim of ROLES)
    it(`to the ${victim}`, () => {
      const kept = new Map<HandshakeName, Bytes>();
      const proofs: readonly HandshakeName[] = ['certificate', 'certificate_verify'];
      const listener: Seam = {
        rewrite: (name, message) => {
          kept.set(name, message);
          return [message];
        },
      };
      openPair(seamOf(other(victim), listener));
      const liar: Seam = {
        rewrite: (name, message) => [proofs.includes(name) ? kept.get(name)! : message],
      };
      const ends = played(seamOf(other(victim), liar));
      expect(fault(ends[victim].error)).toBe('ERR_TLS_SIGNATURE decrypt_error local');
    });
});

describe('lesson 29: no kind of credential passes a verifier that does not say yes', () => {
  const pki = new Pki();
  const no: Record<string, () => unknown> = {
    refuses: () => new Refusal('ERR_IDENTITY_UNKNOWN_ISSUER', 'no'),
    throws: () => {
      throw new Error('no');
    },
    'says nothing': () => undefined,
    'says true': () => true,
  };
  const raw = ({ signer }: Credential): Credential => ({ chain: [], signer });
  const shown: Record<string, Record<Role, Partial<TlsConfigInit>>> = {
    'a raw public key': {
      client: { credentials: [raw(pki.user('alice'))], certificateTypes: ['rawPublicKey'] },
      server: { credentials: [raw(pki.server())], certificateTypes: ['rawPublicKey'] },
    },
  };
  for (const kind of KINDS)
    shown[`a ${kind} certificate`] = {
      client: { credentials: [pki.user('alice', kind)] },
      server: { credentials: [pki.server(kind)] },
    };

  for (const [how, verify] of Object.entries(no))
    for (const [what, options] of Object.entries(shown))
      it(`${what}, when it ${how}`, () => {
        const yes: PeerVerifier = {
          verify: ({ rawKey, chain, role }) =>
            rawKey === undefined
              ? (role === 'client' ? pki.clientVerifier() : pki.serverVerifier()).verify({
                  ...{ chain, role, resumed: false },
                  serverName: DOMAIN,
                })
              : verifyRawKey(rawKey, { kind: 'key', id: peerId(rawKey) }),
        };
        for (const victim of ROLES) {
          const verifiers = { client: yes, server: yes, [victim]: { verify } as PeerVerifier };
          const ends = played({
            client: { ...options.client, verifier: verifiers.client },
            server: { ...options.server, verifier: verifiers.server },
            pki,
          });
          expect(ends[victim].story).toContain('op verifyPeer');
          expect(ends[victim].error).toBeDefined();
          expect(ends[victim].story).not.toContain('handshake');
          expect(ends[victim].connection.negotiated).toBeUndefined();
        }
      });
});

describe('lesson 30: no share is agreed upon that is none', () => {
  const groups = { x25519: 32, secp256r1: 65, secp384r1: 97 } as const;
  for (const [name, shareLength] of Object.entries(groups) as [keyof typeof groups, number][])
    for (const victim of ROLES)
      it(`of ${name}, by the ${victim}`, () => {
        const wrong = [
          new Uint8Array(shareLength),
          new Uint8Array(shareLength).fill(255),
          new Uint8Array(shareLength).fill(4),
          new Uint8Array(shareLength - 1).fill(4),
          new Uint8Array(shareLength + 1).fill(4),
          Uint8Array.of(0),
          Uint8Array.of(2, ...new Uint8Array((shareLength - 1) / 2).fill(1)),
        ].filter((share) => name !== 'x25519' || share.length !== 32 || share[0] === 0);
        for (const share of wrong) {
          const liar: Seam = { rewrite: (sent, message) => [withShare(sent, message, share)] };
          const only = { groups: [name] };
          const ends = played({ client: only, server: only, ...seamOf(other(victim), liar) });
          expect(fault(ends[victim].error)).toBe('ERR_TLS_ILLEGAL_PARAMETER illegal_parameter local');
        }
      });

  function withShare(name: HandshakeName, message: Bytes, share: Uint8Array): Bytes {
    if (name !== 'client_hello' && name !== 'server_hello') return message;
    const tree = readTree(message[0]!, message.subarray(4));
    const entry = fieldsOf(extensionOf(tree, 51)!).find(
      (field) => field.kind === 'bytes' && field.bytes.length > 20,
    );
    if (entry?.kind === 'bytes') entry.bytes = share;
    const body = writeTree(tree);
    return concat([Uint8Array.of(message[0]!, 0, body.length >> 8, body.length & 255), body]);
  }
});

/** The list of extensions in a message, its last field: of the first certificate, where each has its own. */
function extensionsOf(tree: Vector): Vector {
  const last = (tree.children[0] as Vector).children.at(-1) as Vector;
  return last.lengthSize === 2 ? last : ((last.children[0] as Vector).children[1] as Vector);
}

function extensionOf(tree: Vector, type: number): Vector | undefined {
  return fieldsOf(tree).find(
    (field): field is Vector =>
      field.kind === 'vector' &&
      field.lengthSize === 0 &&
      field.children.length === 2 &&
      field.children[0]!.kind === 'int' &&
      (field.children[0] as IntField).value === type &&
      field.children[1]!.kind === 'vector',
  );
}

describe('lesson 32: extensions stand where RFC 9846 §4.3 lets them, once, and only if they were asked for', () => {
  const CH = 'ClientHello';
  const SH = 'ServerHello';
  const HRR = 'HelloRetryRequest';
  const EE = 'EncryptedExtensions';
  const CR = 'CertificateRequest';
  const CT = 'Certificate';
  const NST = 'NewSessionTicket';
  const homes: Readonly<Record<number, readonly string[]>> = {
    0: [CH, EE],
    1: [CH, EE],
    5: [CH, CR, CT],
    10: [CH, EE],
    13: [CH, CR],
    14: [CH, EE],
    15: [CH, EE],
    16: [CH, EE],
    18: [CH, CR, CT],
    19: [CH, EE],
    20: [CH, EE],
    21: [CH],
    27: [CH, CR],
    28: [CH, EE],
    41: [CH, SH],
    42: [CH, EE, NST],
    43: [CH, SH, HRR],
    44: [CH, HRR],
    45: [CH],
    47: [CH, CR],
    48: [CR],
    49: [CH],
    50: [CH, CR],
    51: [CH, SH, HRR],
    58: [CH, EE],
  };
  /** In which scenario a message comes, its type, and which of that type it is. */
  const places: Readonly<Record<string, [scenario: string, type: HandshakeName, nth: number]>> = {
    [CH]: ['mutual', 'client_hello', 0],
    [SH]: ['mutual', 'server_hello', 0],
    [HRR]: ['retry', 'server_hello', 0],
    [EE]: ['mutual', 'encrypted_extensions', 0],
    [CR]: ['mutual', 'certificate_request', 0],
    [CT]: ['mutual', 'certificate', 0],
    [NST]: ['unwanted tickets', 'new_session_ticket', 0],
  };

  /** Feeds a recording in which one message's list of extensions was changed; undefined if it stayed the same. */
  function played(
    home: string,
    change: (list: Vector) => boolean,
    name: string = places[home]![0],
  ): Victim | undefined {
    const [, type, nth] = places[home]!;
    const scenario = SCENARIOS.find((candidate) => candidate.name === name)!;
    const role: Role = home === CH ? 'server' : 'client';
    const script = readScript(record(scenario).sent[other(role)]);
    const of = (item: Item): boolean => item.kind === 'message' && item.type === handshakeType(type);
    const chosen = script.filter(of)[nth]!;
    if (chosen.kind !== 'message') return undefined;
    const tree = readTree(chosen.type, chosen.body);
    if (!change(extensionsOf(tree))) return undefined;
    const items = script.map((item) => (item === chosen ? { ...chosen, body: writeTree(tree) } : item));
    return new Victim(scenario, role).feed(writeScript(items));
  }

  const make = (type: number): Vector => {
    const int: IntField = { kind: 'int', size: 2, value: type };
    const data: Vector = { kind: 'vector', lengthSize: 2, children: [bytesField(EMPTY)], lie: 0 };
    return { kind: 'vector', lengthSize: 0, children: [int, data], lie: 0 };
  };
  const typesIn = (list: Vector): number[] =>
    list.children.map((child) => ((child as Vector).children[0] as IntField).value);

  it.each(Object.keys(places))('in a %s, of another message', (home) => {
    for (const type of Object.keys(homes).map(Number)) {
      if (homes[type]!.includes(home)) continue;
      const victim = played(home, ({ children }) => children.unshift(make(type)) > 0);
      expect(fault(victim?.end.error), `${type}`).toBe('ERR_TLS_ILLEGAL_PARAMETER illegal_parameter local');
    }
  });

  it.each([SH, HRR, EE, CT])('in a %s, as an answer to nothing', (home) => {
    for (const type of [0x1a1a, 0xfefe, 14, 15]) {
      if (homes[type] !== undefined && !homes[type].includes(home)) continue;
      const victim = played(home, ({ children }) => children.unshift(make(type)) > 0);
      expect(fault(victim?.end.error), `${type}`).toBe(
        'ERR_TLS_UNSUPPORTED_EXTENSION unsupported_extension local',
      );
    }
  });

  it.each(Object.keys(places))('in a %s, twice', (home) => {
    const victim = played(home, (list) => {
      if (list.children.length === 0) list.children.push(make(0x1a1a));
      list.children.unshift(list.children.at(-1)!);
      return true;
    });
    expect(['decode_error', 'illegal_parameter', 'unsupported_extension']).toContain(
      victim?.end.error?.alert,
    );
  });

  it.each([CH, CR, NST])('unknown ones in a %s are passed over', (home) => {
    const victim = played(
      home,
      (list) => !typesIn(list).includes(0x1a1b) && list.children.unshift(make(0x1a1b)) > 0,
    );
    expect(fault(victim?.end.error)).toBe('undefined');
  });

  const questions = 'small padded records, every question asked';
  const filled: [home: string, scenario: string][] = [
    ...Object.entries(places).map(([home, [scenario]]): [string, string] => [home, scenario]),
    ...[CH, EE, CR, CT].map((home): [string, string] => [home, questions]),
    ...[CH, SH, EE].map((home): [string, string] => [home, 'early data']),
    ...[CH, EE].map((home): [string, string] => [home, 'raw public keys']),
    [HRR, 'retry with cookie'],
    [CH, 'compressed certificates'],
  ];

  it.each(filled)('in a %s, with a byte too many in it (%s)', (home, scenario) => {
    const grown: number[] = [];
    const look = (list: Vector): boolean => {
      grown.push(...typesIn(list).filter((type) => !PASSED_OVER.includes(type)));
      return false;
    };
    played(home, look, scenario);
    for (const type of grown) {
      const grow = (list: Vector): boolean => {
        const { children } = list.children[typesIn(list).indexOf(type)] as Vector;
        (children[1] as Vector).children.push(bytesField(Uint8Array.of(0)));
        return true;
      };
      const { error } = played(home, grow, scenario)!.end;
      expect(['decode_error', 'illegal_parameter'], `${type}`).toContain(error?.alert);
    }
  });

  /** Whose content nobody reads here: GREASE. */
  const PASSED_OVER = Array.from({ length: 16 }, (_, i) => 0x0a0a + 0x1010 * i);
});

describe('lesson 33: nothing tells one failure to decrypt from another', () => {
  it('has one error and one alert, whatever is wrong with the record', () => {
    const seen = new Set<string>();
    const damages: ((record: Uint8Array) => Uint8Array)[] = [
      (record) => record.with(5, record[5]! ^ 1),
      (record) => record.with(record.length - 1, record.at(-1)! ^ 1),
      (record) => record.with(record.length - 17, record.at(-17)! ^ 1),
      (record) => concat([Uint8Array.of(23, 3, 3, 0, 16), record.subarray(5, 21)]),
      (record) => concat([Uint8Array.of(23, 3, 3, 0, 17), record.subarray(5, 22)]),
      (record) =>
        concat([Uint8Array.of(23, 3, 3, 0, record.length - 4), record.subarray(5), Uint8Array.of(0)]),
      () => Uint8Array.of(23, 3, 3, 0, 32, ...new Uint8Array(32)),
    ];
    for (const damaged of damages) {
      const { client, server } = openPair();
      client.connection.write(utf8('secret'));
      server.connection.feed(damaged(client.take()));
      const { error } = server;
      seen.add(`${fault(error)}: ${error?.message}`);
    }
    expect([...seen]).toEqual([
      'ERR_TLS_RECORD_MAC bad_record_mac local: record does not decrypt: damaged, reordered or forged',
    ]);
  });

  it('compares what only the peer can know in constant time', () => {
    for (const file of ['schedule/schedule.ts'])
      expect(readFileSync(resolve(root, 'src/tls', file), 'utf8')).toContain('equalConstantTime(');
  });
});

describe('lesson 40: records of two connections', () => {
  it('mixed anyhow give a prefix of what was sent, and then bad_record_mac', () => {
    const pick = fc.record({ from: fc.constantFrom('a', 'b'), index: fc.nat(5) });
    fc.assert(
      fc.property(fc.array(pick, { minLength: 1, maxLength: 12 }), (order) => {
        const [a, b] = [openPair(), openPair()];
        const sent = { a: sendSix(a), b: sendSix(b) };
        let honest = 0;
        for (const { from, index } of order) {
          a.server.connection.feed(new Uint8Array(sent[from as 'a' | 'b'][index]!));
          a.server.settleAll();
          if (a.server.error !== undefined) break;
          expect({ from, index }).toEqual({ from: 'a', index: honest });
          honest++;
        }
        expect(a.server.data).toEqual(Uint8Array.from({ length: honest }, (_, i) => i));
        if (a.server.error === undefined) expect(honest).toBe(order.length);
        else expect(fault(a.server.error)).toBe('ERR_TLS_RECORD_MAC bad_record_mac local');
      }),
      { numRuns: 60 },
    );

    function sendSix({ client }: Pair): Uint8Array[] {
      for (let i = 0; i < 6; i++) client.connection.write(Uint8Array.of(i));
      return splitRecords(client.take());
    }
  });
});
