/** `q2q cert show`: what a certificate, a request, a revocation list or a key says, ours or anyone's. */
import type { Command } from 'commander';
import { hex } from '../../base/bytes.ts';
import { showDistinguishedName } from '../../identity/distinguishedName.ts';
import {
  type Certificate,
  type Crl,
  describeCertificate,
  describeCrl,
  describeKey,
  describeRequest,
  parseCsr,
  peerId,
  readPkcs12,
  readPrivateKey,
} from '../../identity/index.ts';
import { certificateRecord, explained } from '../certificates.ts';
import type { Context, Run } from '../context.ts';
import { CliError } from '../errors.ts';
import { readBytes } from '../files.ts';
import { addExamples } from '../help.ts';
import { readSecret } from '../passphrase.ts';
import { type PkiThing, thingsOf } from '../pkiFiles.ts';

interface ShowOptions {
  readonly passphraseFile?: string;
  readonly json?: boolean;
}

export function addCertShow(cert: Command, run: Run): void {
  const show = cert
    .command('show')
    .description('print what certificates, requests, revocation lists and keys say')
    .argument('<file>', 'PEM, DER or PKCS#12 file, "-" for stdin')
    .option('--passphrase-file <file>', 'open encrypted keys and PKCS#12 with the first line of this file')
    .option('--json', 'one JSON object for each')
    .action((file: string, options: ShowOptions, command: Command) =>
      run(command, async (context) => {
        const { out, stdin } = context;
        const things = thingsOf(await readBytes(file, stdin, 'certificate file'), file);
        for (const each of things)
          for (const shown of await shownOf(each, file, options, context)) {
            if (options.json === true) out.json(shown.record);
            else out.print(shown.text.trimEnd());
          }
        return undefined;
      }),
    );
  addExamples(show, [
    'q2q cert show server.crt',
    'openssl s_client -connect example.org:443 -showcerts </dev/null | q2q cert show -',
    'q2q cert show alice.p12 --passphrase-file secret',
  ]);
}

interface Shown {
  readonly text: string;
  readonly record: object;
}

async function shownOf(
  thing: PkiThing,
  file: string,
  options: ShowOptions,
  context: Context,
): Promise<readonly Shown[]> {
  const { provider } = context;
  switch (thing.kind) {
    case 'certificate':
      return [shownCertificate(thing.certificate, context)];
    case 'revocationList':
      return [{ text: describeCrl(thing.crl, Date.now()), record: crlRecord(thing.crl) }];
    case 'request':
      return explained('request', file, () => {
        const { spki } = parseCsr(provider, thing.der);
        const record = { type: 'request', keyId: peerId(spki) };
        return [{ text: describeRequest(thing.der, provider), record }];
      });
    case 'publicKey':
      return explained('key', file, () => [shownKey(new Uint8Array(thing.der), 'public key')]);
    case 'privateKey':
      return [await shownPrivateKey(thing, file, options, context)];
    case 'pkcs12':
      return shownPkcs12(thing.der, file, options, context);
  }
}

function shownCertificate(certificate: Certificate, { provider }: Context): Shown {
  return {
    text: describeCertificate(certificate, Date.now()),
    record: certificateRecord(certificate, provider),
  };
}

function shownKey(spki: Uint8Array<ArrayBuffer>, what: string): Shown {
  return { text: describeKey(spki, what), record: { type: what, keyId: peerId(spki) } };
}

/** Nobody is asked for the passphrase of a key: that it is encrypted is worth a line, too. */
async function shownPrivateKey(
  { pem, encrypted }: PkiThing & { kind: 'privateKey' },
  file: string,
  options: ShowOptions,
  context: Context,
): Promise<Shown> {
  const what = encrypted ? 'private key, encrypted' : 'private key, not encrypted';
  if (encrypted && options.passphraseFile === undefined) {
    const hint = 'its passphrase shows whose it is: --passphrase-file';
    return { text: `what  ${what}\n      ${hint}\n`, record: { type: what } };
  }
  const passphrase = encrypted ? await secretOf(file, options, context) : undefined;
  return explained('key', file, () => shownKey(readPrivateKey(context.provider, pem, passphrase).spki, what));
}

async function shownPkcs12(
  der: Uint8Array,
  file: string,
  options: ShowOptions,
  context: Context,
): Promise<readonly Shown[]> {
  const password = await secretOf(file, options, context);
  return explained('PKCS#12 file', file, () => {
    const { key, chain } = readPkcs12(der, password, context.provider);
    const certificates = chain.map((certificate) => shownCertificate(certificate, context));
    return [shownKey(key.spki, 'private key, in PKCS#12'), ...certificates];
  });
}

async function secretOf(file: string, options: ShowOptions, context: Context): Promise<string> {
  const message = `Passphrase of ${file === '-' ? 'the file' : file}`;
  const secret = await readSecret({ file: options.passphraseFile, message, what: 'passphrase' }, context);
  if (secret !== undefined) return secret;
  throw new CliError(
    'ERR_CLI_SECRET',
    `no passphrase was given for ${file}, and there is no terminal to ask at`,
    {
      hint: 'put it in a file: --passphrase-file FILE',
    },
  );
}

function crlRecord(crl: Crl): object {
  const date = (time: number): string => new Date(time).toISOString();
  return {
    type: 'revocation list',
    issuer: showDistinguishedName(crl.issuer),
    number: crl.number === undefined ? null : hex(crl.number),
    thisUpdate: date(crl.thisUpdate),
    nextUpdate: crl.nextUpdate === undefined ? null : date(crl.nextUpdate),
    revoked: [...crl.revoked].map(([serial, entry]) => ({
      serial,
      date: date(entry.date),
      reason: entry.reason ?? null,
    })),
  };
}
