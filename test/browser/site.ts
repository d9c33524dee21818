/** A static site in memory behind the strict policy that the relay sends, and the bundler that fills it. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

export const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; connect-src 'self' ws: wss:; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const ROOT: string = resolve(import.meta.dirname, '..', '..');

export interface Bundle {
  readonly text: string;
  /** Bytes of each input in the output, by path from the repository's root. */
  readonly inputs: ReadonlyMap<string, number>;
}

/** One module for a browser, of the sources and with the portable provider: what `npm run build` makes of the page. */
export async function bundle(entry: string): Promise<Bundle> {
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: [join(ROOT, entry)],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    conditions: ['q2q-src'],
    write: false,
    metafile: true,
    outdir: 'out',
    logLevel: 'silent',
  });
  const [output] = Object.values(result.metafile.outputs);
  const inputs = Object.entries(output!.inputs).map(
    ([path, { bytesInOutput }]) => [path, bytesInOutput] as const,
  );
  return { text: result.outputFiles[0]!.text, inputs: new Map(inputs) };
}

export interface Site {
  readonly server: Server;
  readonly port: number;
  close(): void;
}

const TYPES: Readonly<Record<string, string>> = { html: 'text/html', js: 'text/javascript', css: 'text/css' };

/** Serves `files` by path (`/page.js`) on the loopback. */
export async function serve(files: Readonly<Record<string, string>>): Promise<Site> {
  const server = createServer((request, response) => {
    const path = request.url === '/' ? '/index.html' : (request.url ?? '');
    const content = files[path];
    response.setHeader('content-security-policy', CONTENT_SECURITY_POLICY);
    response.setHeader('x-content-type-options', 'nosniff');
    response.setHeader('content-type', `${TYPES[path.split('.').pop()!] ?? 'text/plain'}; charset=utf-8`);
    if (content === undefined) response.writeHead(path === '/favicon.ico' ? 204 : 404).end();
    else response.end(content);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    server,
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
