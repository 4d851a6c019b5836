import { median, pairRatios, printRows, time } from './table.mjs';

const ROUNDS = 7;
/** Enough for the optimizing compiler to have settled. */
const WARM_UP = 3;

/**
 * Measures one piece of work here and in C, turn by turn in the same run, so that both see the same
 * machine. Answers are compared before anything is timed.
 *
 * @param work.before makes ready for one run, untimed
 * @param work.run does it and returns nothing
 * @param work.sum check sum of what was done, untimed
 * @param work.command what the C program is told
 */
export async function compare(limit, work) {
  const { before = () => {}, run, sum, command } = work;
  for (let round = 0; round < WARM_UP; round++) {
    before();
    run();
    const ours = sum() >>> 0;
    if (ours !== work.expected >>> 0)
      throw new Error(`${work.name}: wrong answer ${ours}, not ${work.expected >>> 0}`);
    if (limit === null) continue;
    const theirs = await limit.ask(command);
    if (theirs.sum !== ours) throw new Error(`${work.name}: C says ${theirs.sum}, we say ${ours}`);
  }
  const ours = [];
  const theirs = [];
  for (let round = 0; round < ROUNDS; round++) {
    before();
    ours.push(cpuTimeOf(run));
    if (limit !== null) theirs.push((await limit.ask(command)).nanoseconds);
  }
  return row(work, ours, theirs);
}

/** The same without a counterpart. */
function row({ name, operations, target }, ours, theirs) {
  const perOperation = median(ours) / operations;
  const limitPerOperation = theirs.length === 0 ? null : median(theirs) / operations;
  return {
    name,
    operations,
    nanoseconds: perOperation,
    limit: limitPerOperation,
    ratio: limitPerOperation === null ? null : perOperation / limitPerOperation,
    // Rounds next to each other saw the same machine.
    spread: theirs.length === 0 ? null : pairRatios(ours, theirs),
    target,
  };
}

/** Nanoseconds of CPU, user and system, of the whole process: the garbage collector's too. */
function cpuTimeOf(run) {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) * 1000;
}

export function printTable(rows) {
  const header = ['benchmark', 'operations', 'CPU/op', 'C CPU/op', 'ratio', 'rounds', 'target'];
  const lines = rows.map(({ name, operations, nanoseconds, limit, ratio, spread, target }) => [
    name,
    String(operations),
    time(nanoseconds),
    limit === null ? '-' : time(limit),
    ratio === null ? '-' : `${ratio.toFixed(2)}x`,
    spread === null ? '-' : `${spread[0].toFixed(2)}-${spread[1].toFixed(2)}`,
    ratio === null ? `<= ${target}` : `<= ${target} ${ratio <= target ? 'met' : 'MISSED'}`,
  ]);
  printRows('against a C program', header, lines);
}
