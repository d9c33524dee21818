/** What ships, as processes: `q2q relay` serves the built page, and people in terminals talk with a tab. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { Overlay } from '../cli/support/overlay.ts';
import { browserTest, launch } from './browser.ts';
import { Tab } from './tab.ts';

describe('the built page on `q2q relay --serve-example`', () => {
  let browser: Browser | undefined;
  let overlay: Overlay;

  beforeAll(async () => {
    browser = await launch();
    if (browser !== undefined) overlay = await Overlay.start(['--admit-keys', '--serve-example']);
  });

  afterAll(async () => {
    await browser?.close();
    await overlay?.dispose();
  });

  const open = (): Promise<Tab> => Tab.open(browser!, overlay.relayUrl.replace('ws:', 'http:'));

  browserTest('alice calls a tab from her terminal', async () => {
    const tab = await open();
    const terminal = overlay.workspace.serve(
      ['dial', `key:${await tab.keyId()}/chat/1`],
      overlay.as('alice'),
    );
    const card = await tab.card('You were dialled');
    expect(await card.name()).toBe('alice@example.org, vouched for by example.org');

    terminal.child.stdin!.write('hello, tab\n');
    await card.hears('hello, tab');
    await card.say('hello, alice');
    await terminal.until(/^hello, alice$/m);

    terminal.child.stdin!.end();
    expect(await card.ended()).toBe('Ended');
    expect((await terminal.ended).code).toBe(0);
    expect(tab.complaints).toEqual([]);
    await tab.close();
  });

  browserTest('a tab calls bob by name, who lets its key in', async () => {
    const tab = await open();
    const bob = await overlay.listen('chat/1', ['--stdio', '--allow', `key:${await tab.keyId()}`]);
    const card = await tab.dial('bob@example.org');
    expect(await card.name()).toBe('bob@example.org, vouched for by example.org');
    await card.say('hello, bob');
    await bob.until(/^hello, bob$/m);
    bob.child.stdin!.write('hello, tab\n');
    await card.hears('hello, tab');
    await card.end();
    bob.child.stdin!.end();
    expect(await card.ended()).toBe('Ended');
    expect(tab.complaints).toEqual([]);
    await Promise.all([tab.close(), bob.stop()]);
  });
});
