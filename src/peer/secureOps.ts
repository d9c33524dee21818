/** How a driver answers the engine's questions. */
import { toError } from '../base/errors.ts';
import { type OpAnswer, type OpEvent, performOp } from '../tls/index.ts';

/**
 * Asks whom the op names, and settles it at once where the answer is there at once. A signer or verifier that throws or
 * rejects fails the handshake, as one does that answers nonsense.
 */
export function answerOp(op: OpEvent['op'], settle: (answer: OpAnswer | Error) => void): void {
  let answer: OpAnswer | Promise<OpAnswer>;
  try {
    answer = performOp(op);
  } catch (error) {
    settle(toError(error));
    return;
  }
  if (!(answer instanceof Promise)) settle(answer);
  else
    answer.then(settle, (error) => {
      settle(toError(error));
    });
}
