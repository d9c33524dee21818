/** A suite of vectors through `openssl verify`, one process per case. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatPem } from '../../../src/identity/index.ts';
import type { VectorCase, VectorSuite } from '../../vectors/identity/format.ts';
import type { Judgement } from './vectorJudge.ts';

/** As many processes at once. */
const ABREAST = 2;

export class OpensslJudge {
  readonly #folder: string;
  readonly #cases: readonly VectorCase[];
  readonly #certificates: ReadonlyMap<string, string>;
  readonly #crls: ReadonlyMap<string, string>;
  #files = 0;

  /** Writes PEM files into `folder`, which is the caller's to remove. */
  constructor(suite: VectorSuite, folder: string) {
    this.#folder = folder;
    this.#cases = suite.cases.filter(({ judges }) => judges.openssl !== null);
    this.#certificates = pems('CERTIFICATE', suite.certificates);
    this.#crls = pems('X509 CRL', suite.crls);
  }

  async all(): Promise<readonly Judgement[]> {
    const judgements: Judgement[] = [];
    const rest = [...this.#cases];
    const work = async (): Promise<void> => {
      for (let one = rest.pop(); one !== undefined; one = rest.pop()) judgements.push(await this.#judge(one));
    };
    await Promise.all(Array.from({ length: ABREAST }, work));
    return judgements;
  }

  async #judge(one: VectorCase): Promise<Judgement> {
    const anchors = one.kind === 'key' ? [one.leaf] : one.anchors;
    const args = [
      'verify',
      '-x509_strict',
      '-no-CApath',
      '-no-CAstore',
      '-partial_chain',
      '-auth_level',
      '2',
    ];
    // Without any file of anchors openssl would take those of the system.
    if (anchors.length === 0) args.push('-no-CAfile');
    else args.push('-CAfile', this.#file(anchors, this.#certificates));
    if (one.kind === 'key') args.push('-check_ss_sig');
    if (one.intermediates.length > 0)
      args.push('-untrusted', this.#file(one.intermediates, this.#certificates));
    // Lists of every CA of the chain are asked for, then.
    if (one.crls !== undefined) args.push('-crl_check_all', '-CRLfile', this.#file(one.crls, this.#crls));
    args.push('-purpose', one.role === 'server' ? 'sslserver' : 'sslclient');
    args.push('-attime', String(Date.parse(one.time) / 1000), ...nameOptions(one));
    const { ok, said } = await run([...args, this.#file([one.leaf], this.#certificates)]);
    return { id: one.id, result: ok ? 'SUCCESS' : 'FAILURE', context: said };
  }

  #file(names: readonly string[], from: ReadonlyMap<string, string>): string {
    const path = join(this.#folder, `${this.#files++}.pem`);
    writeFileSync(path, names.map((name) => from.get(name)).join(''));
    return path;
  }
}

function pems(label: string, values: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(values).map(([name, text]) => [name, formatPem(label, Buffer.from(text, 'base64'))]),
  );
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
