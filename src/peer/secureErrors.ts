/** What can go wrong where TLS meets the link below it. The engine's own errors are `TlsError`. */
import { type ErrorDetails, type Fault, Q2qError } from '../base/errors.ts';

export type SecureErrorCode =
  | 'ERR_SECURE_TIMEOUT'
  | 'ERR_SECURE_CLOSE_TIMEOUT'
  | 'ERR_SECURE_CLOSED'
  | 'ERR_SECURE_DETACH'
  | 'ERR_SECURE_INJECTION'
  | 'ERR_SECURE_LINE';

interface Row {
  readonly fault: Fault;
  readonly hint: string;
}

const ROWS: Readonly<Record<SecureErrorCode, Row>> = {
  ERR_SECURE_TIMEOUT: {
    fault: 'transport',
    hint: 'the other end does not speak TLS there, or a verifier or signer did not answer',
  },
  ERR_SECURE_CLOSE_TIMEOUT: {
    fault: 'remote',
    hint: 'everything was sent, but nothing confirms that it was read',
  },
  ERR_SECURE_CLOSED: {
    fault: 'transport',
    hint: 'the other end gave up both directions while ours was open',
  },
  ERR_SECURE_DETACH: {
    fault: 'local',
    hint: 'secure the link with detachable: true, end both directions and wait for closed',
  },
  ERR_SECURE_INJECTION: {
    fault: 'remote',
    hint: 'plaintext behind the agreed signal would be taken for protected data; somebody may have put it there',
  },
  ERR_SECURE_LINE: { fault: 'remote', hint: 'the other end does not speak the agreed plaintext protocol' },
};

export class SecureError extends Q2qError<SecureErrorCode> {
  constructor(code: SecureErrorCode, message: string, details: ErrorDetails = {}) {
    super(code, ROWS[code].fault, message, { hint: ROWS[code].hint, ...details });
    this.name = 'SecureError';
  }
}
