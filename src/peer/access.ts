/** Asking an application whether somebody may come in. Only `true`, in time, is a yes. */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { VerifiedPeer } from '../identity/index.ts';
import { AUTHORIZE_TIMEOUT } from './limits.ts';
import type { ListenerEntry } from './listeners.ts';
import type { AccessRequest } from './types.ts';

export function mayEnter(
  { authorize, anonymous = false }: Pick<ListenerEntry, 'authorize' | 'anonymous'>,
  request: AccessRequest,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Promise<boolean> {
  if (request.from.assurance === 'anonymous' && !anonymous) return Promise.resolve(false);
  return new Promise((resolve) => {
    const failed = (error: unknown): void => {
      cancel();
      logger.log('warn', 'authorize failed: refused', { protocol: request.protocol, error });
      resolve(false);
    };
    const cancel = clock.after(AUTHORIZE_TIMEOUT, () =>
      failed(new Error(`no answer within ${AUTHORIZE_TIMEOUT} ms`)),
    );
    const answered = (answer: unknown): void => {
      cancel();
      resolve(answer === true);
    };
    try {
      const answer = authorize(request);
      if (typeof answer === 'boolean') answered(answer);
      else Promise.resolve(answer).then(answered, failed);
    } catch (error) {
      failed(error);
    }
  });
}

export function accessRequest(
  peer: VerifiedPeer,
  rest: { readonly to: string; readonly protocol: string; readonly proven: boolean },
): AccessRequest {
  return Object.freeze({
    from: peer.identity,
    fromAddress: peer.identity.name ?? `key:${peer.identity.keyId}`,
    chain: peer.chain,
    ...rest,
  });
}
