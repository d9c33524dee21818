import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files that share modules with no other. Two put a module of their own in the place of another. Two hash by SHA-512 in
 * JavaScript for long, and were seen to take a minute instead of a second after other files. One compares times, which what ran
 * before would change; one turns a flag of V8 on to count memory.
 */
const ALONE = [
  'test/identity/storeFaults.test.ts',
  'test/identity/storeKeys.test.ts',
  'test/identity/wycheproof.test.ts',
  'test/identity/pkcs12.test.ts',
  'test/tls/fuzz.test.ts',
  'test/tls/waitingServer.test.ts',
];
const ELSEWHERE = ['test/interop/**', 'test/browser/**', 'test/slow/**', '**/*.process.test.ts'];

/** Files that take long for their size, which is what vitest goes by in a fresh clone: begun last, one would run alone. */
const LONG = /test\/(identityGuide|readme|examples|identity\/limbo)\.test\.ts$/;

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ project, moduleId }: TestSpecification): number =>
      project.config.isolate ? 0 : LONG.test(moduleId) ? 1 : 2;
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

/** docs/decisions/0014 says why files share a process and its modules. */
export default defineConfig({
  resolve: { conditions: ['q2q-src', 'node'] },
  ssr: { resolve: { conditions: ['q2q-src', 'node'] } },
  test: {
    environment: 'node',
    testTimeout: 15_000,
    hookTimeout: 20_000,
    pool: 'forks',
    maxWorkers: 2,
    sequence: { sequencer: LongFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'shared',
          include: ['test/**/*.test.ts'],
          exclude: [...ELSEWHERE, ...ALONE],
          isolate: false,
        },
      },
      { extends: true, test: { name: 'alone', include: ALONE } },
    ],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/cli/**'],
      reporter: ['text-summary'],
      thresholds: { statements: 94, branches: 90, functions: 93, lines: 95 },
    },
  },
});
