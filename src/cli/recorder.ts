/**
 * `q2q relay --record DIR`: every byte that passes between peers, as the relay sees it. For each path two files,
 * `path-1.to-listener.bin` and `path-1.to-caller.bin`, and one line in `paths.jsonl` when it ends. A tool for showing and
 * checking what a relay learns; nobody needs it to run one.
 */
import { closeSync, existsSync, mkdirSync, openSync, writevSync } from 'node:fs';
import { join } from 'node:path';
import type { RecordPath } from '../relay/paths.ts';
import { appendLine, checkAppendable } from './files.ts';

/** Gathered before a write: the relay's loop stands still while it lasts. */
const GATHER = 1_048_576;

export interface Recorder {
  readonly record: RecordPath;
  /** Writes what is still gathered: paths may be open when the relay stops. */
  readonly close: () => void;
}

export function recordTo(folder: string): Recorder {
  checkAppendable('record folder', join(folder, existsSync(folder) ? 'paths.jsonl' : ''));
  const open = new Set<() => void>();
  const record: RecordPath = ({ id, from, to }) => {
    mkdirSync(folder, { recursive: true, mode: 0o700 }); // with the first path: a relay that fails to start makes nothing
    const opened = new Date().toISOString();
    const toListener = new Tape(join(folder, `path-${id}.to-listener.bin`));
    const toCaller = new Tape(join(folder, `path-${id}.to-caller.bin`));
    const close = (): void => {
      if (!open.delete(close)) return;
      toListener.close();
      toCaller.close();
      const bytes = { toListener: toListener.bytes, toCaller: toCaller.bytes };
      const line = { path: id, from, to, opened, closed: new Date().toISOString(), bytes };
      appendLine('record', join(folder, 'paths.jsonl'), JSON.stringify(line));
    };
    open.add(close);
    return {
      toListener: (chunk) => toListener.add(chunk),
      toCaller: (chunk) => toCaller.add(chunk),
      closed: close,
    };
  };
  return {
    record,
    close: () => {
      for (const close of open) close();
    },
  };
}

/** One direction's file. Copies what it gathers: the chunks are the relay's. */
class Tape {
  readonly #file: number;
  #closed = false;
  #gathered: Uint8Array[] = [];
  #size = 0;
  #bytes = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'w', 0o600);
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(chunk: Uint8Array): void {
    if (this.#closed) return;
    this.#gathered.push(chunk.slice());
    this.#size += chunk.length;
    this.#bytes += chunk.length;
    if (this.#size >= GATHER) this.#write();
  }

  close(): void {
    this.#write();
    this.#closed = true;
    closeSync(this.#file);
  }

  #write(): void {
    if (this.#size > 0) writevSync(this.#file, this.#gathered);
    this.#gathered = [];
    this.#size = 0;
  }
}
