/**
 * The bytes a relay recorded, given to tshark. With the key log it reads the conversation, so what passed was TLS 1.3 as
 * others know it; without the key log there is no plaintext to be found.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FrameParser } from '../../src/mux/codec.ts';
import { Overlay } from '../cli/support/overlay.ts';
import { collect } from '../cli/support/q2q.ts';
import { have } from '../support/counterpart.ts';
import { capture } from './support/pcap.ts';

const FROM_ALICE = `from alice, ${randomBytes(24).toString('hex')}`;
const FROM_BOB = `from bob, ${randomBytes(24).toString('hex')}`;

describe.skipIf(!have('tshark'))('tshark', () => {
  let overlay: Overlay;
  let conversation: Conversation;

  beforeAll(async () => {
    overlay = await Overlay.start(['--record', 'record']);
    const listening = await overlay.listen('talk/1', [
      '--exec',
      `cat; printf '%s' '${FROM_BOB}'`,
      '--allow',
      'alice@example.org',
    ]);
    const args = ['dial', 'bob@example.org/talk/1', '--keylog', overlay.path('keys')];
    const ran = await overlay.workspace.run(args, { ...overlay.as('alice'), stdin: FROM_ALICE });
    expect(ran.stdout.toString()).toBe(FROM_ALICE + FROM_BOB);
    await listening.stop();
    await overlay.relay.stop();
    conversation = recorded(overlay.path('record'));
  });
  afterAll(() => overlay?.dispose());

  test('reads the recorded channel with the key log, both directions', async () => {
    const seen = await tshark(['-o', `tls.keylog_file:${overlay.path('keys')}`]);
    expect(seen).toContain(Buffer.from(FROM_ALICE).toString('hex'));
    expect(seen).toContain(Buffer.from(FROM_BOB).toString('hex'));
  });

  test('reads nothing of it without', async () => {
    const seen = await tshark([]);
    expect(seen).not.toContain(Buffer.from(FROM_ALICE).toString('hex'));
    expect(seen).not.toContain(Buffer.from(FROM_BOB).toString('hex'));
  });

  test('sees a mutual TLS 1.3 handshake', async () => {
    const keys = ['-o', `tls.keylog_file:${overlay.path('keys')}`];
    const args = ['-T', 'fields', '-e', 'tls.handshake.type', '-e', 'tls.handshake.extensions_alpn_str'];
    const ran = await collect(
      spawn('tshark', ['-r', overlay.path('channel.pcap'), ...keys, ...args]),
      30_000,
      'tshark',
    );
    const types = ran.stdout.toString().split(/[\s,]+/);
    // client_hello, server_hello, encrypted_extensions, certificate_request, certificate, certificate_verify, finished
    for (const type of ['1', '2', '8', '13', '11', '15', '20']) expect(types).toContain(type);
    expect(ran.stdout.toString()).toContain('talk/1');
  });

  test('and the record itself holds no plaintext, while a search for what is there finds it', () => {
    const all = Buffer.concat(
      readdirSync(overlay.path('record')).map((name) => readFileSync(overlay.path('record', name))),
    );
    expect(all.includes(FROM_ALICE)).toBe(false);
    expect(all.includes(FROM_BOB)).toBe(false);
    expect(all.includes('talk/1')).toBe(true); // ALPN stands in the ClientHello: the relay was asked for it anyway
    expect(all.includes('Q2QM')).toBe(true);
  });

  /** All decrypted data, in hex. */
  async function tshark(options: readonly string[]): Promise<string> {
    const { hello, server, client } = conversation;
    const file = overlay.write(
      'channel.pcap',
      capture([
        { from: 'client', bytes: hello },
        { from: 'server', bytes: server },
        { from: 'client', bytes: client },
      ]),
    );
    const ran = await collect(
      spawn('tshark', ['-r', file, ...options, '-q', '-z', 'follow,tls,raw,0']),
      30_000,
      'tshark',
    );
    expect(ran.code).toBe(0);
    return ran.stdout.toString().replace(/\s+/g, '');
  }
});

interface Conversation {
  /** The client's first record. */
  readonly hello: Uint8Array;
  readonly client: Uint8Array;
  readonly server: Uint8Array;
}

function recorded(folder: string): Conversation {
  const [name] = readdirSync(folder).filter((each) => each.endsWith('.to-listener.bin'));
  const up = channelBytes(readFileSync(join(folder, name!)));
  const server = channelBytes(readFileSync(join(folder, name!.replace('listener', 'caller'))));
  const helloLength = 5 + up.readUInt16BE(3);
  return { hello: up.subarray(0, helloLength), client: up.subarray(helloLength), server };
}

/** The payload of the one channel in a recorded direction. */
function channelBytes(bytes: Uint8Array): Buffer {
  const parser = new FrameParser(false, 1 << 20);
  parser.push(bytes);
  const pieces: Uint8Array[] = [];
  for (let step = parser.next(); step !== 'more'; step = parser.next()) {
    if (step === 'piece') pieces.push(parser.bytes);
  }
  return Buffer.concat(pieces);
}
