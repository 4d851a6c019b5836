import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openLmdbLog } from '../dist/log/lmdb-log.js';
import { longestHold } from './hold.mjs';
import { median, printRows, ratioText, spreadText, time } from './table.mjs';

const ROUNDS = 7;
const WARM_UP_ROUNDS = 2;
/** Commands a round: enough for the compiler to have settled after those that warm up. */
const COMMANDS = { 1: 10_000, 100: 20_000, 1000: 60_000 };

/**
 * Commands of about 200 bytes made durable in batches: CPU of the process, with its threads, for each, and how many
 * a second, against better-sqlite3 (WAL, synchronous=FULL, one transaction a batch) on the same disk.
 *
 * Both are given the same objects and must give them back. SQLite stores them as JSON, the quickest it can.
 */
export async function log(batch) {
  const Sqlite = await sqliteIfInstalled();
  // Beside the project: a directory for temporary files may be in memory.
  const directory = mkdtempSync(join(process.cwd(), '.bench-log-'));
  const ours = await ourLog(join(directory, 'lmdb'));
  const theirs = Sqlite === null ? null : theirLog(Sqlite, join(directory, 'sqlite.db'));
  try {
    const stores = theirs === null ? { ours } : { ours, theirs };
    const rounds = { ours: [], theirs: [] };
    let next = 1;
    for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
      const first = next;
      next += COMMANDS[batch];
      for (const [name, store] of Object.entries(stores)) {
        const result = await measured(() => append(store, first, next, batch));
        if (round >= 0) rounds[name].push(result);
      }
    }
    // Not between the rounds: who is asked for a command may use the time to put others in order.
    for (const store of Object.values(stores)) await store.check(next - 1);
    const holds = {};
    for (const [name, store] of Object.entries(stores)) {
      // It has a round of its own, for looking costs.
      holds[name] = await longestHold(() => append(store, next, next + COMMANDS[batch], batch));
    }
    print(batch, rounds, holds);
  } finally {
    await ours.close();
    theirs?.close();
    rmSync(directory, { recursive: true });
  }
}

async function append(store, first, next, batch) {
  for (let revision = first; revision < next; revision += batch) {
    await store.append(
      Array.from({ length: batch }, (_, index) => commandOf(revision + index)),
      revision,
    );
  }
}

/** As a platform logs it; about 200 bytes as JSON. */
function commandOf(revision) {
  return {
    command: {
      type: 'map',
      domain: 73 + (revision % 7),
      iova: { hi: 0, lo: revision * 4096 },
      physical: { hi: 1, lo: revision * 4096 },
      size: { hi: 0, lo: 4096 },
      read: true,
      write: revision % 2 === 0,
    },
    time: 1_600_000_000_000 + revision,
  };
}

async function ourLog(directory) {
  const log = await openLmdbLog(directory);
  await log.create('demo', null);
  return {
    append: (commands, revision) =>
      Promise.all(commands.map((command, index) => log.append('demo', revision + index, command))),
    check: async (last) => {
      let next = 1;
      for await (const { entry } of log.read('demo', 1)) assert.deepEqual(entry, commandOf(next++));
      assert.equal(next - 1, last);
    },
    close: () => log.close(),
  };
}

function theirLog(Sqlite, path) {
  const database = new Sqlite(path);
  assert.equal(database.pragma('journal_mode = WAL', { simple: true }), 'wal');
  database.pragma('synchronous = FULL');
  database.exec(
    'CREATE TABLE log (stream INTEGER, revision INTEGER, entry TEXT, PRIMARY KEY (stream, revision)) WITHOUT ROWID',
  );
  const insert = database.prepare('INSERT INTO log VALUES (1, ?, ?)');
  const select = database.prepare('SELECT entry FROM log WHERE stream = 1 AND revision = ?');
  const appendAll = database.transaction((commands, revision) => {
    for (const [index, command] of commands.entries()) insert.run(revision + index, JSON.stringify(command));
  });
  return {
    append: (commands, revision) => appendAll.immediate(commands, revision),
    check: (last) => {
      for (let revision = 1; revision <= last; revision++)
        assert.deepEqual(JSON.parse(select.get(revision).entry), commandOf(revision));
    },
    close: () => database.close(),
  };
}

/** CPU and time of some work. */
async function measured(work) {
  const cpu = process.cpuUsage();
  const began = performance.now();
  await work();
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { microseconds: user + system, seconds };
}

async function sqliteIfInstalled() {
  try {
    return (await import('better-sqlite3')).default;
  } catch {
    console.log(
      '\nPEER ABSENT: better-sqlite3 is not installed, so the log is shown alone. It is no dependency because its\n' +
        'installation downloads a binary; to compile it: npm i --no-save --build-from-source better-sqlite3@12.11.1',
    );
    return null;
  }
}

function print(batch, { ours, theirs }, holds) {
  const count = COMMANDS[batch];
  const cpu = (rounds) => rounds.map(({ microseconds }) => microseconds / count);
  const rate = (rounds) => rounds.map(({ seconds }) => count / seconds);
  const row = (name, rounds, isOurs) => [
    name,
    time(median(cpu(rounds)) * 1000),
    ...(theirs.length === 0
      ? ['-', '-']
      : [ratioText(median(cpu(rounds)) / median(cpu(theirs))), spreadText(cpu(rounds), cpu(theirs))]),
    median(rate(rounds)).toFixed(0),
    theirs.length === 0 ? '-' : ratioText(median(rate(rounds)) / median(rate(theirs))),
    `${holds[isOurs ? 'ours' : 'theirs'].toFixed(1)} ms`,
    !isOurs || theirs.length === 0
      ? ''
      : verdictOf(median(cpu(ours)) / median(cpu(theirs)), median(rate(ours)) / median(rate(theirs))),
  ];
  printRows(
    `log-${batch}: commands of ${JSON.stringify(commandOf(1)).length} bytes, ${batch} at once, durable before the next; ${ROUNDS} rounds of ${count}`,
    ['store', 'CPU/command', 'to peer', 'rounds', 'commands/s', 'to peer', 'loop held up', 'target'],
    [
      row('iommu-graph', ours, true),
      ...(theirs.length === 0 ? [] : [row('better-sqlite3, WAL, FULL', theirs, false)]),
    ],
  );
}

const verdictOf = (cpu, rate) =>
  `CPU <= 1.0 ${cpu <= 1 ? 'met' : 'MISSED'}, rate >= 1.0 ${rate >= 1 ? 'met' : 'MISSED'}`;
