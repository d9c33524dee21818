/** The client of the ssh agent protocol, and agents that answer anything but what they should. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { type Bytes, concat, fromHex, utf8 } from '../../src/base/bytes.ts';
import { provider } from '../../src/crypto/node.node.ts';
import type { PrivateKey } from '../../src/crypto/provider.ts';
import { rawFromDer } from '../../src/crypto/signature.ts';
import { parseSpki } from '../../src/crypto/spki.ts';
import { agentKeys, agentSigner, agentSigners } from '../../src/identity/agent.node.ts';
import { parseIdentities, parseSignature } from '../../src/identity/agentMessages.ts';
import {
  createCsrBySigner,
  IdentityError,
  type IdentityErrorCode,
  parseCsr,
  peerId,
} from '../../src/identity/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'q2q-agent-'));
afterAll(() => rmSync(folder, { recursive: true }));

let agents: Server[] = [];
const sockets = new Set<Socket>();
afterEach(() => {
  for (const agent of agents) agent.close();
  for (const socket of sockets) socket.destroy();
  agents = [];
  sockets.clear();
});

type Answer = (question: Uint8Array, socket: Socket) => void;

/** An agent that answers as the test says; its socket. */
async function agent(answer: Answer): Promise<string> {
  const path = join(folder, `${agents.length}-${Math.trunc(performance.now() * 1000)}`);
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk: Uint8Array) => answer(chunk.subarray(4), socket));
  });
  agents.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return path;
}

const u32 = (value: number): Bytes => fromHex(value.toString(16).padStart(8, '0'));
const string = (bytes: Uint8Array): Bytes => concat([u32(bytes.length), bytes]);
const text = (value: string): Bytes => string(utf8(value));
const message = (type: number, ...parts: readonly Uint8Array[]): Bytes =>
  concat([Uint8Array.of(type), ...parts]);

const KINDS = { ed25519: 'ssh-ed25519', p256: 'ecdsa-sha2-nistp256', p384: 'ecdsa-sha2-nistp384' } as const;
type Kind = keyof typeof KINDS;

function blobOf(key: PrivateKey): Bytes {
  const kind = key.kind as Kind;
  const spki = parseSpki(key.spki) as { bytes: Uint8Array };
  const curve = kind === 'ed25519' ? [] : [text(`nist${kind}`)];
  return concat([text(KINDS[kind]), ...curve, string(spki.bytes)]);
}

const identities = (...keys: readonly (readonly [blob: Uint8Array, comment: string])[]): Bytes =>
  message(12, u32(keys.length), ...keys.flatMap(([blob, comment]) => [string(blob), text(comment)]));

function mpint(bytes: Uint8Array): Bytes {
  const from = bytes.findIndex((byte) => byte !== 0);
  const digits = bytes.subarray(from);
  return string(digits[0]! >= 0x80 ? concat([Uint8Array.of(0), digits]) : digits);
}

function signatureOf(key: PrivateKey, data: Uint8Array): Bytes {
  const kind = key.kind as Kind;
  const signature = key.sign(key.schemes[0]!, data);
  if (kind === 'ed25519') return concat([text(KINDS[kind]), string(signature)]);
  const size = kind === 'p256' ? 32 : 48;
  const raw = rawFromDer(signature, size)!;
  return concat([
    text(KINDS[kind]),
    string(concat([mpint(raw.subarray(0, size)), mpint(raw.subarray(size))])),
  ]);
}

const send = (socket: Socket, bytes: Uint8Array): void => {
  socket.write(concat([u32(bytes.length), bytes]));
};

/** An honest one. */
const holding =
  (...keys: readonly PrivateKey[]): Answer =>
  (question, socket) => {
    if (question[0] === 11)
      return send(socket, identities(...keys.map((key) => [blobOf(key), 'a key'] as const)));
    const length = new DataView(question.buffer, question.byteOffset).getUint32(1);
    const blob = question.subarray(5, 5 + length);
    const key = keys.find((one) => Buffer.compare(blobOf(one), blob) === 0);
    const data = question.subarray(5 + length + 4, question.length - 4);
    send(socket, key === undefined ? message(5) : message(14, string(signatureOf(key, data))));
  };

async function refuses(work: Promise<unknown>, code: IdentityErrorCode): Promise<IdentityError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(IdentityError);
  expect((error as IdentityError).code, (error as IdentityError).message).toBe(code);
  return error as IdentityError;
}

describe('an agent', () => {
  const keys = (['ed25519', 'p256', 'p384'] as const).map((kind) => provider.generateKey(kind));

  test('lists its keys and signs with each', async () => {
    const socket = await agent(holding(...keys));
    const listed = await agentKeys(socket);
    expect(listed.map(({ kind, comment }) => [kind, comment])).toEqual(
      ['ed25519', 'p256', 'p384'].map((kind) => [kind, 'a key']),
    );
    for (const key of keys) {
      const signer = await agentSigner(socket, peerId(key.spki));
      expect(signer).toMatchObject({ kind: key.kind, spki: key.spki, schemes: key.schemes });
      for (let i = 0; i < 20; i++) {
        const data = provider.random(40);
        const signature = await signer.sign(key.schemes[0]!, data);
        expect(provider.verify(key.schemes[0]!, key.spki, data, signature)).toBe(true);
      }
      await expect(async () => signer.sign('rsa_pss_rsae_sha256', new Uint8Array(1))).rejects.toThrow(
        'cannot sign',
      );
      expect(parseCsr(provider, await createCsrBySigner(signer)).spki).toEqual(key.spki);
    }
  });

  test('that comes in pieces is read as one', async () => {
    const socket = await agent(async (_, out) => {
      const bytes = identities([blobOf(keys[0]!), 'slow']);
      for (const byte of concat([u32(bytes.length), bytes])) {
        out.write(Uint8Array.of(byte));
        if (byte % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    });
    expect((await agentKeys(socket))[0]?.comment).toBe('slow');
  });

  test('may hold keys that are not for us', async () => {
    const other = [
      ['ssh-rsa', new Uint8Array(300)],
      ['sk-ssh-ed25519@openssh.com', new Uint8Array(80)],
      ['ssh-ed25519-cert-v01@openssh.com', new Uint8Array(700)],
      ['ecdsa-sha2-nistp521', new Uint8Array(150)],
      ['x'.repeat(1000), new Uint8Array(1)],
    ] as const;
    const blobs = other.map(([type, rest]) => [concat([text(type), rest]), 'other'] as const);
    const socket = await agent((_, out) => send(out, identities(...blobs, [blobOf(keys[1]!), 'ours'])));
    expect((await agentKeys(socket)).map(({ comment }) => comment)).toEqual(['ours']);
    const wanted = peerId(keys[0]!.spki);
    expect(await agentSigners(socket)(wanted)).toBeUndefined();
    expect((await refuses(agentSigner(socket, wanted), 'ERR_IDENTITY_AGENT_NO_KEY')).message).toContain(
      wanted,
    );
  });

  test('cannot write on a terminal by its comments', async () => {
    const comments = ['\u001b[2Jgone', 'a\nb', '\u202egpj.exe', 'größe'];
    const socket = await agent((_, out) =>
      send(out, identities(...comments.map((comment) => [blobOf(keys[0]!), comment] as const))),
    );
    expect((await agentKeys(socket)).map(({ comment }) => comment)).toEqual([
      '?[2Jgone',
      'a?b',
      '?gpj.exe',
      'größe',
    ]);
  });

  test('that is not there, goes away or says nothing, is told apart', async () => {
    await refuses(agentKeys(join(folder, 'none')), 'ERR_IDENTITY_AGENT');
    await refuses(agentKeys(await agent((_, socket) => void socket.end())), 'ERR_IDENTITY_AGENT');
    const half = await agent((_, socket) => void socket.end(Uint8Array.of(0, 0)));
    await refuses(agentKeys(half), 'ERR_IDENTITY_AGENT');
    const silent = await agent(() => {});
    await refuses(agentKeys(silent, { timeout: 50 }), 'ERR_IDENTITY_AGENT_TIMEOUT');
    const drips = await agent((_, socket) => void socket.write(Uint8Array.of(0, 0, 0, 9, 12)));
    await refuses(agentKeys(drips, { timeout: 50 }), 'ERR_IDENTITY_AGENT_TIMEOUT');
  });

  test('that refuses says so: locked, asked a person, lost the key', async () => {
    const refusing = await agent((question, socket) => {
      if (question[0] === 11) send(socket, identities([blobOf(keys[0]!), '']));
      else send(socket, message(5));
    });
    const signer = await agentSigner(refusing, peerId(keys[0]!.spki));
    const error = await refuses(
      Promise.resolve(signer.sign('ed25519', new Uint8Array(1))),
      'ERR_IDENTITY_AGENT_REFUSED',
    );
    expect(error.hint).toContain('locked');
    await refuses(
      agentKeys(await agent((_, socket) => send(socket, message(5)))),
      'ERR_IDENTITY_AGENT_REFUSED',
    );
  });
});

describe('an answer', () => {
  const [edKey, ecKey] = [provider.generateKey('ed25519'), provider.generateKey('p256')];
  const ed = parseIdentities(identities([blobOf(edKey), '']))[0]!;
  const ec = parseIdentities(identities([blobOf(ecKey), '']))[0]!;
  const point = (parseSpki(ecKey.spki) as { bytes: Uint8Array }).bytes;

  test.each<[string, Uint8Array]>([
    ['empty', new Uint8Array(0)],
    ['of another type', message(6)],
    ['to another question', message(14, string(new Uint8Array(0)))],
    ['without a count', message(12)],
    ['of more keys than there are', message(12, u32(1))],
    ['of too many keys', message(12, u32(2049))],
    ['of four billion keys', message(12, u32(0xffffffff))],
    ['with something behind', concat([identities([blobOf(edKey), '']), Uint8Array.of(0)])],
    ['with a length past the end', message(12, u32(1), u32(0x7fffffff))],
    ['with a short key', identities([concat([text('ssh-ed25519'), string(new Uint8Array(31))]), ''])],
    ['with a weak key', identities([concat([text('ssh-ed25519'), string(new Uint8Array(32))]), ''])],
    ['with a key and more', identities([concat([blobOf(edKey), Uint8Array.of(0)]), ''])],
    [
      'with a curve of another',
      identities([concat([text('ecdsa-sha2-nistp256'), text('nistp384'), string(point)]), '']),
    ],
    [
      'with a compressed point',
      identities([
        concat([
          text('ecdsa-sha2-nistp256'),
          text('nistp256'),
          string(concat([Uint8Array.of(2), point.subarray(1, 33)])),
        ]),
        '',
      ]),
    ],
  ])('%s is no list of keys', async (_, bytes) => {
    const socket = await agent((__, out) => send(out, bytes));
    await refuses(agentKeys(socket), 'ERR_IDENTITY_AGENT_ANSWER');
  });

  test('of more than was asked, or than fits, is cut off', async () => {
    const two = await agent((_, socket) => {
      const one = identities();
      socket.write(concat([u32(one.length), one, u32(one.length), one]));
    });
    await refuses(agentKeys(two), 'ERR_IDENTITY_AGENT_ANSWER');
    const huge = await agent((_, socket) => void socket.write(u32(262_145)));
    await refuses(agentKeys(huge), 'ERR_IDENTITY_AGENT_ANSWER');
  });

  const n = (hex: string): Bytes => string(fromHex(hex));
  const ecdsa = (...numbers: readonly Uint8Array[]): Bytes =>
    message(14, string(concat([text(KINDS.p256), string(concat(numbers))])));
  test.each<[string, Uint8Array]>([
    ['a short Ed25519 one', message(14, string(concat([text(KINDS.ed25519), string(new Uint8Array(63))])))],
    ['one of another kind', message(14, string(signatureOf(ecKey, new Uint8Array(1))))],
    [
      'one with something behind',
      message(14, string(signatureOf(edKey, new Uint8Array(1))), Uint8Array.of(0)),
    ],
    [
      'one with something inside',
      message(14, string(concat([signatureOf(edKey, new Uint8Array(1)), u32(0)]))),
    ],
    ['nothing', message(14)],
  ])('with %s is no signature of Ed25519', (_, bytes) => {
    expect(() => parseSignature(bytes, ed)).toThrow(
      expect.objectContaining({ code: 'ERR_IDENTITY_AGENT_ANSWER' }),
    );
  });
  test.each<[string, Uint8Array]>([
    ['one number', ecdsa(n('01'))],
    ['three', ecdsa(n('01'), n('01'), n('01'))],
    ['zero', ecdsa(n(''), n('01'))],
    ['zero, written long', ecdsa(n('00'), n('01'))],
    ['a negative one', ecdsa(n('80'), n('01'))],
    ['a long form', ecdsa(n('0001'), n('01'))],
    ['one that does not fit', ecdsa(n(`01${'00'.repeat(32)}`), n('01'))],
  ])('with %s is no signature of ECDSA', (_, bytes) => {
    expect(() => parseSignature(bytes, ec)).toThrow(
      expect.objectContaining({ code: 'ERR_IDENTITY_AGENT_ANSWER' }),
    );
  });
  test('with numbers at the edge is one', () => {
    expect(parseSignature(ecdsa(n('01'), n(`00${'ff'.repeat(32)}`)), ec)).toEqual(
      fromHex(`3026020101022100${'ff'.repeat(32)}`),
    );
  });

  test('of any bytes at all ends in an error of ours, or in keys', () => {
    const good = identities([blobOf(edKey), 'one'], [blobOf(ecKey), 'two']);
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, byte]) => {
            const bytes = new Uint8Array(good);
            bytes[at] = byte;
            return bytes;
          }),
          fc.nat(good.length).map((length) => good.subarray(0, length)),
        ),
        (bytes) => {
          for (const read of [() => parseIdentities(bytes), () => parseSignature(bytes, ec)]) {
            try {
              read();
            } catch (error) {
              expect(error).toBeInstanceOf(IdentityError);
            }
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
