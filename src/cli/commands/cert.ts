/** `q2q cert show`: what a certificate says, ours or anyone's. */
import type { Command } from 'commander';
import { describeCertificate } from '../../identity/index.ts';
import { certificateRecord, readCertificates } from '../certificates.ts';
import type { Run } from '../context.ts';
import { addExamples } from '../help.ts';

export function addCert(program: Command, run: Run): void {
  const cert = program.command('cert').description('look at certificates');
  const show = cert
    .command('show')
    .description('print what the certificates in a PEM or DER file say')
    .argument('<file>', 'PEM or DER file, "-" for stdin')
    .option('--json', 'one JSON object a certificate')
    .action((file: string, options: { json?: boolean }, command: Command) =>
      run(command, async ({ out, stdin, provider }) => {
        for (const certificate of await readCertificates(file, stdin)) {
          if (options.json === true) out.json(certificateRecord(certificate, provider));
          else out.print(describeCertificate(certificate).trimEnd());
        }
        return undefined;
      }),
    );
  addExamples(show, [
    'q2q cert show server.crt',
    'openssl s_client -connect example.org:443 -showcerts </dev/null | q2q cert show -',
  ]);
}
