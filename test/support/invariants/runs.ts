/** Pages that follow each other on both sides, in leaves of one size. */
export interface Run {
  readonly pfn: number;
  readonly physicalPfn: number;
  readonly pages: number;
  /** Pages of one leaf: 1, 512 or 512². */
  readonly leaf: number;
  readonly access: string;
}

const end = (run: Run) => run.pfn + run.pages;

/** What an address space maps, kept as a list of runs. It knows no table. */
export class Runs {
  private list: readonly Run[] = [];

  get all(): readonly Run[] {
    return this.list;
  }

  /** Takes a range out. A leaf that would be cut is a defect of whoever asks. */
  remove(pfn: number, pages: number): void {
    const left: Run[] = [];
    for (const run of this.list) {
      if (end(run) <= pfn || run.pfn >= pfn + pages) {
        left.push(run);
        continue;
      }
      if (run.pfn < pfn) left.push(cut(run, run.pfn, pfn));
      if (end(run) > pfn + pages) left.push(cut(run, pfn + pages, end(run)));
    }
    this.list = merged(left);
  }

  /** Maps a range in leaves of one size where nothing is. What is there stays, but smaller leaves yield. */
  add(wanted: Run): void {
    if (this.list.every((run) => end(run) <= wanted.pfn || run.pfn >= end(wanted))) {
      this.list = merged([...this.list, wanted]);
      return;
    }
    for (let pfn = wanted.pfn; pfn < end(wanted); pfn += wanted.leaf) {
      const found = this.list.filter((run) => run.pfn < pfn + wanted.leaf && end(run) > pfn);
      if (found.some(({ leaf }) => leaf >= wanted.leaf)) continue;
      if (found.length > 0) this.remove(pfn, wanted.leaf);
      this.list = merged([...this.list, cut(wanted, pfn, pfn + wanted.leaf)]);
    }
  }

  at(pfn: number): Run | null {
    const run = this.list.find((each) => each.pfn <= pfn && pfn < end(each));
    return run === undefined ? null : cut(run, pfn, pfn + 1);
  }
}

/** In order, neighbours joined: the one way to write a set of pages down. */
export function merged(runs: readonly Run[]): Run[] {
  const out: Run[] = [];
  for (const run of runs.toSorted((a, b) => a.pfn - b.pfn)) {
    const last = out.at(-1);
    const joins =
      last !== undefined &&
      end(last) === run.pfn &&
      last.physicalPfn + last.pages === run.physicalPfn &&
      last.leaf === run.leaf &&
      last.access === run.access;
    if (joins) out[out.length - 1] = { ...last, pages: last.pages + run.pages };
    else out.push(run);
  }
  return out;
}

function cut(run: Run, from: number, to: number): Run {
  return { ...run, pfn: from, physicalPfn: run.physicalPfn + from - run.pfn, pages: to - from };
}
