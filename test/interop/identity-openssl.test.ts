/** Our own vectors (docs/vectors.md) through `openssl verify`, one process per case. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatPem } from '../../src/identity/index.ts';
import { readSuite } from '../identity/vectors.ts';
import { haveOpenssl } from '../support/openssl.ts';
import type { VectorCase } from '../vectors/identity/format.ts';
import { type Judgement, summary, unnoted } from './support/vectorJudge.ts';

const suite = readSuite();
const folder = mkdtempSync(join(tmpdir(), 'q2q-vectors-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** As many processes at once. */
const ABREAST = 2;

const certificates = pems('CERTIFICATE', suite.certificates);
const crls = pems('X509 CRL', suite.crls);

function pems(label: string, values: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(values).map(([name, text]) => [name, formatPem(label, Buffer.from(text, 'base64'))]),
  );
}

describe.skipIf(!haveOpenssl())('OpenSSL', () => {
  const judgements: Judgement[] = [];

  beforeAll(async () => {
    const rest = suite.cases.filter(({ judges }) => judges.openssl !== null);
    const work = async (): Promise<void> => {
      for (let one = rest.pop(); one !== undefined; one = rest.pop()) judgements.push(await judge(one));
    };
    await Promise.all(Array.from({ length: ABREAST }, work));
  });

  test('says of every vector what is noted', () => {
    expect(unnoted('openssl', suite.cases, judgements)).toEqual([]);
    console.log(summary('openssl', suite.cases));
  });
});

let files = 0;

function file(names: readonly string[], from: ReadonlyMap<string, string> = certificates): string {
  const path = join(folder, `${files++}.pem`);
  writeFileSync(path, names.map((name) => from.get(name)).join(''));
  return path;
}

async function judge(one: VectorCase): Promise<Judgement> {
  const anchors = one.kind === 'key' ? [one.leaf] : one.anchors;
  // Without any file of anchors openssl would take those of the system.
  const args = ['verify', '-x509_strict', '-no-CApath', '-no-CAstore', '-partial_chain', '-auth_level', '2'];
  args.push(
    anchors.length === 0 ? '-no-CAfile' : '-CAfile',
    ...(anchors.length === 0 ? [] : [file(anchors)]),
  );
  if (one.kind === 'key') args.push('-check_ss_sig');
  if (one.intermediates.length > 0) args.push('-untrusted', file(one.intermediates));
  // Lists of every CA of the chain are asked for, then.
  if (one.crls !== undefined) args.push('-crl_check_all', '-CRLfile', file(one.crls, crls));
  args.push('-purpose', one.role === 'server' ? 'sslserver' : 'sslclient');
  args.push('-attime', String(Date.parse(one.time) / 1000), ...nameOptions(one), file([one.leaf]));
  const { ok, said } = await run(args);
  return { id: one.id, result: ok ? 'SUCCESS' : 'FAILURE', context: said };
}

function nameOptions({ expected = {} }: VectorCase): string[] {
  const { dns, ip, name, domain } = expected;
  if (name !== undefined) return ['-verify_email', name];
  if (ip !== undefined) return ['-verify_ip', ip];
  const host = dns ?? domain;
  return host === undefined ? [] : ['-verify_hostname', host];
}

function run(args: readonly string[]): Promise<{ ok: boolean; said: string }> {
  return new Promise((resolve) =>
    execFile('openssl', args, (error, stdout, stderr) =>
      resolve({
        ok: error === null,
        said: /error \d+ .*|.*(?:unable|could not).*/i.exec(`${stdout}${stderr}`)?.[0] ?? '',
      }),
    ),
  );
}
