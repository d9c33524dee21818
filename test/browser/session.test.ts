/** A tab and Node over one WebSocket: a session, TLS in each channel, the tab once as its server and once as its client. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { provider } from '../../src/crypto/node.node.ts';
import { selfSignedIdentity } from '../../src/identity/index.ts';
import { Session } from '../../src/peer/session.ts';
import type { Link } from '../../src/transport/index.ts';
import { listenWebSocket } from '../../src/transport/ws.node.ts';
import { browserTest, launch, openPage } from './browser.ts';
import { type Account, answer, dial } from './pages/exchange.ts';
import { bundle, type Site, serve } from './site.ts';

describe('a session between a tab and Node', () => {
  let browser: Browser | undefined;
  let site: Site;

  beforeAll(async () => {
    const script = (await bundle('test/browser/pages/session.ts')).text;
    const html = readFileSync(join(import.meta.dirname, 'pages', 'session.html'), 'utf8');
    site = await serve({ '/index.html': html, '/session.js': script });
    browser = await launch();
  });

  afterAll(async () => {
    await browser?.close();
    site?.close();
  });

  browserTest('moves 1 MiB each way in either role, and both ends name both keys alike', async () => {
    const identity = selfSignedIdentity(provider.generateKey('ed25519'), Date.now());
    const end = { identity, provider };
    const linked = new Promise<Link>((resolve) => {
      void listenWebSocket({ server: site.server }, resolve);
    });
    const url = `http://127.0.0.1:${site.port}/#${identity.keyId}`;
    const { page, complaints, close } = await openPage(browser!, url);
    const session = new Session(await linked, { random: provider.random });
    const tabKey = await page.title();
    const answered = answer(session, end);
    const inNode = [await dial(session, end, tabKey), await answered];
    await page.locator('body[data-state=done]').waitFor();
    const inTab = JSON.parse(await page.locator('body').innerText()) as Account[];
    expect(inNode.map(mirror)).toEqual(inTab);
    expect(inTab.map(({ role }) => role)).toEqual(['server', 'client']);
    expect(complaints).toEqual([]);
    await close();
  });
});

/** The same channel, seen from the other end. */
function mirror({ role, own, peer, sent, received, ...same }: Account): Account {
  return {
    role: role === 'client' ? 'server' : 'client',
    own: peer,
    peer: own,
    sent: received,
    received: sent,
    ...same,
  };
}
