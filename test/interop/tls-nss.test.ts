/**
 * The engine against NSS (`selfserv`, `tstclnt`) over TCP. It takes no Ed25519 certificates. Certificates come from a database
 * made for each of its identities.
 *
 * External PSKs are not tried: ours are offered through the RFC 9258 importer only, and NSS has none.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { GroupName } from '../../src/crypto/suites.ts';
import { have } from '../support/counterpart.ts';
import { dialled, dialling, type Peer, type Wish } from './support/meeting.ts';
import { freePort, Program } from './support/program.ts';
import { describePeer } from './support/subjects.ts';

const GROUPS: Readonly<Partial<Record<GroupName, string>>> = {
  x25519: 'x25519',
  secp256r1: 'P256',
  secp384r1: 'P384',
};

/** A database with the root and, as "own", the credential. It lies beside the files it is made of. */
function databaseOf({ ca, credential }: Wish): string {
  const id = createHash('sha256').update(`${ca} ${credential?.cert}`).digest('hex').slice(0, 16);
  const folder = join(dirname(ca), `nss-${id}`);
  const database = `sql:${folder}`;
  if (existsSync(folder)) return database;
  mkdirSync(folder);
  execFileSync('certutil', ['-N', '-d', database, '--empty-password']);
  execFileSync('certutil', ['-A', '-d', database, '-n', 'ca', '-t', 'CT,C,C', '-i', ca]);
  if (credential === undefined) return database;
  const { cert, key } = credential;
  const p12 = join(folder, 'own.p12');
  const files = ['-in', cert, '-inkey', key, '-out', p12];
  execFileSync('openssl', ['pkcs12', '-export', '-name', 'own', '-passout', 'pass:', ...files]);
  execFileSync('pk12util', ['-i', p12, '-d', database, '-W', '']);
  return database;
}

function common(wish: Wish): string[] {
  const { credential, exporter, groups } = wish;
  return [
    ...['-d', databaseOf(wish), '-V', 'tls1.3:tls1.3', '-v'],
    ...(credential === undefined ? [] : ['-n', 'own']),
    ...(exporter === undefined ? [] : ['-x', `${exporter}:32`]),
    ...(groups === undefined ? [] : ['-I', groups.map((group) => GROUPS[group]).join(',')]),
  ];
}

const ASKING = { none: [], request: ['-r'], require: ['-r', '-r'] };
const exported = /Keying Material:\s+((?:[0-9a-f]{2}:\s*){31}[0-9a-f]{2})/;

const nss: Peer = {
  name: 'NSS',
  found: have('selfserv') && have('tstclnt') && have('certutil') && have('pk12util'),
  kinds: ['p256', 'p384', 'rsa'],
  server: {
    speaks: 'http',
    exported,
    resumed: /[1-9]\d* stateless resumes/,
    protocol: 'http/1.1', // all that -Q offers
    lacks: {
      'their key update': 'selfserv has no command for it',
      'our half-close': 'selfserv ends when it has answered',
      'their half-close': 'selfserv ends when it has answered',
      bulk: 'selfserv answers with a few lines',
      'early data': 'below, where the server has been started in time',
      compression: 'the NSS tools have none',
      'raw keys': 'NSS has none',
      'record size': 'selfserv answers with a few lines',
      staple: 'selfserv signs its own, with the key of the root in its database',
    },
    async start(wish) {
      const port = await freePort();
      const asking = ASKING[wish.clientCertificate ?? 'none'];
      const protocols = wish.alpn === undefined ? [] : ['-Q'];
      const early = wish.earlyData === undefined ? [] : ['-Z'];
      const far = new Program('selfserv', [
        '-u',
        ...early,
        '-p',
        String(port),
        '-H',
        '1',
        ...asking,
        ...protocols,
        ...common(wish),
      ]);
      await far.until(/About to call accept/);
      return dialled(far, port);
    },
  },
  client: {
    speaks: 'talk',
    exported,
    stapled: /Received 1 Cert Status/,
    recordSize: 16_384,
    lacks: {
      'their key update': 'tstclnt has no command for it',
      protocol: 'tstclnt has no option for ALPN',
      'no common protocol': 'tstclnt has no option for ALPN',
      'our half-close': 'tstclnt ends with our half',
      'their half-close': 'tstclnt says nothing when its input ends',
      'their close': 'tstclnt says nothing when its input ends',
      resumption: 'below, with a file of requests',
      'retried resumption': 'below, with a file of requests',
      'early data': 'below, with a file of requests',
      compression: 'the NSS tools have none',
      'raw keys': 'NSS has none',
    },
    start: (wish) =>
      dialling((port) => {
        const where = ['-4', '-h', '127.0.0.1', '-p', String(port), '-a', wish.name];
        const staple = wish.staple === undefined ? [] : ['-T'];
        return new Program('tstclnt', [...where, ...staple, ...common(wish)]);
      }),
  },
};

describePeer(nss);
