/** What every command is given: how to speak, where its files are, when to stop. */
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import type { CryptoProvider } from '../crypto/provider.ts';
import { type Environment, homeFolder, readSettings, type Settings } from './config.ts';
import type { ExitCode } from './exitCodes.ts';
import type { Output } from './output.ts';

export interface GlobalOptions {
  readonly home?: string;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly color: boolean;
}

export interface Context {
  readonly out: Output;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly env: Environment;
  readonly provider: CryptoProvider;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** The folder of identities and settings; it may not exist yet. */
  readonly home: string;
  /** Reads the settings when asked, so that commands without an identity never fail over them. */
  readonly settings: () => Settings;
}

/** A command's work; the number is its exit code when it is not 0. */
export type Work = (context: Context) => Promise<ExitCode | undefined>;

/** Runs a command's work with its context, prints what it throws and remembers the exit code. */
export type Run = (command: Command, work: Work) => Promise<void>;

export function contextHome(flags: GlobalOptions, env: Environment): Pick<Context, 'home' | 'settings'> {
  const home = homeFolder(flags.home, env);
  return { home, settings: () => readSettings(home, env) };
}
