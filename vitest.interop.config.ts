import { defineConfig } from 'vitest/config';

/** Tests against programs nobody here wrote, one file at a time: they start servers and time things. */
export default defineConfig({
  resolve: { conditions: ['q2q-src', 'node'] },
  ssr: { resolve: { conditions: ['q2q-src', 'node'] } },
  test: {
    include: ['test/interop/**/*.test.ts'],
    environment: 'node',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
});
