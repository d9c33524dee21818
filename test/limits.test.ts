/** `docs/limits.md` is made from the rooms' `limits.ts`; `npx vitest run test/limits.test.ts -u` writes it anew. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import * as crypto from '../src/crypto/limits.ts';
import * as identity from '../src/identity/limits.ts';
import * as mux from '../src/mux/limits.ts';
import * as peer from '../src/peer/limits.ts';
import * as relay from '../src/relay/limits.ts';
import * as tls from '../src/tls/limits.ts';
import * as transport from '../src/transport/limits.ts';

const ROOMS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  transport,
  mux,
  tls,
  crypto,
  identity,
  peer,
  relay,
};

const HEAD = `# Limits

Every number that bounds what a peer, a link or a caller can make q2q hold, do or wait for. Bytes and milliseconds
unless the reason says otherwise. This page is made from the \`limits.ts\` of each room.
`;

it('documents every limit with its value and its reason', async () => {
  const rooms = Object.entries(ROOMS).map(([room, values]) => section(room, values));
  await expect(`${HEAD}\n${rooms.join('\n')}`).toMatchFileSnapshot('../docs/limits.md');
});

function section(room: string, values: Readonly<Record<string, unknown>>): string {
  const source = readFileSync(resolve(import.meta.dirname, `../src/${room}/limits.ts`), 'utf8');
  const rows = Object.entries(values).flatMap(([name, value]) => rowsOf(source, name, value));
  return [`## ${room}`, '', head(source), '', '| limit | value | why |', '|---|--:|---|', ...rows, ''].join(
    '\n',
  );
}

function rowsOf(source: string, name: string, value: unknown): string[] {
  if (typeof value === 'number') return [row(name, value, reason(source, `export const ${name}`))];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).map(([field, number]) => {
    const own = reason(source, `readonly ${field}:`);
    return row(
      `${name}.${field}`,
      number as number,
      own === '' ? reason(source, `export const ${name}`) : own,
    );
  });
}

function row(name: string, value: number, why: string): string {
  expect(why, `${name} needs its reason`).not.toBe('');
  return `| \`${name}\` | ${value.toLocaleString('en-US')} | ${why} |`;
}

/** The doc comment above a declaration, or above the undocumented one before it: two bounds may share a reason. */
function reason(source: string, declaration: string): string {
  const lines = source.split('\n');
  let at = lines.findIndex((line) => line.trim().startsWith(declaration)) - 1;
  while (at > 0 && /^\s*(export const|readonly) .*;$/.test(lines[at]!)) at--;
  if (at < 0 || !lines[at]!.trim().endsWith('*/')) return '';
  const end = at;
  while (!lines[at]!.trim().startsWith('/**')) at--;
  return text(lines.slice(at, end + 1));
}

function head(source: string): string {
  return text(source.slice(0, source.indexOf('*/') + 2).split('\n'));
}

function text(comment: readonly string[]): string {
  return comment
    .map((line) =>
      line
        .replace(/^\s*\/?\*{1,2}\/?/, '')
        .replace(/\*\/\s*$/, '')
        .trim(),
    )
    .filter((line) => line !== '')
    .join(' ')
    .replaceAll('|', '\\|');
}
