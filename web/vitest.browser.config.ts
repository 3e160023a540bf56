import { defineConfig } from 'vitest/config';

// The tests in a real browser, against a running etfcast with data: `make test-web`.
export default defineConfig({
  test: {
    include: ['e2e/**/*.test.ts'],
    globalSetup: ['e2e/global.ts'],
    fileParallelism: false, // they share one server and its data
    testTimeout: 120_000,
    hookTimeout: 300_000,
  },
});
