/** Certificates made by OpenSSL, not by us: what the counterparts of these tests show and believe. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Kind = 'ed25519' | 'p256' | 'p384' | 'rsa';

const KEYS: Readonly<Record<Kind, readonly string[]>> = {
  ed25519: ['-algorithm', 'ed25519'],
  p256: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  p384: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  rsa: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
};

export interface Pki {
  readonly folder: string;
  readonly ca: string;
  /** For a.test, localhost and 127.0.0.1. */
  readonly server: Pair;
  readonly client: Pair;
  /** A client of another CA, which nobody here believes. */
  readonly stranger: Pair;
  readonly expired: Pair;
}

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

const SERVER = 'subjectAltName=DNS:a.test,DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n';
const CLIENT = 'subjectAltName=email:alice@a.test\nextendedKeyUsage=clientAuth\n';

/** Each credential is made when it is first asked for: RSA keys take their time. */
export function makePki(folder: string, kind: Kind): Pki {
  mkdirSync(folder, { recursive: true });
  const ca = makeRoot(folder, 'ca', kind);
  const server = once(() => issue(folder, 'server', kind, ca, SERVER));
  const client = once(() => issue(folder, 'client', kind, ca, CLIENT));
  const stranger = once(() => issue(folder, 'stranger', kind, makeRoot(folder, 'other', kind), CLIENT));
  const expired = once(() => issue(folder, 'expired', kind, ca, SERVER, LONG_AGO));
  return {
    folder,
    ca: ca.cert,
    get server() {
      return server();
    },
    get client() {
      return client();
    },
    get stranger() {
      return stranger();
    },
    get expired() {
      return expired();
    },
  };
}

const LONG_AGO = ['20200101000000Z', '20200201000000Z'];

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** A file with the public half of the key. */
export function publicKeyOf({ key }: Pair): string {
  const file = `${key}.pub`;
  openssl(['pkey', '-in', key, '-pubout', '-out', file]);
  return file;
}

/** A file with the CA's word that the server's certificate is good. */
export function ocspResponse({ folder, ca, server }: Pki): string {
  const serial = execFileSync('openssl', ['x509', '-noout', '-serial', '-in', server.cert], {
    encoding: 'utf8',
  });
  const index = join(folder, 'ocsp.index');
  const response = join(folder, 'ocsp.der');
  writeFileSync(index, `V\t401231235959Z\t\t${serial.trim().replace('serial=', '')}\tunknown\t/CN=server\n`);
  openssl([
    ...['ocsp', '-index', index, '-CA', ca, '-rsigner', ca, '-rkey', join(folder, 'ca.key')],
    ...['-issuer', ca, '-cert', server.cert, '-ndays', '7', '-respout', response],
  ]);
  return response;
}

function makeRoot(folder: string, name: string, kind: Kind): Pair {
  const pair = newKey(folder, name, kind);
  openssl([
    ...[
      'req',
      '-x509',
      '-new',
      '-key',
      pair.key,
      '-out',
      pair.cert,
      '-days',
      '30',
      '-subj',
      `/CN=q2q test ${name}`,
    ],
    ...['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
  ]);
  return pair;
}

function issue(
  folder: string,
  name: string,
  kind: Kind,
  ca: Pair,
  extensions: string,
  dates?: readonly string[],
): Pair {
  const pair = newKey(folder, name, kind);
  const csr = join(folder, `${name}.csr`);
  const ext = join(folder, `${name}.ext`);
  const usage = kind === 'rsa' ? 'digitalSignature,keyEncipherment' : 'digitalSignature'; // NSS wants both of RSA
  const common = `basicConstraints=critical,CA:FALSE\nkeyUsage=critical,${usage}\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n`;
  writeFileSync(ext, common + extensions);
  openssl(['req', '-new', '-key', pair.key, '-out', csr, '-subj', `/CN=${name}`]);
  if (dates === undefined) {
    openssl([
      'x509',
      '-req',
      '-in',
      csr,
      '-CA',
      ca.cert,
      '-CAkey',
      ca.key,
      '-CAcreateserial',
      '-out',
      pair.cert,
      '-days',
      '10',
      '-extfile',
      ext,
    ]);
  } else issueDated(folder, name, pair, csr, ca, ext, dates);
  return pair;
}

/** `openssl x509 -req` of Debian's 3.0 cannot set dates; `openssl ca` can. */
function issueDated(
  folder: string,
  name: string,
  pair: Pair,
  csr: string,
  ca: Pair,
  ext: string,
  dates: readonly string[],
): void {
  const config = join(folder, `${name}.cnf`);
  const database = join(folder, `${name}.index`);
  writeFileSync(database, '');
  writeFileSync(
    config,
    `[ca]\ndefault_ca=d\n[d]\ndatabase=${database}\nnew_certs_dir=${folder}\nrand_serial=yes\ndefault_md=default\npolicy=p\n[p]\ncommonName=supplied\n`,
  );
  const [from, to] = dates;
  openssl([
    ...[
      'ca',
      '-batch',
      '-notext',
      '-config',
      config,
      '-in',
      csr,
      '-out',
      pair.cert,
      '-cert',
      ca.cert,
      '-keyfile',
      ca.key,
    ],
    ...['-extfile', ext, '-startdate', from!, '-enddate', to!],
  ]);
}

function newKey(folder: string, name: string, kind: Kind): Pair {
  const pair = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
  openssl(['genpkey', ...KEYS[kind], '-out', pair.key]);
  return pair;
}

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
}
