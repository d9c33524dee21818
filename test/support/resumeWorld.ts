/** A session between an end that makes links and a server that takes them, in virtual time. */
import { provider } from '../../src/crypto/node.node.ts';
import type { MuxLimits } from '../../src/mux/index.ts';
import { ResumeAcceptor } from '../../src/peer/resumeAcceptor.ts';
import { Session } from '../../src/peer/session.ts';
import type { SessionOptions } from '../../src/peer/sessionOptions.ts';
import { LinkError } from '../../src/transport/errors.ts';
import type { Link } from '../../src/transport/link.ts';
import { echo, exercise, type LinkLog } from './channels.ts';
import { SeededRandom } from './random.ts';
import { SECRET } from './resumePair.ts';
import { type SimControl, type SimOptions, simLinks, VirtualClock } from './simLink.ts';

export interface ResumeWorldOptions extends Omit<SimOptions, 'clock'> {
  readonly limits?: Partial<MuxLimits>;
}

export class ResumeWorld {
  readonly clock: VirtualClock = new VirtualClock();
  readonly acceptor: ResumeAcceptor = new ResumeAcceptor({ sessions: 10, bytes: 1e9 });
  readonly a: Session;
  readonly b: Session;
  /** Nobody takes new links. */
  refuse = false;
  /** New links carry nothing. */
  deaf = false;
  attempts = 0;
  cuts = 0;
  nextKind: (() => boolean) | undefined;
  /** Bytes that the next link carries. */
  nextCut: (() => number) | undefined;
  readonly #options: ResumeWorldOptions;
  readonly #random = new SeededRandom(5);
  #control!: SimControl;

  constructor(options: ResumeWorldOptions) {
    this.#options = options;
    const [near, far] = this.#link();
    this.b = this.#serve(far);
    this.a = new Session(near, this.#with({ connect: async () => ({ link: await this.#connect() }) }));
    for (const session of [this.a, this.b]) session.arm(SECRET);
  }

  #with(resume: Omit<NonNullable<SessionOptions['resume']>, 'hmac'>): SessionOptions {
    return {
      ...{ clock: this.clock, random: (length) => this.#random.bytes(length) },
      ...(this.#options.limits && { limits: this.#options.limits }),
      resume: { ...resume, hmac: (key, ...parts) => provider.hmac('sha256', key, ...parts) },
    };
  }

  #serve(link: Link): Session {
    const session = new Session(link, this.#with({ acceptor: this.acceptor }));
    session.onIncoming((incoming) => {
      if (incoming.name === 'echo') echo(incoming.accept());
      else if (incoming.name === 'bulk')
        this.bulk = exercise(incoming.accept(), { reads: 9, writes: { seed: 0, length: 0 } });
      else incoming.accept();
    });
    return session;
  }

  /** What came in the channel 'bulk'. */
  bulk: LinkLog | undefined;

  #link(): [Link, Link] {
    const messages = this.nextKind?.() ?? this.#options.messages ?? false;
    const { links, control } = simLinks({ ...this.#options, messages, clock: this.clock });
    this.#control = control;
    control.halfDead = this.deaf;
    if (this.nextCut !== undefined) this.cutAfter(this.nextCut());
    return links;
  }

  async #connect(): Promise<Link> {
    this.attempts++;
    if (this.refuse) throw new LinkError('ERR_LINK_REFUSED', 'nobody listens');
    const [near, far] = this.#link();
    this.#serve(far);
    return near;
  }

  cutAfter(bytes: number): void {
    this.cuts++;
    this.#control.cutAfter(bytes);
  }

  /** Cuts the link at its next byte. */
  cut(): void {
    this.#control.cutAfter(0);
    void this.a.ping().catch(() => {});
  }

  halfDead(): void {
    this.#control.halfDead = true;
  }
}

export function resumeWorld(options: ResumeWorldOptions = {}): ResumeWorld {
  return new ResumeWorld({ delay: 5, ...options });
}

/** Sends so many bytes while every link is cut after as many as `cutAfter` says. Resolves with what the reader saw. */
export async function transfer(world: ResumeWorld, length: number, cutAfter: () => number): Promise<LinkLog> {
  world.nextCut = cutAfter;
  await world.clock.advance(1_000);
  world.cutAfter(cutAfter());
  const sent = exercise(world.a.open('bulk'), { writes: { seed: 9, length } });
  for (let round = 0; round < 100_000 && !(sent.closes > 0 && (world.bulk?.closes ?? 0) > 0); round++)
    await world.clock.advance(500);
  return world.bulk!;
}
