/** Errors of the command line itself; the library's pass through as they are. Exit codes: exitCodes.ts. */
import { type ErrorDetails, type Fault, Q2qError } from '../base/errors.ts';

export type CliErrorCode =
  /** The command line itself: nothing was tried. */
  | 'ERR_CLI_USAGE'
  /** A file the person named cannot be used. */
  | 'ERR_CLI_FILE'
  | 'ERR_CLI_CONFIG'
  | 'ERR_CLI_NO_IDENTITY'
  /** A key that is needed is not ours to hand out. */
  | 'ERR_CLI_NO_KEY'
  /** A secret that was asked for was not given, or not the same twice. */
  | 'ERR_CLI_SECRET'
  | 'ERR_CLI_OUTPUT_CLOSED'
  | 'ERR_CLI_INTERRUPTED';

const FAULTS: Readonly<Record<CliErrorCode, Fault>> = {
  ERR_CLI_USAGE: 'config',
  ERR_CLI_FILE: 'config',
  ERR_CLI_CONFIG: 'config',
  ERR_CLI_NO_IDENTITY: 'config',
  ERR_CLI_NO_KEY: 'config',
  ERR_CLI_SECRET: 'config',
  ERR_CLI_OUTPUT_CLOSED: 'local',
  ERR_CLI_INTERRUPTED: 'local',
};

export class CliError extends Q2qError<CliErrorCode> {
  constructor(code: CliErrorCode, message: string, details?: ErrorDetails) {
    super(code, FAULTS[code], message, details);
    this.name = 'CliError';
  }
}

export function usage(message: string, hint?: string): CliError {
  return new CliError('ERR_CLI_USAGE', message, hint === undefined ? {} : { hint });
}
