export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

export function time(nanoseconds) {
  if (nanoseconds >= 1e6) return `${(nanoseconds / 1e6).toFixed(2)} ms`;
  if (nanoseconds >= 1000) return `${(nanoseconds / 1000).toFixed(2)} us`;
  return `${nanoseconds.toFixed(nanoseconds < 10 ? 2 : 1)} ns`;
}

export const ratioText = (ratio) => `${ratio.toFixed(2)}x`;

export const verdict = (value, target) => (value <= target ? 'met' : 'MISSED');

/** Smallest and largest ratio of rounds next to each other, which saw the same machine. */
export function pairRatios(ours, theirs) {
  const ratios = ours.map((value, round) => value / theirs[round]).sort((a, b) => a - b);
  return [ratios[0], ratios[ratios.length - 1]];
}

export const spreadText = (ours, theirs) =>
  pairRatios(ours, theirs)
    .map((ratio) => ratio.toFixed(2))
    .join('-');

/** A table with a title; the first column reads from the left, numbers line up on the right. */
export function printRows(title, header, rows) {
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column].length)));
  const print = (row) =>
    console.log(
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])))
        .join('  ')
        .trimEnd(),
    );
  console.log(`\n${title}`);
  print(header);
  print(widths.map((width) => '-'.repeat(width)));
  rows.forEach(print);
}
