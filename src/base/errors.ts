/**
 * The one base class of every error this library throws or reports.
 *
 * `code` is stable and literal in each family's table (`ERR_TLS_*`, `ERR_MUX_*`, `ERR_IDENTITY_*`, `ERR_PEER_*`,
 * `ERR_RELAY_*`, `ERR_LINK_*`, `ERR_SECURE_*`); `fault` says whose doing it is; `hint` tells the person what to do. The
 * text is lower case and says what was got and what was wanted. A remote peer never sees any of it, only an alert or a
 * code.
 */
export type Fault = 'local' | 'remote' | 'config' | 'transport';

export interface ErrorDetails {
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/** Shared by copies of the library loaded twice, so that `isQ2qError` works across them. */
const BRAND = Symbol.for('q2q.error');

export class Q2qError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly fault: Fault;
  readonly hint: string | undefined;

  constructor(code: Code, fault: Fault, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'Q2qError';
    this.code = code;
    this.fault = fault;
    this.hint = details.hint;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

export function isQ2qError(value: unknown): value is Q2qError {
  return typeof value === 'object' && value !== null && BRAND in value;
}

/** Turns anything thrown into an Error, so that causes are never lost. */
export function toError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value));
}
