/** `q2q domain bundle`: what the domain tells everybody: its roots, and what it has withdrawn; signed and numbered. */
import type { Command } from 'commander';
import { fromBase64 } from '../../base/base64.ts';
import { type DomainBundle, groupPeerId, parseBundle, peerId } from '../../identity/index.ts';
import type { Context, Run } from '../context.ts';
import { addKeyOptions, askDomain, type DomainKeyOptions } from '../domainFolder.ts';
import { checkNew, writeNew } from '../files.ts';
import { addExamples } from '../help.ts';
import { wordsOf } from '../words.ts';

interface BundleOptions extends DomainKeyOptions {
  readonly out?: string;
  readonly json?: boolean;
}

export function addDomainBundle(domain: Command, run: Run): void {
  const bundle = domain
    .command('bundle')
    .description('show the signed, numbered bundle that peers get: roots, and what is withdrawn');
  addKeyOptions(bundle)
    .option('--out <file>', 'write it to a new file, DER, to hand it around')
    .option('--json', 'one JSON object')
    .action((options: BundleOptions, command: Command) =>
      run(command, (context) => showBundle(options, context)),
    );
  addExamples(bundle, [
    'q2q domain bundle --data /var/lib/q2q',
    'q2q domain bundle --out bundle.der --data /var/lib/q2q',
  ]);
}

async function showBundle(options: BundleOptions, context: Context): Promise<undefined> {
  const { out } = context;
  if (options.out !== undefined) checkNew('file', options.out);
  const answer = (await askDomain(options, { do: 'bundle' }, context)) as { readonly bundle: string };
  const der = fromBase64(answer.bundle);
  const bundle = parseBundle(der);
  if (options.json === true) out.json(record(bundle));
  else for (const line of lines(bundle)) out.print(line);
  if (options.out !== undefined) writeNew('file', options.out, der);
  return undefined;
}

function lines(bundle: DomainBundle): readonly string[] {
  const { domain, sequence, issuedAt, expiresAt, roots, deniedKeys, deniedCertificates } = bundle;
  return [
    `${domain}, bundle ${sequence}`,
    `  signed     ${moment(issuedAt)}`,
    `  valid to   ${moment(expiresAt)}`,
    ...roots.flatMap(({ spki }) => [
      `  root key   ${groupPeerId(peerId(spki))}`,
      `  words      ${wordsOf(peerId(spki))}`,
    ]),
    ...deniedKeys.map(({ keyId }) => `  withdrawn  the key ${groupPeerId(keyId)}`),
    ...deniedCertificates.map(
      ({ issuer, serial }) => `  withdrawn  the certificate ${serial} of ${groupPeerId(issuer)}`,
    ),
  ];
}

function record(bundle: DomainBundle): object {
  const { domain, sequence, issuedAt, expiresAt, roots, deniedKeys, deniedCertificates } = bundle;
  return {
    ...{ domain, sequence, issuedAt: moment(issuedAt), expiresAt: moment(expiresAt) },
    ...{ roots: roots.map(({ spki }) => peerId(spki)) },
    deniedKeys: deniedKeys.map(({ keyId }) => keyId),
    deniedCertificates: deniedCertificates.map(({ issuer, serial }) => ({ issuer, serial })),
  };
}

function moment(time: number): string {
  return new Date(time).toISOString();
}
