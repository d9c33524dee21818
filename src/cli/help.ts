/** Help that teaches: examples behind the options, then the exit codes. */
import type { Command } from 'commander';
import { EXIT_HELP } from './exitCodes.ts';

export function addExamples(command: Command, examples: readonly string[]): void {
  const lines = examples.map((line) => `  ${line}`).join('\n');
  command.addHelpText('after', `\nExamples:\n${lines}\n\n${EXIT_HELP}`);
}
