import type { UserRange } from '../../../src/kernel/vfio/user-memory.js';
import { U1, address, codesOf, errnoOf } from '../../support/kernel/host.js';
import { GPU, NIC, NO_SERIES, PROFILES, mapDma, unmapDma, vfioHost } from '../../support/kernel/vfio.js';

/** One MiB below a hole. */
const MEMORY: readonly UserRange[] = [
  { start: address('40000000'), size: address('100000'), pageSize: 4096, read: true, write: true },
];
const EXCEEDED = 'vfio_pin_pages_remote: RLIMIT_MEMLOCK (65536) exceeded';

/** Source: linux-iommu-siov.md 7.5, for a process without CAP_IPC_LOCK that may lock 64 KiB. */
describe.each(PROFILES)('the limit of locked memory under %s', (profile) => {
  const limited = (groups: readonly string[]) => {
    const host = vfioHost(profile, { config: { options: NO_SERIES } });
    const container = host.kernel.vfio.openContainer(MEMORY, 16);
    for (const at of groups) host.kernel.vfio.addGroup(container, host.group(at));
    if (groups.length > 0) host.kernel.vfio.setIommu(container, 3);
    return { host, container };
  };
  const map = ({ host, container }: ReturnType<typeof limited>, iova: string, size: string) =>
    mapDma(host, container, iova, size, { vaddr: '40000000' });

  it('a mapping that would pin more is ENOMEM, says so in the log, and nothing of it stays', () => {
    const made = limited([NIC]);
    expect(map(made, '100000', '10000')).toBeNull();
    const lines = made.host.linesOf(() => expect(map(made, '200000', '1000')).toBe('ENOMEM'));
    expect(lines).toEqual([EXCEEDED]);
    const { dmas, available, domains } = made.container.iommu!;
    expect([dmas.size, available, domains[0].domain.mappedBytes]).toEqual([1, 65534, 0x10000]);
    expect(unmapDma(made.host, made.container, '100000', '10000')).toBe('10000');
    expect(map(made, '200000', '10000')).toBeNull();
  });

  it('the same page counts for each mapping, and once for any number of domains', () => {
    const made = limited([NIC, GPU]);
    expect([map(made, '100000', '8000'), map(made, '200000', '8000')]).toEqual([null, null]);
    expect(map(made, '300000', '1000')).toBe('ENOMEM');
  });

  it('an address nobody has comes first where it comes first', () => {
    const made = limited([NIC]);
    const ends = (vaddr: string) => mapDma(made.host, made.container, '100000', '20000', { vaddr });
    expect([ends('400f8000'), ends('400e8000')]).toEqual(['EFAULT', 'ENOMEM']);
  });

  it('what is mapped for software subdevices is pinned and counted when a device comes', () => {
    const made = limited([]);
    const { host, container } = made;
    host.kernel.vfio.addGroup(container, host.mdev(U1).group!);
    host.kernel.vfio.setIommu(container, 3);
    expect(map(made, '100000', '11000')).toBeNull();
    const add = () => host.kernel.vfio.addGroup(container, host.group(NIC));
    expect([errnoOf(add), codesOf(add)]).toEqual(['ENOMEM', ['MEMORY_LOCK_LIMIT']]);
    expect(host.kernel.vfio.containerOf(host.group(NIC))).toBeNull();
    expect(unmapDma(host, container, '100000', '11000')).toBe('11000');
    add();
  });
});
