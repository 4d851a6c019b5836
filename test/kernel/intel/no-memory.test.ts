import { ZERO } from '../../../src/bits/u64.js';
import { Host, PARENT, errnoOf } from '../../support/kernel/host.js';

/* Source: linux-iommu-siov.md 3.1 (a failed allocation and its line), 3.2 (the lines of a failed insertion). */

/** Takes all memory for tables. */
function exhaust({ state: { frames } }: Host): void {
  while (frames.allocate() !== null);
}

it('the shared identity domain needs none', () => {
  const host = Host.boot();
  exhaust(host);
  expect(errnoOf(() => host.kernel.allocDomain('pci', 'IDENTITY'))).toBeNull();
});

it('another type of default domain is ENOMEM, and the group keeps the one it has', () => {
  const host = Host.boot({ config: { profile: 'V5_15' }, parents: [{ driver: null }] });
  host.kernel.setGroupType(host.group(), 'identity');
  exhaust(host);
  expect(errnoOf(() => host.kernel.setGroupType(host.group(), 'DMA'))).toBe('ENOMEM');
  expect(host.group().defaultDomain!.type).toBe('IDENTITY');
  expect(host.device().primaryDomain!.type).toBe('IDENTITY');
});

describe('a device that comes then is there without a group, and the log says what was missing:', () => {
  // A newcomer needs a frame for the top table of its domain, a directory of PASIDs, a leaf of it, and a
  // context table where its bus has none yet.
  it.each([
    ['the directory of its PASIDs', 1, 0, 'DMAR: PASID table allocation failed'],
    ['a leaf of it', 1, 1, 'DMAR: Setup RID2PASID failed'],
    ['a context table', 2, 1, 'DMAR: Domain context map failed'],
  ])('%s', (_what, single, directories, line) => {
    const host = Host.boot({ parents: [{ pasidWidth: null, driver: null }] });
    host.kernel.removeDevice(host.device());
    const { frames, memory } = host.state;
    memory.store64(host.kernel.units[0].rootFrame! * 4096 + 0x6a * 16, ZERO);
    const taken: number[] = [];
    for (let frame = frames.allocate(); frame !== null; frame = frames.allocate()) taken.push(frame);
    for (let each = 0; each < directories; each++) frames.releaseRun(taken.pop()!, 1);
    for (let each = 0; each < single; each++) frames.release(taken.pop()!);
    const used = frames.used;
    const lines = host.linesOf(() => host.kernel.rescan(null));
    expect(lines).toContain(`pci ${PARENT}: ${line}`);
    expect(lines.slice(-1)).toEqual([`pci ${PARENT}: Removing from iommu group 0`]);
    expect(host.device().group).toBeNull();
    expect(host.device().info).toBeNull();
    expect([host.kernel.groups.size, host.kernel.domains.size]).toEqual([0, 1]);
    expect(frames.used).toBe(used);
  });
});
