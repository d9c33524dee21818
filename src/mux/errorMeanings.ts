/** What each code of `errors.ts` means, in words: for documentation and whoever prints errors to people. */
import type { Fault } from '../base/errors.ts';
import { consequencesOf, type MuxErrorCode } from './errors.ts';

const MEANS: Readonly<Record<MuxErrorCode, string>> = {
  ERR_MUX_PREFACE: 'the other end does not speak this protocol',
  ERR_MUX_VERSION: 'the other end speaks another version',
  ERR_MUX_PROTOCOL: 'a frame breaks the rules',
  ERR_MUX_FLOW_CONTROL: 'more data came than credit was given',
  ERR_MUX_LIMIT: 'the other end asks for more work than it may',
  ERR_MUX_ROLE: 'both ends drew the same nonce: this end talks to itself',
  ERR_MUX_IDLE: 'nothing came for too long',
  ERR_MUX_LINK_CLOSED: 'the link ended under open channels',
  ERR_MUX_LOST: 'the link was lost and the session could not go on over another one',
  ERR_MUX_REMOTE: 'the other end gave the link up for an error',
  ERR_MUX_GOAWAY: 'the other end takes no new channels; it never saw this one',
  ERR_MUX_RESET: 'the other end reset the channel',
  ERR_MUX_STOPPED: 'the other end stopped reading and data was lost',
  ERR_MUX_REFUSED: 'the other end refused the channel',
  ERR_MUX_ABORTED: 'this end reset the channel or the session',
  ERR_MUX_HANDLER: 'a handler threw',
  ERR_MUX_CLOSED: 'the session takes no new channels any more',
  ERR_MUX_ARGUMENT: 'an argument is out of bounds',
  ERR_MUX_PENDING: 'too many channels wait for the other end to allow them',
};

export interface MuxErrorMeaning {
  readonly fault: Fault;
  /** The code that the peer reads in our GOAWAY; 0 where none is sent. */
  readonly wire: number;
  readonly means: string;
}

export const MUX_ERRORS: Readonly<Record<MuxErrorCode, MuxErrorMeaning>> = Object.freeze(
  Object.fromEntries(
    (Object.keys(MEANS) as MuxErrorCode[]).map((code) => [
      code,
      Object.freeze({ means: MEANS[code], ...consequencesOf(code) }),
    ]),
  ) as Record<MuxErrorCode, MuxErrorMeaning>,
);
