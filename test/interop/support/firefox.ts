/** A headless Firefox with a profile of its own, led over WebDriver BiDi: a WebSocket with JSON commands. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { have } from '../../support/counterpart.ts';
import { Program } from '../../support/program.ts';

/** Nothing but the page's own traffic. */
const PREFERENCES = {
  'app.update.disabledForTesting': true,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'toolkit.telemetry.server': '',
  'browser.safebrowsing.downloads.remote.enabled': false,
  'services.settings.server': 'data:,',
  'extensions.systemAddon.update.enabled': false,
};

export function haveFirefox(): boolean {
  return have('firefox-esr') && have('certutil');
}

export class Firefox {
  readonly #profile: string;
  readonly #program: Program;
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, (answer: Answer) => void>();
  #context = '';

  private constructor(profile: string, program: Program, socket: WebSocket) {
    this.#profile = profile;
    this.#program = program;
    this.#socket = socket;
    socket.on('message', (text) => {
      const answer = JSON.parse(String(text)) as Answer;
      this.#answers.get(answer.id)?.(answer);
    });
  }

  /** One that believes the root in the file `ca`. */
  static async start(ca: string): Promise<Firefox> {
    const profile = mkdtempSync(join(tmpdir(), 'q2q-firefox-'));
    execFileSync('certutil', ['-N', '-d', `sql:${profile}`, '--empty-password']);
    execFileSync('certutil', ['-A', '-d', `sql:${profile}`, '-n', 'ca', '-t', 'C,,', '-i', ca]);
    const lines = Object.entries(PREFERENCES).map(
      ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
    );
    writeFileSync(join(profile, 'user.js'), lines.join(''));
    const args = ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0'];
    const program = new Program('firefox-esr', args, { env: { HOME: profile } });
    const [, url] = await program.until(/BiDi listening on (ws:\S+)/);
    const socket = new WebSocket(`${url}/session`);
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    const firefox = new Firefox(profile, program, socket);
    await firefox.#command('session.new', { capabilities: {} });
    const { contexts } = await firefox.#command<Tree>('browsingContext.getTree', {});
    firefox.#context = contexts[0]!.context;
    return firefox;
  }

  /** Loads a page and returns its text. */
  async read(url: string): Promise<string> {
    const context = this.#context;
    await this.#command('browsingContext.navigate', { context, url, wait: 'complete' });
    const { result } = await this.#command<Evaluated>('script.evaluate', {
      expression: 'document.body.innerText',
      target: { context },
      awaitPromise: false,
    });
    return result.value;
  }

  async stop(): Promise<void> {
    this.#socket.terminate();
    await this.#program.stop();
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  #command<T = unknown>(method: string, params: object): Promise<T> {
    const id = this.#answers.size + 1;
    this.#socket.send(JSON.stringify({ id, method, params }));
    return new Promise((resolve, reject) => {
      this.#answers.set(id, ({ result, error, message }) => {
        if (error === undefined) resolve(result as T);
        else reject(new Error(`firefox: ${method}: ${error}: ${message}`));
      });
    });
  }
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
  readonly message?: string;
}

interface Tree {
  readonly contexts: readonly { readonly context: string }[];
}

interface Evaluated {
  readonly result: { readonly value: string };
}
