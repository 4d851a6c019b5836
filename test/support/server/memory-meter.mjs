/** Preloaded into a server under test: tells, when asked, what it holds after everything unreachable has gone. */
process.on('message', (message) => {
  if (message !== 'memory') return;
  globalThis.gc();
  const { rss, heapUsed, external } = process.memoryUsage();
  process.send({ rss, heapUsed, external });
});
// Listening alone must not keep the process from ending.
process.channel?.unref();
