/** A headless Chromium for the tests of this folder, and a watch on everything a page complains about. */
import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { type TestAPI, test } from 'vitest';
import { CHROMIUM_ARGUMENTS } from '../support/chromiumArguments.ts';

const named = process.env['Q2Q_CHROMIUM'];
const candidates =
  named === undefined
    ? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
    : [named];
const executable = candidates.find((path) => existsSync(path));

/** `test`, or in a place without Chromium a test that is skipped; in CI that place is broken, and the test fails. */
export const browserTest: TestAPI = executable !== undefined || isCi() ? test : skipping();

function isCi(): boolean {
  return (process.env['CI'] ?? '') !== '';
}

function skipping(): TestAPI {
  console.warn(`skipping the browser tests: ${missing()}`);
  return test.skipIf(true) as TestAPI;
}

function missing(): string {
  return `no Chromium at ${candidates.join(', ')}; Q2Q_CHROMIUM names another place`;
}

/** `hosts` are names that lead to 127.0.0.1: origins that are not secure contexts, as `localhost` is. */
export function launch(...hosts: readonly string[]): Promise<Browser> | undefined {
  if (executable === undefined) {
    if (!isCi()) return undefined;
    throw new Error(missing());
  }
  const rules = hosts.map((host) => `MAP ${host} 127.0.0.1`).join(', ');
  return chromium.launch({
    executablePath: executable,
    args: [...CHROMIUM_ARGUMENTS, ...(hosts.length === 0 ? [] : [`--host-resolver-rules=${rules}`])],
  });
}

/** Opens a page whose complaints are collected: errors, failed requests, violations of its content security policy. */
export async function openPage(
  browser: Browser,
  url: string,
): Promise<{ page: Page; complaints: string[]; close: () => Promise<void> }> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.stack ?? error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning')
      complaints.push(`${message.type()}: ${message.text()} (${message.location().url})`);
  });
  page.on('requestfailed', (request) =>
    complaints.push(`request failed: ${request.url()} ${request.failure()?.errorText ?? ''}`),
  );
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) =>
      console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`),
    );
  });
  await page.goto(url);
  return { page, complaints, close: () => context.close() };
}
