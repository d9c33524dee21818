import { describe, expect, test } from 'vitest';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { Plaintext, startTls } from '../../src/peer/startTls.ts';
import { memoryPair } from '../../src/transport/index.ts';
import { VirtualClock } from '../support/clock.ts';
import { cpuMilliseconds } from '../support/cpu.ts';
import { DOMAIN } from '../support/pki.ts';
import { firstWrong, numbered, pause, Recorder } from '../transport/recorder.ts';
import { clientContext, serverContext } from './securePair.ts';

const client = { role: 'client', context: clientContext(), serverName: DOMAIN } as const;
const server = { role: 'server', context: serverContext() } as const;

function conversation(...options: Parameters<typeof memoryPair>): [Plaintext, Plaintext] {
  const [a, b] = memoryPair(...options);
  return [new Plaintext(a), new Plaintext(b)];
}

async function greet(a: Plaintext, b: Plaintext): Promise<void> {
  b.send(utf8('220 hello\r\n'));
  expect(await a.readLine()).toBe('220 hello');
  a.send(utf8('STARTTLS\r\n'));
  expect(await b.readLine()).toBe('STARTTLS');
}

const ready = utf8('220 ready\r\n');

describe('TLS in the middle of a conversation', () => {
  for (const chunk of [undefined, () => 1])
    test(`an agreed signal, then TLS${chunk === undefined ? '' : ', byte by byte'}`, async () => {
      const [a, b] = conversation(chunk === undefined ? {} : { chunk });
      await greet(a, b);
      const secured = startTls(b, { ...server, announce: ready });
      expect(await a.readLine()).toBe('220 ready');
      const x = Recorder.start(await startTls(a, client));
      const y = Recorder.start(await secured);
      x.link.send(utf8('now private'));
      await y.until('data', () => y.text === 'now private');
      x.link.close();
      y.link.close();
      await x.until('closed', () => x.isClosed);
      expect(x.closes).toEqual([undefined]);
    });

  test('the side that dialled may be the TLS server', async () => {
    const [a, b] = conversation();
    await greet(a, b);
    const [x, y] = await Promise.all([startTls(a, server), startTls(b, client)]);
    expect([x.negotiated.role, y.negotiated.role]).toEqual(['server', 'client']);
  });

  test('writes that were under way leave first, in order', async () => {
    const [a, b] = conversation({ capacity: 4096 });
    await greet(a, b);
    b.send(numbered(100_000)); // far more than the link takes at once
    const secured = startTls(b, { ...server, announce: ready });
    const parts: Uint8Array[] = [];
    for (let i = 0; i < 10; i++) parts.push(await a.read(10_000));
    expect(firstWrong(concat(parts))).toBe(-1);
    expect(await a.readLine()).toBe('220 ready');
    await Promise.all([secured, startTls(a, client)]);
  });

  test('plaintext behind the signal, in the same packet: refused, link cut', async () => {
    const [a, b] = memoryPair();
    const attacker = Recorder.start(a);
    const victim = new Plaintext(b);
    attacker.link.send(utf8('STARTTLS\r\nMAIL FROM:<mallory@example.org>\r\n'));
    expect(await victim.readLine()).toBe('STARTTLS');
    expect(victim.unread).toBe(33);
    await expect(startTls(victim, { ...server, announce: ready })).rejects.toMatchObject({
      code: 'ERR_SECURE_INJECTION',
      fault: 'remote',
    });
    await attacker.until('closed', () => attacker.isClosed);
    expect(attacker.received).toBe(0); // not even the signal
  });

  test('plaintext behind the signal, in a later packet: refused too', async () => {
    const [a, b] = memoryPair();
    const attacker = Recorder.start(a);
    const victim = new Plaintext(b);
    attacker.link.send(utf8('220 ready\r\n'));
    expect(await victim.readLine()).toBe('220 ready');
    attacker.link.send(utf8('250 injected\r\n'));
    await pause(5);
    await expect(startTls(victim, client)).rejects.toMatchObject({ code: 'ERR_SECURE_INJECTION' });
  });

  test('plaintext after TLS began is no record: the handshake fails', async () => {
    const [a, b] = memoryPair();
    const attacker = Recorder.start(a);
    const victim = new Plaintext(b);
    const outcome = startTls(victim, server);
    attacker.link.send(utf8('MAIL FROM:<mallory@example.org>\r\n'));
    await expect(outcome).rejects.toMatchObject({ name: 'TlsError' });
  });

  test('a context of the other role is refused before anything is sent', async () => {
    const [a] = conversation();
    const wrong = { role: 'client', context: serverContext() } as never;
    await expect(startTls(a, wrong)).rejects.toThrow('not one of a TLS client');
  });

  test('a link that was never read works without a Plaintext', async () => {
    const [a, b] = memoryPair();
    const [x, y] = await Promise.all([startTls(a, client), startTls(b, server)]);
    expect(x.negotiated.suite).toBe(y.negotiated.suite);
  });

  test('plaintext cannot be read once TLS began', async () => {
    const [a, b] = conversation();
    const both = Promise.all([startTls(a, client), startTls(b, server)]);
    expect(() => a.readLine()).toThrow('none after TLS began');
    await both;
  });
});

describe('a writer that goes on while TLS begins', () => {
  /** 4-byte words until told to stop: as fast as there is room, or one per turn. */
  function keepWriting(text: Plaintext, total: number, paced: boolean): Promise<void> {
    const write = async (): Promise<void> => {
      for (let at = 0; at < total; at += 1000) {
        if (!text.send(numbered(1000, at))) await text.drained();
        else if (paced) await Promise.resolve();
      }
    };
    return write();
  }

  for (const paced of [true, false])
    for (const capacity of [undefined, 3000])
      test(`loses nothing and keeps its order (${paced ? 'a steady trickle' : 'as there is room'}, ${capacity ?? 'much'} room below)`, async () => {
        const total = 400_000;
        const [a, b] = conversation(capacity === undefined ? {} : { capacity });
        const seen: Uint8Array[] = [];
        const onWire: number[] = [];
        await greet(a, b);
        const writing = keepWriting(b, total, paced);
        // Some of it is read in the clear; then the signal, which the writer's own side sends in its place.
        for (let i = 0; i < 5; i++) seen.push(await a.read(1000));
        const secured = startTls(b, { ...server, announce: utf8('TLS NOW\r\n') });
        for (;;) {
          const word = await a.read(4);
          if (new TextDecoder().decode(word) === 'TLS ') break;
          seen.push(word);
        }
        onWire.push(concat(seen).length);
        expect(await a.readLine()).toBe('NOW');
        const x = Recorder.start(await startTls(a, client));
        const y = await secured;
        await writing;
        y.send(utf8('the end'));
        y.closeWrite();
        await x.until('end', () => x.ended);
        const all = concat([...seen, x.bytes]);
        expect(firstWrong(all.subarray(0, total))).toBe(-1);
        expect(new TextDecoder().decode(all.subarray(total))).toBe('the end');
        expect(onWire[0]).toBeGreaterThanOrEqual(5000);
        expect(x.received).toBeGreaterThan(total / 2); // most of it went inside
      });

  test('sends nothing in the clear once TLS began, and nothing at all before the other end is proved', async () => {
    const [near, far] = memoryPair();
    const wire = Recorder.start(far);
    const text = new Plaintext(near);
    let verdict!: (value: never) => void;
    const verifier = { verify: () => new Promise<never>((resolve) => (verdict = resolve)) };
    const outcome = startTls(text, { ...client, context: clientContext({ verifier }) });
    outcome.catch(() => {});
    expect(text.send(utf8('SECRET'))).toBe(true);
    const [here, there] = memoryPair(); // the other end's TLS, its bytes copied over
    const proxied = Recorder.start(here);
    wire.onData = (chunk) => void here.send(chunk.slice());
    proxied.onData = (chunk) => void far.send(chunk.slice());
    for (const chunk of wire.chunks) here.send(chunk.slice());
    const accepted = startTls(there, server);
    accepted.catch(() => {});
    await pause(30); // the verifier has been asked
    expect(verdict).toBeTypeOf('function');
    const before = wire.received;
    text.send(utf8('MORE SECRETS'));
    await pause(10);
    expect(wire.received).toBe(before);
    expect(wire.text).not.toContain('SECRET');
    near.reset();
  });

  test('is told to stop while the handshake runs, and of its failure', async () => {
    const [near] = memoryPair();
    const text = new Plaintext(near);
    const clock = new VirtualClock();
    const outcome = startTls(text, { ...client, clock, timeout: 100 });
    let sent = 0;
    while (sent < 10_000_000 && text.send(numbered(16_000))) sent += 16_000;
    expect(sent).toBeLessThan(100_000);
    const room = text.drained();
    clock.advance(100);
    await expect(outcome).rejects.toMatchObject({ code: 'ERR_SECURE_TIMEOUT' });
    await expect(room).rejects.toMatchObject({ code: 'ERR_SECURE_TIMEOUT' });
    await expect(text.drained()).rejects.toMatchObject({ code: 'ERR_SECURE_TIMEOUT' });
    expect(text.send(utf8('late'))).toBe(false);
  });

  test('and the new owner of the link write in the order of their calls', async () => {
    const [a, b] = conversation();
    const [x, y] = await Promise.all([startTls(a, client), startTls(b, server)]);
    const reader = Recorder.start(y);
    a.send(utf8('1'));
    x.send(utf8('2'));
    a.send(utf8('3'));
    await a.drained();
    x.closeWrite();
    expect(a.send(utf8('4'))).toBe(false);
    await reader.until('end', () => reader.ended);
    expect(reader.text).toBe('123');
  });

  test('TLS begins once', async () => {
    const [a, b] = conversation();
    const both = Promise.all([startTls(a, client), startTls(b, server)]);
    await expect(startTls(a, client)).rejects.toThrow('TLS began before');
    await both;
  });
});

describe('the plaintext part', () => {
  test('lines end in LF or CRLF, in any fragments', async () => {
    const [a, b] = conversation({ chunk: (n) => Math.min(n, 3) });
    a.send(utf8('one\r\ntwo\n\nfour: ü\r\n'));
    const lines = [await b.readLine(), await b.readLine(), await b.readLine(), await b.readLine()];
    expect(lines).toEqual(['one', 'two', '', 'four: ü']);
  });

  test('a line without end is refused at its limit', async () => {
    const [a, b] = conversation();
    a.send(new Uint8Array(5000).fill(0x61));
    await expect(b.readLine()).rejects.toMatchObject({ code: 'ERR_SECURE_LINE' });
  });

  test('a line without end is looked through no further than its limit, a byte at a time', async () => {
    const [a, b] = conversation({ messages: true, capacity: 100_000 });
    for (let i = 0; i < 60_000; i++) a.send(Uint8Array.of(0x61));
    await pause(20);
    expect(b.unread).toBeGreaterThan(10_000);
    const began = cpuMilliseconds();
    await expect(b.readLine()).rejects.toMatchObject({ code: 'ERR_SECURE_LINE' });
    expect(cpuMilliseconds() - began).toBeLessThan(2000); // 17 s to look through all of it
  });

  test('a sender of plaintext nobody asked for is held back', async () => {
    const [a, b] = conversation();
    let sent = 0;
    while (sent < 10_000_000 && a.send(numbered(16_000))) {
      sent += 16_000;
      await Promise.resolve();
    }
    expect(sent).toBeLessThan(300_000);
    expect(b.unread).toBeLessThan(300_000);
    expect((await b.read(60_000)).length).toBe(60_000);
  });

  test('an end or a cut in the middle of a line is an error', async () => {
    const [link, other] = memoryPair();
    const text = new Plaintext(link);
    const peer = Recorder.start(other);
    const line = text.readLine();
    peer.link.send(utf8('half a li'));
    peer.link.closeWrite();
    await expect(line).rejects.toMatchObject({ code: 'ERR_LINK_CLOSED' });
    peer.link.reset();
    await pause(5);
    await expect(text.readLine()).rejects.toMatchObject({ code: 'ERR_LINK_RESET' });
  });
});
