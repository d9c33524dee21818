/** Programs nobody here wrote. CI installs them; elsewhere a test without its counterpart says so and is skipped. */
import { execFileSync } from 'node:child_process';

/** True when the program is there. Where `CI` is set a missing one is a failure, not a skip. */
export function have(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], {
      stdio: 'ignore',
      env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
    });
    return true;
  } catch {
    return missing(`${program} is not installed`);
  }
}

/** Says why tests are left out; where `CI` is set, fails instead. */
export function missing(what: string): false {
  const message = `${what}: its tests are left out`;
  if ((process.env['CI'] ?? '') !== '') throw new Error(message);
  console.warn(message);
  return false;
}
