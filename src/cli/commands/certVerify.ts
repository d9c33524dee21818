/** `q2q cert verify`: whether a chain holds, for whom, and if not, which certificate breaks which rule. */
import { isIP } from 'node:net';
import type { Command } from 'commander';
import { isQ2qError } from '../../base/errors.ts';
import { showDistinguishedName } from '../../identity/distinguishedName.ts';
import {
  type Certificate,
  type Crl,
  type Expected,
  type ExpectedName,
  parsePeerId,
  Refusal,
  revokedBy,
  Trust,
  type VerifiedPeer,
  verifyClient,
  verifyPeer,
  verifyServer,
} from '../../identity/index.ts';
import { platformTrust } from '../../tls/options/index.node.ts';
import { parseInstant } from '../arguments.ts';
import { peerRecord, readCertificates } from '../certificates.ts';
import type { Context, Run } from '../context.ts';
import { CliError, usage } from '../errors.ts';
import { readBytes } from '../files.ts';
import { addExamples } from '../help.ts';
import { thingsOf } from '../pkiFiles.ts';

const ROLES = ['server', 'client', 'peer'] as const;
type Role = (typeof ROLES)[number];

interface VerifyOptions {
  readonly ca?: string;
  readonly name?: string;
  readonly role?: string;
  readonly crl?: readonly string[];
  readonly at?: string;
  readonly json?: boolean;
}

export function addCertVerify(cert: Command, run: Run): void {
  const verify = cert
    .command('verify')
    .description(
      'say whether a chain leads to a root that is trusted, for the name and the role that are wanted',
    )
    .argument('<file>', 'PEM or DER file, "-" for stdin: the certificate first, then others, in any order')
    .option('--ca <file>', 'the roots to trust; default: those of this machine')
    .option('--name <name>', 'who is expected: a host, an address, user@domain, scheme://host or a key id')
    .option('--role <role>', 'server, client, or peer (by the rules of q2q); default: by the name')
    .option('--crl <file...>', 'revocation lists to heed')
    .option('--at <time>', 'as if it were then, such as 2026-11-28 or 2026-11-28T12:00:00Z; default: now')
    .option('--json', 'the proof as a JSON object')
    .action((file: string, options: VerifyOptions, command: Command) =>
      run(command, async (context) => {
        await verifyFile(file, options, context);
        return undefined;
      }),
    );
  addExamples(verify, [
    'q2q cert verify server.crt --ca ca.crt --name www.example.org',
    'q2q cert verify alice.crt --ca example.org.crt --name alice@example.org',
    'q2q cert verify client.crt --ca ca.crt --crl ca.crl --at 2026-12-24',
  ]);
}

/** Everything the question needs, read before anything is judged. */
interface Question {
  readonly chain: readonly Certificate[];
  readonly roots: readonly Certificate[];
  readonly crls: readonly Crl[];
  readonly name: Name | undefined;
  readonly role: Role;
  readonly now: number;
}

async function verifyFile(file: string, options: VerifyOptions, context: Context): Promise<void> {
  const { out, stdin, env, provider } = context;
  const now = options.at === undefined ? Date.now() : parseInstant(options.at, '--at');
  const name = options.name === undefined ? undefined : parseName(options.name);
  const role = roleOf(options.role, name);
  const chain = await readCertificates(file, stdin);
  const roots =
    options.ca === undefined ? platformTrust(env).certificates : await readCertificates(options.ca, stdin);
  const crls = await readCrls(options.crl ?? [], context);
  const answer = judge({ chain, roots, crls, name, role, now }, context);
  if (answer instanceof Refusal) {
    if (options.json === true) out.json(refusalRecord(answer, role, chain));
    else for (const line of refusalLines(answer, role, name, chain)) out.print(line);
    throw located(answer, chain);
  }
  if (options.json === true) out.json({ event: 'verified', role, ...peerRecord(answer, provider) });
  else for (const line of proofLines(answer, role, name)) out.print(line);
}

type Name =
  | { readonly kind: 'reference'; readonly text: string; readonly expected: ExpectedName }
  | { readonly kind: 'key'; readonly text: string };

function parseName(text: string): Name {
  if (isKeyId(text)) return { kind: 'key', text };
  const kind = text.includes('://') ? 'uri' : text.includes('@') ? 'email' : isIP(text) === 0 ? 'dns' : 'ip';
  return { kind: 'reference', text, expected: { [kind]: text } };
}

function isKeyId(text: string): boolean {
  try {
    parsePeerId(text);
    return true;
  } catch (error) {
    if (isQ2qError(error)) return false;
    throw error;
  }
}

function roleOf(given: string | undefined, name: Name | undefined): Role {
  const usual = name === undefined ? 'client' : isPeerName(name) ? 'peer' : 'server';
  const role = ROLES.find((each) => each === (given ?? usual));
  if (role === undefined) throw usage(`--role is "${given}"`, `known: ${ROLES.join(', ')}`);
  if (role === 'server' && name === undefined)
    throw usage('a server is verified by its name', 'say whom you expect: --name NAME');
  if (role !== 'peer' && name?.kind === 'key')
    throw usage('a key id names a peer', 'leave --role out, or say --role peer');
  return role;
}

function isPeerName(name: Name): boolean {
  return name.kind === 'key' || name.expected.email !== undefined;
}

async function readCrls(files: readonly string[], { stdin }: Context): Promise<readonly Crl[]> {
  const crls: Crl[] = [];
  for (const file of files)
    for (const thing of thingsOf(await readBytes(file, stdin, 'revocation list'), file)) {
      if (thing.kind !== 'revocationList')
        throw new CliError('ERR_CLI_FILE', `revocation list ${file} holds something else`, {
          hint: 'a PEM block of a revocation list is labelled "X509 CRL"',
        });
      crls.push(thing.crl);
    }
  return crls;
}

function judge(question: Question, { provider }: Context): VerifiedPeer | Refusal {
  const { chain, roots, crls, name, role, now } = question;
  const ders = chain.map(({ der }) => der);
  if (role === 'peer') return judgePeer(question, ders, provider);
  const expected = name?.kind === 'reference' ? name.expected : undefined;
  if (role === 'server') return verifyServer(ders, expected!, roots, now, provider, { crls });
  return verifyClient(ders, roots, now, provider, { crls, ...(expected === undefined ? {} : { expected }) });
}

/** The roots are those of the domain that the name, or without one the certificate, claims. */
function judgePeer(
  { chain, roots, crls, name, now }: Question,
  ders: readonly Uint8Array[],
  provider: Context['provider'],
): VerifiedPeer | Refusal {
  const wanted = expectedPeer(name);
  const domain = wanted.kind === 'domain' ? wanted.domain : domainOf(wanted, chain[0]!);
  const trust = Trust.of(domain === undefined ? [] : [{ domain, roots }]);
  const answer = verifyPeer(ders, wanted, trust, 'server', now, provider);
  if (answer instanceof Refusal) return answer;
  const withdrawn = revokedBy(crls, now, provider);
  for (const [i, certificate] of answer.chain.entries()) {
    const fault = withdrawn(certificate, answer.chain[i + 1]);
    if (fault !== undefined) return new Refusal(fault.code, fault.message, indexOf(certificate, chain));
  }
  return answer;
}

function expectedPeer(name: Name | undefined): Expected {
  if (name === undefined) return { kind: 'anyPeer' };
  if (name.kind === 'key') return { kind: 'key', id: name.text };
  const { email, dns } = name.expected;
  if (email !== undefined) return { kind: 'name', name: email };
  if (dns !== undefined) return { kind: 'domain', domain: dns };
  throw usage('a peer is user@domain, a domain or a key id', 'say --role server for an address or a URI');
}

function domainOf(wanted: Expected, leaf: Certificate): string | undefined {
  const mail = wanted.kind === 'name' ? wanted.name : leaf.names.email[0];
  return mail?.slice(mail.lastIndexOf('@') + 1);
}

function indexOf(certificate: Certificate, chain: readonly Certificate[]): number | undefined {
  const index = chain.indexOf(certificate);
  return index < 0 ? undefined : index;
}

/** Which certificate it is about, as it stands in the file. */
function located(refusal: Refusal, chain: readonly Certificate[]): Refusal {
  const { code, certIndex, hint, message } = refusal;
  const certificate = certIndex === undefined ? undefined : chain[certIndex];
  if (certificate === undefined) return refusal;
  const which = `certificate ${certIndex! + 1} (${shortName(certificate)})`;
  return new Refusal(code, `${which}: ${message}`, certIndex, { cause: refusal, hint });
}

/** What was looked at, and where it breaks. */
function refusalLines(
  { code, certIndex }: Refusal,
  role: Role,
  name: Name | undefined,
  chain: readonly Certificate[],
): readonly string[] {
  return [
    `does not hold for the role of a ${role}: ${whom(name)}`,
    ...chain.map((certificate, i) => {
      const mark = i === certIndex ? `  <- breaks the rule ${code.replace('ERR_IDENTITY_', '')}` : '';
      return `${i + 1}  ${shortName(certificate)}${mark}`;
    }),
  ];
}

function refusalRecord({ code, certIndex }: Refusal, role: Role, chain: readonly Certificate[]): object {
  const presented = chain.map(shortName);
  return {
    event: 'refused',
    role,
    code,
    certificate: certIndex === undefined ? null : certIndex + 1,
    presented,
  };
}

function whom(name: Name | undefined): string {
  return name === undefined ? 'no name was asked for' : name.text;
}

function proofLines(proof: VerifiedPeer, role: Role, name: Name | undefined): readonly string[] {
  const { chain, identity } = proof;
  return [
    `holds for the role of a ${role}: ${whom(name)}`,
    ...chain.map((certificate, i) => {
      const isRoot = i > 0 && i === chain.length - 1;
      return `${i + 1}  ${shortName(certificate)}${isRoot ? ' (trusted)' : ''}`;
    }),
    `until ${new Date(identity.expiresAt).toISOString().replace('T', ' ').replace('.000Z', ' UTC')}`,
  ];
}

/** The subject, or the first of the names where the subject is empty. */
function shortName(certificate: Certificate): string {
  const subject = showDistinguishedName(certificate.subject);
  if (subject !== '(empty)') return subject.slice(0, 200);
  const { email, dns, uri } = certificate.names;
  return JSON.stringify(([...email, ...dns, ...uri][0] ?? '(no name)').slice(0, 253)).slice(1, -1);
}
