// A process that appends until it is killed, and says on stdout what was acknowledged and what was refused.
// argv: the built log module, the data directory, "append", "idle", "relaxed" or "snapshots".
const [, , logModule, directory, mode] = process.argv;
const { openLmdbLog } = await import(logModule);
const log = await openLmdbLog(directory, { sync: mode === 'relaxed' ? 'relaxed' : 'full' });
const [head] = await log.streams();
if (head === undefined) await log.create('platform', { seed: 1 });
let next = (head?.lastRevision ?? 0) + 1;
let attempts = 0;
console.log(`open ${next - 1}`);

// Several writers at once, so that a kill lands inside group commits.
async function write() {
  for (;;) {
    const revision = next++;
    const attempt = `${process.pid}-${++attempts}`;
    try {
      await log.append('platform', revision, {
        revision,
        attempt,
        payload: new Uint8Array(200).fill(revision),
      });
      console.log(`acknowledged ${revision} ${attempt}`);
    } catch (error) {
      next = Math.min(next, revision);
      console.log(`refused ${error.refusal} ${error.message}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
/** Snapshots of 8 MiB, one after another. */
async function save() {
  for (;;) {
    try {
      await log.saveSnapshot('platform', Math.max(0, next - 9), 'label', eight());
      console.log('saved');
    } catch (error) {
      console.log(`unsaved ${error.refusal} ${error.message}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
async function* eight() {
  for (let index = 0; index < 8; index++) yield new Uint8Array(1024 * 1024).fill(index);
}
if (mode === 'snapshots') void save();
if (mode === 'idle') setInterval(() => {}, 1000);
else await Promise.all(Array.from({ length: 8 }, write));
