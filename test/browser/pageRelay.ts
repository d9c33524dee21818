/** The relay's own server, in this process, with the example's page as `npm run build` would make it. */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Trust } from '../../src/identity/index.ts';
import { provider } from '../../src/node.ts';
import { startRelay } from '../../src/relay/index.ts';
import { bundle } from './site.ts';

const PAGE: string = resolve(import.meta.dirname, '..', '..', 'examples', '07-browser');

export const DOMAIN = 'relay.test';

export interface PageRelay {
  readonly port: number;
  readonly url: string;
  readonly trust: Trust;
  close(): Promise<void>;
}

export async function startPageRelay(): Promise<PageRelay> {
  const folder = await mkdtemp(join(tmpdir(), 'q2q-page-'));
  const web = join(folder, 'web');
  await cp(PAGE, web, { recursive: true, filter: (from) => !/\.(ts|md)$/.test(from) });
  await writeFile(join(web, 'page.js'), (await bundle('examples/07-browser/page.ts')).text);
  const server = await startRelay({
    dataDir: join(folder, 'data'),
    domain: DOMAIN,
    admitKeyPeers: true,
    provider,
    web,
  });
  return {
    port: server.port,
    url: server.urls[0]!,
    trust: Trust.of([server.anchors]),
    close: async () => {
      await server.close();
      await rm(folder, { recursive: true });
    },
  };
}
