/** The floors of ARCHITECTURE.md, held: who may import whom, and which files may touch Node. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const src = resolve(import.meta.dirname, '../src');

/** Height of each room. Rooms of one height are siblings and never import each other. */
const FLOORS: Readonly<Record<string, number>> = {
  base: 0,
  crypto: 1,
  identity: 2,
  tls: 3,
  mux: 3,
  transport: 3,
  peer: 4,
  relay: 5,
  cli: 6,
};

/** Packages a portable file may name. */
const PORTABLE_PACKAGES = /^(@noble\/(ciphers|curves|hashes)\/|msgpackr\/unpack$)/;

/** An optional peer dependency: one entry is made for it, and whoever does not import that entry needs no such package. */
const OPTIONAL = { file: 'crypto/mlkem.ts', package: /^@noble\/post-quantum\// };

interface Import {
  readonly file: string;
  readonly specifier: string;
}

const files = walk(src).filter((file) => file.endsWith('.ts'));
const imports: Import[] = files.flatMap((file) =>
  [
    ...readFileSync(file, 'utf8').matchAll(
      /(?:^|\n)\s*(?:import|export)\b[^'"]*?\bfrom\s+'([^']+)'|import\('([^']+)'\)/g,
    ),
  ].map((match) => ({ file: relative(src, file), specifier: (match[1] ?? match[2])! })),
);

describe('floors', () => {
  it('finds the rooms it guards', () => {
    expect(imports.length).toBeGreaterThan(100);
    const rooms = new Set(
      files.map((file) => relative(src, file).split('/')[0]!).filter((name) => !name.endsWith('.ts')),
    );
    expect([...rooms].filter((room) => FLOORS[room] === undefined)).toEqual([]);
  });

  it('lets a file import its own room and lower floors only', () => {
    const offences = imports.filter(({ file, specifier }) => {
      if (!specifier.startsWith('.')) return false;
      const from = room(file);
      const to = room(relative(src, resolve(src, dirname(file), specifier)));
      if (from === undefined || to === undefined || from === to)
        return from !== undefined && to === undefined;
      return FLOORS[to]! >= FLOORS[from]!;
    });
    expect(offences).toEqual([]);
  });

  it('needs nothing but noble to say who is at the other end', () => {
    const reached = new Set(files.map((file) => relative(src, file)).filter(isIdentity));
    for (const file of reached)
      for (const { specifier } of imports.filter((one) => one.file === file && one.specifier.startsWith('.')))
        reached.add(relative(src, resolve(src, dirname(file), specifier)));
    expect(reached).toContain('crypto/spki.ts');
    const foreign = imports.filter(
      ({ file, specifier }) =>
        reached.has(file) && !specifier.startsWith('.') && !specifier.startsWith('@noble/'),
    );
    expect(foreign).toEqual([]);
  });

  it('keeps Node out of every portable file', () => {
    const offences = imports.filter(
      ({ file, specifier }) =>
        isPortable(file) &&
        !specifier.startsWith('.') &&
        specifier !== '#provider' &&
        !PORTABLE_PACKAGES.test(specifier) &&
        !(file === OPTIONAL.file && OPTIONAL.package.test(specifier)),
    );
    expect(offences).toEqual([]);
  });

  it('lets no file but its own entry need the optional package', () => {
    const offences = imports.filter(
      ({ file, specifier }) =>
        resolve(src, dirname(file), specifier) === resolve(src, OPTIONAL.file) ||
        (file !== OPTIONAL.file && specifier.startsWith('@noble/post-quantum')),
    );
    expect(offences).toEqual([]);
  });

  it('lets no portable file import a Node one', () => {
    const offences = imports.filter(
      ({ file, specifier }) => isPortable(file) && specifier.startsWith('.') && !isPortable(specifier),
    );
    expect(offences).toEqual([]);
  });

  it('hands the default provider in only at the entries', () => {
    const entries = new Set(['index.ts', 'node.ts']);
    const offences = imports.filter(
      ({ file, specifier }) => specifier === '#provider' && !entries.has(file) && !file.startsWith('cli/'),
    );
    expect(offences).toEqual([]);
  });

  it('keeps time, randomness and promises out of both engines', () => {
    const forbidden =
      /\b(Date\.now|performance\.now|Math\.random|getRandomValues|setTimeout|queueMicrotask|async |await )/;
    const offences = files
      .map((file) => relative(src, file))
      .filter((file) => /^(tls|mux)\//.test(file))
      .filter((file) => forbidden.test(withoutComments(readFileSync(join(src, file), 'utf8'))));
    expect(offences).toEqual([]);
  });
});

function room(file: string): string | undefined {
  const first = file.split('/')[0]!;
  return first in FLOORS ? first : undefined;
}

function isIdentity(file: string): boolean {
  return room(file) === 'identity' && isPortable(file);
}

function isPortable(file: string): boolean {
  return !file.endsWith('.node.ts') && !/(^|\/)node\.ts$/.test(file) && !file.startsWith('cli/');
}

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '');
}

function walk(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? walk(path) : [path];
  });
}
