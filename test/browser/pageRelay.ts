/** The relay's own server, in this process, with the example's page as `npm run build` would make it. */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Trust } from '../../src/identity/index.ts';
import { provider } from '../../src/node.ts';
import { type RelayServer, startRelay } from '../../src/relay/index.node.ts';
import { bundle } from './site.ts';

const PAGE: string = resolve(import.meta.dirname, '..', '..', 'examples', '07-browser');

export const DOMAIN = 'relay.test';

export class PageRelay {
  readonly #folder: string;
  #server: RelayServer;

  private constructor(folder: string, server: RelayServer) {
    this.#folder = folder;
    this.#server = server;
  }

  static async start(): Promise<PageRelay> {
    const folder = await mkdtemp(join(tmpdir(), 'q2q-page-'));
    const web = join(folder, 'web');
    await cp(PAGE, web, { recursive: true, filter: (from) => !/\.(ts|md)$/.test(from) });
    await writeFile(join(web, 'page.js'), (await bundle('examples/07-browser/page.ts')).text);
    return new PageRelay(folder, await serve(folder));
  }

  get port(): number {
    return this.#server.port;
  }

  get url(): string {
    return this.#server.urls[0]!;
  }

  get trust(): Trust {
    return Trust.of([this.#server.anchors]);
  }

  /** Goes away and comes back: same data, same port. */
  async restart(): Promise<void> {
    const { port } = this;
    await this.#server.close();
    this.#server = await serve(this.#folder, port);
  }

  async close(): Promise<void> {
    await this.#server.close();
    await rm(this.#folder, { recursive: true });
  }
}

function serve(folder: string, port = 0): Promise<RelayServer> {
  return startRelay({
    dataDir: join(folder, 'data'),
    web: join(folder, 'web'),
    domain: DOMAIN,
    admitKeyPeers: true,
    provider,
    port,
  });
}
