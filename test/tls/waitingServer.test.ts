/** What a server holds while it waits for a client that takes its time, and sent a hello that was made to be large. */
import v8 from 'node:v8';
import vm from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { Extension } from '../../src/tls/messages/extensionBlock.ts';
import { ExtensionBlock } from '../../src/tls/messages/extensionBlock.ts';
import { certificateAuthorities } from '../../src/tls/messages/extensions.ts';
import { type End, type PairOptions, pair } from '../support/tls.ts';

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc') as () => void;

const HELLOS = 30;
/** A hello of 64 KiB, the rest of a waiting server, and what the measure is off by. */
const FAIR = 160 * 1024;

const LARGE: readonly [string, readonly Extension[]][] = [
  ['extensions', Array.from({ length: 14_000 }, (_, i) => ({ type: 1000 + i, data: new Uint8Array(0) }))],
  ['authorities', [certificateAuthorities(Array.from({ length: 20_000 }, () => new Uint8Array(1)))]],
];

function used(): number {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Bytes that each of these servers holds once it has answered, or asked again. */
function held(extra: readonly Extension[], server: PairOptions['server']): number {
  const clientSeam: PairOptions['clientSeam'] = {
    shapeClientHello: (hello) => ({
      ...hello,
      extensions: new ExtensionBlock([...hello.extensions.list, ...extra]),
    }),
  };
  const flights = Array.from({ length: HELLOS }, () =>
    pair({ clientSeam, client: { grease: false } }).client.take(),
  );
  const before = used();
  const waiting: End[] = [];
  for (const flight of flights) {
    const end = pair({ ...(server && { server }) }).server;
    end.connection.feed(flight);
    end.settleAll();
    expect(end.take().length).toBeGreaterThan(0);
    expect(end.error).toBeUndefined();
    end.events.length = end.sent.length = 0;
    waiting.push(end);
  }
  const each = (used() - before) / waiting.length;
  return each;
}

describe.each(LARGE)('a server that waits, after thousands of %s', (_what, extra) => {
  it('for the end of the handshake, does not hold on to what they were read into', () => {
    expect(held(extra, {})).toBeLessThan(FAIR);
  });

  it('for a second hello, does not either', () => {
    expect(held(extra, { groups: ['secp384r1'] })).toBeLessThan(FAIR);
  });
});
