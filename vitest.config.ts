import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['q2q-src', 'node'] },
  ssr: { resolve: { conditions: ['q2q-src', 'node'] } },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/interop/**', 'test/browser/**', 'test/slow/**', '**/*.process.test.ts'],
    environment: 'node',
    testTimeout: 15_000,
    hookTimeout: 20_000,
    pool: 'threads',
    maxWorkers: 2,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/cli/**'],
      reporter: ['text-summary'],
      thresholds: { statements: 94, branches: 90, functions: 93, lines: 95 },
    },
  },
});
