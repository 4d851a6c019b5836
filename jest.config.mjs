export default {
  testEnvironment: 'node',
  // A hang ends; a busy machine does not fail a test.
  testTimeout: 60_000,
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript' },
          target: 'es2023',
          // As in tsconfig.json.
          transform: { useDefineForClassFields: false },
        },
        module: { type: 'commonjs' },
      },
    ],
  },
  moduleNameMapper: {
    // The thread of the lmdb log runs from the build.
    '^\\./worker-file\\.js$': '<rootDir>/test/support/log/worker-file.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
};
