/** The logger the library takes; it depends on none and is silent by default. Fields never hold secrets. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface Logger {
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export const silent: Logger = { log: () => {} };
