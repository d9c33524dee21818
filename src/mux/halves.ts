/**
 * The two halves of a channel (RFC 9000 §3.1, §3.2) as transition tables.
 *
 *     send:     open ──finish──> finishing ──finSent──> finished
 *                 └────reset────────┴──> reset
 *     receive:  open ──fin──> ended
 *                 ├──reset──> reset
 *                 └──stop───> stopped      (what still comes is discarded)
 *
 * A missing entry means that the step is not possible there. A half is over in every state without a way out; a channel
 * leaves the table when both its halves are over.
 */

export type SendState = 'open' | 'finishing' | 'finished' | 'reset';
export type SendStep = 'finish' | 'finSent' | 'reset';

export const SEND_STEPS: Readonly<Record<SendState, Readonly<Partial<Record<SendStep, SendState>>>>> = {
  open: { finish: 'finishing', reset: 'reset' },
  finishing: { finSent: 'finished', reset: 'reset' },
  finished: {},
  reset: {},
};

export type ReceiveState = 'open' | 'ended' | 'reset' | 'stopped';
export type ReceiveStep = 'fin' | 'reset' | 'stop';

export const RECEIVE_STEPS: Readonly<
  Record<ReceiveState, Readonly<Partial<Record<ReceiveStep, ReceiveState>>>>
> = {
  open: { fin: 'ended', reset: 'reset', stop: 'stopped' },
  ended: {},
  reset: {},
  stopped: {},
};

export function isSendOver(state: SendState): boolean {
  return state === 'finished' || state === 'reset';
}

export function isReceiveOver(state: ReceiveState): boolean {
  return state !== 'open';
}
