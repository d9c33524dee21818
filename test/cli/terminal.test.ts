import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { describe as describeError, Output, oneLine } from '../../src/cli/output.ts';
import { formatBytes, Progress, progressLine } from '../../src/cli/terminal.ts';

function recorder(isTTY: boolean): { stream: Writable; text: () => string } {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY }), text: () => text };
}

function outputOn(stream: Writable, quiet = false): Output {
  return new Output(stream, stream, { quiet, verbose: false, color: false });
}

describe('progress', () => {
  test('says how much, how fast and how long still', () => {
    expect(progressLine('up', 64 << 20, 256 << 20, 1_000)).toBe(
      'up   25 %    64.0 MiB    64.0 MiB/s  3 s left',
    );
    expect(progressLine('up', 512, undefined, 0)).toBe('up       512 B         0 B/s');
    expect(formatBytes(1536)).toBe('1.5 KiB');
  });

  test('rewrites one line on a terminal, and gives way to other talk', () => {
    const { stream, text } = recorder(true);
    let now = 0;
    const out = outputOn(stream);
    const progress = new Progress(out, { label: 'up', now: () => now });
    now = 200;
    progress.add(1024);
    out.say('something happened');
    progress.finish();
    const seen = text().replaceAll('\r\u001b[K', '<clear>');
    expect(seen).toMatch(/^<clear>up .*<clear>q2q: something happened\n<clear>up .*\n$/);
  });

  test('is a plain line a second elsewhere when asked for, and nothing when not', () => {
    const asked = recorder(false);
    let now = 0;
    const progress = new Progress(outputOn(asked.stream), { label: 'up', always: true, now: () => now });
    for (now = 0; now <= 2_500; now += 100) progress.add(1024);
    progress.finish();
    expect(asked.text().split('\n')).toHaveLength(4);
    expect(asked.text()).not.toContain('\r');
    const silent = recorder(false);
    new Progress(outputOn(silent.stream), { label: 'up' }).finish();
    new Progress(outputOn(silent.stream, true), { label: 'up', always: true }).finish();
    expect(silent.text()).toBe('');
  });
});

describe('errors', () => {
  test('are one line without control characters, whoever wrote them', () => {
    expect(oneLine('first\n  second \u001b[31mred\u0007')).toBe('first second ?[31mred?');
    expect(describeError('text thrown').message).toBe('text thrown');
    expect(describeError(new Error('')).message).toBe('unknown error');
  });
});
