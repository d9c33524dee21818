/** What the engine does not have, and how the runner is told: the test does not count then. */

/** The exit code by which a shim says so. */
export const UNIMPLEMENTED = 89;

export class Unimplemented extends Error {}

export function needs(condition: boolean, what: string): void {
  if (!condition) throw new Unimplemented(what);
}
