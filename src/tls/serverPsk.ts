/**
 * Whether a server goes on with one of the pre-shared keys that a ClientHello offers (RFC 9846 §4.3.11). A key counts only
 * when its binder fits, and a session only when the verifier, asked again, still accepts who it was made with; otherwise
 * the handshake is a full one.
 */
import type { Bytes } from '../base/bytes.ts';
import { equalBytes } from '../base/bytes.ts';
import type { Presented } from './authentication.ts';
import { askVerifier, circumstancesOf, presentAgain } from './authentication.ts';
import type { OpAnswer } from './events.ts';
import { MAX_SESSION_AGE, MAX_TICKET_AGE_SKEW, MAX_TICKETS_TRIED } from './limits.ts';
import * as ext from './messages/extensions.ts';
import { Anonymous, IdentityVerified, PskHeld, PskPeer } from './proofs.ts';
import { EarlySchedule } from './schedule/schedule.ts';
import type { Greeting } from './serverFlight.ts';
import type { Output, State } from './state.ts';
import { Suspended } from './state.ts';
import type { RedeemedTicket } from './tickets/issuer.ts';
import type { Session } from './tickets/session.ts';
import { decodeSession } from './tickets/session.ts';

/** The key that the handshake goes on with. */
export interface SelectedPsk {
  /** Its place in the client's list. */
  readonly index: number;
  readonly schedule: EarlySchedule;
  readonly peer: PskPeer;
  /** Absent for an external key. */
  readonly resumed?: Resumed;
}

interface Resumed {
  readonly session: Session;
  /** What the client showed in the handshake that is resumed. */
  readonly presented: Presented | undefined;
  /** Seconds since the handshake with signatures that it goes back to. */
  readonly since: number;
  /** Milliseconds that the client's idea of the ticket's age is ahead of ours. */
  readonly ageSkew: number;
}

type Proceed = (psk: SelectedPsk | undefined, out: Output) => State;

/** Asks for each offered key in turn, and goes on with the first that is good. */
export function selectPsk(greeting: Greeting, proceed: Proceed, out: Output): State {
  const { psks } = greeting.offer;
  return psks === undefined
    ? proceed(undefined, out)
    : new Selection(greeting, psks, proceed).tryFrom(0, out);
}

class Selection {
  readonly #greeting: Greeting;
  readonly #psks: ext.OfferedPsks;
  readonly #proceed: Proceed;
  /** What every binder covers: all messages so far and this one without its binders (§4.3.11.2). */
  readonly #covered: Bytes;
  #ticketsTried = 0;

  constructor(greeting: Greeting, psks: ext.OfferedPsks, proceed: Proceed) {
    const { transcript, message } = greeting;
    this.#greeting = greeting;
    this.#psks = psks;
    this.#proceed = proceed;
    const end = message.bytes.length - ext.bindersLength(psks.binders.map(({ length }) => length));
    this.#covered = transcript.currentWith(message.bytes.subarray(0, end));
  }

  /** The keys from here on. To look for an external one costs next to nothing; a ticket is a question. */
  tryFrom(first: number, out: Output): State {
    const { settings } = this.#greeting.start;
    const { suite } = this.#greeting.picked;
    const issuer = settings.config.resumption;
    for (const [i, offered] of this.#psks.identities.slice(first).entries()) {
      const index = first + i;
      const external = settings.psks.find(
        ({ identity, hash }) => hash === suite.hash && equalBytes(identity, offered.identity),
      );
      if (external !== undefined) {
        const schedule = this.#keyed(external.key.expose(), out);
        const held = PskHeld.byBinder(schedule, 'imported', this.#covered, this.#psks.binders[index]!);
        return this.#proceed({ index, schedule, peer: new PskPeer(held, external.source) }, out);
      }
      if (issuer === undefined || this.#ticketsTried === MAX_TICKETS_TRIED) continue;
      this.#ticketsTried++;
      const op = { kind: 'redeemTicket', issuer, ticket: new Uint8Array(offered.identity) } as const;
      return new Suspended('AwaitTicket', op, (answer, later) => this.#redeemed(index, answer, later));
    }
    return this.#proceed(undefined, out);
  }

  /** An issuer that fails, or does not know the ticket, costs a full handshake and nothing else. */
  #redeemed(index: number, answer: OpAnswer | Error, out: Output): State {
    const { suite } = this.#greeting.picked;
    if (!isRedeemed(answer)) return this.tryFrom(index + 1, out);
    const session = decodeSession(answer.state);
    if (session === undefined) return this.tryFrom(index + 1, out);
    out.own(session.psk);
    const since = session.since + Math.ceil(answer.age / 1000);
    if (session.suite.hash !== suite.hash || since > MAX_SESSION_AGE || !this.#fits(session)) {
      session.psk.destroy();
      return this.tryFrom(index + 1, out);
    }
    const schedule = this.#keyed(session.psk.expose(), out);
    session.psk.destroy();
    const held = PskHeld.byBinder(schedule, 'resumption', this.#covered, this.#psks.binders[index]!);
    const ageSkew = ((this.#psks.identities[index]!.age - session.ageAdd) >>> 0) - answer.age;
    return this.#verify({ session, since, ageSkew }, held, { index, schedule }, out);
  }

  /**
   * The session goes on in the context, under the name and for the protocol it was made for (lesson 23), and with a client
   * that still offers its suite: one that has given that up does not trust the session either. Nor do we one whose client
   * signed in a way that we accept no more.
   */
  #fits({ contextId, serverName, alpn, suite, peerScheme }: Session): boolean {
    const { start, offer, picked } = this.#greeting;
    const { settings } = start;
    return (
      equalBytes(contextId, settings.contextId) &&
      offer.hello.cipherSuites.includes(suite.id) &&
      (peerScheme === undefined || settings.schemes.some(({ name }) => name === peerScheme)) &&
      serverName === offer.serverName &&
      (alpn === picked.alpn || !settings.config.requireAlpn)
    );
  }

  /** Whoever was revoked, or whose certificate ran out, does not get in by a ticket. */
  #verify(
    facts: Omit<Resumed, 'presented'>,
    held: PskHeld,
    found: Pick<SelectedPsk, 'index' | 'schedule'>,
    out: Output,
  ): State {
    const { session } = facts;
    const { start, offer, picked } = this.#greeting;
    const { config } = start.settings;
    const presented = presentAgain(session, start.seam);
    const peer = (whom: IdentityVerified | Anonymous): SelectedPsk => ({
      ...found,
      peer: new PskPeer(held, whom, session.peerScheme),
      resumed: { ...facts, presented },
    });
    if (presented === undefined)
      return this.#proceed(peer(Anonymous.allowedBy(config.clientCertificate)), out);
    const circumstances = circumstancesOf('client', offer.serverName, picked.alpn, true);
    return askVerifier(start.settings, presented, circumstances, (answer, later) => {
      if (!(answer instanceof Error))
        return this.#proceed(peer(IdentityVerified.check(answer, presented)), later);
      found.schedule.destroy();
      return this.#proceed(undefined, later); // refused: it may show a newer certificate
    });
  }

  #keyed(psk: Uint8Array, out: Output): EarlySchedule {
    const { start, picked } = this.#greeting;
    const schedule = new EarlySchedule(start.settings.provider, picked.suite, psk);
    out.own(schedule);
    return schedule;
  }
}

function isRedeemed(answer: OpAnswer | Error): answer is RedeemedTicket {
  const { state, age } = (answer ?? {}) as Partial<RedeemedTicket>;
  return state instanceof Uint8Array && typeof age === 'number';
}

/**
 * Bytes of early data that are taken: what the ticket allows, or none. Only under the client's first key, for the very
 * parameters of its session, while the clocks agree and nobody can redeem the ticket again (§4.3.10, §8). A ticket that
 * allows more than we take by now is no reason to cut off a client that goes by it.
 */
export function earlyDataTaken({ start, offer, picked, helloRetried }: Greeting, psk: SelectedPsk): number {
  const { config } = start.settings;
  if (psk.resumed === undefined || psk.index !== 0 || !offer.earlyData || helloRetried) return 0;
  const { session, ageSkew } = psk.resumed;
  const isTaken =
    session.maxEarlyData <= config.earlyData &&
    config.resumption?.onceOnly === true &&
    session.suite === picked.suite &&
    session.alpn === picked.alpn &&
    Math.abs(ageSkew) <= MAX_TICKET_AGE_SKEW;
  return isTaken ? session.maxEarlyData : 0;
}
