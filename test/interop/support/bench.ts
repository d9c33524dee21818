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
import type { Meeting, Role, Wish } from './meeting.ts';
import { type Kind, makePki, type Pair, type Pki } from './pki.ts';
import type { Program } from './program.ts';

/** The server's name in every certificate of `makePki`. */
export const NAME = 'a.test';

export interface Conversation {
  readonly us: Driver;
  readonly far: Program;
}

export interface OpenOptions {
  /** What is asked of the far end. */
  readonly wish?: Partial<Wish>;
  readonly config?: Partial<TlsConfigInit>;
  /** Keys of all certificates. */
  readonly kind?: Kind;
  readonly provider?: CryptoProvider;
}

export class Bench {
  readonly #folder: string = mkdtempSync(join(tmpdir(), 'q2q-interop-'));
  readonly #pkis = new Map<Kind, Pki>();
  #meetings: Meeting[] = [];

  pki(kind: Kind = 'p256'): Pki {
    let pki = this.#pkis.get(kind);
    if (pki === undefined) {
      pki = makePki(join(this.#folder, kind), kind);
      this.#pkis.set(kind, pki);
    }
    return pki;
  }

  /** Our client meets a far server. */
  async asClient(role: Role, options: OpenOptions = {}): Promise<Conversation> {
    const pki = this.pki(options.kind);
    const meeting = await this.#meet(role, { credential: pki.server, ...options.wish }, pki);
    return {
      us: new Driver(this.client(options).connect({ serverName: NAME }), meeting.carrier),
      far: meeting.far,
    };
  }

  /** Our server meets a far client. */
  async asServer(role: Role, options: OpenOptions = {}): Promise<Conversation> {
    const pki = this.pki(options.kind);
    const meeting = await this.#meet(role, { ...options.wish }, pki);
    return { us: new Driver(this.server(options).accept(), meeting.carrier), far: meeting.far };
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

  async stopAll(): Promise<void> {
    const meetings = this.#meetings;
    this.#meetings = [];
    await Promise.all(meetings.map(({ far }) => far.stop()));
    for (const { carrier } of meetings) carrier.destroy();
  }

  dispose(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #meet(role: Role, wish: Partial<Wish>, pki: Pki): Promise<Meeting> {
    const meeting = await role.start({ ca: pki.ca, name: NAME, ...wish });
    this.#meetings.push(meeting);
    return meeting;
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
