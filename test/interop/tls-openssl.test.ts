/**
 * The engine against OpenSSL (`openssl s_server`, `s_client`) over TCP: what every peer is asked. What only its options can ask is
 * in `tls-openssl-options.test.ts`. Debian 12 has OpenSSL 3.0; 3.5 is talked to as it is in Node (`tls-node-versions.test.ts`).
 *
 * External PSKs are not tried: ours are offered through the RFC 9258 importer only, and OpenSSL has none (its `-psk` takes the
 * key as it is).
 */
import type { GroupName } from '../../src/crypto/suites.ts';
import { haveOpenssl } from '../support/openssl.ts';
import { Program } from '../support/program.ts';
import { dialled, dialling, type Peer, type Wish } from './support/meeting.ts';
import { describePeer } from './support/subjects.ts';

const GROUPS: Readonly<Partial<Record<GroupName, string>>> = {
  x25519: 'X25519',
  secp256r1: 'P-256',
  secp384r1: 'P-384',
};

function common(wish: Wish): string[] {
  const { credential, alpn, groups, exporter } = wish;
  return [
    ...['-tls1_3', '-CAfile', wish.ca],
    ...(credential === undefined ? [] : ['-cert', credential.cert, '-key', credential.key]),
    ...(alpn === undefined ? [] : ['-alpn', alpn.join(',')]),
    ...(groups === undefined ? [] : ['-groups', groups.map((group) => GROUPS[group]).join(':')]),
    ...(exporter === undefined ? [] : ['-keymatexport', exporter, '-keymatexportlen', '32']),
  ];
}

const ASKING = {
  none: [],
  request: ['-verify', '2', '-verify_return_error'],
  require: ['-Verify', '2', '-verify_return_error'],
};

const lacks = {
  'raw keys': 'OpenSSL 3.0 has none',
  'record size': 'OpenSSL has none',
} as const;

/** A visit of s_client; `session` says what it does with sessions. */
function client(wish: Wish, port: number, session: readonly string[]): Program {
  const where = ['-connect', `127.0.0.1:${port}`, '-servername', wish.name];
  const checks = ['-verify_hostname', wish.name, '-verify_return_error'];
  const staple = wish.staple === undefined ? [] : ['-status'];
  return new Program('openssl', ['s_client', ...where, ...checks, ...staple, ...session, ...common(wish)]);
}

const openssl: Peer = {
  name: 'OpenSSL',
  found: haveOpenssl(),
  kinds: ['ed25519', 'p256', 'p384', 'rsa'],
  server: {
    speaks: 'talk',
    lacks: {
      ...lacks,
      'their key update': 'among its options',
      'our half-close': 's_server answers our end with its own',
      'their half-close': 's_server drops the connection when its input ends',
      'their close': 's_server drops the connection when its input ends',
    },
    exported: /Keying material: ([0-9A-F]+)/,
    resumed: /Reused session-id/,
    async start(wish) {
      const asking = ASKING[wish.clientCertificate ?? 'none'];
      const early = wish.earlyData === undefined ? [] : ['-early_data', '-max_early_data', '16384'];
      const staple = wish.staple === undefined ? [] : ['-status_file', wish.staple];
      const far = new Program('openssl', [
        ...['s_server', '-accept', '127.0.0.1:0'],
        ...[...asking, ...early, ...staple, ...common(wish)],
      ]);
      const [, port] = await far.until(/ACCEPT 127\.0\.0\.1:(\d+)/);
      return dialled(far, Number(port));
    },
  },
  client: {
    speaks: 'talk',
    lacks: {
      ...lacks,
      'our half-close': 's_client ends with our half',
      'their half-close': 's_client ends with its half',
    },
    exported: /Keying material: ([0-9A-F]+)/,
    resumed: /Reused, TLSv1.3/,
    stapled: /OCSP Response Status: successful/,
    async rekey(far) {
      far.say('K\n'); // a command only when it is alone in what is read
      await far.until(/KEYUPDATE/);
    },
    start: (wish) => {
      const file = `${wish.ca}.session`;
      const early = wish.earlyData === undefined ? [] : ['-early_data', wish.earlyData];
      return dialling(
        (port) => client(wish, port, wish.sessions ? ['-sess_out', file] : []),
        async (first, port) => {
          await first.exited; // the file is written
          return client(wish, port, ['-sess_in', file, ...early]);
        },
      );
    },
  },
};

describePeer(openssl);
