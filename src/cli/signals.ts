/** SIGINT and SIGTERM end the work in good order; the second one ends the process at once. */
import { CliError } from './errors.ts';
import { EXIT, type ExitCode } from './exitCodes.ts';

export interface Interruption {
  /** Aborted by the first signal, with a CliError as its reason. */
  readonly signal: AbortSignal;
  /** Which signal came. */
  readonly received: () => NodeJS.Signals | undefined;
  readonly dispose: () => void;
}

export function onInterrupt(): Interruption {
  const controller = new AbortController();
  let received: NodeJS.Signals | undefined;
  const handle = (name: NodeJS.Signals): void => {
    if (received !== undefined) process.exit(EXIT.interrupted);
    received = name;
    controller.abort(new CliError('ERR_CLI_INTERRUPTED', `interrupted by ${name}`));
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
  return {
    signal: controller.signal,
    received: () => received,
    dispose: () => {
      process.off('SIGINT', handle);
      process.off('SIGTERM', handle);
    },
  };
}

/** A server that was told to stop did what it should (SIGTERM); one that a person interrupted says so. */
export function exitAfterStop(signal: AbortSignal): ExitCode {
  const { reason } = signal;
  return reason instanceof CliError && reason.message.endsWith('SIGTERM') ? EXIT.ok : EXIT.interrupted;
}

/** For servers: resolves when somebody wants us to stop. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** How long a server that was told to stop lets its running connections come to their own end. */
const GRACE_MS = 1_000;

export async function untilSettled(running: ReadonlySet<Promise<unknown>>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const grace = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, GRACE_MS);
  });
  await Promise.race([Promise.allSettled(running), grace]);
  clearTimeout(timer);
}
