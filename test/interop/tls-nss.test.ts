/**
 * The engine against NSS (`selfserv`, `tstclnt`) over TCP. It takes no Ed25519 certificates. Certificates come from a database
 * made for each of its identities.
 *
 * External PSKs are not tried: ours are offered through the RFC 9258 importer only, and NSS has none.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { provider as node } from '../../src/crypto/node.node.ts';
import type { GroupName } from '../../src/crypto/suites.ts';
import type { TlsConfigInit } from '../../src/tls/index.ts';
import { SessionCache, TicketCache } from '../../src/tls/resumption.ts';
import { have } from '../support/counterpart.ts';
import type { Driver } from '../support/nodeTls.ts';
import { onFreePort, Program } from '../support/program.ts';
import { Bench, NAME } from './support/bench.ts';
import { isEnded, isOpen } from './support/converse.ts';
import { dialled, dialling, type Peer, type Wish } from './support/meeting.ts';
import { earlyDataOf } from './support/sessionSubjects.ts';
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

function selfserv(wish: Wish): Promise<{ far: Program; port: number }> {
  const asking = ASKING[wish.clientCertificate ?? 'none'];
  const protocols = wish.alpn === undefined ? [] : ['-Q'];
  const early = wish.earlyData === undefined ? [] : ['-Z'];
  const args = ['-H', '1', '-u', ...asking, ...protocols, ...early, ...common(wish)];
  return onFreePort((port) => new Program('selfserv', ['-p', String(port), ...args]), /About to call accept/);
}

function tstclnt(wish: Wish, port: number, args: readonly string[]): Program {
  const where = ['-4', '-h', '127.0.0.1', '-p', String(port), '-a', wish.name];
  return new Program('tstclnt', [...where, ...args, ...common(wish)]);
}

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
      'early data and a retry': 'below, where the server has been started in time',
      'raw keys': 'NSS has none',
      'record size': 'selfserv answers with a few lines',
      staple: 'selfserv signs its own, with the key of the root in its database',
    },
    async start(wish) {
      const { far, port } = await selfserv(wish);
      return dialled(far, port);
    },
  },
  client: {
    speaks: 'talk',
    exported,
    stapled: /Received 1 Cert Status/,
    recordSize: 16_384,
    endsWithInput: true,
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
      'early data and a retry': 'below, with a file of requests',
      'raw keys': 'NSS has none',
    },
    start: (wish) => dialling((port) => tstclnt(wish, port, wish.staple === undefined ? [] : ['-T'])),
  },
};

/** NSS's replay filter takes no early data in its first ten seconds: this server starts before all tests. */
const REPLAY_WINDOW = 11_000;
const bench = new Bench();
let early: { far: Program; port: number; started: number } | undefined;

beforeAll(async () => {
  if (!nss.found) return;
  const { ca, server } = bench.pki();
  const wish = { ca, credential: server, name: NAME, earlyData: 'accept' };
  early = { ...(await selfserv(wish)), started: Date.now() };
});
afterAll(async () => {
  await early?.far.stop();
  bench.dispose();
});

describePeer(nss);

describe.skipIf(!nss.found)('NSS and early data', () => {
  const request = 'GET /early HTTP/1.0\r\n\r\n';

  afterEach(({ task }) => bench.stopAll(task.result?.state === 'fail'));
  it('selfserv accepts ours', async () => {
    const { far, port, started } = early!;
    await new Promise((resolve) => setTimeout(resolve, started + REPLAY_WINDOW - Date.now()));
    const context = bench.client({ config: { tickets: new TicketCache(), earlyData: 16_384 } });
    const first = bench.converse(await dialled(far, port), context);
    await first.us.until(isOpen);
    first.us.write(Buffer.from(request));
    await first.us.until(isEnded);
    const again = await bench.again(first, context, request);
    await again.us.until(isOpen);
    expect(again.us.connection.negotiated).toMatchObject({ resumed: true, earlyData: 'accepted' });
    await again.us.until(({ received }) => received.includes('200 OK'));
  });

  const visits: [string, string[], Partial<TlsConfigInit>, object][] = [
    ['resumes', [], {}, { resumed: true, earlyData: 'none' }],
    ['resumes through a retry', [], { groups: ['secp384r1'] }, { resumed: true, helloRetried: true }],
    ['has its own accepted', ['-Z'], { earlyData: 16_384 }, { resumed: true, earlyData: 'accepted' }],
  ];
  for (const [what, args, config, expected] of visits)
    it(`tstclnt ${what} when it comes again with its requests`, async () => {
      const context = bench.server({ config: { resumption: new SessionCache(node), ...config } });
      const file = bench.file('requests');
      writeFileSync(file, request);
      const wish: Wish = { ca: bench.pki().ca, name: NAME, groups: ['x25519', 'secp384r1'] };
      const meeting = await dialling((port) => tstclnt(wish, port, ['-A', file, '-L', '2', ...args]));
      const first = bench.converse(meeting, context);
      await answer(first.us);
      await first.us.until(isEnded);
      const again = await bench.again(first, context);
      await answer(again.us);
      expect(again.us.connection.negotiated).toMatchObject(expected);
      // With -Z it may still come late: tstclnt sends what it has read from the file when it has read it.
      if (!args.includes('-Z')) expect(earlyDataOf(again.us)).toBe('');
    });

  async function answer(us: Driver): Promise<void> {
    await us.until((driver) => isOpen(driver) && (earlyDataOf(driver) + driver.received).includes(request));
    us.write(Buffer.from('HTTP/1.0 200 OK\r\n\r\n'));
    us.closeWrite();
  }
});
