/**
 * The talk of this example, in a page and in Node alike. Lines of UTF-8, so that `q2q dial` in a terminal can join in; a
 * line that begins with 0x01 is ours:
 *
 *     0x01 file <size> <name>      and then exactly <size> bytes
 *     0x01 got <SHA-256 in hex>    the receipt for them
 */
import type { CryptoProvider, Link } from '../../src/index.ts';

export const PROTOCOL = 'chat/1';

/** Longest line, in bytes: what a person types, and an end to what a broken peer can make us keep. */
const MAX_LINE = 8_192;
/** Largest file: it is held in memory until it is whole. */
export const MAX_FILE: number = 64 * 1024 * 1024;
/** Read at once: each read of a file is a question to another process of the browser. */
const SLICE = 1_048_576;
const NEWLINE = 10;
const COMMAND = '\u0001';

export interface ReceivedFile {
  readonly name: string;
  readonly bytes: Blob;
  /** SHA-256, hexadecimal. */
  readonly hash: string;
}

export interface ChatHandler {
  line(text: string): void;
  file(file: ReceivedFile): void;
  /** Nothing more comes: an ordinary end when there is no error. */
  closed(error: Error | undefined): void;
}

interface IncomingFile {
  readonly name: string;
  readonly size: number;
  readonly parts: Uint8Array<ArrayBuffer>[];
  readonly hash: ReturnType<CryptoProvider['hash']>;
  missing: number;
}

interface Receipt {
  readonly hash: string;
  readonly resolve: (hash: string) => void;
  readonly reject: (error: Error) => void;
}

export class Chat {
  readonly #channel: Link;
  readonly #provider: CryptoProvider;
  readonly #handler: ChatHandler;
  #line: Uint8Array[] = [];
  #lineLength = 0;
  #incoming: IncomingFile | undefined;
  #receipts: Receipt[] = [];
  #room: (() => void) | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #failure: Error | undefined;
  #isOver = false;

  constructor(channel: Link, provider: CryptoProvider, handler: ChatHandler) {
    this.#channel = channel;
    this.#provider = provider;
    this.#handler = handler;
    channel.start({
      data: (chunk) => this.#guarded(chunk),
      drain: () => this.#makeRoom(),
      end: () => channel.closeWrite(),
      closed: (error) => this.#closed(this.#failure ?? error),
    });
  }

  /** Sends one line, after whatever is on its way. */
  say(text: string): Promise<void> {
    const line = encode(`${text.replaceAll(/\p{Cc}/gu, ' ')}\n`);
    if (line.length > MAX_LINE) throw new RangeError(`line of ${line.length} bytes, limit ${MAX_LINE}`);
    return this.#next(() => this.#send(line));
  }

  /** Resolves to the file's hash when the other end says that it got the same; rejects when it got another. */
  async sendFile(name: string, content: Blob): Promise<string> {
    if (content.size > MAX_FILE) throw new RangeError(`file of ${content.size} bytes, limit ${MAX_FILE}`);
    const receipt = await this.#next(async () => {
      const hash = this.#provider.hash('sha256');
      await this.#send(encode(`${COMMAND}file ${content.size} ${plain(name)}\n`));
      for (let at = 0; at < content.size; at += SLICE) {
        const slice = new Uint8Array(await content.slice(at, at + SLICE).arrayBuffer());
        hash.update(slice);
        await this.#send(slice);
      }
      return { answer: this.#receipt(hex(hash.digest())) };
    });
    return receipt.answer;
  }

  /** Says that nothing more follows; the other end does the same. */
  end(): void {
    this.#next(async () => this.#channel.closeWrite()).catch(() => {});
  }

  /** Runs `action` when everything before it was sent: a line must not land inside a file. */
  #next<T>(action: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(action);
    this.#turn = done.catch(() => {});
    return done;
  }

  async #send(bytes: Uint8Array): Promise<void> {
    if (this.#isOver) throw new Error('the conversation is over');
    if (this.#channel.send(bytes)) return;
    await new Promise<void>((resolve) => {
      this.#room = resolve;
    });
  }

  #makeRoom(): void {
    this.#room?.();
    this.#room = undefined;
  }

  #receipt(hash: string): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#isOver) reject(new Error('the conversation ended before the receipt'));
      else this.#receipts.push({ hash, resolve, reject });
    });
  }

  /** A handler of a link must not throw: what the peer sent wrong ends the channel. */
  #guarded(chunk: Uint8Array): void {
    try {
      this.#take(chunk);
    } catch (error) {
      this.#failure = error as Error;
      this.#channel.reset(1);
    }
  }

  #take(chunk: Uint8Array): void {
    for (let rest = chunk; rest.length > 0 && this.#failure === undefined; ) {
      rest = this.#incoming === undefined ? this.#takeLine(rest) : this.#takeFile(this.#incoming, rest);
    }
  }

  #takeLine(bytes: Uint8Array): Uint8Array {
    const end = bytes.indexOf(NEWLINE);
    const part = end < 0 ? bytes : bytes.subarray(0, end);
    this.#lineLength += part.length;
    if (this.#lineLength > MAX_LINE) throw new Error(`peer sent a line longer than ${MAX_LINE} bytes`);
    this.#line.push(part);
    if (end < 0) return bytes.subarray(bytes.length);
    const text = decode(this.#line);
    this.#line = [];
    this.#lineLength = 0;
    if (text.startsWith(COMMAND)) this.#command(text.slice(1));
    else this.#handler.line(text);
    return bytes.subarray(end + 1);
  }

  #command(text: string): void {
    const file = /^file (\d{1,9}) (.{0,255})$/u.exec(text);
    const receipt = /^got ([0-9a-f]{64})$/.exec(text);
    if (file !== null) this.#begin(Number(file[1]), file[2]!);
    else if (receipt !== null) this.#compare(receipt[1]!);
    else throw new Error('peer sent a command that this chat does not know');
  }

  #compare(got: string): void {
    const sent = this.#receipts.shift();
    if (sent === undefined) throw new Error('peer sent a receipt for nothing');
    if (sent.hash === got) sent.resolve(got);
    else sent.reject(new Error(`the other end got ${got}, we sent ${sent.hash}`));
  }

  #begin(size: number, name: string): void {
    if (size > MAX_FILE) throw new Error(`peer wants to send ${size} bytes, limit ${MAX_FILE}`);
    const hash = this.#provider.hash('sha256');
    this.#incoming = { name: plain(name), size, missing: size, parts: [], hash };
    if (size === 0) this.#complete(this.#incoming);
  }

  #takeFile(file: IncomingFile, bytes: Uint8Array): Uint8Array {
    const part = bytes.slice(0, file.missing); // a copy: the chunk may be a small view of a large buffer
    file.parts.push(part);
    file.hash.update(part);
    file.missing -= part.length;
    if (file.missing === 0) this.#complete(file);
    return bytes.subarray(part.length);
  }

  #complete({ name, parts, hash }: IncomingFile): void {
    this.#incoming = undefined;
    const got = hex(hash.digest());
    this.#next(() => this.#send(encode(`${COMMAND}got ${got}\n`))).catch(() => {});
    this.#handler.file({ name, bytes: new Blob(parts), hash: got });
  }

  #closed(error: Error | undefined): void {
    this.#isOver = true;
    const reason = error ?? new Error('the conversation ended before the receipt');
    for (const receipt of this.#receipts.splice(0)) receipt.reject(reason);
    this.#makeRoom();
    this.#handler.closed(error);
  }
}

/** File names come from elsewhere: no paths, no control characters, not longer than a line may be. */
function plain(name: string): string {
  return (
    [...(name.split(/[/\\]/).pop() ?? '').replaceAll(/[\p{Cc}\p{Cf}]/gu, '')].slice(0, 100).join('') ||
    'unnamed'
  );
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Anything that is not UTF-8 shows as U+FFFD: a terminal may send what it likes. */
function decode(parts: readonly Uint8Array[]): string {
  const decoder = new TextDecoder();
  return parts.map((part) => decoder.decode(part, { stream: true })).join('') + decoder.decode();
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
