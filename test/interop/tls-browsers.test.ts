/**
 * What browsers make of our server's further features: hybrid key exchange, certificate compression, resumption, early data.
 * Pages of `q2q tls serve` are in `cli-tls-browsers.test.ts`.
 */
import { createServer, type Server } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { concat } from '../../src/base/bytes.ts';
import { withMlKem } from '../../src/crypto/mlkem.ts';
import { provider as node } from '../../src/crypto/node.node.ts';
import { toDuplex } from '../../src/peer/duplex.node.ts';
import { secure } from '../../src/peer/secure.ts';
import type { SecureLink } from '../../src/peer/secureLink.ts';
import { brotliCodec, zlibCodec } from '../../src/tls/compression.node.ts';
import type { CertificateCodec, Negotiated, TlsConfigInit } from '../../src/tls/index.ts';
import { SessionCache } from '../../src/tls/resumption.ts';
import { type Listener, listenTcp } from '../../src/transport/node.node.ts';
import { Bench } from './support/bench.ts';
import { Chromium, haveChromium } from './support/chromium.ts';
import { Firefox, haveFirefox } from './support/firefox.ts';

interface Reader {
  read(url: string): Promise<string>;
  stop(): Promise<void>;
}

const bench = new Bench();
afterAll(() => bench.dispose());

describe.skipIf(!haveChromium())('Chromium', () =>
  browserSubjects(() => Chromium.start(bench.pki().ca), 'none'),
);

describe.skipIf(!haveFirefox())('Firefox', () =>
  browserSubjects(() => Firefox.start(bench.pki().ca), 'accepted'),
);

/** `early` is what the browser makes of a server that takes early data: Chromium has it switched off. */
function browserSubjects(start: () => Promise<Reader>, early: 'none' | 'accepted'): void {
  let browser: Reader;
  let site: Site | undefined;

  beforeAll(async () => {
    browser = await start();
  });
  afterAll(() => browser?.stop());
  afterEach(() => site?.close());

  /** Two visits, each with a connection of its own. */
  async function visitTwice(config: Partial<TlsConfigInit> = {}): Promise<[Visit, Visit]> {
    site = await Site.open(config);
    await browser.read(site.url);
    await browser.read(site.url);
    const pages = site.visits.filter(({ path }) => path === '/');
    expect(pages).toHaveLength(2);
    return [pages[0]!, pages[1]!];
  }

  it('agrees on X25519MLKEM768', async () => {
    const [first] = await visitTwice();
    expect(first.negotiated).toMatchObject({ group: 'X25519MLKEM768', helloRetried: false });
  });

  it('reads a compressed certificate', async () => {
    let compressed = 0;
    const counting = (codec: CertificateCodec): CertificateCodec => ({
      ...codec,
      compress: (message) => {
        compressed++;
        return codec.compress(message);
      },
    });
    await visitTwice({ compression: [brotliCodec, zlibCodec].map(counting) });
    expect(compressed).toBeGreaterThan(0);
  });

  it('resumes at its second visit', async () => {
    const [first, second] = await visitTwice({ resumption: new SessionCache(node) });
    expect(first.negotiated.resumed).toBe(false);
    expect(second.negotiated.resumed).toBe(true);
  });

  it(early === 'none' ? 'sends no early data' : 'has its request accepted as early data', async () => {
    const [, second] = await visitTwice({ resumption: new SessionCache(node), earlyData: 16_384 });
    expect(second.negotiated).toMatchObject({ resumed: true, earlyData: early });
  });
}

interface Visit {
  readonly path: string;
  readonly negotiated: Negotiated;
}

/** An HTTPS server of one page, which closes each connection after its answer. */
class Site {
  readonly visits: Visit[] = [];
  readonly #listener: Listener;

  private constructor(visits: Visit[], listener: Listener) {
    this.visits = visits;
    this.#listener = listener;
  }

  get url(): string {
    return `https://localhost:${this.#listener.port}/`;
  }

  static async open(config: Partial<TlsConfigInit>): Promise<Site> {
    const visits: Visit[] = [];
    const links = new WeakMap<object, SecureLink>();
    const http: Server = createServer((request, response) => {
      const { negotiated } = links.get(request.socket)!;
      visits.push({ path: request.url!, negotiated });
      response.writeHead(200, {
        'content-type': 'text/plain',
        connection: 'close',
        'cache-control': 'no-store',
      });
      response.end('a page of q2q');
    });
    const context = bench.server({ provider: withMlKem(node), config: { alpn: ['http/1.1'], ...config } });
    const listener = await listenTcp({ host: '127.0.0.1', port: 0 }, (below) => {
      secure(below, context).then(
        (link) => {
          const early = concat(link.takeEarlyData()); // a GET: replayed, it changes nothing
          const duplex = toDuplex(link);
          links.set(duplex, link);
          if (early.length > 0) duplex.unshift(early);
          http.emit('connection', duplex);
        },
        () => {}, // browsers open connections that they do not use
      );
    });
    return new Site(visits, listener);
  }

  close(): Promise<void> {
    return this.#listener.close();
  }
}
