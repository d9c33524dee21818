/**
 * Tokens and the two ends they join. Each end has a token of its own, good once, for a short time, from one link. A token
 * says only where bytes go; who is there is for TLS to find out.
 */
import { type Bytes, hex } from '../base/bytes.ts';
import { TOKEN_LENGTH } from '../peer/messages.ts';
import type { Client } from './client.ts';
import type { IdentityCounts } from './counts.ts';
import type { RelayLimits } from './limits.ts';
import type { Timer, Timers } from './timers.ts';

/** One path in the making, then one path. */
export interface Meeting {
  readonly id: number;
  readonly caller: Client;
  readonly listener: Client;
  /** The driver's numbers of the two path channels, once they are there. */
  callerPath: number | undefined;
  listenerPath: number | undefined;
  readonly tokens: readonly string[];
  timer: Timer | undefined;
}

interface Seat {
  readonly meeting: Meeting;
  readonly side: 'callerPath' | 'listenerPath';
  readonly link: number;
}

export interface RendezvousHooks {
  splice(meeting: Meeting): void;
  /** The other side never came. */
  abandon(path: number): void;
}

export class Rendezvous {
  readonly #seats = new Map<string, Seat>();
  readonly #meetings = new Map<number, Meeting>();
  /** Those that are not spliced yet, under both their clients: one that leaves looks at its own only. */
  readonly #open = new Map<Client, Set<Meeting>>();
  readonly #byPath = new Map<number, Meeting>();
  readonly #limits: RelayLimits;
  readonly #timers: Timers;
  readonly #counts: IdentityCounts;
  readonly #random: (length: number) => Bytes;
  readonly #hooks: RendezvousHooks;
  #nextId = 1;

  constructor(
    limits: RelayLimits,
    timers: Timers,
    counts: IdentityCounts,
    random: (length: number) => Bytes,
    hooks: RendezvousHooks,
  ) {
    this.#limits = limits;
    this.#timers = timers;
    this.#counts = counts;
    this.#random = random;
    this.#hooks = hooks;
  }

  get waiting(): number {
    return this.#seats.size;
  }

  get meetings(): number {
    return this.#meetings.size;
  }

  /** Two fresh tokens, or undefined when a limit is reached. */
  arrange(caller: Client, listener: Client, now: number): { caller: Bytes; listener: Bytes } | undefined {
    const { tokens, tokenLifetime } = this.#limits;
    if (this.#seats.size + 2 > tokens || this.#full(caller) || this.#full(listener)) return undefined;
    const callerToken = this.#random(TOKEN_LENGTH);
    const listenerToken = this.#random(TOKEN_LENGTH);
    const meeting: Meeting = {
      id: this.#nextId++,
      caller,
      listener,
      callerPath: undefined,
      listenerPath: undefined,
      tokens: [hex(callerToken), hex(listenerToken)],
      timer: this.#timers.set(now + tokenLifetime, (at) => this.#abandon(meeting, at)),
    };
    this.#meetings.set(meeting.id, meeting);
    for (const client of [caller, listener]) {
      client.paths++;
      client.count.paths++;
      this.#openOf(client).add(meeting);
    }
    this.#seats.set(meeting.tokens[0]!, { meeting, side: 'callerPath', link: caller.who.link });
    this.#seats.set(meeting.tokens[1]!, { meeting, side: 'listenerPath', link: listener.who.link });
    return { caller: callerToken, listener: listenerToken };
  }

  /** False when the token is unknown, used, late, or of another link: all the same. */
  arrive(link: number, path: number, token: Uint8Array): boolean {
    const key = hex(token);
    const seat = this.#seats.get(key);
    if (seat === undefined || seat.link !== link) return false;
    this.#seats.delete(key);
    const { meeting } = seat;
    meeting[seat.side] = path;
    this.#byPath.set(path, meeting);
    if (meeting.callerPath !== undefined && meeting.listenerPath !== undefined) {
      this.#timers.cancel(meeting.timer);
      this.#notOpen(meeting);
      this.#hooks.splice(meeting);
    }
    return true;
  }

  /** A path channel ended while it waited. */
  leave(path: number, now: number): void {
    const meeting = this.#byPath.get(path);
    if (meeting !== undefined) this.#abandon(meeting, now, path);
  }

  /** The splice is over. */
  end(id: number, now: number): void {
    const meeting = this.#meetings.get(id);
    if (meeting !== undefined) this.#close(meeting, now);
  }

  /** A control channel ended: what it arranged and nobody has joined yet is off; what is spliced goes on. */
  gone(client: Client, now: number): void {
    for (const meeting of [...(this.#open.get(client) ?? [])]) this.#abandon(meeting, now);
  }

  #full({ paths, count }: Client): boolean {
    return paths >= this.#limits.pathsPerControl || count.paths >= this.#limits.pathsPerIdentity;
  }

  #abandon(meeting: Meeting, now: number, except?: number): void {
    this.#close(meeting, now);
    for (const path of [meeting.callerPath, meeting.listenerPath])
      if (path !== undefined && path !== except) this.#hooks.abandon(path);
  }

  #close(meeting: Meeting, now: number): void {
    if (!this.#meetings.delete(meeting.id)) return;
    this.#notOpen(meeting);
    for (const path of [meeting.callerPath, meeting.listenerPath])
      if (path !== undefined) this.#byPath.delete(path);
    this.#timers.cancel(meeting.timer);
    for (const token of meeting.tokens) this.#seats.delete(token);
    for (const client of [meeting.caller, meeting.listener]) {
      client.paths--;
      this.#counts.endPath(client.count, now);
    }
  }

  #openOf(client: Client): Set<Meeting> {
    let open = this.#open.get(client);
    if (open === undefined) this.#open.set(client, (open = new Set()));
    return open;
  }

  #notOpen(meeting: Meeting): void {
    for (const client of [meeting.caller, meeting.listener]) {
      const open = this.#open.get(client);
      if (open?.delete(meeting) && open.size === 0) this.#open.delete(client);
    }
  }
}
