/** A headless Chromium with a home of its own. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium } from 'playwright-core';
import { CHROMIUM_ARGUMENTS } from '../../support/chromiumArguments.ts';
import { have } from '../../support/counterpart.ts';

const EXECUTABLE = '/usr/bin/chromium';

export function haveChromium(): boolean {
  return have(EXECUTABLE) && have('certutil');
}

export class Chromium {
  readonly #home: string;
  readonly #browser: Browser;
  readonly #context: BrowserContext;

  private constructor(home: string, browser: Browser, context: BrowserContext) {
    this.#home = home;
    this.#browser = browser;
    this.#context = context;
  }

  /** One that believes the root in the file `ca`: it reads the person's own roots from their home. */
  static async start(ca: string): Promise<Chromium> {
    const home = mkdtempSync(join(tmpdir(), 'q2q-chromium-'));
    const database = join(home, '.pki', 'nssdb');
    mkdirSync(database, { recursive: true });
    execFileSync('certutil', ['-N', '-d', `sql:${database}`, '--empty-password']);
    execFileSync('certutil', ['-A', '-d', `sql:${database}`, '-n', 'ca', '-t', 'C,,', '-i', ca]);
    const env = { ...process.env, HOME: home };
    const browser = await chromium.launch({ executablePath: EXECUTABLE, args: [...CHROMIUM_ARGUMENTS], env });
    return new Chromium(home, browser, await browser.newContext());
  }

  /** Loads a page and returns its text. */
  async read(url: string): Promise<string> {
    const page = await this.#context.newPage();
    await page.goto(url);
    const text = await page.innerText('body');
    await page.close();
    return text;
  }

  async stop(): Promise<void> {
    await this.#browser.close();
    rmSync(this.#home, { recursive: true, force: true, maxRetries: 5 });
  }
}
