/** Parsers of option values. They throw usage errors, before anything is tried. */
import { isIP } from 'node:net';
import { usage } from './errors.ts';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** `host:port`, `[::1]:port`, and with a default host also `port` or `:port`. */
export function parseHostPort(text: string, what: string, defaultHost?: string, lowest = 1): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$/.exec(text) ?? /^()()(\d+)$/.exec(text);
  const host = match?.[1] || match?.[2] || defaultHost;
  const port = Number(match?.[3]);
  if (match === null || host === undefined || !(port >= lowest && port <= 65_535)) {
    const wanted = defaultHost === undefined ? 'HOST:PORT' : '[HOST:]PORT';
    throw usage(`${what} is "${text}", wanted ${wanted}`);
  }
  if (match[1] !== undefined && match[1] !== '' && isIP(match[1]) !== 6) {
    throw usage(`${what} is "${text}": only an IPv6 address goes in brackets`);
  }
  return { host, port };
}

export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** `30s`, `10m`, `1h`, `7d` in milliseconds. */
export function parseDuration(text: string, what: string, least = 1): number {
  const match = /^(\d{1,6})(s|m|h|d)$/.exec(text);
  const value = Number(match?.[1]) * (SECONDS[match?.[2] ?? ''] ?? Number.NaN) * 1000;
  if (!(value >= least))
    throw usage(`${what} is "${text}", wanted a length of time such as 30s, 10m, 1h or 7d`);
  return value;
}

/** For how long something that was lost is waited for; `0s`: not at all. */
export function parseOutlive(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDuration(text, '--outlive', 0);
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** A day, or a moment with its zone, in milliseconds since the epoch. */
export function parseInstant(text: string, what: string): number {
  const isForm = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d))?$/.test(text);
  const time = isForm ? Date.parse(text) : Number.NaN;
  if (!Number.isFinite(time)) throw usage(`${what} is "${text}", wanted 2026-11-28 or 2026-11-28T12:00:00Z`);
  return time;
}

/** `a,b,c` → its parts, none empty. */
export function parseList(text: string, what: string): readonly string[] {
  const parts = text.split(',').map((part) => part.trim());
  if (parts.some((part) => part === ''))
    throw usage(`${what} is "${text}", wanted names with commas between`);
  return parts;
}

/** Where a relay is reached. */
export function parseRelayUrl(text: string, what: string): string {
  if (/^(wss?|tcp):\/\/./.test(text) && URL.canParse(text)) return text;
  throw usage(`${what} is "${text}", wanted ws://, wss:// or tcp://`);
}

/** A whole number from 1 on. */
export function parseCount(text: string, what: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw usage(`${what} is "${text}", wanted a whole number from 1 on`);
  return Number(text);
}

/** Like `parseList`, each part one of `known`. */
export function parseNames<T extends string>(text: string, what: string, known: readonly T[]): readonly T[] {
  return parseList(text, what).map((name) => {
    const found = known.find((candidate) => candidate.toLowerCase() === name.toLowerCase());
    if (found === undefined) throw usage(`${what} has "${name}"`, `known: ${known.join(', ')}`);
    return found;
  });
}
