/** One enrolment channel: one request, one answer, goodbye. */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { IdentityError } from '../identity/index.ts';
import { ControlStream } from '../peer/controlStream.ts';
import type { FailureCode, ToRelay } from '../peer/messages.ts';
import type { SecureLink } from '../peer/secureLink.ts';
import type { DomainService } from './domain.ts';

export interface EnrolmentOptions {
  readonly domain: DomainService;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Milliseconds until the request must be there. */
  readonly timeout: number;
  /** The link's address, "" when it has none. */
  readonly from: string;
}

type Request = Extract<ToRelay, { type: 'enrol' | 'login' }>;

export function serveEnrolment(link: SecureLink, options: EnrolmentOptions): void {
  const { domain, clock, logger, timeout, from } = options;
  const provedKeyId = link.negotiated.peer!.identity.keyId;
  let asked = false;
  const cancel = clock.after(timeout, () => stream.reset('timeout'));
  const stream: ControlStream<'relay'> = new ControlStream(link, 'relay', {
    message: (message) => {
      cancel();
      if ((message.type !== 'enrol' && message.type !== 'login') || asked) stream.reset('protocol');
      else {
        asked = true;
        void answer(message);
      }
    },
    closed: cancel,
  });

  async function answer(request: Request): Promise<void> {
    const { id, type } = request;
    const result = await (type === 'enrol'
      ? domain.enrol({ ...request, provedKeyId })
      : domain.login({ ...request, provedKeyId, from })
    ).catch(failure);
    if (typeof result === 'string') {
      logger.log('info', 'enrolment refused', { code: result, keyId: provedKeyId });
      stream.send({ type: 'failed', id, code: result });
    } else {
      logger.log('info', 'enrolled', { keyId: provedKeyId });
      stream.send({ type: 'certificate', id, chain: result.chain });
    }
    stream.close();
  }

  /** A full disk or a broken record is ours: the device is told to come again. */
  function failure(error: unknown): FailureCode {
    logger.log('error', 'enrolment failed', { error });
    return error instanceof IdentityError && error.code === 'ERR_IDENTITY_ISSUE' ? 'invalid' : 'busy';
  }
}
