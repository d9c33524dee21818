/** Who is known here: domains, by their roots, and people we have met. */
import { type DomainAnchors, peerId } from '../identity/index.ts';
import { CliError } from './errors.ts';

/** A domain has no "@" and is no key; everything else is somebody. */
export function isDomain(who: string): boolean {
  return !who.includes('@') && !/^key:/i.test(who);
}

export function rootKeys({ roots }: DomainAnchors): readonly string[] {
  return roots.map(({ spki }) => peerId(spki));
}

export function unknown(who: string): CliError {
  return new CliError('ERR_CLI_CONFIG', `nothing is known of ${who} here`, {
    hint: 'q2q trust list shows who is known',
  });
}
