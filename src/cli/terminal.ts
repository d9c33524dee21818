/** Progress of a transfer on stderr: one rewritten line on a terminal, a plain line a second elsewhere if asked for. */
import type { Output } from './output.ts';

const REDRAW_MS = 100;
const PLAIN_LINE_MS = 1_000;

export interface ProgressOptions {
  readonly label: string;
  /** Bytes expected, when known. */
  readonly total?: number;
  /** `--progress`: also where stderr is no terminal. */
  readonly always?: boolean;
  readonly now?: () => number;
}

export class Progress {
  readonly #out: Output;
  readonly #options: ProgressOptions;
  readonly #now: () => number;
  readonly #mode: 'live' | 'plain' | 'off';
  readonly #started: number;
  #bytes = 0;
  #drawn: number;
  #standing = false;

  constructor(out: Output, options: ProgressOptions) {
    this.#out = out;
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#started = this.#now();
    this.#drawn = this.#started;
    const isTerminal = (out.stderr as { isTTY?: boolean }).isTTY === true;
    this.#mode = out.options.quiet ? 'off' : isTerminal ? 'live' : options.always === true ? 'plain' : 'off';
    if (this.#mode === 'live') out.beforeTalk = () => this.#clear();
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#mode === 'off') return;
    const now = this.#now();
    if (now - this.#drawn < (this.#mode === 'live' ? REDRAW_MS : PLAIN_LINE_MS)) return;
    this.#drawn = now;
    this.#draw(now);
  }

  /** Leaves the last state standing as a line of its own. */
  finish(): void {
    if (this.#mode === 'off') return;
    this.#draw(this.#now());
    if (this.#mode === 'live') {
      this.#out.stderr.write('\n');
      this.#standing = false;
      this.#out.beforeTalk = undefined;
    }
  }

  #draw(now: number): void {
    const text = progressLine(this.#options.label, this.#bytes, this.#options.total, now - this.#started);
    if (this.#mode === 'plain') this.#out.stderr.write(`q2q: ${text}\n`);
    else {
      this.#out.stderr.write(`\r\u001b[K${text}`);
      this.#standing = true;
    }
  }

  #clear(): void {
    if (this.#standing) this.#out.stderr.write('\r\u001b[K');
    this.#standing = false;
  }
}

export function progressLine(
  label: string,
  bytes: number,
  total: number | undefined,
  elapsed: number,
): string {
  const rate = elapsed > 0 ? (bytes * 1000) / elapsed : 0;
  const parts = [label];
  if (total !== undefined && total > 0) parts.push(`${Math.floor((bytes / total) * 100)} %`.padStart(5));
  parts.push(formatBytes(bytes).padStart(10), `${formatBytes(rate)}/s`.padStart(12));
  if (total !== undefined && rate > 0 && bytes < total) {
    parts.push(`${Math.ceil((total - bytes) / rate)} s left`);
  }
  return parts.join('  ');
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]!}`;
}
