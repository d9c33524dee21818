/** Our side of a meeting with another TLS stack: configurations, the driver, and cleaning up. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { provider as node } from '../../../src/crypto/node.node.ts';
import type { CryptoProvider } from '../../../src/crypto/provider.ts';
import {
  type Certificate,
  parseCertificate,
  parsePemAs,
  readPrivateKey,
  verifyClient,
  verifyServer,
} from '../../../src/identity/index.ts';
import {
  ClientContext,
  type Credential,
  type PeerVerifier,
  ServerContext,
  type TlsConfigInit,
} from '../../../src/tls/index.ts';
import { Driver } from '../../support/nodeTls.ts';
import type { Program } from '../../support/program.ts';
import type { Meeting, Role, Wish } from './meeting.ts';
import { type Kind, makePki, type Pair, type Pki } from './pki.ts';

/** The server's name in every certificate of `makePki`. */
export const NAME = 'a.test';

export interface Conversation {
  readonly us: Driver;
  readonly far: Program;
  readonly meeting: Meeting;
}

type Context = ClientContext | ServerContext;

export interface OpenOptions {
  /** What is asked of the far end. */
  readonly wish?: Partial<Wish>;
  readonly config?: Partial<TlsConfigInit>;
  /** Keys of all certificates. */
  readonly kind?: Kind;
  readonly provider?: CryptoProvider;
}

export class Bench {
  #folder: string | undefined;
  readonly #pkis = new Map<Kind, Pki>();
  #meetings: Meeting[] = [];

  pki(kind: Kind = 'p256'): Pki {
    let pki = this.#pkis.get(kind);
    if (pki === undefined) {
      pki = makePki(this.file(kind), kind);
      this.#pkis.set(kind, pki);
    }
    return pki;
  }

  /** The path of a file that goes away with the tests. */
  file(name: string): string {
    this.#folder ??= mkdtempSync(join(tmpdir(), 'q2q-interop-'));
    return join(this.#folder, name);
  }

  /** Our client meets a far server. */
  asClient(
    role: Role,
    options: OpenOptions = {},
    context: ClientContext = this.client(options),
  ): Promise<Conversation> {
    const { wish, kind } = options;
    return this.#open(role, { credential: this.pki(kind).server, ...wish }, this.pki(kind), context);
  }

  /** Our server meets a far client. */
  asServer(
    role: Role,
    options: OpenOptions = {},
    context: ServerContext = this.server(options),
  ): Promise<Conversation> {
    return this.#open(role, { ...options.wish }, this.pki(options.kind), context);
  }

  /** The same two meet again; the client sends `early` before the handshake. */
  async again({ meeting, us }: Conversation, context: Context, early?: string): Promise<Conversation> {
    if (us.connection.phase === 'open') us.closeWrite();
    const next = await meeting.again!();
    return this.converse(next, context, early);
  }

  /** We speak TLS over a meeting's carrier. */
  converse(meeting: Meeting, context: Context, early = ''): Conversation {
    this.#meetings.push(meeting);
    const connection =
      context instanceof ClientContext ? context.connect({ serverName: NAME }) : context.accept();
    if (early !== '') connection.writeEarly(Buffer.from(early));
    return { us: new Driver(connection, meeting.carrier), far: meeting.far, meeting };
  }

  client({ config, kind, provider = node }: OpenOptions = {}): ClientContext {
    return new ClientContext(
      { verifier: this.#verifier('server', this.pki(kind), provider), ...config },
      provider,
    );
  }

  server({ config, kind, provider = node }: OpenOptions = {}): ServerContext {
    const pki = this.pki(kind);
    return new ServerContext(
      {
        verifier: this.#verifier('client', pki, provider),
        credentials: [credentialOf(pki.server, provider)],
        clientCertificate: 'none',
        ...config,
      },
      provider,
    );
  }

  /** Ends every program; after a failure it shows what they said. */
  async stopAll(isFailure: boolean): Promise<void> {
    const meetings = this.#meetings;
    const programs = new Set(meetings.map(({ far }) => far));
    if (isFailure) for (const { output } of programs) console.log(output.slice(0, 2_000));
    this.#meetings = [];
    await Promise.all([...programs].map((program) => program.stop()));
    for (const { carrier, close } of meetings) {
      carrier.destroy();
      close?.();
    }
  }

  dispose(): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }

  async #open(role: Role, wish: Partial<Wish>, pki: Pki, context: Context): Promise<Conversation> {
    const meeting = await role.start({ ca: pki.ca, name: NAME, ...wish });
    return this.converse(meeting, context);
  }

  #verifier(role: 'client' | 'server', pki: Pki, provider: CryptoProvider): PeerVerifier {
    const roots = certificatesOf(pki.ca);
    const verify: PeerVerifier['verify'] =
      role === 'server'
        ? ({ chain, serverName = '' }) =>
            verifyServer(chain, { dns: serverName }, roots, Date.now(), provider)
        : ({ chain }) => verifyClient(chain, roots, Date.now(), provider);
    return { verify };
  }
}

export function credentialOf({ cert, key }: Pair, provider: CryptoProvider = node): Credential {
  return {
    chain: certificatesOf(cert).map(({ der }) => der),
    signer: readPrivateKey(provider, readFileSync(key, 'utf8')),
  };
}

function certificatesOf(file: string): Certificate[] {
  return parsePemAs('CERTIFICATE', readFileSync(file, 'utf8')).map(parseCertificate);
}
