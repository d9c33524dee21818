import { describe, expect, test } from 'vitest';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { Plaintext, startTls } from '../../src/peer/startTls.ts';
import { memoryPair } from '../../src/transport/index.ts';
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
