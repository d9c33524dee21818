/**
 * The engine against Go's crypto/tls over TCP. The Go program is built here.
 *
 * External PSKs are not tried: ours are offered through the RFC 9258 importer only, and Go has no PSKs but tickets.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import { have } from '../support/counterpart.ts';
import { Program } from '../support/program.ts';
import { echoClient, echoServer } from './support/echoProgram.ts';
import type { Lacks } from './support/meeting.ts';
import { describePeer } from './support/subjects.ts';

const found = have('go');
const folder = mkdtempSync(join(tmpdir(), 'q2q-go-'));
const program = join(folder, 'echo');
if (found) build();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function build(): void {
  const source = fileURLToPath(new URL('go/echo.go', import.meta.url));
  const env = {
    GOCACHE: join(tmpdir(), 'q2q-go-cache'),
    ...process.env,
    GO111MODULE: 'off',
    CGO_ENABLED: '0',
  };
  execFileSync('go', ['build', '-o', program, source], { env });
}

const launch = (argument: string): Program => new Program(program, [argument]);
const lacks: Lacks = {
  'their key update': 'crypto/tls has no call for it',
  'early data': 'crypto/tls has none outside QUIC',
  'early data and a retry': 'crypto/tls has none outside QUIC',
  'raw keys': 'crypto/tls has none',
  'record size': 'crypto/tls has none',
};

describePeer({
  name: 'Go',
  found,
  kinds: ['ed25519', 'p256', 'p384', 'rsa'],
  server: echoServer(launch, {
    lacks,
    alerts: { noCertificate: 'bad_certificate', untrusted: 'bad_certificate' },
  }),
  client: echoClient(launch, {
    lacks: {
      ...lacks,
      'retried resumption': 'Go 1.19.6 to 1.19.8 reckon that binder wrongly (golang/go#59424)',
    },
  }),
});
