/**
 * The engine against GnuTLS (`gnutls-serv`, `gnutls-cli`) over TCP.
 *
 * External PSKs are not tried: ours are offered through the RFC 9258 importer only, and GnuTLS has none.
 */
import type { GroupName } from '../../src/crypto/suites.ts';
import { have } from '../support/counterpart.ts';
import { onFreePort, Program } from '../support/program.ts';
import { dialled, dialling, type Peer, type Wish } from './support/meeting.ts';
import { publicKeyOf } from './support/pki.ts';
import { describePeer } from './support/subjects.ts';

const GROUPS: Readonly<Partial<Record<GroupName, string>>> = {
  x25519: 'GROUP-X25519',
  secp256r1: 'GROUP-SECP256R1',
  secp384r1: 'GROUP-SECP384R1',
};

function priority({ groups, rawKeys }: Wish): string {
  const only = groups?.map((group) => `:+${GROUPS[group]}`).join('') ?? '';
  const types = rawKeys ? ':-CTYPE-ALL:+CTYPE-RAWPK' : '';
  return `NORMAL:-VERS-ALL:+VERS-TLS1.3${only && `:-GROUP-ALL${only}`}${types}`;
}

function showing({ credential, rawKeys }: Wish): string[] {
  if (credential === undefined) return [];
  if (rawKeys) return ['--rawpkkeyfile', credential.key, '--rawpkfile', publicKeyOf(credential)];
  return ['--x509certfile', credential.cert, '--x509keyfile', credential.key];
}

function common(wish: Wish): string[] {
  const { exporter, alpn = [], recordSize } = wish;
  return [
    ...['--priority', priority(wish), '--x509cafile', wish.ca],
    ...showing(wish),
    ...alpn.flatMap((protocol) => ['--alpn', protocol]),
    ...(exporter === undefined ? [] : ['--keymatexport', exporter, '--keymatexportsize', '32']),
    ...(recordSize === undefined ? [] : ['--recordsize', String(recordSize)]),
  ];
}

const ASKING = {
  none: ['--disable-client-cert'],
  request: ['--verify-client-cert'],
  require: ['--require-client-cert', '--verify-client-cert'],
};

const gnutls: Peer = {
  name: 'GnuTLS',
  found: have('gnutls-cli') && have('gnutls-serv'),
  kinds: ['ed25519', 'p256', 'p384', 'rsa'],
  server: {
    speaks: 'echo',
    lacks: {
      'early data and a retry':
        'gnutls-serv 3.7 takes what comes before its retry is read for damage, from OpenSSL too',
      'their key update': 'gnutls-serv has no command for it',
      'our half-close': 'gnutls-serv answers our end with its own',
      'their half-close': 'gnutls-serv has no command for it',
    },
    alerts: { untrusted: 'access_denied' },
    swallowsEarlyData: true,
    refused: /fatal alert has been received/,
    exported: /Key material: ([0-9a-f]+)/,
    resumed: /This is a resumed session/,
    async start(wish) {
      const asking = wish.rawKeys ? ['--require-client-cert'] : ASKING[wish.clientCertificate ?? 'none'];
      const early = wish.earlyData === undefined ? [] : ['--earlydata', '--maxearlydata', '16384'];
      const staple = wish.staple === undefined ? [] : ['--ocsp-response', wish.staple];
      const args = ['--echo', '--alpn-fatal', ...asking, ...early, ...staple, ...common(wish)];
      const { far, port } = await onFreePort(
        (free) => new Program('gnutls-serv', ['--port', String(free), ...args]),
        /listening on IPv4[^\n]*done/,
      );
      return dialled(far, port);
    },
  },
  client: {
    speaks: 'talk',
    lacks: {
      'our half-close': 'gnutls-cli ends with our half',
      'their half-close': 'gnutls-cli ends with its half',
      'cookie alone': 'GnuTLS 3.7 wants a group in every retry',
    },
    exported: /Key material: ([0-9a-f]+)/,
    resumed: /This is a resumed session/,
    resumesAtOnce: true,
    stapled: /Options:.* OCSP status request/,
    rekey: (far) => far.say('^rekey1^\n'),
    start: (wish) =>
      dialling((port) => {
        const names = ['--sni-hostname', wish.name, '--verify-hostname', wish.name];
        const twice = wish.sessions ? ['--resume', '--waitresumption'] : [];
        const early = wish.earlyData === undefined ? [] : ['--earlydata', wish.earlyData];
        const trust = wish.rawKeys ? ['--insecure'] : []; // it has no other way to believe a raw key at first sight
        const how = [...trust, '--inline-commands', '--single-key-share', ...twice, ...early];
        const args = [...names, ...how, '--port', String(port), ...common(wish), '127.0.0.1'];
        return new Program('gnutls-cli', args);
      }),
  },
};

describePeer(gnutls);
