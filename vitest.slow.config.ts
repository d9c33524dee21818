import { defineConfig } from 'vitest/config';

/** Suites that take minutes: whole vector files on the portable provider, processes killed at random points. */
export default defineConfig({
  resolve: { conditions: ['q2q-src', 'node'] },
  ssr: { resolve: { conditions: ['q2q-src', 'node'] } },
  test: {
    include: ['test/slow/**/*.test.ts'],
    testTimeout: 180_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
});
