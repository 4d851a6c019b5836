// A process that appends until it is killed, and says on stdout what was acknowledged.
// argv: the built log module, the data directory.
const [, , logModule, directory] = process.argv;
const { openLmdbLog } = await import(logModule);
const log = await openLmdbLog(directory);
const [head] = await log.streams();
if (head === undefined) await log.create('platform', { seed: 1 });
let revision = head?.lastRevision ?? 0;
console.log(`open ${revision}`);

// Several writers at once, so that a kill lands inside group commits.
async function write() {
  for (;;) {
    const mine = ++revision;
    await log.append('platform', mine, { revision: mine, payload: new Uint8Array(200).fill(mine) });
    console.log(`acknowledged ${mine}`);
  }
}
if (process.argv[4] !== 'idle') {
  await Promise.all(Array.from({ length: 8 }, write)).catch((error) => {
    console.log(`refused ${error.refusal} ${error.message}`);
  });
  await log.append('platform', revision + 1, null).catch((error) => console.log(`refused ${error.refusal}`));
  // As the server does: the store is not to be trusted any more, not even to close.
  process.kill(process.pid, 'SIGKILL');
}
if (process.argv[4] === 'idle') setInterval(() => {}, 1000);
