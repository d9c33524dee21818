/**
 * The relay's hands: sessions, handshakes and timers around the core (`core.ts`), which decides.
 *
 *     link ─► Session ─► "control" ─► TLS ─► admitted? ─► core.message …
 *                     ├► "enroll"  ─► TLS ─► domain.enrol
 *                     └► "path"    ─► core.path ─► splice (never decrypted)
 */
import { EMPTY, equalBytes } from '../base/bytes.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { isQ2qError, toError } from '../base/errors.ts';
import { type Logger, silent } from '../base/log.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { VerifiedPeer, verifyPeer } from '../identity/index.ts';
import { type MuxLimits, RESUME_LABEL, RESUME_SECRET_LENGTH } from '../mux/index.ts';
import { CLOSE_CODES, type CloseCodeName } from '../peer/codes.ts';
import { ControlStream } from '../peer/controlStream.ts';
import type { IncomingChannel } from '../peer/incoming.ts';
import { CONTROL_CHANNEL, ENROL_CHANNEL, PATH_CHANNEL } from '../peer/names.ts';
import { ResumeAcceptor } from '../peer/resumeAcceptor.ts';
import { secure } from '../peer/secure.ts';
import type { SecureLink } from '../peer/secureLink.ts';
import { Session } from '../peer/session.ts';
import type { Link } from '../transport/link.ts';
import { RelayContexts } from './contexts.ts';
import { type CoreAction, type CoreStats, type DomainQuestion, RelayCore } from './core.ts';
import type { DomainService } from './domain.ts';
import { domainAnswer } from './domainAnswers.ts';
import { serveEnrolment } from './enrolmentChannel.ts';
import { RelayError } from './errors.ts';
import { RELAY_LIMITS, type RelayLimits } from './limits.ts';
import { LinkCounts, RelayedLink } from './links.ts';
import { Paths, type RecordPath } from './paths.ts';

export interface RelayOptions {
  readonly domain: DomainService;
  readonly provider: CryptoProvider;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly limits?: Partial<RelayLimits>;
  readonly muxLimits?: Partial<MuxLimits>;
  /** Lets self-signed key peers in, not only the domain's users. */
  readonly admitKeyPeers?: boolean;
  readonly record?: RecordPath;
}

export interface RelayStats extends CoreStats {
  readonly links: number;
  /** Of these, sessions that wait for another link. */
  readonly suspended: number;
  readonly splices: number;
  /** Bytes moved between peers. */
  readonly relayed: number;
}

interface Control {
  readonly stream: ControlStream<'relay'>;
  /** As it was proven last: a renewal proves it anew. */
  peer: VerifiedPeer;
}

export class Relay {
  readonly #domain: DomainService;
  readonly #provider: CryptoProvider;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #limits: RelayLimits;
  readonly #options: RelayOptions;
  readonly #contexts: RelayContexts;
  readonly #core: RelayCore;
  readonly #links = new Map<number, RelayedLink>();
  readonly #linkCounts: LinkCounts;
  readonly #acceptor: ResumeAcceptor;
  readonly #controls = new Map<number, Control>();
  readonly #paths: Paths;
  #nextLink = 1;
  readonly #forgetDomain: () => void;
  #closed = false;
  #cancelTimer: () => void = () => {};
  #cancelRefresh: () => void = () => {};

  /** `core` is for tests of relays that lie. */
  constructor(options: RelayOptions, core?: RelayCore) {
    this.#options = options;
    this.#domain = options.domain;
    this.#provider = options.provider;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silent;
    this.#limits = { ...RELAY_LIMITS, ...options.limits };
    this.#linkCounts = new LinkCounts(this.#limits);
    const { suspendedLinks: sessions, suspendedBytes: bytes } = this.#limits;
    this.#acceptor = new ResumeAcceptor({ sessions, bytes });
    this.#contexts = new RelayContexts(options.domain, options.provider, this.#clock);
    const { domain } = options.domain;
    const random = (length: number) => options.provider.random(length);
    this.#core = core ?? new RelayCore({ domain, limits: this.#limits, random });
    this.#paths = new Paths(this.#logger, options.record, {
      came: (link, path, token) => this.#tell(() => this.#core.path(link.id, path, token)),
      left: (path) => this.#tell((now) => this.#core.pathGone(path, now)),
      ended: (meeting) => this.#tell((now) => this.#core.spliceEnded(meeting, now)),
    });
    this.#forgetDomain = options.domain.on('bundle', ({ bundle, blocked }) =>
      this.#renounce(bundle, blocked),
    );
    this.#refreshBundle();
  }

  stats(): RelayStats {
    return {
      ...this.#core.stats(),
      links: this.#links.size,
      suspended: this.#acceptor.waiting,
      splices: this.#paths.splices,
      relayed: this.#paths.relayed,
    };
  }

  /** Serves a link that somebody opened to us; takes it over. One too many is reset before anything is kept for it. */
  accept(link: Link): void {
    const { remote = '' } = link.info;
    if (this.#closed || !this.#linkCounts.enter(remote)) {
      this.#logger.log('debug', 'link refused', { remote });
      link.reset(CLOSE_CODES.busy);
      return;
    }
    const id = this.#nextLink++;
    const session = new Session(link, {
      clock: this.#clock,
      random: (length) => this.#provider.random(length),
      logger: this.#logger,
      limits: {
        resumeTtl: this.#limits.resumeTtl,
        resumeWindow: this.#limits.resumeWindow,
        ...this.#options.muxLimits,
      },
      resume: {
        hmac: (key, ...parts) => this.#provider.hmac('sha256', key, ...parts),
        acceptor: this.#acceptor,
      },
    });
    const relayed = new RelayedLink(id, session, remote, this.#limits, this.#clock);
    this.#links.set(id, relayed);
    session.onIncoming((incoming) => this.#incoming(relayed, incoming));
    void session.closed.then((error) => {
      this.#links.delete(id);
      this.#linkCounts.leave(remote);
      relayed.closed();
      this.#core.linkGone(id);
      this.#logger.log('debug', 'link closed', { link: id, error: error?.message });
    });
  }

  /** Tells every peer that we go, then ends what is left after `grace` milliseconds. */
  async close(grace = 200): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#forgetDomain();
    this.#cancelRefresh();
    this.#cancelTimer();
    const links = [...this.#links.values()];
    for (const { session } of links) session.goaway('the relay stops');
    const allClosed = Promise.all(links.map(({ session }) => session.closed));
    await Promise.race([allClosed, new Promise<void>((done) => this.#clock.after(grace, done))]);
    const stopped = new RelayError('ERR_RELAY_CLOSED', 'the relay was stopped');
    for (const { session } of links) session.destroy(stopped);
    await allClosed;
  }

  #incoming(link: RelayedLink, incoming: IncomingChannel): void {
    switch (incoming.name) {
      case CONTROL_CHANNEL:
        void this.#handshake(link, incoming, (opened) => this.#control(link, opened));
        break;
      case ENROL_CHANNEL:
        if (!link.enrolBucket.take(this.#clock.monotonic())) incoming.refuse(CLOSE_CODES.busy);
        else void this.#handshake(link, incoming, (opened) => this.#enrol(link, opened));
        break;
      case PATH_CHANNEL:
        this.#paths.open(link, incoming);
        break;
      default:
        incoming.refuse(CLOSE_CODES.protocol);
    }
  }

  /** TLS on a channel that ends here. Whatever fails concerns this channel alone. */
  async #handshake(
    link: RelayedLink,
    incoming: IncomingChannel,
    then: (opened: SecureLink) => void | Promise<void>,
  ): Promise<void> {
    if (link.handshakes >= this.#limits.handshakesPerLink) {
      incoming.refuse(CLOSE_CODES.busy);
      return;
    }
    link.handshakes++;
    try {
      const context = incoming.name === CONTROL_CHANNEL ? this.#contexts.control : this.#contexts.enrol;
      const opened = await secure(incoming.accept(), context, {
        clock: this.#clock,
        timeout: this.#limits.helloTimeout,
      });
      await then(opened);
    } catch (error) {
      const { message } = toError(error);
      const code = isQ2qError(error) ? error.code : undefined;
      this.#logger.log('info', 'handshake failed', { link: link.id, channel: incoming.name, code, message });
    } finally {
      link.handshakes--;
    }
  }

  #enrol(link: RelayedLink, opened: SecureLink): void {
    serveEnrolment(opened, {
      domain: this.#domain,
      clock: this.#clock,
      logger: this.#logger,
      timeout: this.#limits.helloTimeout,
      from: link.remote,
    });
  }

  async #control(link: RelayedLink, opened: SecureLink): Promise<void> {
    const peer = opened.negotiated.peer!;
    const { name, keyId } = peer.identity;
    const refusal = await this.#refusal(link, peer);
    // Asked again without a pause before it counts as here: who is here hears of every withdrawal after that.
    const withdrawn = this.#domain.isWithdrawn(peer) ? 'revoked' : undefined;
    const client = refusal ?? withdrawn ?? this.#connect(link, peer);
    if (typeof client === 'string') {
      this.#logger.log('info', 'not admitted', { link: link.id, keyId, code: client });
      opened.reset(CLOSE_CODES[client]);
      return;
    }
    link.session.arm(opened.exportKey(RESUME_LABEL, EMPTY, RESUME_SECRET_LENGTH));
    link.controls++;
    link.hold();
    const cancelHello = this.#clock.after(this.#limits.helloTimeout, () => stream.reset('timeout'));
    const stream: ControlStream<'relay'> = new ControlStream(opened, 'relay', {
      message: (message) => {
        if (message.type === 'hello') cancelHello();
        this.#tell((now) => this.#core.message(client, message, now));
        if (message.type === 'hello') void this.#tellBundle(client);
      },
      closed: (error) => {
        cancelHello();
        link.controls--;
        link.release();
        this.#controls.delete(client);
        this.#tell((now) => this.#core.disconnect(client, now));
        this.#logger.log('info', 'peer left', { peer: name ?? `key:${keyId}`, error: error?.message });
      },
    });
    this.#controls.set(client, { stream, peer });
    this.#logger.log('info', 'peer came', { peer: name ?? `key:${keyId}`, link: link.id });
    this.#act();
  }

  async #refusal(link: RelayedLink, peer: VerifiedPeer): Promise<CloseCodeName | undefined> {
    if (link.controls >= this.#limits.controlsPerLink) return 'busy';
    if (peer.identity.name === undefined) return this.#options.admitKeyPeers ? undefined : 'notAdmitted';
    return this.#domain.refusal(peer.identity);
  }

  /** The domain's newest word, to who has just come: what was missed meanwhile is in it. */
  async #tellBundle(client: number): Promise<void> {
    try {
      const bundle = await this.#domain.bundle();
      this.#controls.get(client)?.stream.send({ type: 'bundle', bundle });
    } catch (error) {
      this.#logger.log('error', 'no bundle for a peer', { error });
    }
  }

  /** Peers that stay for weeks get one that has not run out. */
  #refreshBundle(): void {
    this.#cancelRefresh = this.#clock.after(MAX_DELAY, () => {
      this.#refreshBundle();
      this.#domain.bundle().catch((error: unknown) => this.#logger.log('error', 'no new bundle', { error }));
    });
  }

  /** A new bundle: everybody is told first, so that they cut what it withdraws, then whom it withdraws is put out. */
  #renounce(bundle: Uint8Array, blocked: string | undefined): void {
    const name = blocked === undefined ? undefined : `${blocked}@${this.#domain.domain}`;
    const isOut = (peer: VerifiedPeer): boolean =>
      this.#domain.isWithdrawn(peer) || (name !== undefined && peer.identity.name === name);
    for (const { stream } of this.#controls.values()) stream.send({ type: 'bundle', bundle });
    this.#paths.cut(isOut);
    for (const [client, { peer }] of this.#controls)
      if (isOut(peer)) this.#core.evict(client, 'withdrawn by the domain', this.#clock.monotonic());
    this.#act();
  }

  #connect(link: RelayedLink, peer: VerifiedPeer): number | CloseCodeName {
    const { name, keyId, expiresAt } = peer.identity;
    const who = {
      link: link.id,
      name,
      keyId,
      chain: this.#shownChain(peer),
      expiresAt: this.#monotonicAt(expiresAt),
      observed: link.remote.slice(0, 64),
    };
    return this.#core.connect(who, this.#clock.monotonic()) ?? 'busy';
  }

  /** What happened, to the core; then what it makes of it. */
  #tell(event: (now: number) => void): void {
    event(this.#clock.monotonic());
    this.#act();
  }

  /** Carries out what the core decided, then sleeps until its next deadline. */
  #act(): void {
    for (let action = this.#core.next(); action !== undefined; action = this.#core.next())
      this.#perform(action);
    this.#cancelTimer();
    this.#cancelTimer = () => {};
    const deadline = this.#core.deadline();
    if (deadline === undefined || this.#closed) return;
    const delay = Math.min(MAX_DELAY, Math.max(0, deadline - this.#clock.monotonic()));
    this.#cancelTimer = this.#clock.after(delay, () => this.#tell((now) => this.#core.tick(now)));
  }

  #perform(action: CoreAction): void {
    switch (action.type) {
      case 'send':
        this.#controls.get(action.client)?.stream.send(action.message);
        break;
      case 'close':
        this.#logger.log('info', 'control channel closed', { client: action.client, reason: action.reason });
        this.#controls.get(action.client)?.stream.reset(action.code);
        break;
      case 'closeLink':
        this.#logger.log('warn', 'link closed', { link: action.link, code: action.code });
        this.#links
          .get(action.link)
          ?.session.destroy(new RelayError('ERR_RELAY_CLOSED', 'too many bad tokens'));
        break;
      case 'refusePath':
        this.#paths.refuse(action.path, action.code);
        break;
      case 'splice': {
        const peers = action.clients.flatMap((client) => this.#controls.get(client)?.peer ?? []);
        this.#paths.splice(action, peers);
        break;
      }
      case 'ask':
        void this.#ask(action.client, action.question);
        break;
    }
  }

  async #ask(client: number, question: DomainQuestion): Promise<void> {
    const control = this.#controls.get(client);
    if (control === undefined) return;
    const { id } = question;
    try {
      if (question.type === 'renew') await this.#renew(client, control, id);
      else this.#core.answer(client, await domainAnswer(this.#domain, control.peer.identity, question));
    } catch (error) {
      this.#logger.log('error', 'a question to the domain failed', { question: question.type, error });
      this.#core.answer(client, { type: 'failed', id, code: 'busy' });
    }
    this.#act();
  }

  async #renew(client: number, control: Control, id: number): Promise<void> {
    const { identity, spki } = control.peer;
    const answer = await this.#domain.renew(identity, spki);
    if (typeof answer === 'string') {
      this.#core.renewed(client, id, answer);
      return;
    }
    const { trust } = this.#domain;
    const now = this.#clock.now();
    const proof = verifyPeer(answer.chain, { kind: 'anyPeer' }, trust, 'client', now, this.#provider);
    if (proof instanceof VerifiedPeer) control.peer = proof;
    this.#core.renewed(client, id, { ...answer, expiresAt: this.#monotonicAt(answer.expiresAt) });
  }

  /**
   * As it came, the anchor left out: what a listener needs to check it again. The relay knows both roots while there are
   * two; a listener may know the older one only, and gets the way to it.
   */
  #shownChain({ chain, identity }: VerifiedPeer): readonly Uint8Array[] {
    const below = (chain.length > 1 ? chain.slice(0, -1) : chain).map(({ der }) => der);
    if (identity.domain !== this.#domain.domain) return below;
    const { handovers } = this.#domain.wayBack;
    return [...below, ...handovers.filter((way) => !below.some((shown) => equalBytes(shown, way)))];
  }

  #monotonicAt(wallClock: number): number {
    return wallClock - this.#clock.now() + this.#clock.monotonic();
  }
}

/** Timers of the platform hold 31 bits. */
const MAX_DELAY = 86_400_000;
