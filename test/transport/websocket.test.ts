import { afterEach, describe, expect, test, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { utf8 } from '../../src/base/bytes.ts';
import { connectWebSocket, type Link, type WebSocketLike, webSocketLink } from '../../src/transport/index.ts';
import { MAX_HELD, MAX_MESSAGE } from '../../src/transport/limits.ts';
import { connectWs, listenWebSocket } from '../../src/transport/node.node.ts';
import { SendGauge } from '../../src/transport/sendGauge.ts';
import { VirtualClock } from '../support/clock.ts';
import { numbered, pause, Recorder } from './recorder.ts';

/** A browser's socket as far as a link sees it; its queue and the other end are the test's. */
class FakeSocket implements WebSocketLike {
  binaryType = 'blob';
  readyState = 1;
  bufferedAmount = 0;
  protocol = 'q2q.v1';
  url = 'wss://relay.example.test/';
  sent: Uint8Array[] = [];
  closedWith: number | undefined;
  #listeners = new Map<string, Set<(event: never) => void>>();

  send(data: Uint8Array<ArrayBuffer>): void {
    this.sent.push(data);
    this.bufferedAmount += data.length;
  }

  close(code?: number): void {
    if (code !== 1000 && !(code !== undefined && code >= 3000 && code <= 4999))
      throw new Error('InvalidAccessError');
    this.closedWith ??= code;
  }

  addEventListener(type: string, listener: (event: never) => void): void {
    if (!this.#listeners.has(type)) this.#listeners.set(type, new Set());
    this.#listeners.get(type)!.add(listener);
  }

  removeEventListener(type: string, listener: (event: never) => void): void {
    this.#listeners.get(type)?.delete(listener);
  }

  emit(type: string, event: object): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }

  message(bytes: Uint8Array): void {
    this.emit('message', { data: bytes.slice().buffer });
  }
}

function fake(): { socket: FakeSocket; clock: VirtualClock; recorder: Recorder } {
  const socket = new FakeSocket();
  const clock = new VirtualClock();
  return { socket, clock, recorder: Recorder.start(webSocketLink(socket, { clock })) };
}

describe('a link over a WHATWG WebSocket', () => {
  test('asks for array buffers and sends one message per call', () => {
    const { socket, recorder } = fake();
    expect(socket.binaryType).toBe('arraybuffer');
    recorder.link.send([utf8('a'), utf8('b')]);
    recorder.link.send(utf8('c'));
    recorder.link.send(new Uint8Array(0));
    expect(socket.sent.map((each) => each.length)).toEqual([2, 1]);
  });

  test('what comes for a paused reader is held in order, and too much of it cuts the link', async () => {
    const { socket, recorder } = fake();
    recorder.link.pause();
    socket.message(utf8('one '));
    socket.message(utf8('two '));
    await pause(1);
    expect(recorder.received).toBe(0);
    recorder.link.resume();
    socket.message(utf8('three'));
    await recorder.until('all', () => recorder.text === 'one two three');
    recorder.link.pause();
    for (let held = 0; held <= MAX_HELD; held += 1_000_000) socket.message(new Uint8Array(1_000_000));
    await recorder.until('closed', () => recorder.isClosed);
    expect(recorder.closes[0]?.code).toBe('ERR_LINK_OVERFLOW');
    expect(socket.closedWith).toBe(4001);
  });

  test('a clean close waits for a paused reader to take what came before it', async () => {
    const { socket, recorder } = fake();
    recorder.link.pause();
    socket.message(utf8('last words'));
    socket.emit('close', { code: 1000 });
    await pause(1);
    expect(recorder.events).toEqual([]);
    recorder.link.resume();
    await recorder.until('closed', () => recorder.isClosed);
    expect(recorder.events).toEqual(['data', 'end', 'closed']);
  });

  test('every other close code is an error with a reason', async () => {
    const codes = {
      1001: 'ERR_LINK_CLOSED',
      1006: 'ERR_LINK_RESET',
      1011: 'ERR_LINK_CLOSED',
      4001: 'ERR_LINK_RESET',
    };
    for (const [code, expected] of Object.entries(codes)) {
      const { socket, recorder } = fake();
      socket.emit('close', { code: Number(code) });
      await recorder.until('closed', () => recorder.isClosed);
      expect(recorder.closes[0]?.code, code).toBe(expected);
      expect(recorder.ended).toBe(false);
    }
  });

  test('a close with our data unsent is no clean end', async () => {
    const { socket, recorder } = fake();
    recorder.link.send(numbered(1000));
    socket.emit('close', { code: 1000 });
    await recorder.until('closed', () => recorder.isClosed);
    expect(recorder.closes[0]?.message).toContain('1000 bytes of ours');
  });

  test('a text message is a protocol error', async () => {
    const { socket, recorder } = fake();
    socket.emit('message', { data: 'hello' });
    await recorder.until('closed', () => recorder.isClosed);
    expect(recorder.closes[0]?.code).toBe('ERR_LINK_PROTOCOL');
    expect(socket.closedWith).toBe(4001); // a page may not say 1003
  });

  test('an other end that never answers our close does not hang us', async () => {
    const { socket, clock, recorder } = fake();
    recorder.link.close();
    expect(socket.closedWith).toBe(1000);
    clock.advance(30_000);
    await recorder.until('closed', () => recorder.isClosed);
    expect(recorder.closes[0]?.code).toBe('ERR_LINK_TIMEOUT');
    expect(clock.pending).toBe(0);
  });
});

describe('the send gauge', () => {
  /** A line of `rate` bytes per ms behind a queue; a sender that always has more. Returns bytes moved in `ms`. */
  function transfer(rate: number, ms: number, timerStep = 1): { moved: number; longestQueue: number } {
    const clock = new VirtualClock();
    let queued = 0;
    let moved = 0;
    let longestQueue = 0;
    const fill = (): void => {
      do queued += 16_384;
      while (gauge.hasRoom());
      longestQueue = Math.max(longestQueue, queued);
    };
    const gauge = new SendGauge(() => queued, fill, clock);
    fill();
    for (let at = 0; at < ms; at += timerStep) {
      const step = Math.min(queued, rate * timerStep);
      queued -= step;
      moved += step;
      clock.advance(timerStep);
    }
    return { moved, longestQueue };
  }

  test('does not limit a fast line: 500 MB/s with the 4 ms timers of a browser', () => {
    expect(transfer(500_000, 1000, 4).moved).toBeGreaterThan(0.8 * 500_000 * 1000);
  });

  test('keeps little in front of a slow line', () => {
    const { moved, longestQueue } = transfer(100, 60_000); // 100 kB/s
    expect(moved).toBeGreaterThan(0.95 * 100 * 60_000);
    expect(longestQueue).toBeLessThan(300_000);
  });

  test('looks at once when asked, and not again after stop', () => {
    const clock = new VirtualClock();
    let queued = 10_000_000;
    const drain = vi.fn();
    const gauge = new SendGauge(() => queued, drain, clock);
    expect(gauge.hasRoom()).toBe(false);
    gauge.check();
    expect(drain).not.toHaveBeenCalled();
    queued = 0;
    gauge.check();
    expect(drain).toHaveBeenCalledOnce();
    queued = 10_000_000;
    gauge.hasRoom();
    gauge.stop();
    queued = 0;
    clock.advance(1000);
    expect(drain).toHaveBeenCalledOnce();
    expect(clock.pending).toBe(0);
  });
});

describe('WebSocket links in Node', () => {
  const opened: { close(): unknown }[] = [];
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
  });

  async function serve(): Promise<{ address: string; links: Link[] }> {
    const links: Link[] = [];
    const listener = await listenWebSocket({ host: '127.0.0.1', port: 0 }, (link) => links.push(link));
    opened.push(listener, { close: () => links.forEach((link) => void link.reset()) });
    return { address: listener.address, links };
  }

  test('the portable dialler reaches the Node server', async () => {
    const { address, links } = await serve();
    const link = await connectWebSocket(address, { WebSocket: WebSocket as never });
    const here = Recorder.start(link);
    while (links.length === 0) await pause(1);
    const there = Recorder.start(links[0]!);
    link.send(utf8('hello'));
    await there.until('hello', () => there.text === 'hello');
    there.link.close();
    await here.until('closed', () => here.isClosed);
    expect(here.closes).toEqual([undefined]);
  });

  test('the portable dialler names a refusal, keeps its cause, and obeys signals and deadlines', async () => {
    const options = { WebSocket: WebSocket as never };
    await expect(connectWebSocket('ws://127.0.0.1:1/', options)).rejects.toMatchObject({
      code: 'ERR_LINK_REFUSED',
      cause: { code: 'ECONNREFUSED' },
    });
    await expect(connectWebSocket('nonsense', options)).rejects.toMatchObject({ code: 'ERR_LINK_ADDRESS' });
    const { address } = await serve();
    const signal = AbortSignal.abort(new Error('no'));
    await expect(connectWebSocket(address, { ...options, signal })).rejects.toThrow('no');
    const controller = new AbortController();
    const dial = connectWebSocket(address, { ...options, signal: controller.signal });
    controller.abort(new Error('changed my mind'));
    await expect(dial).rejects.toThrow('changed my mind');
    const late = connectWebSocket(address, { ...options, timeout: 0 });
    await expect(late).rejects.toMatchObject({ code: 'ERR_LINK_TIMEOUT' });
  });

  test('a server that does not choose our subprotocol is refused', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => false });
    await new Promise((resolve) => server.on('listening', resolve));
    opened.push(server);
    const url = `ws://127.0.0.1:${(server.address() as { port: number }).port}/`;
    await expect(connectWs(url)).rejects.toMatchObject({ code: 'ERR_LINK_UPGRADE' });
  });

  test('a message above the limit, and a text message, end the link with a protocol error', async () => {
    for (const message of [new Uint8Array(MAX_MESSAGE + 1), 'text']) {
      const { address, links } = await serve();
      const stranger = new WebSocket(address, 'q2q.v1');
      await new Promise((resolve) => stranger.on('open', resolve));
      const server = Recorder.start(links[0]!);
      const code = new Promise((resolve) => stranger.on('close', resolve));
      stranger.send(message);
      await server.until('closed', () => server.isClosed);
      expect(server.closes[0]?.code).toBe('ERR_LINK_PROTOCOL');
      expect(await code).toBe(message === 'text' ? 1003 : 1009);
    }
  });

  test('the other end vanishing without a close is a reset', async () => {
    const { address, links } = await serve();
    const stranger = new WebSocket(address, 'q2q.v1');
    await new Promise((resolve) => stranger.on('open', resolve));
    const server = Recorder.start(links[0]!);
    stranger.terminate();
    await server.until('closed', () => server.isClosed);
    expect(server.closes[0]?.code).toBe('ERR_LINK_RESET');
    expect(server.ended).toBe(false);
  });

  test('a paused reader leaves the data in the kernel, not in our memory', async () => {
    const { address, links } = await serve();
    const here = Recorder.start(await connectWs(address));
    while (links.length === 0) await pause(1);
    const there = Recorder.start(links[0]!);
    there.link.pause();
    let sent = 0;
    while (sent < 64_000_000 && here.link.send(numbered(64_000))) {
      sent += 64_000;
      await pause(0);
    }
    await pause(100);
    expect(sent).toBeLessThan(64_000_000);
    expect(there.received).toBe(0);
  });
});
