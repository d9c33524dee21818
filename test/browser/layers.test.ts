/** The portable layers in Chromium, under the policy the relay sends, on a secure and on an insecure origin. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { browserTest, launch, openPage } from './browser.ts';
import { bundle, type Site, serve } from './site.ts';

const INSECURE_HOST = 'q2q.test';

describe('the portable layers in a browser', () => {
  let browser: Browser | undefined;
  let site: Site;
  let script: string;

  beforeAll(async () => {
    script = (await bundle('test/browser/pages/layers.ts')).text;
    const html = readFileSync(join(import.meta.dirname, 'pages', 'layers.html'), 'utf8');
    site = await serve({ '/index.html': html, '/layers.js': script });
    browser = await launch(INSECURE_HOST);
  });

  afterAll(async () => {
    await browser?.close();
    site?.close();
  });

  browserTest.each([
    ['a secure context', '127.0.0.1', true],
    ['an insecure origin, without crypto.subtle', INSECURE_HOST, false],
  ])('work in %s', async (_name, host, isSecure) => {
    const { page, complaints, close } = await openPage(browser!, `http://${host}:${site.port}/`);
    await page.locator('body[data-state=done]').waitFor();
    const results = await page.locator('li').allTextContents();
    expect(await page.evaluate(() => [isSecureContext, typeof crypto.subtle])).toEqual(
      isSecure ? [true, 'object'] : [false, 'undefined'],
    );
    expect(results.length).toBeGreaterThan(9);
    expect(results.filter((line) => !line.startsWith('ok '))).toEqual([]);
    expect(complaints).toEqual([]);
    await close();
  });
});
