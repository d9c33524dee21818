import { defineConfig } from 'vitest/config';

/** Tests that drive a real browser, one file at a time: each starts its own and two would share two cores. */
export default defineConfig({
  resolve: { conditions: ['q2q-src', 'node'] },
  ssr: { resolve: { conditions: ['q2q-src', 'node'] } },
  test: {
    include: ['test/browser/**/*.test.ts'],
    environment: 'node',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
});
