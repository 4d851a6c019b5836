/** Where the thread's program is. Tests run from the sources and are given that of the build. */
export const WORKER_FILE = new URL('./worker.js', import.meta.url);
