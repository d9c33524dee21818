// What is bundled into our files is somebody's work: their licences go along with it.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './lib.mjs';

/** Folders of the packages that bundles were made of, from the metafiles that esbuild wrote. */
export function packagesIn(metafiles) {
  const inputs = metafiles.flatMap((file) => Object.keys(JSON.parse(readFileSync(file, 'utf8')).inputs));
  const folders = inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []);
  return [...new Set(folders)].sort();
}

/** Their names, versions and licences as one text. Throws Error for a package that says nothing of its licence. */
export function licenseText(folders) {
  return folders.map(one).join(`\n${'-'.repeat(78)}\n\n`);
}

function one(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
  const file = readdirSync(join(root, folder)).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) throw new Error(`${name} ${version} is bundled, but brings no licence text`);
  return `${name} ${version} (${license})\n\n${readFileSync(join(root, folder, file), 'utf8').trim()}\n`;
}
