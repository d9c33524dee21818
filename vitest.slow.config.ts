import { defineConfig } from 'vitest/config';

/**
 * Suites that take minutes: whole vector files on the portable provider, processes killed at random points; and what is in
 * `npm test` too, at greater length.
 */
export default defineConfig({
  resolve: { conditions: ['q2q-src', 'node'] },
  ssr: { resolve: { conditions: ['q2q-src', 'node'] } },
  test: {
    include: [
      'test/slow/**/*.test.ts',
      'test/crypto/wycheproof.test.ts',
      'test/identity/fuzz.test.ts',
      'test/tls/fragmentation.test.ts',
      'test/mux/{abuse,close,hostile,liveness}.test.ts',
      'test/peer/{channelLink,session}.test.ts',
    ],
    env: { Q2Q_LONG: '1' },
    testTimeout: 180_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
});
