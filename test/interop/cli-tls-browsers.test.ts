/**
 * Chromium, Firefox and curl load a page from `q2q tls serve --http` with a P-256 certificate of a root they believe: no check
 * of theirs is switched off.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { collect, type Server, Workspace } from '../cli/support/q2q.ts';
import { have } from '../support/counterpart.ts';
import { Chromium, haveChromium } from './support/chromium.ts';
import { Firefox, haveFirefox } from './support/firefox.ts';
import { makePki, type Pki } from './support/pki.ts';

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
  async function curl(...args: string[]): Promise<string> {
    const all = ['--silent', '--show-error', '--tlsv1.3', '--cacert', pki.ca, ...args];
    const ran = await collect(spawn('curl', all), 20_000, 'curl');
    if (ran.code !== 0) throw new Error(ran.stderr);
    return ran.stdout.toString();
  }

  loadsPages((url) => curl(url));

  test('resumes for its second connection', async () => {
    const url = await serve();
    const pages = await curl('--header', 'connection: close', url, url);
    expect(pages.match(/version +TLS 1\.3.*/g)).toEqual([
      'version    TLS 1.3',
      'version    TLS 1.3, resumed',
    ]);
  });
});

describe.skipIf(!haveChromium())('Chromium', () => {
  let browser: Chromium;

  beforeAll(async () => {
    browser = await Chromium.start(pki.ca);
  });
  afterAll(() => browser?.stop());

  loadsPages((url) => browser.read(url));
});

describe.skipIf(!haveFirefox())('Firefox', () => {
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
