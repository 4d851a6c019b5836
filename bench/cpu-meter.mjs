/**
 * Preloaded into every server under test, the real one included: tells the benchmark how much CPU the process
 * has used and how much memory it holds, and ends the process when the benchmark is gone.
 */
process.on('message', (message) => {
  if (message === 'cpu') process.send({ cpu: process.cpuUsage(), resident: process.memoryUsage.rss() });
});
process.on('disconnect', () => process.exit());
// Listening alone must not keep the process from ending.
process.channel?.unref();
