/**
 * Contexts: a configuration bound to a provider, checked once, and a factory of connections. They hold no connection
 * and never change, so that one context serves any number of connections at a time.
 */
import { hex } from '../base/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { startClient } from './client.ts';
import type { TlsConfig, TlsConfigInit } from './config.ts';
import { TlsConnection } from './connection.ts';
import { TlsError } from './errors.ts';
import type { ContextChooser, OpAnswer } from './events.ts';
import type { Seam } from './seam.ts';
import type { ServerStart } from './server.ts';
import { startServer } from './server.ts';
import type { Settings } from './settings.ts';
import { resolve } from './settings.ts';
import type { SessionTicket } from './tickets/sessionTicket.ts';
import type { HeldTicket } from './tickets/store.ts';

export interface ConnectOptions {
  /** The name that is dialled: sent as SNI when it is a DNS name, and given to the verifier whatever it is. */
  readonly serverName?: string;
}

export class ClientContext {
  readonly config: TlsConfig;
  readonly #settings: Settings;

  constructor(config: TlsConfig | TlsConfigInit, provider: CryptoProvider) {
    this.#settings = resolve(config, provider, 'client');
    this.config = this.#settings.config;
  }

  /** A connection whose ClientHello waits in its output. */
  connect(options: ConnectOptions = {}): TlsConnection {
    return this.connectThrough(options, {});
  }

  /** @internal For tests; see `seam.ts`. */
  connectThrough({ serverName }: ConnectOptions, seam: Seam): TlsConnection {
    const settings = this.#settings;
    const ticketKey = `${hex(settings.contextId)}/${serverName ?? ''}`;
    const held = this.#heldTicket(ticketKey);
    const start = { settings, seam, ticketKey, serverName, held };
    return new TlsConnection('client', settings.config, seam, (out) => startClient(start, out));
  }

  /** A ticket of a suite that this context does not speak, or of a signature that it does not accept, is of no use. */
  #heldTicket(key: string): HeldTicket | undefined {
    const held = this.#take(key);
    const { suites, schemes } = this.#settings;
    const accepts = ({ suite, peerScheme }: SessionTicket): boolean =>
      suites.some(({ name }) => name === suite) &&
      (peerScheme === undefined || schemes.some(({ name }) => name === peerScheme));
    if (held === undefined || accepts(held.ticket)) return held;
    held.ticket.destroy();
    return undefined;
  }

  /** A store that fails costs the ticket only. */
  #take(key: string): HeldTicket | undefined {
    try {
      return this.config.tickets?.take(key);
    } catch {
      return undefined;
    }
  }
}

export interface ServerContextOptions {
  /** Picks another context by SNI or ALPN for each ClientHello, now or later. */
  readonly choose?: ContextChooser;
}

export class ServerContext {
  readonly config: TlsConfig;
  readonly #settings: Settings;
  readonly #choose: ContextChooser | undefined;

  constructor(
    config: TlsConfig | TlsConfigInit,
    provider: CryptoProvider,
    options: ServerContextOptions = {},
  ) {
    this.#settings = resolve(config, provider, 'server');
    this.config = this.#settings.config;
    this.#choose = options.choose;
    const { credentials, externalPsks } = this.config;
    if (credentials.length === 0 && externalPsks.length === 0 && this.#choose === undefined)
      throw new TlsError('ERR_TLS_CONFIG', 'credentials: a server needs a certificate');
  }

  /** Whether another context may take a connection over: what other backends cannot ask. */
  get chooses(): boolean {
    return this.#choose !== undefined;
  }

  /** A connection that waits for a ClientHello. */
  accept(): TlsConnection {
    return this.acceptThrough({});
  }

  /** @internal For tests; see `seam.ts`. */
  acceptThrough(seam: Seam): TlsConnection {
    const settings = this.#settings;
    const choose = this.#choose && { context: this.#choose, settingsOf: ServerContext.#settingsOf };
    const start: ServerStart = { settings, seam, choose };
    return new TlsConnection('server', settings.config, seam, () => startServer(start));
  }

  static #settingsOf(answer: OpAnswer): Settings | undefined {
    return answer instanceof ServerContext ? answer.#settings : undefined;
  }
}
