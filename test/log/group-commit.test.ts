import { GroupCommit } from '../../src/log/group-commit.js';

/** A store whose commits end when the test says so. */
function heldCommits() {
  const batches: string[][] = [];
  const durable: string[][] = [];
  const undone: string[][] = [];
  const ends: { resolve: () => void; reject: (cause: Error) => void }[] = [];
  const group = new GroupCommit<string>(
    (batch) => {
      batches.push([...batch]);
      return new Promise((resolve, reject) => ends.push({ resolve, reject }));
    },
    (items) => durable.push([...items]),
    (items, cause) => {
      undone.push([...items]);
      return new Error(`refused: ${(cause as Error).message}`);
    },
  );
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  return { batches, durable, undone, ends, group, turn };
}

describe('group commit', () => {
  it('commits together what arrives during a commit, in order', async () => {
    const { batches, ends, group, turn } = heldCommits();
    const first = group.submit('a');
    await turn();
    const rest = Promise.all([group.submit('b'), group.submit('c'), group.submit('d')]);
    await turn();
    expect(batches).toEqual([['a']]);
    ends[0]?.resolve();
    await first;
    await turn();
    expect(batches).toEqual([['a'], ['b', 'c', 'd']]);
    ends[1]?.resolve();
    await rest;
  });

  it('resolves nothing before its commit has, and all of it was told', async () => {
    const { durable, ends, group, turn } = heldCommits();
    let resolved = false;
    const submitted = group.submit('a').then(() => {
      resolved = true;
      expect(durable).toEqual([['a', 'b']]);
    });
    const other = group.submit('b');
    await turn();
    expect([resolved, durable]).toEqual([false, []]);
    ends[0]?.resolve();
    await Promise.all([submitted, other]);
  });

  it('refuses the batch that failed and what waited behind it, newest first undone, and goes on', async () => {
    const { batches, undone, ends, group, turn } = heldCommits();
    const outcomes = [group.submit('a'), group.submit('b')];
    await turn();
    outcomes.push(group.submit('c'));
    ends[0]?.reject(new Error('no space'));
    const settled = await Promise.allSettled(outcomes);
    expect(settled.map((outcome) => outcome.status === 'rejected' && String(outcome.reason))).toEqual([
      'Error: refused: no space',
      'Error: refused: no space',
      'Error: refused: no space',
    ]);
    expect(undone).toEqual([['c', 'b', 'a']]);
    const next = group.submit('d');
    await turn();
    ends[1]?.resolve();
    await next;
    expect(batches).toEqual([['a', 'b'], ['d']]);
  });

  it('is drained when nothing is under way', async () => {
    const { ends, group, turn } = heldCommits();
    await group.drain();
    let drained = false;
    const submitted = group.submit('a');
    const drain = group.drain().then(() => {
      drained = true;
    });
    await turn();
    expect(drained).toBe(false);
    ends[0]?.resolve();
    await Promise.all([submitted, drain]);
  });
});
