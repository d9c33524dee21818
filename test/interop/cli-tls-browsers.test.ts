/**
 * Chromium, Firefox and curl load a page from `q2q tls serve --http` with a P-256 certificate of a root they believe: no check
 * of theirs is switched off.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { collect, type Server, Workspace } from '../cli/support/q2q.ts';
import { have } from '../support/counterpart.ts';
import { Firefox } from './support/firefox.ts';
import { makePki, type Pki } from './support/pki.ts';

const CHROMIUM = '/usr/bin/chromium';

const folder = mkdtempSync(join(tmpdir(), 'q2q-browsers-'));
const workspace = new Workspace();
let pki: Pki;

beforeAll(() => {
  pki = makePki(join(folder, 'p256'), 'p256');
});
afterAll(async () => {
  await workspace.dispose();
  rmSync(folder, { recursive: true, force: true });
});

/** Loads the page at the URL and returns its text. */
type Load = (url: string) => Promise<string>;

describe.skipIf(!have('curl'))('curl', () => {
  loadsPages(async (url) => {
    const ran = await collect(
      spawn('curl', ['--silent', '--show-error', '--tlsv1.3', '--cacert', pki.ca, url]),
      20_000,
      'curl',
    );
    if (ran.code !== 0) throw new Error(ran.stderr);
    return ran.stdout.toString();
  });
});

describe.skipIf(!have(CHROMIUM) || !have('certutil'))('Chromium', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
      ],
      env: { ...process.env, HOME: homeThatBelieves(pki.ca) },
    });
  });
  afterAll(() => browser?.close());

  loadsPages(async (url) => {
    const page = await browser.newPage();
    await page.goto(url);
    return page.innerText('body');
  });
});

describe.skipIf(!have('firefox-esr') || !have('certutil'))('Firefox', () => {
  let firefox: Firefox;

  beforeAll(async () => {
    firefox = await Firefox.start(pki.ca);
  });
  afterAll(() => firefox?.stop());

  loadsPages((url) => firefox.read(url));
});

function loadsPages(load: Load): void {
  test.each(['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'])(
    'loads a page over %s',
    async (suite) => {
      const page = await load(await serve('--suites', suite));
      expect(page).toContain('version    TLS 1.3');
      expect(page).toContain(`suite      ${suite}`);
    },
  );

  test('loads a page after a retry for P-384', async () => {
    const page = await load(await serve('--groups', 'secp384r1'));
    expect(page).toContain('group      secp384r1 (after a HelloRetryRequest)');
  });

  test('agrees on HTTP/1.1', async () => {
    const page = await load(await serve('--alpn', 'http/1.1', '--require-alpn'));
    expect(page).toContain('alpn       http/1.1');
  });

  test('refuses an expired certificate', async () => {
    await expect(load(await serve('expired'))).rejects.toThrow(/expired|ERR_CERT_DATE_INVALID|unknown error/);
  });
}

async function serve(...args: string[]): Promise<string> {
  const { cert, key } = args[0] === 'expired' ? pki.expired : pki.server;
  const all = [
    'tls',
    'serve',
    '--port',
    '0',
    '--cert',
    cert,
    '--key',
    key,
    '--http',
    ...args.filter((arg) => arg !== 'expired'),
  ];
  const server: Server = workspace.serve(all);
  const [, port] = await server.until(/listening on 127\.0\.0\.1:(\d+)/);
  return `https://localhost:${port}/`;
}

/** Chromium reads the person's own roots from here. */
function homeThatBelieves(ca: string): string {
  const home = join(folder, 'home');
  const database = join(home, '.pki', 'nssdb');
  mkdirSync(database, { recursive: true });
  execFileSync('certutil', ['-N', '-d', `sql:${database}`, '--empty-password']);
  execFileSync('certutil', ['-A', '-d', `sql:${database}`, '-n', 'ca', '-t', 'C,,', '-i', ca]);
  return home;
}
