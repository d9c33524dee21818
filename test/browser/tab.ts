/** The example's page as a person uses it: by its labels and buttons, reading what it shows. */
import type { Browser, Locator, Page } from 'playwright-core';
import { parsePeerId } from '../../src/identity/index.ts';
import { openPage } from './browser.ts';

/** What one card says of its conversation. */
export interface Facts {
  readonly peerKeyId: string;
  readonly peerFingerprint: string;
  readonly ownFingerprint: string;
  readonly suite: string;
  readonly group: string;
  readonly role: string;
  readonly path: string;
}

export class Tab {
  readonly page: Page;
  readonly complaints: readonly string[];
  readonly close: () => Promise<void>;

  private constructor(opened: Awaited<ReturnType<typeof openPage>>) {
    this.page = opened.page;
    this.complaints = opened.complaints;
    this.close = opened.close;
  }

  /** Resolves when the page says that its relay has it. */
  static async open(browser: Browser, url: string): Promise<Tab> {
    const tab = new Tab(await openPage(browser, url));
    await tab.connected();
    return tab;
  }

  async connected(): Promise<void> {
    await this.page.locator('#relay[data-state=open]').waitFor();
  }

  async newKey(kind: 'P-256' | 'Ed25519'): Promise<void> {
    await this.page.getByLabel('of kind').selectOption(kind);
    await Promise.all([
      this.page.waitForEvent('load'),
      this.page.getByRole('button', { name: 'New key' }).click(),
    ]);
    await this.connected();
  }

  async keyId(): Promise<string> {
    return parsePeerId(await this.page.locator('#own-key-id').innerText());
  }

  fingerprint(): Promise<string> {
    return this.page.locator('#own-fingerprint').innerText();
  }

  async dial(keyId: string): Promise<Card> {
    await this.page.getByLabel('Key id of the other side').fill(keyId);
    await this.page.getByRole('button', { name: 'Dial' }).click();
    return this.card('You dialled');
  }

  /** The card with that heading, once it is there. */
  async card(heading: 'You dialled' | 'You were dialled'): Promise<Card> {
    const article = this.page
      .getByRole('article')
      .filter({ has: this.page.getByRole('heading', { name: heading }) });
    await article.waitFor();
    return new Card(article);
  }

  /** What went wrong with the last dial, once it did. */
  async dialFailure(): Promise<string> {
    const status = this.page.locator('#dial-status[data-state=failed]');
    await status.waitFor();
    return status.innerText();
  }
}

export class Card {
  readonly #article: Locator;

  constructor(article: Locator) {
    this.#article = article;
  }

  async facts(): Promise<Facts> {
    const fact = (name: string): Promise<string> => this.#article.locator(`[data-fact=${name}]`).innerText();
    return {
      peerKeyId: parsePeerId(await fact('peer-key-id')),
      peerFingerprint: await fact('peer-fingerprint'),
      ownFingerprint: await fact('own-fingerprint'),
      suite: await fact('suite'),
      group: await fact('group'),
      role: await fact('role'),
      path: await fact('path'),
    };
  }

  /** The proved name, where there is one besides the key. */
  name(): Promise<string> {
    return this.#article.locator('[data-fact=name]').innerText();
  }

  async say(text: string): Promise<void> {
    await this.#article.getByLabel('Message', { exact: true }).fill(text);
    await this.#article.getByRole('button', { name: 'Send', exact: true }).click();
  }

  /** Waits until the peer has said it. */
  async hears(text: string): Promise<void> {
    await this.#entries('peer').filter({ hasText: text }).first().waitFor();
  }

  async sendRandom(): Promise<string> {
    await this.#article.getByRole('button', { name: '1 MiB' }).click();
    return this.#hash('you', 'random.bin');
  }

  async sendFile(name: string, content: Uint8Array): Promise<string> {
    const buffer = Buffer.from(content);
    await this.#article.getByLabel('Send a file').setInputFiles({ name, mimeType: 'image/png', buffer });
    return this.#hash('you', name);
  }

  /** The hash of a file that came, once it is whole. */
  receives(name: string): Promise<string> {
    return this.#hash('peer', name);
  }

  async #hash(from: 'you' | 'peer', name: string): Promise<string> {
    const text = await this.#entries(from)
      .filter({ hasText: name })
      .filter({ hasText: 'SHA-256' })
      .innerText();
    return /SHA-256 ([0-9a-f]{64})/.exec(text)![1]!;
  }

  #entries(from: 'you' | 'peer'): Locator {
    return this.#article.getByRole('log').locator(`li[data-from=${from}]`);
  }

  async end(): Promise<void> {
    await this.#article.getByRole('button', { name: 'End', exact: true }).click();
  }

  /** How it ended, once it did. */
  async ended(): Promise<string> {
    const status = this.#article.getByRole('status').filter({ hasNotText: 'Open' });
    await status.waitFor();
    return status.innerText();
  }
}
