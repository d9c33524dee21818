/**
 * Dials that wait for their listeners. A dial ends in one of three ways: offers (somebody said yes), not found (nobody did,
 * and the answer is held back until absence and refusal look the same: docs/protocol.md §4.4), or it is dropped
 * (cancelled, or the caller is gone).
 *
 *     asked ──yes, first──────────────► offers
 *       │ └──all answered, some yes───► offers
 *       │ └──all answered, none yes───► held ──hold or deadline──► not found
 *       └────deadline─────────────────► offers or not found
 */
import type { ToPeer } from '../peer/messages.ts';
import type { Client, Listener } from './client.ts';
import type { RelayLimits } from './limits.ts';
import type { Timer, Timers } from './timers.ts';

export interface Allowed {
  readonly listener: Listener;
  readonly incoming: number;
}

interface Dial {
  readonly caller: Client;
  readonly id: number;
  readonly first: boolean;
  readonly begun: number;
  readonly pending: Set<Question>;
  readonly allowed: Allowed[];
  timer: Timer | undefined;
  over: boolean;
}

interface Question {
  readonly dial: Dial;
  readonly listener: Listener;
  readonly incoming: number;
}

export interface DialHooks {
  send(client: Client, message: ToPeer): void;
  offers(caller: Client, id: number, allowed: readonly Allowed[], now: number): void;
}

export class Dials {
  readonly #limits: RelayLimits;
  readonly #timers: Timers;
  readonly #hooks: DialHooks;
  readonly #byCaller = new Map<Client, Map<number, Dial>>();
  readonly #byListener = new Map<Client, Map<number, Question>>();

  constructor(limits: RelayLimits, timers: Timers, hooks: DialHooks) {
    this.#limits = limits;
    this.#timers = timers;
    this.#hooks = hooks;
  }

  has(caller: Client, id: number): boolean {
    return this.#byCaller.get(caller)?.has(id) ?? false;
  }

  begin(
    caller: Client,
    request: { id: number; protocol: string; first: boolean },
    listeners: readonly Listener[],
    now: number,
  ): void {
    const { id, first, protocol } = request;
    const dial: Dial = {
      caller,
      id,
      first,
      begun: now,
      pending: new Set(),
      allowed: [],
      timer: undefined,
      over: false,
    };
    mapOf(this.#byCaller, caller).set(id, dial);
    caller.dials++;
    for (const listener of listeners) {
      const question: Question = { dial, listener, incoming: listener.client.nextNumber() };
      dial.pending.add(question);
      listener.client.unanswered++;
      mapOf(this.#byListener, listener.client).set(question.incoming, question);
      this.#hooks.send(listener.client, {
        type: 'incoming',
        id: question.incoming,
        from: caller.address,
        protocol,
        chain: caller.chain,
      });
    }
    dial.timer = this.#timers.set(now + this.#limits.answerDeadline, (at) => this.#conclude(dial, at));
    if (dial.pending.size === 0) this.#hold(dial, now);
  }

  /** An answer to a question that is over is late, not wrong. */
  answer(client: Client, incoming: number, allow: boolean, now: number): void {
    const question = this.#byListener.get(client)?.get(incoming);
    if (question === undefined) return;
    if (allow) question.dial.allowed.push({ listener: question.listener, incoming });
    this.#answered(question, now);
  }

  cancel(caller: Client, id: number): void {
    const dial = this.#byCaller.get(caller)?.get(id);
    if (dial !== undefined) this.#end(dial);
  }

  /** The listener stopped listening: that is a no. */
  withdraw(listener: Listener, now: number): void {
    for (const question of [...(this.#byListener.get(listener.client)?.values() ?? [])])
      if (question.listener === listener) this.#answered(question, now);
  }

  gone(client: Client, now: number): void {
    for (const dial of [...(this.#byCaller.get(client)?.values() ?? [])]) this.#end(dial);
    for (const question of [...(this.#byListener.get(client)?.values() ?? [])]) this.#answered(question, now);
  }

  #answered(question: Question, now: number): void {
    const { dial } = question;
    this.#forget(question);
    if (dial.over) return;
    if (dial.allowed.length > 0) {
      if (dial.first || dial.pending.size === 0) this.#conclude(dial, now);
    } else if (dial.pending.size === 0) this.#hold(dial, now);
  }

  /** Nobody will say yes any more: answer at the hold mark, or past it at the deadline, which is already set. */
  #hold(dial: Dial, now: number): void {
    const mark = dial.begun + this.#limits.refusalHold;
    if (now > mark) return;
    this.#timers.cancel(dial.timer);
    dial.timer = this.#timers.set(mark, (at) => this.#conclude(dial, at));
  }

  #conclude(dial: Dial, now: number): void {
    const { caller, id, allowed } = dial;
    this.#end(dial);
    const present = allowed.filter(({ listener }) => listener.client.listeners.has(listener.id));
    if (present.length === 0) this.#hooks.send(caller, { type: 'failed', id, code: 'not_found' });
    else this.#hooks.offers(caller, id, present, now);
  }

  #end(dial: Dial): void {
    if (dial.over) return;
    dial.over = true;
    this.#timers.cancel(dial.timer);
    dial.caller.dials--;
    dropFrom(this.#byCaller, dial.caller, dial.id);
    for (const question of [...dial.pending]) this.#forget(question);
  }

  #forget(question: Question): void {
    question.dial.pending.delete(question);
    dropFrom(this.#byListener, question.listener.client, question.incoming);
  }
}

function mapOf<V>(maps: Map<Client, Map<number, V>>, client: Client): Map<number, V> {
  let map = maps.get(client);
  if (map === undefined) maps.set(client, (map = new Map()));
  return map;
}

function dropFrom<V>(maps: Map<Client, Map<number, V>>, client: Client, key: number): void {
  const map = maps.get(client);
  if (map?.delete(key) && map.size === 0) maps.delete(client);
}
