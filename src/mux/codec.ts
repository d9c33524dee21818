/**
 * The parser: bytes in any portions, frames out, one at a time as they are asked for.
 *
 * The header is read by a machine that can stop behind any byte and goes straight on while bytes are there, so there is no
 * second path for headers that span chunks.
 * DATA payloads are handed on piece by piece as views of the chunks they came in, never joined; control bodies are
 * collected (at most 4 KiB, datagrams at most what was announced; the length field is checked before anything is kept).
 *
 *     magic → version → nonce → ┌→ type → channel → length ─┬→ payload (DATA) ─┐
 *     (byte links only)         │                           └→ body (control) ─┤
 *                               └──────────────────────────────────────────────┘
 */
import { EMPTY } from '../base/bytes.ts';
import { ChunkQueue } from '../base/chunks.ts';
import { varintSize } from '../base/varint.ts';
import { MuxError } from './errors.ts';
import { EOM, FIN, KIND_MASK, KINDS, Kind, MAGIC, NOLEN, NONCE_LENGTH, VERSION } from './frame.ts';
import { MAX_CONTROL_BODY } from './limits.ts';

/**
 * `head`: a DATA header is complete (`channel`, `length`, `fin`, `eom`), pieces follow until `left` is 0. `piece`: payload in
 * `bytes`. `frame`: a control frame with its whole body in `bytes`. `preface`: the nonce is in `bytes`.
 */
export type Step = 'more' | 'preface' | 'head' | 'piece' | 'frame';

type State = 'magic' | 'version' | 'nonce' | 'type' | 'channel' | 'length' | 'payload' | 'body';

export class FrameParser {
  kind = 0;
  fin = false;
  /** The frame ends a message. */
  eom = false;
  channel = 0;
  length = 0;
  /** Payload bytes of the current frame that have not come. */
  left = 0;
  bytes: Uint8Array = EMPTY;

  #messages: boolean;
  readonly #maxFrame: number;
  readonly #maxDatagram: number;
  readonly #queue = new ChunkQueue();
  #chunk: Uint8Array = EMPTY;
  #at = 0;
  #state: State;
  #noLength = false;
  #varint = 0; // bytes of the current varint still missing
  #value = 0;
  #collected: Uint8Array | undefined;
  #filled = 0;
  #before = 0; // bytes of the stream in chunks that are done

  constructor(messages: boolean, maxFrame: number, maxDatagram: number = MAX_CONTROL_BODY) {
    this.#messages = messages;
    this.#maxFrame = maxFrame;
    this.#maxDatagram = maxDatagram;
    this.#state = messages ? 'type' : 'magic';
  }

  push(chunk: Uint8Array): void {
    this.#queue.push(chunk);
  }

  /** What was pushed and not parsed. Between frames only; the parser must not be used afterwards. */
  rest(): Uint8Array[] {
    const chunks = this.#at < this.#chunk.length ? [this.#chunk.subarray(this.#at)] : [];
    while (this.#queue.length > 0) chunks.push(this.#queue.shift());
    return chunks;
  }

  /** Bytes of frames that were parsed, the preface apart. */
  get position(): number {
    return this.#before + this.#at;
  }

  /** Position behind all that was pushed, parsed or not. */
  get end(): number {
    return this.#before + this.#chunk.length + this.#queue.length;
  }

  /** Frames may span messages from here on. */
  joinMessages(): void {
    this.#messages = false;
  }

  /** True between frames: an end of the link here cuts nothing. */
  get atBoundary(): boolean {
    return this.#state === 'type' && this.#at === this.#chunk.length && this.#queue.length === 0;
  }

  /** The next step. Throws MuxError on bytes that are no frame; the parser must not be used afterwards. */
  next(): Step {
    if (this.#state === 'payload' && this.left === 0) this.#state = 'type';
    for (;;) {
      if (this.#at === this.#chunk.length && !this.#nextChunk()) return 'more';
      const step = this.#step();
      if (step !== undefined) return step;
    }
  }

  #nextChunk(): boolean {
    if (this.#queue.length === 0) {
      if (this.#chunk !== EMPTY) this.#endChunk();
      return false;
    }
    if (this.#chunk !== EMPTY) this.#endChunk();
    this.#chunk = this.#queue.shift();
    return true;
  }

  /** On a message link a chunk is a message, and frames never span messages. */
  #endChunk(): void {
    if (this.#messages && this.#state !== 'type') throw protocol('message ends inside a frame');
    this.#before += this.#chunk.length;
    this.#chunk = EMPTY;
    this.#at = 0;
  }

  /** Consumes at least one byte of the current chunk; undefined when it needs more. */
  #step(): Step | undefined {
    switch (this.#state) {
      case 'magic':
        return this.#magic();
      case 'version':
        return this.#version();
      case 'nonce':
        return this.#nonce();
      case 'type':
        return this.#type();
      case 'channel':
        return this.#channel();
      case 'length':
        return this.#lengthField();
      case 'payload':
        return this.#payload();
      case 'body':
        return this.#body();
    }
  }

  #magic(): undefined {
    const byte = this.#chunk[this.#at++]!;
    if (byte !== MAGIC[this.#filled]) throw notOurs(byte, this.#filled);
    if (++this.#filled === MAGIC.length) this.#state = 'version';
  }

  #version(): undefined {
    const version = this.#chunk[this.#at++]!;
    if (version !== VERSION)
      throw new MuxError(
        'ERR_MUX_VERSION',
        `peer speaks version ${version} of the protocol, wanted ${VERSION}`,
      );
    this.#state = 'nonce';
  }

  #nonce(): Step | undefined {
    if (!this.#collect(NONCE_LENGTH)) return undefined;
    this.#state = 'type';
    this.#before = -this.#at;
    return 'preface';
  }

  #type(): Step | undefined {
    const type = this.#chunk[this.#at++]!;
    this.kind = type & KIND_MASK;
    this.fin = (type & FIN) !== 0;
    this.eom = (type & EOM) !== 0;
    this.#noLength = (type & NOLEN) !== 0;
    if (KINDS[this.kind] === undefined) throw protocol(`unknown frame kind ${this.kind}`);
    if ((this.fin || this.eom) && this.kind !== Kind.data)
      throw protocol('FIN or EOM on a frame that is not DATA');
    if (this.#noLength && !this.#messages) throw protocol('frame without length on a byte link');
    this.#state = 'channel';
    return this.#channel();
  }

  #channel(): Step | undefined {
    if (!this.#readVarint()) return undefined;
    this.channel = this.#value;
    const rule = KINDS[this.kind]!;
    if (rule.on !== 'either' && (this.channel === 0) !== (rule.on === 'link'))
      throw protocol(`${rule.name} frame on channel ${this.channel}`);
    if (this.#noLength) return this.#begin(this.#chunk.length - this.#at);
    this.#state = 'length';
    return this.#lengthField();
  }

  #lengthField(): Step | undefined {
    return this.#readVarint() ? this.#begin(this.#value) : undefined;
  }

  /** The header is complete: checks the size before any of the payload is kept. */
  #begin(length: number): Step | undefined {
    this.length = this.left = length;
    if (this.kind === Kind.data) {
      if (length > this.#maxFrame)
        throw protocol(`data frame of ${length} bytes, at most ${this.#maxFrame} were announced`);
      this.#state = 'payload';
      return 'head';
    }
    const most = this.kind === Kind.datagram ? this.#maxDatagram : MAX_CONTROL_BODY;
    if (length > most)
      throw protocol(`${KINDS[this.kind]!.name} frame of ${length} bytes, at most ${most} are allowed`);
    this.#state = 'body';
    return this.#body();
  }

  #payload(): Step {
    const end = Math.min(this.#at + this.left, this.#chunk.length);
    this.bytes = this.#chunk.subarray(this.#at, end);
    this.left -= end - this.#at;
    this.#at = end;
    return 'piece';
  }

  #body(): Step | undefined {
    if (this.length === 0) this.bytes = EMPTY;
    else if (this.#at === this.#chunk.length || !this.#collect(this.length)) return undefined;
    this.#state = 'type';
    return 'frame';
  }

  /** Gathers `count` bytes into `bytes`: a view when they lie in one chunk. */
  #collect(count: number): boolean {
    const available = this.#chunk.length - this.#at;
    if (this.#collected === undefined && available >= count) {
      this.bytes = this.#chunk.subarray(this.#at, this.#at + count);
      this.#at += count;
      return true;
    }
    if (this.#collected === undefined) {
      this.#collected = new Uint8Array(count);
      this.#filled = 0;
    }
    const part = this.#chunk.subarray(this.#at, this.#at + count - this.#filled);
    this.#collected.set(part, this.#filled);
    this.#at += part.length;
    this.#filled += part.length;
    if (this.#filled < count) return false;
    this.bytes = this.#collected;
    this.#collected = undefined;
    return true;
  }

  /** Takes what is there of a varint; true when `#value` is complete. */
  #readVarint(): boolean {
    const chunk = this.#chunk;
    while (this.#at < chunk.length) {
      const byte = chunk[this.#at++]!;
      if (this.#varint === 0) {
        const size = varintSize(byte);
        if (size === 8) throw protocol('channel or length in the 8-byte form');
        this.#value = byte & 0x3f;
        this.#varint = size - 1;
      } else {
        this.#value = this.#value * 256 + byte;
        this.#varint--;
      }
      if (this.#varint === 0) return true;
    }
    return false;
  }
}

function protocol(message: string): MuxError {
  return new MuxError('ERR_MUX_PROTOCOL', message);
}

/** What people connect by mistake, told by its first byte. */
function notOurs(byte: number, index: number): MuxError {
  const hint =
    index > 0
      ? undefined
      : byte === 0x16
        ? 'the other end starts a TLS handshake; this link carries the plain multiplexer'
        : byte === 0x48 || byte === 0x47 || byte === 0x50
          ? 'the other end speaks HTTP; for a WebSocket use a ws:// address'
          : byte === 0x53
            ? 'the other end speaks SSH'
            : undefined;
  const got = `0x${byte.toString(16).padStart(2, '0')}`;
  return new MuxError('ERR_MUX_PREFACE', `got ${got} as byte ${index} of the preface, wanted 'Q2QM'`, {
    hint,
  });
}
